"""tf.keras.activations beside Keras's: values, derivatives, names and configs."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import engine as tf
from engine.keras import activations
from tests.keras.witness import jax, keras

NAMES = sorted(set(activations.__all__) - {"deserialize", "get", "get_function", "serialize"})
# Every corner's two sides, both tails, and where exp, squares and cubes of float32 end.
POINTS = np.array(
    [-1e4, -300.0, -90.0, -20.0, -6.01, -5.99, -3.01, -2.99, -1.7, -1.01, -0.99, -0.51, -0.49, -1e-3,
     -1e-8, 1e-8, 1e-3, 0.3, 0.49, 0.51, 0.99, 1.01, 1.7, 2.99, 3.01, 5.99, 6.01, 20.0, 87.0, 300.0, 1e4,
     2.0],
    np.float32,
)  # fmt: skip
SCORES = np.random.default_rng(0).normal(0, 3, (4, 8)).astype("float32")
SCORES[0, :] = 1.5  # all equal
SCORES[1, 2] = 1e4  # one certain
ALONG = {"glu": {}, "log_softmax": {}, "softmax": {}, "sparsemax": {}}
ARGUMENTS: list[tuple[str, dict]] = [
    *((name, ALONG.get(name, {})) for name in NAMES if name != "threshold"),
    ("threshold", {"threshold": 0.7, "default_value": -2.0}),
    ("relu", {"negative_slope": 0.3}),
    ("relu", {"max_value": 5.0}),
    ("relu", {"max_value": 6}),
    ("relu", {"threshold": 1.0}),
    ("relu", {"negative_slope": 0.3, "max_value": 4.0, "threshold": 1.0}),
    ("relu", {"negative_slope": 0.3, "max_value": 6}),
    ("leaky_relu", {"negative_slope": 1.5}),
    ("elu", {"alpha": 0.4}),
    ("celu", {"alpha": 2.5}),
    ("gelu", {"approximate": True}),
    ("squareplus", {"b": 0.3}),
    ("hard_shrink", {"threshold": 1.2}),
    ("soft_shrink", {"threshold": 1.2}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("sparsemax", {"axis": 0}),
    ("glu", {"axis": 0}),
]
CASES = [
    pytest.param(n, k, id=n + "".join(f" {a}={v}" for a, v in k.items())) for n, k in ARGUMENTS
]


def worst(ours: np.ndarray, theirs: np.ndarray, points: np.ndarray, what: str) -> None:
    """Fails at the worst element, relative to its size or, for small ones, absolutely."""
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, (ours.dtype, theirs.dtype)
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
    kept = np.isfinite(theirs)
    error = np.abs(ours[kept] - theirs[kept]) / np.maximum(np.abs(theirs[kept]), 1e-2)
    at = int(np.argmax(error))
    assert error[at] < 2e-5, (
        f"{what} at {points[kept][at]}: {ours[kept][at]} here, {theirs[kept][at]} in Keras"
    )


@pytest.mark.parametrize(
    ("name", "arguments"), [case for case in CASES if case.values[0] != "sparsemax"]
)
def test_values_and_derivatives_are_those_of_keras(name: str, arguments: dict) -> None:
    x = SCORES if name in ALONG else POINTS
    ours, theirs = getattr(activations, name), getattr(keras.activations, name)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = ours(tensor, **arguments)
    their_y, pullback = jax.vjp(lambda a: theirs(a, **arguments), x)
    worst(y.numpy(), np.asarray(their_y), x if x.shape == y.shape else y.numpy(), name)
    slopes = np.cos(np.arange(y.numpy().size, dtype="float32") + 1).reshape(y.shape)
    own = tape.gradient(y, tensor, output_gradients=tf.constant(slopes))
    worst(own.numpy(), np.asarray(pullback(slopes)[0]), x, f"the derivative of {name}")


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_graph_computes_the_same(name: str, arguments: dict) -> None:
    x = SCORES if name in ALONG else POINTS
    f = getattr(activations, name)
    compiled = tf.function(lambda a: f(a, **arguments))
    worst(compiled(tf.constant(x)).numpy(), f(tf.constant(x), **arguments).numpy(), x, name)


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_those_of_keras(name: str) -> None:
    def facts(f):
        return [(p.name, p.default) for p in inspect.signature(f).parameters.values()]

    assert facts(getattr(activations, name)) == facts(getattr(keras.activations, name))


def test_there_is_every_name_that_keras_has() -> None:
    theirs = {name for name in dir(keras.activations) if not name.startswith("_")}
    assert theirs - set(activations.__all__) == set()


@pytest.mark.parametrize("name", [n for n in NAMES if n != "linear"])
def test_lists_of_integers_become_floats(name: str) -> None:
    arguments = {"threshold": 0.5, "default_value": 2.0} if name == "threshold" else {}
    given = [[-2, 0, 1, 3]]
    ours = getattr(activations, name)(given, **arguments).numpy()
    floats = getattr(activations, name)(np.array(given, "float32"), **arguments).numpy()
    np.testing.assert_allclose(ours, floats, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_leads_to_the_function_and_back(name: str) -> None:
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.get_function(name) is function
    written = keras.activations.serialize(getattr(keras.activations, name))
    assert activations.serialize(function) == written
    assert activations.deserialize(written) is function
    config = {"module": "builtins", "class_name": "function", "config": written}
    assert activations.get({**config, "registered_name": "function"}) is function


def test_functions_of_tf_nn_are_written_by_the_same_names() -> None:
    for name in ("relu", "sigmoid", "tanh", "softmax", "gelu"):
        function = getattr(tf, name, None) or getattr(tf.nn, name)
        assert activations.serialize(function) == name


def test_what_is_not_a_name() -> None:
    assert activations.get(None) is activations.linear

    def own(x):
        return x

    assert activations.get(own) is own
    with pytest.raises(ValueError, match=r"no activation named 'rleu'\. Did you mean 'relu'"):
        activations.get("rleu")
    with pytest.raises(TypeError, match="not by 3"):
        activations.get(3)
    with tf.keras.saving.custom_object_scope({"own": own}):
        assert activations.get("own") is own
    assert activations.deserialize("own", custom_objects={"own": own}) is own


@pytest.mark.parametrize("axis", [-1, 0])
def test_sparsemax_solves_its_problem(axis: int) -> None:
    """The projection onto the simplex, found by bisection on the threshold in float64, and its slope.

    Keras 3.15.1 is no witness: where more than one number stays above 0, its results do not add up to 1.
    """

    def project(x):
        low, high = x.min(axis, keepdims=True) - 2, x.max(axis, keepdims=True)
        for _ in range(100):
            middle = (low + high) / 2
            over = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
            low, high = np.where(over, middle, low), np.where(over, high, middle)
        return np.maximum(x - low, 0)

    x = np.random.default_rng(1).normal(0, 1, (6, 5))
    weights = np.cos(np.arange(30.0)).reshape(6, 5)
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = activations.sparsemax(tensor, axis)
    np.testing.assert_allclose(y.numpy(), project(x), atol=1e-12)
    assert ((y.numpy() > 0).sum(axis) > 1).any()
    slopes = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-6
        slopes[at] = ((project(x + step) - project(x - step)) * weights).sum() / 2e-6
    own = tape.gradient(y, tensor, output_gradients=tf.constant(weights))
    np.testing.assert_allclose(own.numpy(), slopes, atol=1e-7)
    even = activations.sparsemax(SCORES).numpy()[0]
    np.testing.assert_allclose(even, np.full(8, 1 / 8), rtol=1e-6)
