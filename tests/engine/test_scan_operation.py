"""A step repeated along sequences as one operation: values, slopes by differences, Variables, no steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.graph.scan import scan, scan_program, traced_scan
from engine.spec import TensorSpec

T, B, N = 4, 2, 3
RNG = np.random.default_rng(5)
START, ROWS = RNG.normal(size=(B, N)), RNG.normal(size=(T, B, N))
MATRIX, SHIFT = RNG.normal(size=(N, N)), RNG.normal(size=N)
KEEP = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], bool)[:, :, None]


def plain(states: Any, elements: Any, fixed: Any) -> Any:
    """The matrix takes part in a product alone: its derivative is one product after the loop."""
    h, count = states
    row, keep = elements
    matrix, shift = fixed
    after = tf.where(keep, tf.tanh(row * h @ matrix + shift), h)
    return [after, count + 1], [after * tf.cast(count, after.dtype), after @ matrix]


def mixed(states: Any, elements: Any, fixed: Any) -> Any:
    """The matrix does something else besides: its derivative is summed step by step."""
    made, outputs = plain(states, elements, fixed)
    return made, [outputs[0] + tf.reduce_sum(fixed[0] ** 2), outputs[1]]


def by_hand(step: Any, start: Any, rows: Any, matrix: Any, shift: Any, reverse: bool) -> Any:
    """The same as a Python loop over NumPy arrays."""
    h, results = start, [None] * T
    for count, t in enumerate(reversed(range(T)) if reverse else range(T)):
        h = np.where(KEEP[t], np.tanh(rows[t] * h @ matrix + shift), h)
        extra = (matrix**2).sum() if step is mixed else 0.0
        results[t] = (h * count + extra, h @ matrix)
    return h, np.stack([a for a, _ in results]), np.stack([b for _, b in results])


def scanned(step: Any, start: Any, rows: Any, matrix: Any, shift: Any, reverse: bool) -> Any:
    state = [start, tf.constant(0)]
    columns = [rows, tf.constant(KEEP)]
    specs = [
        [TensorSpec(t.shape, t.dtype) for t in state],
        [TensorSpec(t.shape[1:], t.dtype) for t in columns],
        [TensorSpec(t.shape, t.dtype) for t in (matrix, shift)],
    ]
    program = scan_program(step, *specs)
    (h, _), (one, other) = scan(program, state, columns, [matrix, shift], reverse)
    return h, one, other


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("step", [plain, mixed])
def test_values_and_slopes_are_those_of_the_loop(step: Any, reverse: bool) -> None:
    arrays = [START, ROWS, MATRIX, SHIFT]

    def total(*values: np.ndarray) -> float:
        outputs = by_hand(step, *values, reverse)
        return float(sum((o * np.cos(np.arange(o.size)).reshape(o.shape)).sum() for o in outputs))

    def ours(*tensors: Any) -> Any:
        with tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            outputs = scanned(step, *tensors, reverse)
            parts = [
                tf.reduce_sum(o * np.cos(np.arange(np.prod(o.shape))).reshape(o.shape))
                for o in outputs
            ]
            loss = tf.add_n(parts)
        return outputs, tape.gradient(loss, list(tensors))

    tensors = [tf.constant(a) for a in arrays]
    for run in (ours, tf.function(ours)):
        outputs, slopes = run(*tensors)
        for a, b in zip(outputs, by_hand(step, *arrays, reverse), strict=True):
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-12)
        for k, slope in enumerate(slopes):
            for place in list(np.ndindex(arrays[k].shape))[::3]:
                moved = [a.copy() for a in arrays]
                moved[k][place] += 1e-6
                up = total(*moved)
                moved[k][place] -= 2e-6
                difference = (up - total(*moved)) / 2e-6
                assert abs(slope.numpy()[place] - difference) < 1e-6 * max(1, abs(difference))


def test_a_step_may_use_and_assign_variables_and_draw() -> None:
    seen, weight = tf.Variable(0), tf.Variable(2.0)

    def step(states: Any, elements: Any, _: Any) -> Any:
        seen.assign_add(1)
        noise = tf.random.uniform([])
        return [states[0] * weight + elements[0]], [noise, tf.cast(seen, tf.float32)]

    @tf.function
    def run(rows: Any) -> Any:
        with tf.GradientTape() as tape:
            (last,), outputs = traced_scan(step, [tf.constant(1.0)], [rows])
        return last, outputs, tape.gradient(last, weight)

    last, (noise, counts), slope = run(tf.constant([1.0, 1.0, 1.0]))
    assert float(last) == 15.0  # ((1 * 2 + 1) * 2 + 1) * 2 + 1
    assert float(slope) == 17.0  # 3 w^2 + 2 w + 1 at 2
    assert counts.numpy().tolist() == [1.0, 2.0, 3.0] and int(seen) == 3
    assert len(set(noise.numpy().tolist())) == 3


def test_a_scan_of_nothing_gives_back_its_state() -> None:
    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def run(rows: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(rows)
            state = tf.ones([2])
            tape.watch(state)
            (last,), (all_of_them,) = traced_scan(
                lambda s, e, _: ([s[0] * e[0]], [s[0]]), [state], [rows]
            )
        return last, all_of_them, tape.gradient(last, [state, rows])

    last, outputs, (by_state, by_rows) = run(tf.zeros([0, 2]))
    assert last.numpy().tolist() == by_state.numpy().tolist() == [1.0, 1.0]
    assert outputs.shape == by_rows.shape == (0, 2)
    last, outputs, (by_state, by_rows) = run(tf.constant([[2.0, 3.0], [5.0, 7.0]]))
    assert last.numpy().tolist() == by_state.numpy().tolist() == [10.0, 21.0]
    assert by_rows.numpy().tolist() == [[5.0, 7.0], [2.0, 3.0]]


def test_the_jacobian_of_a_scan() -> None:
    rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    program = scan_program(
        lambda s, e, f: ([s[0] * e[0] + f[0]], []),
        [TensorSpec([2], tf.float32)], [TensorSpec([2], tf.float32)], [TensorSpec([2], tf.float32)],
    )  # fmt: skip
    with tf.GradientTape() as tape:
        tape.watch(rows)
        (last,), _ = scan(program, [tf.ones([2])], [rows], [tf.ones([2])])
    # last = (r0 + 1) r1 + 1
    found = tape.jacobian(last, rows).numpy()
    expected = np.zeros((2, 2, 2), np.float32)
    for i in range(2):
        expected[i, 0, i], expected[i, 1, i] = rows.numpy()[1, i], rows.numpy()[0, i] + 1
    np.testing.assert_allclose(found, expected)


def test_a_step_that_changes_its_state_is_refused() -> None:
    spec = [TensorSpec([2], tf.float32)]
    with pytest.raises(ValueError, match=r"state 0 is float32 \(2,\) before the step"):
        scan_program(lambda s, e, f: ([tf.concat([s[0], e[0]], 0)], []), spec, spec, [])
    outside = tf.Variable(1.0)
    with pytest.raises(ValueError, match="must be given the tensors and Variables"):
        scan_program(lambda s, e, f: ([s[0] * outside], []), spec, spec, [])
