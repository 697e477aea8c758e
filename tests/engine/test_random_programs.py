"""Random programs, eager against compiled: shapes, dtypes, control flow, Variables and gradients.

Values have to agree to the last bit, because every pass is exact. Gradients are sums, whose order may
differ, and have to agree to a few units in the last place of the largest term.

PROGRAMS=50000 in the environment runs that many, with fresh seeds.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

import engine as tf
from engine.graph.verifier import verify

COUNT = int(os.environ.get("PROGRAMS", "2000"))
SHAPES = [(2, 3), (1, 3), (3,), (), (2, 1), (1, 1), (0, 3), (2, 2)]


def repeated(x: Any) -> Any:
    """A loop with a state, a counter and something from outside."""
    scale = x * 0.5
    _, y = tf.while_loop(
        lambda i, y: i < 3,
        lambda i, y: (i + 1, tf.sin(y) + scale * tf.cast(i, x.dtype)),
        (0, x),
    )
    return y


def chosen(x: Any) -> Any:
    total = tf.reduce_sum(x)
    return tf.cond(total > 0, lambda: x * total, lambda: tf.square(x) - 1)


def clamped(x: Any, y: Any) -> Any:
    """A branch in a loop, which ends by its value."""
    return tf.while_loop(
        lambda v: tf.reduce_any(tf.abs(v) > 2),
        lambda v: (tf.cond(tf.reduce_sum(v) > 0, lambda: v * 0.5, lambda: v / 4.0),),
        (tf.clip_by_value(x + y, -100, 100),),
        maximum_iterations=12,
    )[0]


UNARY = {
    "identity": tf.identity,
    "negative": tf.negative,
    "square": tf.square,
    "abs": tf.abs,
    "sin": tf.sin,
    "exp": lambda x: tf.exp(tf.clip_by_value(x, -5, 5)),
    "sigmoid": tf.sigmoid,
    "stop": tf.stop_gradient,
    "times one": lambda x: x * 1,
    "over four": lambda x: x / 4,
    "minus zero": lambda x: x - 0,
    "over three": lambda x: x / 3,
    "twice": lambda x: 2 * x,
    "sum last": lambda x: tf.reduce_sum(x, axis=-1, keepdims=True),
    "max first": lambda x: tf.reduce_max(x, axis=0),
    "mean": tf.reduce_mean,
    "transpose": tf.transpose,
    "expand": lambda x: tf.expand_dims(x, 0),
    "squeeze": tf.squeeze,
    "flat": lambda x: tf.reshape(x, [-1]),
    "zeros like": lambda x: tf.zeros_like(x) + x,
    "by size": lambda x: x * tf.cast(tf.size(x), x.dtype),
    "wide": lambda x: tf.broadcast_to(x, [2, *x.shape]),
    "reverse": lambda x: tf.reverse(x, [0]),
    "softmax": tf.nn.softmax,
    "integers": lambda x: tf.cast(tf.cast(tf.clip_by_value(x, -9, 9), tf.int32) // 2, x.dtype),
    "loop": repeated,
    "branch": chosen,
}
BINARY = {
    "add": tf.add,
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "maximum": tf.maximum,
    "divide": lambda x, y: x / (tf.abs(y) + 1),
    "where": lambda x, y: tf.where(x > y, x, y * 2),
    "matmul": lambda x, y: tf.matmul(x, y, transpose_b=True),
    "concat": lambda x, y: tf.concat([x, y], 0),
    "clamped": clamped,
}


@st.composite
def programs(draw: Any) -> tuple[Any, ...]:
    """(steps, shapes, dtype): each step names a function and the earlier values it is applied to."""
    steps: list[tuple[Any, ...]] = []
    for number in range(3, 3 + draw(st.integers(1, 10))):
        earlier = st.integers(0, number - 1)
        kind = draw(st.integers(0, 9))
        if kind < 5:
            steps.append((draw(st.sampled_from(sorted(UNARY))), draw(earlier)))
        elif kind < 9:
            steps.append((draw(st.sampled_from(sorted(BINARY))), draw(earlier), draw(earlier)))
        else:
            steps.append(("assign", draw(earlier)))
    shapes = tuple(draw(st.sampled_from(SHAPES)) for _ in range(2))
    return tuple(steps), shapes, draw(st.sampled_from(["float32", "float64"]))


def run(steps: Any, x: Any, y: Any, variable: Any) -> list[Any]:
    """All values of a program; a step that does not fit its operands gives its first operand."""
    values = [x, y, variable * 1]
    for name, *places in steps:
        operands = [values[place] for place in places]
        if name == "assign":
            variable.assign_add(tf.reduce_mean(tf.clip_by_value(operands[0], -9, 9)) * 0.25)
            values.append(variable + operands[0])
            continue
        try:
            value = (UNARY.get(name) or BINARY[name])(*operands)
        except (tf.errors.InvalidArgumentError, ValueError, IndexError):
            value = operands[0]
        known = value.shape.is_fully_defined() and value.shape.num_elements() <= 2000
        values.append(value if known and value.shape.rank <= 4 else operands[0])
    return values[3:]


def bits(value: Any) -> tuple[Any, ...]:
    array = np.ascontiguousarray(value.numpy())
    return array.shape, array.dtype, np.where(np.isnan(array), np.nan, array).tobytes()


def outcome(steps: Any, x: Any, y: Any, start: Any, compiled: bool) -> tuple[Any, Any, Any]:
    variable = tf.Variable(start)

    def forward(x: Any, y: Any) -> Any:
        return run(steps, x, y, variable)

    def backward(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            made = run(steps, x, y, variable)
            loss = tf.reduce_sum(tf.sin(made[-1]))
        return tape.gradient(loss, [x, y, variable], unconnected_gradients="zero")

    if compiled:
        forward, backward = tf.function(forward), tf.function(backward)
        verify(forward.get_concrete_function(x, y).optimized)
    values = forward(x, y)
    after = variable.numpy()
    return values, after, backward(x, y)


@settings(
    max_examples=COUNT, deadline=None, derandomize="PROGRAMS" not in os.environ, database=None
)
@given(programs(), st.integers(0, 10**6))
@example(  # a law took the first output of a loop for the second
    ((("wide", 0), ("clamped", 0, 0), ("add", 3, 4)), ((2, 3), (2, 3)), "float32"), 0
)
def test_a_random_program_is_the_same_compiled(program: Any, seed: int):
    steps, shapes, dtype = program
    rng = np.random.default_rng(seed)
    x, y = (tf.constant(rng.normal(size=dims).astype(dtype)) for dims in shapes)
    start = tf.constant(rng.normal(), dtype)
    with np.errstate(all="ignore"):
        eager, compiled = (outcome(steps, x, y, start, kind) for kind in (False, True))
    for ours, expected in zip(compiled[0], eager[0], strict=True):
        assert bits(ours) == bits(expected)
    assert compiled[1].tobytes() == eager[1].tobytes() or np.isnan(eager[1])
    tolerance = 2e-4 if dtype == "float32" else 1e-11
    for ours, expected in zip(compiled[2], eager[2], strict=True):
        if not np.isfinite(expected.numpy()).all():
            continue
        scale = max(1.0, float(np.abs(expected.numpy()).max(initial=0.0)))
        assert np.abs(ours.numpy() - expected.numpy()).max(initial=0.0) <= tolerance * scale
