"""Every argument TensorFlow has is accepted here: same name, same place, same default, or documented.

TensorFlow's arguments are recorded by `tests/oracle/tensorflow_signatures.py`. A difference is allowed when
a sentence of the docstring that names TensorFlow also names the argument.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import engine as tf
from docs.operations import (
    default_text,
    differences,
    namespaces,
    parameters,
    public,
    tensorflow,
)
from tests.oracle.tensorflow_signatures import UNSPECIFIED

THEIRS = tensorflow()


def callables() -> dict[str, Any]:
    """Public functions, classes and the methods of those classes that TensorFlow has too."""
    found = {}
    for space, module in namespaces().items():
        for name, value in public(module).items():
            full = f"{space}.{name}"
            if isinstance(THEIRS.get(full), list):
                found[full] = value
            if isinstance(value, type) and not issubclass(value, BaseException):
                for key in dir(value):
                    method = getattr(value, key, None)
                    if (
                        callable(method)
                        and key[0] != "_"
                        and isinstance(THEIRS.get(f"{full}.{key}"), list)
                    ):
                        found[f"{full}.{key}"] = method
    return found


OURS = callables()


def own_parameters(name: str, thing: Any) -> list[inspect.Parameter]:
    found = parameters(thing)
    return found[1:] if found and found[0].name == "self" else found


# Classes that are not made by calling them with these.
NOT_MADE = {"tf.DType", "tf.dtypes.DType", "tf.UnconnectedGradients"}


def documented(thing: Any) -> str:
    """What is said about TensorFlow; for an error, at the base of all of them."""
    is_error = isinstance(thing, type) and issubclass(thing, tf.errors.OpError)
    return differences(tf.errors.OpError if is_error else thing)


def mismatches(name: str) -> list[str]:
    """What a call written for TensorFlow would stumble over."""
    thing, theirs = OURS[name], THEIRS[name]
    ours = own_parameters(name, thing)
    by_name = {p.name: p for p in ours}
    positional = [p.name for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in ours)
    said = documented(thing)
    found, shared = [], []
    after_any = False  # what stands behind *args is given by name
    for argument, default in theirs:
        after_any = after_any or argument.startswith("*")
        mine = by_name.get(argument)
        if argument.startswith("*") or f"`{argument}`" in said or (mine is None and takes_any):
            continue
        if mine is None:
            found.append(f"there is no argument {argument}")
        elif argument != "name":  # its place and default make no difference to anyone
            if mine.kind is mine.POSITIONAL_OR_KEYWORD or not after_any:
                shared.append(argument)
            if default is not None and mine.default is mine.empty:
                found.append(f"{argument} has no default, and {default} in TensorFlow")
            elif default not in (None, UNSPECIFIED) and default_text(mine.default) != default:
                found.append(f"{argument} is {mine.default!r} by default, not {default}")
    known = {argument for argument, _ in theirs}
    own = {p for p in positional if p not in known}  # ours alone: they must stand behind the others
    order = [p for p in positional if p in own or p in shared]
    if order[: len(shared)] != shared:
        found.append(f"the order is {order}, not {shared}")
    return found


@pytest.mark.parametrize("name", [name for name in OURS if name not in NOT_MADE])
def test_a_call_written_for_tensorflow_works_or_the_docstring_says_why_not(name: str):
    assert mismatches(name) == [], (
        "mend the signature, or name the argument in a sentence of the docstring that names TensorFlow"
    )


def test_the_comparison_sees_differences(monkeypatch: Any):
    def function(x: Any, axis: int = 1, keepdims: bool = False) -> None:
        """Nothing. TensorFlow's `old` is not there."""

    recorded = [["x", None], ["keepdims", "False"], ["axis", "0"], ["dtype", "None"], ["old", "1"]]
    monkeypatch.setitem(OURS, "f", function)
    monkeypatch.setitem(THEIRS, "f", recorded)
    assert mismatches("f") == [
        "axis is 1 by default, not 0",
        "there is no argument dtype",
        "the order is ['x', 'axis', 'keepdims'], not ['x', 'keepdims', 'axis']",
    ]


def test_much_is_compared():
    methods = [name for name in OURS if name.count(".") > 1 and name.split(".")[-2][0].isupper()]
    assert len(OURS) > 450 and len(methods) > 40
    for name in ("tf.concat", "tf.Variable.assign", "tf.nn.relu", "tf.random.Generator.normal"):
        assert name in OURS
