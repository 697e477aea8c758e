"""Dense, EinsumDense, Embedding and the layers that pass on, mask or wrap, against Keras."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras import serialization
from engine.keras.masking import get_mask
from tests.keras.layer_witness import check_layer, floats, make_both
from tests.keras.witness import as_json, close, keras

X, STEPS = floats(4, 3), floats(2, 5, 3)
CASES: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {
    "dense": ("Dense", {"units": 5}, X),
    "dense, an activation": ("Dense", {"units": 5, "activation": "tanh"}, X),
    "dense, no bias": ("Dense", {"units": 2, "use_bias": False, "activation": "relu"}, X),
    "dense of steps": ("Dense", {"units": 4, "activation": "sigmoid"}, STEPS),
    "dense of rank 4": ("Dense", {"units": 2}, floats(2, 3, 2, 3)),
    "dense, priced": (
        "Dense",
        {
            "units": 3, "kernel_regularizer": "l2", "bias_regularizer": "l1",
            "activity_regularizer": "l2", "kernel_constraint": "non_neg",
            "bias_constraint": "unit_norm", "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
        },
        X,
    ),
    "einsum": ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4, "bias_axes": "c"}, X),
    "einsum, heads": (
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"},
        STEPS,
    ),
    "einsum, a bias of some axes": (
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": [5, 2, 3], "bias_axes": "be"},
        STEPS,
    ),
    "einsum, dots left": (
        "EinsumDense",
        {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y", "activation": "relu"},
        STEPS,
    ),
    "einsum, dots right": (
        "EinsumDense",
        {"equation": "ab...,bc->ac...", "output_shape": 4, "bias_axes": "c"},
        STEPS,
    ),
    "einsum, no bias": ("EinsumDense", {"equation": "abc,bd->adc", "output_shape": (2, 3)}, STEPS),
    "identity": ("Identity", {}, STEPS),
    "embedding": (
        "Embedding",
        {"input_dim": 6, "output_dim": 3, "embeddings_regularizer": "l2"},
        np.array([[0, 5, 1], [1, 1, 2]], np.int32),
    ),
    "embedding of floats": (
        "Embedding",
        {"input_dim": 6, "output_dim": 3, "mask_zero": True},
        np.array([[0, 5, 1]], np.float32),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_layer_is_the_one_of_keras(case: str) -> None:
    name, arguments, x = CASES[case]
    check_layer((name, arguments), x)


def test_masking() -> None:
    x = STEPS.copy()
    x[0, 1:3] = x[1, 4] = 0.5
    ours, theirs = check_layer(("Masking", {"mask_value": 0.5}), x)
    mask = get_mask(ours(tf.constant(x)))
    np.testing.assert_array_equal(mask.numpy(), np.asarray(theirs.compute_mask(x)))
    assert mask.numpy().sum() == 7


def test_embedding_masks_zeros_takes_weights_and_refuses_other_rows() -> None:
    ids = np.array([[0, 2, 1], [1, 0, 0]])
    table = floats(3, 2)
    ours = tf.keras.layers.Embedding(3, 2, mask_zero=True, weights=table)
    rows = ours(tf.constant(ids))
    np.testing.assert_array_equal(rows.numpy(), table[ids])
    np.testing.assert_array_equal(get_mask(rows).numpy(), ids != 0)
    assert "weights" not in ours.get_config()
    with pytest.raises(tf.errors.InvalidArgumentError, match="3"):
        ours(tf.constant([[3]]))
    for arguments in ((0, 2), (2, 0), (True, 2), (2.0, 2)):
        with pytest.raises(ValueError, match="positive integer"):
            tf.keras.layers.Embedding(*arguments)


def test_einsum_dense_starts_with_the_variance_of_its_inputs() -> None:
    """From 40 inputs to 30 x 20 outputs: limit sqrt(6 / 640), whatever the order of the kernel's axes."""
    tf.random.set_seed(3)
    arguments = {"equation": "ab,cbd->acd", "output_shape": (30, 20)}
    ours, theirs = make_both(("EinsumDense", arguments))
    for layer in (ours, theirs):
        layer.build((None, 40))
    for values in (ours.kernel.numpy(), np.asarray(theirs.kernel.value)):
        assert values.shape == (30, 40, 20) and np.abs(values).max() <= np.sqrt(6 / 640)
        np.testing.assert_allclose(values.std(), np.sqrt(2 / 640), rtol=0.02)


def test_einsum_dense_explains_what_does_not_fit() -> None:
    def build(equation: str, output_shape: Any, bias_axes: str | None = None) -> None:
        tf.keras.layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)(tf.ones([2, 3]))

    for equation, shape, bias, words in (
        ("ab,bc", 4, None, "must look like"),
        ("...b,bc->c...", 4, None, "must look like"),
        ("abc,cd->abd", 4, None, "3 input axes"),
        ("ab,bc->ac", (4, 5), None, "1 more|-1 more"),
        ("ab,bc->abc", (4, 5), None, "size 3 in the input and 4"),
        ("ab,bc->acd", (4, 5), None, "'d'"),
        ("ab,bcd->ac", 4, None, "'d'"),
        ("ab,bc->ac", 4, "b", "no axis of the output"),
        ("ab,bc->ac", None, None, "not known"),
    ):
        with pytest.raises(ValueError, match=words):
            build(equation, (None,) if shape is None else shape, bias)


def _double(x: Any, factor: float = 2.0) -> Any:
    return x * factor


