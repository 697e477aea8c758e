"""The truths that the checks compare with, held against a second source."""

import numpy as np
import pytest

import engine as tf
from graders.tasks.base import Case, Draw, Raises
from graders.tasks.ch01_layout import FLAT, outside, places, unfitting
from graders.tasks.ch01_rank import DTYPE, SHAPE, bools_with_numbers, ragged_lists
from graders.tasks.ch05_once import frozen, printed_lines
from graders.tasks.ch05_tracing import expression, program_of
from graders.tasks.ch09_keras_way import FORWARD, MSE, dense_truth, glorot, loss_truth
from graders.tasks.ch09_updates import (
    SGD,
    gradient_truth,
    keras_fit,
    long_runs,
    one_batch,
    several_batches,
    sgd_truth,
    smaller_batches,
)

DRAW = Draw(seed=7, times=3)
NAMES = {"add": "add", "subtract": "sub", "multiply": "mul"}


def engine_program(text):
    """The same program, from the graph that the engine's own tracer writes."""
    function = tf.function(eval(f"lambda x0, x1: {text}", {}))
    graph = function.get_concrete_function(tf.constant(1.0), tf.constant(2.0)).graph.to_dict()
    names, steps = {}, []
    for node in graph["nodes"]:
        if node["op"] == "placeholder":
            names[node["id"]] = node["name"]
        elif node["op"] == "constant":
            names[node["id"]] = float(node["value"])
        else:
            left, right = (names[number] for number in node["inputs"])
            names[node["id"]] = f"t{len(steps)}"
            steps.append((names[node["id"]], NAMES[node["op"]], left, right))
    return steps, names[graph["outputs"][0]]


@pytest.mark.parametrize("numbers", ["", "right", "both"])
def test_the_programs_of_chapter_05_are_those_that_the_engine_traces(numbers):
    for _ in range(20):
        text = f"({expression(DRAW, 3, numbers)}) * x0 + x1"
        assert program_of(text) == engine_program(text)


def test_lists_and_values_that_must_be_refused_are_refused_by_the_engine():
    for cases in (ragged_lists(DRAW), bools_with_numbers(DRAW)):
        for case in cases:
            assert isinstance(case.expected, Raises)
            with pytest.raises(case.expected.type):
                tf.constant(case.args[0])


def test_shapes_dtypes_and_places_agree_with_numpy():
    for check in SHAPE.checks[:4]:
        for (value,) in check.cases(DRAW):
            assert SHAPE.oracle(value) == np.shape(value)
    for check in DTYPE.checks[:4]:
        for (value,) in check.cases(DRAW):
            kind = {"b": "bool", "i": "int32", "f": "float32"}[np.array(value).dtype.kind]
            assert DTYPE.oracle(value) == kind
    for rank in (1, 2, 3, 4):
        for shape, index in places(rank, DRAW):
            assert FLAT.oracle(shape, index) == np.ravel_multi_index(index, shape)
    for case in outside(DRAW):
        shape, index = case.args
        inside = len(index) == len(shape) and all(
            0 <= i < n for i, n in zip(index, shape, strict=True)
        )
        assert not inside and case.expected.type is IndexError


def test_the_axis_that_a_gate_must_name_is_the_first_wrong_one():
    for case in unfitting(DRAW):
        expected, given = case.args
        axes = range(len(given))
        wrong = [axis for axis in axes if expected[axis] not in (None, given[axis])]
        assert case.expected.says == (f"axis {wrong[0]}",)
        assert not tf.TensorShape(expected).is_compatible_with(given)


def test_print_and_frozen_numbers_are_what_the_lesson_says():
    assert printed_lines(["g", "f", "g", "h", "f", "h"]) == 4
    assert frozen([(2.0, 3.0), (5.0, 3.0), (7.0, 1.0)]) == [6.0, 6.0, 2.0]


