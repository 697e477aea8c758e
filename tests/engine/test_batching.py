"""Every primitive for many examples at once, against a loop over the examples: the whole registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.batching.rules import RULES, rule_of
from engine.dispatch import NOT_DIFFERENTIABLE, registry
from engine.spec import TensorSpec
from tests.engine.cases import Case
from tests.engine.oracle import array_of, assert_close
from tests.engine.test_registry import (
    ALL,
    CASES,
    NAMES,
    SHAPED_BY_VALUES,
    differentiable_inputs,
    run,
)

EXAMPLES = 3
# Run example by example, on purpose: what each of them gives has a shape of its own, is a vector of
# sizes, is shown to people, or is what Python makes of it.
LOOPED = {
    "range", "repeated_positions", "unique_firsts", "unique_which",
    "where_true", "broadcast_shapes", "print", "string_format", "assert", "py_function",
}  # fmt: skip
DRAWN_LIKE = {"random_gamma", "random_poisson", "random_binomial"}  # one number for each given
each_case = pytest.mark.parametrize(
    ("name", "case"), [pytest.param(n, c, id=f"{n} {c.label}") for n, c in ALL]
)
each_primitive = pytest.mark.parametrize("name", NAMES)


def variants(array: np.ndarray) -> list[np.ndarray]:
    """Three inputs of the shape of a sample that differ, as far as that can be done blindly."""
    if array.dtype.kind in "fc":
        return [array, array * 0.9, array * 0.75]
    if array.dtype.kind == "b":
        return [array, ~array, array]
    return [array, np.flip(array), array] if array.ndim else [array] * EXAMPLES


def loop(name: str, case: Case, rows: list[list[Any]]) -> list[np.ndarray]:
    """What the primitive gives for each example on its own."""
    return [array_of(run(name, case, *map(tf.constant, row))) for row in zip(*rows, strict=True)]


def mapped_inputs(name: str, case: Case) -> Iterator[tuple[tuple[bool, ...], list[list[Any]]]]:
    """Which inputs differ among the examples - all, or one of them - and the inputs of each example."""
    count = len(case.inputs)
    patterns = {(True,) * count, *(tuple(i == k for i in range(count)) for k in range(count))}
    for along in sorted(patterns, reverse=True):
        columns = [
            variants(array) if mine else [array] * EXAMPLES
            for array, mine in zip(case.inputs, along, strict=True)
        ]
        try:
            shapes = {row.shape for row in loop(name, case, columns)}
        except (ValueError, tf.errors.InvalidArgumentError):
            shapes = set()
        if len(shapes) != 1:  # a length, a mask or a shape that cannot be changed blindly
            columns = [[array] * EXAMPLES for array in case.inputs]
        yield along, columns


def mapped(name: str, case: Case, along: tuple[bool, ...]) -> Callable[..., Any]:
    """The primitive under vectorized_map: a function of all inputs, those that are `along` stacked."""

    def body(*given: Any) -> Any:
        own = [x for x, mine in zip(given, along, strict=True) if mine]

        def one(example: list[Any]) -> Any:
            parts = iter(example)
            return run(
                name,
                case,
                *(next(parts) if mine else x for x, mine in zip(given, along, strict=True)),
            )

        return tf.vectorized_map(one, own, warn=False)

    return body


def whole(columns: list[list[Any]], along: tuple[bool, ...]) -> list[tf.Tensor]:
    """All examples' inputs: stacked where they are `along`, else those of the first."""
    pairs = zip(columns, along, strict=True)
    return [tf.constant(np.stack(c) if mine else c[0]) for c, mine in pairs]


def test_every_primitive_has_a_rule_or_is_looped_on_purpose():
    without = {name for name in registry if rule_of(registry[name]) is None}
    assert without == LOOPED, "write a rule in engine/batching/rules.py, or list the primitive here"
    assert not LOOPED & set(RULES)
    assert set(RULES) - set(registry) == {"custom_gradient", "cond", "while"}


@each_case
def test_many_at_once_are_what_a_loop_gives(name: str, case: Case):
    for along, columns in mapped_inputs(name, case):
        if not along:
            continue
        value = mapped(name, case, along)(*whole(columns, along))
        expected = np.stack(loop(name, case, columns))
        assert_close(value, expected, 1e-12, 1e-13, f"{name}, along {along}")
        assert value.dtype == run(name, case, *map(tf.constant, case.inputs)).dtype


@each_primitive
def test_in_graphs_of_known_and_unknown_sizes_too(name: str):
    case = CASES[name][0]
    along, columns = next(mapped_inputs(name, case))
    given = whole(columns, along)
    body = mapped(name, case, along)
    unknown = [TensorSpec([None] * t.ndim, t.dtype) for t in given]
    for label, signature in (("known", None), ("unknown", unknown)):
        try:
            value = tf.function(body, input_signature=signature)(*given)
        except tf.errors.UnimplementedError as error:
            assert name in LOOPED | SHAPED_BY_VALUES | DRAWN_LIKE
            assert "the shape of what each gives is" in str(error)
            continue
        assert_close(value, body(*given), 1e-14, 1e-15, f"{name}, {label} sizes")


@each_primitive
def test_no_examples_give_an_empty_result_of_the_right_shape(name: str):
    case = CASES[name][0]
    one = run(name, case, *map(tf.constant, case.inputs))
    along = tuple(i == 0 or name not in SHAPED_BY_VALUES for i in range(len(case.inputs)))
    none = [
        tf.constant(np.zeros((0, *array.shape), array.dtype) if mine else array)
        for array, mine in zip(case.inputs, along, strict=True)
    ]
    value = mapped(name, case, along)(*none)
    assert value.dtype is one.dtype and value.shape[0] == 0
    if rule_of(registry[name]) is not None and name not in SHAPED_BY_VALUES:
        assert value.shape[1:] == one.shape


DIFFERENTIABLE = [
    name
    for name in NAMES
    if registry[name].vjp is not NOT_DIFFERENTIABLE
    and differentiable_inputs(registry[name], CASES[name][0])
]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_are_those_of_each_example(name: str):
    """With the tape inside, and with the tape around the whole."""
    case = CASES[name][0]
    which = differentiable_inputs(registry[name], case)
    along, columns = next(mapped_inputs(name, case))
    given = whole(columns, along)

    def derivatives(*inputs: Any) -> Any:
        sources = [inputs[i] for i in which]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            value = run(name, case, *inputs)
        return tape.gradient(value, sources, unconnected_gradients="zero")

    rows = [derivatives(*map(tf.constant, row)) for row in zip(*columns, strict=True)]
    inside = tf.vectorized_map(lambda one: derivatives(*one), list(given), warn=False)
    with tf.GradientTape() as tape:
        sources = [given[i] for i in which]
        tape.watch(sources)
        value = mapped(name, case, along)(*given)
    around = tape.gradient(value, sources, unconnected_gradients="zero")
    for k in range(len(which)):
        expected = np.stack([array_of(row[k]) for row in rows])
        scale = np.abs(np.nan_to_num(expected)).max(initial=1.0)
        assert_close(inside[k], expected, 1e-10, 1e-12 * scale, f"{name}, tape inside")
        assert_close(around[k], expected, 1e-10, 1e-12 * scale, f"{name}, tape around")