def test_lambda_calls_its_function() -> None:
    ours = tf.keras.layers.Lambda(_double, arguments={"factor": 3.0})
    np.testing.assert_array_equal(ours(tf.constant(X)).numpy(), X * np.float32(3))
    assert ours.compute_output_shape((None, 3)) == (None, 3)
    seen: list[Any] = []

    def both(x: Any, mask: Any = None, training: Any = None) -> Any:
        seen.append((mask is not None, training))
        return x

    layer = tf.keras.layers.Lambda(both, mask=lambda x, mask: x > 0)
    out = layer(tf.keras.layers.Masking()(tf.constant(STEPS)), training=True)
    assert seen == [(True, True)] and get_mask(out).dtype == tf.bool
    with pytest.warns(UserWarning, match="does not support masking"):
        assert get_mask(tf.keras.layers.Lambda(_double)(out)) is None
    largest = tf.keras.layers.Lambda(max)  # built in: it does not tell its arguments
    assert largest(tf.constant([1.0, 3.0, 2.0])).numpy() == 3
    with pytest.raises(TypeError, match="function was expected"):
        tf.keras.layers.Lambda(3)


def test_lambda_is_saved_by_the_name_of_its_function() -> None:
    serialization.register_keras_serializable("tests", "double")(_double)
    layer = tf.keras.layers.Lambda(_double, output_shape=(3,), arguments={"factor": 3.0}, name="d")
    config = layer.get_config()
    assert config["output_shape"] == (3,) and "mask" not in config
    copy = tf.keras.layers.Lambda.from_config(config)
    np.testing.assert_array_equal(copy(tf.constant(X)).numpy(), X * np.float32(3))


def test_a_nameless_function_is_saved_as_its_code() -> None:
    double = lambda x, by=2: x * by  # noqa: E731
    ours, theirs = make_both(lambda k: k.layers.Lambda(double, name="d"))
    with pytest.warns(UserWarning, match="read only with safe_mode=False"):
        own = ours.get_config()
    other = theirs.get_config()
    facts = own["function"]["config"]
    assert facts.pop("python") == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert own.keys() == other.keys() and own["function"] == other["function"]
    with pytest.raises(ValueError, match="safe_mode=False"):
        tf.keras.layers.Lambda.from_config(own)


def test_lambda_has_the_config_of_keras() -> None:
    ours, theirs = make_both(lambda k: k.layers.Lambda(k.activations.relu, name="f"))
    own, other = ours.get_config(), theirs.get_config()
    assert own.keys() == other.keys() and own["function"] == other["function"]
    check_layer(lambda k: k.layers.Lambda(k.activations.relu, name="f"), X)


def test_wrapper() -> None:
    class Twice(tf.keras.layers.Wrapper):
        def call(self, inputs: Any) -> Any:
            return self.layer(self.layer(inputs))

    layer = Twice(tf.keras.layers.Dense(3))
    assert layer(tf.constant(X)).shape == (4, 3) and layer.layer.built
    assert len(layer.weights) == 2
    with pytest.raises(ValueError, match="a layer was expected"):
        tf.keras.layers.Wrapper("dense")


def test_layers_as_configs_and_back() -> None:
    ours, theirs = make_both(("Dense", {"units": 3}))
    config = tf.keras.layers.serialize(ours)
    assert as_json(config) == as_json(keras.layers.serialize(theirs))
    assert tf.keras.layers.deserialize(config).get_config() == ours.get_config()
    with pytest.raises(ValueError, match="config of a layer"):
        tf.keras.layers.deserialize(keras.losses.serialize(keras.losses.MeanSquaredError()))


def test_dense_in_mixed_precision() -> None:
    def make(k: Any) -> Any:
        return k.layers.Dense(4, activation="relu", dtype="mixed_bfloat16")

    ours, theirs = make_both(make)
    theirs(X)
    out = ours(tf.constant(X))
    ours.set_weights(theirs.get_weights())
    assert out.dtype == tf.bfloat16 and ours.kernel.dtype == tf.float32
    close(tf.cast(ours(tf.constant(X)), "float32"), np.asarray(theirs(X)).astype("f"), 2e-2)


def test_dense_of_steps_is_one_product() -> None:
    """A stack of products would make a gradient for each example before it adds them up."""
    layer = tf.keras.layers.Dense(4)
    layer(tf.constant(STEPS))
    run = tf.function(lambda x: layer(x), input_signature=[tf.TensorSpec([None, None, 3])])
    for shape in ((2, 5, 3), (0, 5, 3), (2, 0, 3)):
        assert run(tf.ones(shape)).shape == (*shape[:-1], 4)
    traced = tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec([None, 5, 3]))
    assert traced.graph.specs[traced.graph.outputs[0]].dims == (None, 5, 4)
    products = [node for node in traced.graph.nodes if node.op == "matmul"]
    assert len(products) == 1
    assert traced.graph.specs[products[0].inputs[0]].rank == 2


def test_dense_adds_nothing_to_a_product_a_sum_and_an_activation() -> None:
    for activation, names in ((None, []), ("relu", ["relu"])):
        layer = tf.keras.layers.Dense(4, activation=activation)
        layer.build((None, 3))
        traced = tf.function(lambda x, layer=layer: layer(x)).get_concrete_function(tf.constant(X))
        assert [node.op for node in traced.graph.operations] == ["matmul", "add", *names]


def test_what_dense_refuses() -> None:
    for units in (0, -1, 2.5, True, "3"):
        with pytest.raises(ValueError, match="positive integer"):
            tf.keras.layers.Dense(units)
    with pytest.raises(ValueError, match="size of the last axis"):
        tf.keras.layers.Dense(2).build((None, None))
    with pytest.raises(ValueError, match="quantized"):
        tf.keras.layers.Dense(2, quantization_config={})
    with pytest.raises(TypeError, match="lora_rank"):
        tf.keras.layers.Dense(2, lora_rank=2)