def test_gradients_agree_with_differences():
    for _ in range(5):
        x, y_true, y_pred = (DRAW.floats(shape).astype(float) for shape in ((4, 3), (4, 2), (4, 2)))
        as_float = [value.astype(np.float32) for value in (x, y_true, y_pred)]
        dw, db = gradient_truth(*as_float)
        step = 1e-5

        def loss(w, b, x=x, y_true=y_true, y_pred=y_pred):
            return ((x @ w + b + y_pred - y_true) ** 2).mean()

        for place in np.ndindex(3, 2):
            w = np.zeros((3, 2))
            w[place] = step
            slope = (loss(w, 0) - loss(-w, 0)) / (2 * step)
            assert slope == pytest.approx(dw[place], rel=1e-3, abs=1e-4)
        for unit in range(2):
            b = np.eye(2)[unit] * step
            slope = (loss(np.zeros((3, 2)), b) - loss(np.zeros((3, 2)), -b)) / (2 * step)
            assert slope == pytest.approx(db[unit], rel=1e-3, abs=1e-4)


def test_fit_agrees_with_a_loop_in_double_precision():
    """With more examples than a batch of fit holds by default, and batches that are not full."""
    drawn = (long_runs, one_batch, several_batches, smaller_batches)
    inputs = [case for draws in drawn for case in draws(DRAW)]
    assert max(len(x) for x, *_ in inputs) > 32
    for x, y, epochs, size, rate, w, b in inputs:
        start = (w, b)
        for _ in range(epochs):
            for first in range(0, len(x), size):
                at, label = np.array(x[first : first + size]), np.array(y[first : first + size])
                error = w * at + b - label
                w, b = w - rate * 2 * (error * at).mean(), b - rate * 2 * error.mean()
        assert keras_fit(x, y, epochs, size, rate, *start) == pytest.approx(
            (w, b), rel=2e-4, abs=2e-5
        )


def wide(arrays):
    return [np.asarray(array, np.float64) for array in arrays]


def test_predictions_losses_and_updates_agree_with_numpy_in_double_precision():
    for check in FORWARD.checks[:3]:
        for args in check.cases(DRAW):
            x, w, b = wide(args)
            expected = np.einsum("bf,fu->bu", x, w) + b
            np.testing.assert_allclose(dense_truth(*args), expected, rtol=1e-5, atol=1e-5)
    for check in MSE.checks[:3]:
        for args in check.cases(DRAW):
            y_true, y_pred = wide(args)
            assert loss_truth(*args) == pytest.approx(np.square(y_true - y_pred).mean(), rel=1e-5)
    for check in SGD.checks:
        for params, grads, rate in check.cases(DRAW):
            updated = sgd_truth(params, grads, rate)
            assert len(updated) == len(params)
            for new, old, gradient in zip(updated, wide(params), wide(grads), strict=True):
                np.testing.assert_allclose(new, old - rate * gradient, rtol=1e-5, atol=1e-5)


def test_uniform_weights_are_never_refused_and_nearly_right_ones_always():
    """The limits of `glorot` leave no false alarm among layers that are right."""
    numbers = np.random.default_rng(1)
    limit = (6 / 96) ** 0.5
    check = glorot(64, 32).wrong

    def said(w):
        return check([w.astype(np.float32), np.zeros(32, np.float32), w[::-1]])

    uniform = [numbers.uniform(-1, 1, (64, 32)) * limit for _ in range(1000)]
    assert [said(w) for w in uniform if said(w)] == []
    for scale, says in ((0.95, "spread to"), (1.05, "beyond"), (0.5, "spread to")):
        assert all(says in said(w * scale) for w in uniform[:50])
    bell = (np.clip(numbers.normal(0, limit / 2, (64, 32)), -limit, limit) for _ in range(50))
    assert all("unevenly" in said(w) for w in bell)


def test_every_case_has_a_truth():
    from graders import tasks

    for task in tasks.all_tasks().values():
        for check in task.checks:
            cases = list(check.cases(DRAW))
            assert cases, f"{task.id}: {check.label} has no inputs"
            assert task.oracle or all(isinstance(case, Case) for case in cases)
