"""Random programs, eager against compiled: shapes, dtypes, control flow, Variables and gradients.

Values have to agree to the last bit, because every pass is exact. Gradients are sums, whose order may
differ, and have to agree to a few units in the last place of the largest term.

Native kernels have functions and an order of summation of their own. Programs of exact arithmetic have to
agree to the last bit all the same; smooth programs as closely as rounding lets two ways of computing agree,
which the same program in the other precision tells.

PROGRAMS=50000 in the environment runs that many, with fresh seeds; NATIVE_PROGRAMS as many with kernels.
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
NATIVE_COUNT = int(os.environ.get("NATIVE_PROGRAMS", "360"))  # of each of the two kinds
SHAPES = [(2, 3), (1, 3), (3,), (), (2, 1), (1, 1), (0, 3), (2, 2)]
LARGE = 1100  # elements of the Variables an optimizer step changes: more than 4096 bytes are written in place


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


def either_way(x: Any) -> Any:
    """A branch that gives its operand itself, or something new."""
    return tf.cond(tf.reduce_max(x) > 0, lambda: x, lambda: x * 0.5 + 1.0)


def stepped(x: Any) -> Any:
    """A loop of exact arithmetic, with two states."""
    _, y, z = tf.while_loop(
        lambda i, y, z: i < 4,
        lambda i, y, z: (i + 1, y * 0.5 + z, tf.maximum(z - y * 0.25, x)),
        (0, x, x * 0.5),
    )
    return y - z


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
    "exp small": lambda x: tf.exp(tf.clip_by_value(x, -2, 1)),
    "tanh": tf.tanh,
    "softplus": tf.nn.softplus,
    "log1p": lambda x: tf.math.log1p(tf.abs(x)),
    "log": lambda x: tf.math.log(tf.square(x) + 0.5),
    "relu": tf.nn.relu,
    "root": lambda x: tf.sqrt(tf.abs(x) + 0.125),
    "one over root": lambda x: tf.math.rsqrt(tf.abs(x) + 0.5),
    "square small": lambda x: tf.square(tf.clip_by_value(x, -1, 1)),
    "sign": tf.sign,
    "floor": tf.floor,
    "ceil": tf.math.ceil,
    "round": tf.round,
    "whole": lambda x: tf.cast(tf.cast(tf.clip_by_value(x, -999, 999), tf.int64) * 3, x.dtype),
    "as bool": lambda x: tf.cast(tf.cast(x, tf.bool), x.dtype),
    "other precision": lambda x: tf.cast(
        tf.cast(x, tf.float32 if x.dtype == tf.float64 else tf.float64), x.dtype
    ),
    "between": lambda x: tf.where(tf.logical_and(x > -1, tf.logical_not(x >= 1)), x, -x),
    "ones like": lambda x: tf.ones_like(x) - x,
    "sum first": lambda x: tf.reduce_sum(x, axis=0),
    "min last": lambda x: tf.reduce_min(x, axis=-1, keepdims=True),
    "largest": tf.reduce_max,
    "last first": lambda x: x[..., -1:],
    "row": lambda x: x[:1] * 0.5 + x,
    "either way": either_way,
    "stepped": stepped,
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
    "minimum": tf.minimum,
    "either": lambda x, y: tf.where(tf.logical_or(x < y, tf.equal(x, 0)), x - y, y),
    "compare": lambda x, y: tf.cast(x <= y, x.dtype) - tf.cast(tf.not_equal(x, y), x.dtype),
    "exclusive": lambda x, y: tf.where(tf.math.logical_xor(x > 0, y > 0), x, x + y),
    "weighted": lambda x, y: x * tf.sigmoid(y),
    "distance": tf.math.squared_difference,
}
# fmt: off
# Where rounding may differ between NumPy and native kernels; of all others the result is exact:
ROUNDED = {
    "sin", "exp", "exp small", "sigmoid", "tanh", "softplus", "log1p", "log", "one over root", "softmax",
    "weighted", "mean", "sum last", "sum first", "matmul", "loop", "branch", "clamped",
}
# A rounding error before one of these can become a large one:
JUMPS = {
    "sign", "floor", "ceil", "round", "whole", "as bool", "integers", "between", "where", "either", "compare",
    "exclusive", "branch", "clamped", "either way", "other precision", "exp", "square", "multiply",
    "distance", "by size",
}
# fmt: on
EXACT = tuple(sorted({*UNARY, *BINARY} - ROUNDED))
SMOOTH = tuple(sorted({*UNARY, *BINARY} - JUMPS))


@st.composite
def programs(draw: Any, menu: tuple[str, ...] = (*UNARY, *BINARY)) -> tuple[Any, ...]:
    """(steps, shapes, dtype): each step names a function and the earlier values it is applied to."""
    steps: list[tuple[Any, ...]] = []
    one, two = sorted(set(menu) & set(UNARY)), sorted(set(menu) & set(BINARY))
    for number in range(3, 3 + draw(st.integers(1, 10))):
        earlier = st.integers(0, number - 1)
        kind = draw(st.integers(0, 10))
        if kind < 5:
            steps.append((draw(st.sampled_from(one)), draw(earlier)))
        elif kind < 9:
            steps.append((draw(st.sampled_from(two)), draw(earlier), draw(earlier)))
        else:
            steps.append(("assign" if kind == 9 else "adam", draw(earlier)))
    shapes = tuple(draw(st.sampled_from(SHAPES)) for _ in range(2))
    return tuple(steps), shapes, draw(st.sampled_from(["float32", "float64"]))


class State:
    """The Variables of a program: a number, and what Adam moves and remembers."""

    def __init__(self, start: Any):
        self.number = tf.Variable(start)
        ramp = tf.reshape(tf.cast(tf.range(LARGE), start.dtype), [2, -1]) / LARGE
        self.ramp = ramp - 0.25
        self.weights = tf.Variable(ramp * 0.5)
        self.mean = tf.Variable(tf.zeros_like(ramp))
        self.spread = tf.Variable(tf.zeros_like(ramp))
        self.all = [self.number, self.weights, self.mean, self.spread]

    def adam(self, x: Any) -> Any:
        """One step of Adam, on a gradient that depends on x; a part of the new weights."""
        gradient = self.ramp * tf.clip_by_value(tf.reduce_max(x), -9, 9)
        self.mean.assign(0.9 * self.mean + 0.1 * gradient)
        self.spread.assign(self.spread + 0.25 * (gradient * gradient - self.spread))
        self.weights.assign_sub(0.125 * self.mean / (tf.sqrt(self.spread) + 0.0625))
        return self.weights[0, :3]


def run(steps: Any, x: Any, y: Any, state: State) -> list[Any]:
    """All values of a program; a step that does not fit its operands gives its first operand."""
    variable = state.number
    values = [x, y, variable * 1]
    for name, *places in steps:
        operands = [values[place] for place in places]
        if name == "assign":
            variable.assign_add(tf.reduce_max(tf.clip_by_value(operands[0], -9, 9)) * 0.25)
            values.append(variable + operands[0])
            continue
        if name == "adam":
            values.append(state.adam(operands[0]))
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


def outcome(
    steps: Any, x: Any, y: Any, start: Any, compiled: bool, native: bool = False
) -> tuple[list[Any], list[Any], list[Any]]:
    """The values of a program, its Variables after two runs, and its gradients."""
    state = State(start)

    def forward(x: Any, y: Any) -> Any:
        return run(steps, x, y, state)

    def backward(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            made = run(steps, x, y, state)
            loss = tf.reduce_sum(tf.sin(made[-1]))
        return tape.gradient(loss, [x, y, state.number], unconnected_gradients="zero")

    if compiled:
        forward, backward = (
            tf.function(f, jit_compile=True if native else None) for f in (forward, backward)
        )
        verify(forward.get_concrete_function(x, y).optimized)
    values = forward(x, y)
    gradients = backward(x, y)
    return values, [tf.identity(variable) for variable in state.all], gradients


def data(program: Any, seed: int) -> tuple[Any, ...]:
    steps, shapes, dtype = program
    rng = np.random.default_rng(seed)
    x, y = (tf.constant(rng.normal(size=dims).astype(dtype)) for dims in shapes)
    return steps, x, y, tf.constant(rng.normal(), dtype)


def largest(value: Any) -> float:
    return float(np.abs(value.numpy()).max(initial=0.0))


FRESH = bool({"PROGRAMS", "NATIVE_PROGRAMS"} & set(os.environ))
SETTINGS = {"deadline": None, "derandomize": not FRESH, "database": None}


@settings(max_examples=COUNT, **SETTINGS)
@given(programs(), st.integers(0, 10**6))
@example(  # a law took the first output of a loop for the second
    ((("wide", 0), ("clamped", 0, 0), ("add", 3, 4)), ((2, 3), (2, 3)), "float32"), 0
)
def test_a_random_program_is_the_same_compiled(program: Any, seed: int):
    given = data(program, seed)
    with np.errstate(all="ignore"):
        eager, compiled = (outcome(*given, kind) for kind in (False, True))
    for ours, expected in zip(compiled[0] + compiled[1], eager[0] + eager[1], strict=True):
        assert bits(ours) == bits(expected)
    tolerance = 2e-4 if program[2] == "float32" else 1e-11
    for ours, expected in zip(compiled[2], eager[2], strict=True):
        if not np.isfinite(expected.numpy()).all():
            continue
        scale = max(1.0, largest(expected))
        assert largest(ours - expected) <= tolerance * scale


@settings(max_examples=NATIVE_COUNT, **SETTINGS)
@given(programs(EXACT), st.integers(0, 10**6))
def test_exact_arithmetic_is_the_same_to_the_last_bit_in_native_kernels(program: Any, seed: int):
    given = data(program, seed)
    with np.errstate(all="ignore"):
        eager, native = outcome(*given, False), outcome(*given, True, native=True)
    for ours, expected in zip(native[0] + native[1], eager[0] + eager[1], strict=True):
        assert bits(ours + 0) == bits(expected + 0)  # which zero a maximum is, NumPy leaves open
    tolerance = 2e-4 if program[2] == "float32" else 1e-11
    for ours, expected in zip(native[2], eager[2], strict=True):
        if np.isfinite(expected.numpy()).all():
            assert largest(ours - expected) <= tolerance * max(1.0, largest(expected))


@settings(max_examples=NATIVE_COUNT, **SETTINGS)
@given(programs(SMOOTH), st.integers(0, 10**6))
@example(  # a view stood before what it looks at, which had moved to a later kernel
    (
        (("adam", 0), ("abs", 0), ("expand", 4), ("add", 3, 4)),
        ((2, 3), (2, 3)),
        "float32",
    ),
    0,
)
def test_smooth_functions_are_the_same_in_native_kernels_but_for_rounding(program: Any, seed: int):
    steps, x, y, start = data(program, seed)
    others = [tf.cast(v, "float64" if x.dtype == tf.float32 else "float32") for v in (x, y, start)]
    with np.errstate(all="ignore"):
        eager, other = outcome(steps, x, y, start, False), outcome(steps, *others, False)
        native = outcome(steps, x, y, start, True, native=True)
    unit = float(np.finfo(program[2]).eps)
    for kind in range(3):
        for ours, expected, rounded in zip(native[kind], eager[kind], other[kind], strict=True):
            assert ours.shape == expected.shape and ours.dtype == expected.dtype
            if not np.isfinite(expected.numpy()).all():
                assert bits(ours)[:2] == bits(expected)[:2]
                continue
            lost = largest(tf.cast(expected, "float64") - tf.cast(rounded, "float64"))
            lost *= unit / float(np.finfo("float32").eps)
            assert largest(ours - expected) <= 64 * (lost + unit * max(1.0, largest(expected)))
