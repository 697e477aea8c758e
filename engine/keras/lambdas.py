"""Lambdas in configs: Python bytecode, in Keras's form. Whoever reads one and calls it runs code from a file.

A lambda has no name to be found by, so Keras writes its code object (`marshal`), default arguments and what
it uses from around it. The bytecode of one version of Python means nothing to another; files of ours say
which version it is.
"""

from __future__ import annotations

import base64
import binascii
import builtins
import marshal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class _Scope(threading.local):
    in_memory = False


_scope = _Scope()


@contextmanager
def in_memory() -> Iterator[None]:
    """A `with` block whose configs never leave the program: they hold lambdas themselves, not their code."""
    before, _scope.in_memory = _scope.in_memory, True
    try:
        yield
    finally:
        _scope.in_memory = before


def is_lambda(thing: Any) -> bool:
    """Whether it is a function without a name."""
    return isinstance(thing, types.FunctionType) and thing.__name__ == "<lambda>"


def written(function: types.FunctionType) -> Any:
    """A lambda as Keras's `Lambda` layer writes it."""
    if _scope.in_memory:
        return function
    return {"class_name": "__lambda__", "config": code_of(function)}


def as_value(function: types.FunctionType) -> Any:
    """A lambda as Keras writes it everywhere else."""
    if _scope.in_memory:
        return function
    facts = code_of(function)
    value = [facts.pop(key) for key in ("code", "defaults", "closure")]
    return {"class_name": "__lambda__", "config": {"value": value, **facts}}


def code_of(function: types.FunctionType) -> dict[str, Any]:
    """What a config says of a lambda: its code, defaults, closure and the version of Python.

    Warns that the file can be read only with `safe_mode=False`.

    Raises:
      TypeError: when it uses something from around it that is no number, string or structure of them.
    """
    warnings.warn(
        "The config holds a lambda, as Python bytecode: it is read only with safe_mode=False, and only by "
        f"Python {_PYTHON}. A function with a name, decorated with "
        "@tf.keras.saving.register_keras_serializable(), can be read everywhere.",
        UserWarning,
        stacklevel=3,
    )
    names = function.__code__.co_freevars
    closure = [cell.cell_contents for cell in function.__closure__ or ()]
    for name, value in [*zip(names, closure, strict=True), *_named_defaults(function)]:
        if not _is_plain(value):
            raise TypeError(
                f"The lambda cannot be written to a config: {name!r} is {value!r}, and only numbers, "
                "strings and structures of them go along with its code. Give it a name with def, decorate "
                "it with @tf.keras.saving.register_keras_serializable(), and pass that."
            )
    return {
        "code": base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii"),
        "defaults": function.__defaults__,
        "closure": tuple(closure) or None,
        "python": _PYTHON,
    }


def read(config: dict[str, Any], known: dict[str, Any]) -> Callable[..., Any]:
    """The function of a config that `written`, `as_value` or Keras made.

    It finds the names in `known`, and Python's built-ins.

    Raises:
      ValueError: for bytecode of another version of Python, or what is none.
    """
    if "value" in config:
        config = config | dict(zip(("code", "defaults", "closure"), config["value"], strict=True))
    version = config.get("python", _PYTHON)
    if version != _PYTHON:
        raise ValueError(
            f"The file holds a lambda as bytecode of Python {version}, and this is Python {_PYTHON}. Rebuild "
            "the model in Python and use load_weights instead."
        )
    try:
        code = marshal.loads(binascii.a2b_base64(config["code"]))
        defaults, closure = config["defaults"], config["closure"] or ()
        return types.FunctionType(
            code,
            {"__builtins__": builtins, **known},
            code.co_name,
            None if defaults is None else tuple(defaults),
            tuple(types.CellType(value) for value in closure) or None,
        )
    except (ValueError, EOFError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"The file holds a lambda that Python {_PYTHON} cannot read ({error}); it may come from another "
            "version. Rebuild the model in Python and use load_weights instead."
        ) from error


def _named_defaults(function: types.FunctionType) -> list[tuple[str, Any]]:
    defaults = function.__defaults__ or ()
    count = function.__code__.co_argcount
    return list(
        zip(function.__code__.co_varnames[count - len(defaults) : count], defaults, strict=True)
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, str))
