"""ReLU and its kin, PReLU, Softmax and Activation against Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.masking import get_mask, set_mask
from tests.keras.layer_witness import check_layer, floats
from tests.keras.witness import close, keras

X = floats(3, 4, low=-3.0, high=3.0)
STEPS = floats(2, 3, 4, seed=5)
CASES: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {
    "activation": ("Activation", {"activation": "softplus"}, X),
    "relu": ("ReLU", {}, X),
    "relu, all settings": ("ReLU", {"max_value": 2.0, "negative_slope": 0.1, "threshold": 0.5}, X),
    "relu6": ("ReLU", {"max_value": 1.5}, X),
    "leaky": ("LeakyReLU", {}, X),
    "leaky, steeper": ("LeakyReLU", {"negative_slope": 0.6}, X),
    "elu": ("ELU", {}, X),
    "elu, lower": ("ELU", {"alpha": 2.0}, X),
    "prelu": ("PReLU", {}, STEPS),
    "prelu, shared": ("PReLU", {"shared_axes": [1], "alpha_regularizer": "l2"}, STEPS),
    "prelu, one shared axis": ("PReLU", {"shared_axes": 2, "alpha_initializer": "ones"}, STEPS),
    "softmax": ("Softmax", {}, X),
    "softmax, axis 1": ("Softmax", {"axis": 1}, STEPS),
    "softmax of two axes": ("Softmax", {"axis": [1, 2]}, STEPS),
    "softmax of a list": ("Softmax", {"axis": [1]}, STEPS),
}


@pytest.mark.parametrize("case", CASES)
def test_the_layer_is_the_one_of_keras(case: str) -> None:
    name, arguments, x = CASES[case]
    check_layer((name, arguments), x)


MASKS = {
    "bool": np.array([[1, 1, 0, 1]] * 3, bool),
    "nothing left": np.array([[0, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]], bool),
    "stretched": np.array([[1, 0, 1, 1]], bool),
    "a vector": np.array([0, 1, 1, 0], bool),
    "numbers": np.array([[1, 0, 1, 0]] * 3, np.float32),
}


@pytest.mark.parametrize("mask", MASKS)
def test_softmax_leaves_masked_elements_out(mask: str) -> None:
    check_layer(("Softmax", {}), X, call={"mask": MASKS[mask]})


def test_softmax_in_16_bits() -> None:
    ours = tf.keras.layers.Softmax(dtype="float16")
    theirs = keras.layers.Softmax(dtype="float16")
    found = ours(tf.constant(X), mask=tf.constant(MASKS["nothing left"]))
    assert found.dtype == tf.float16
    expected = np.asarray(theirs(X, mask=MASKS["nothing left"])).astype("f")
    close(tf.cast(found, "float32"), expected, 2e-3)


def test_softmax_refuses_a_mask_that_is_larger_than_its_input() -> None:
    layer = tf.keras.layers.Softmax()
    for shape in ((3, 5), (2, 3, 4), (2, 4)):
        with pytest.raises(ValueError, match="each size of the mask"):
            layer(tf.constant(X), mask=tf.ones(shape, tf.bool))


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "PReLU", "Activation"])
def test_masks_are_handed_on(name: str) -> None:
    layer = getattr(tf.keras.layers, name)(*(["tanh"] if name == "Activation" else []))
    x = tf.constant(STEPS)
    mask = tf.constant(np.array([[1, 1, 0], [1, 0, 0]], bool))
    set_mask(x, mask)
    np.testing.assert_array_equal(get_mask(layer(x)).numpy(), mask.numpy())


def test_prelu_needs_the_sizes_it_does_not_share() -> None:
    with pytest.raises(ValueError, match="axis 1"):
        tf.keras.layers.PReLU().build((None, None, 4))
    layer = tf.keras.layers.PReLU(shared_axes=[1])
    layer.build((None, None, 4))
    assert tuple(layer.alpha.shape) == (1, 4)
    with pytest.raises(ValueError, match="size 4 along axis 2"):
        layer(tf.ones([2, 3, 5]))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ReLU", {"max_value": -1.0}), ("ReLU", {"negative_slope": -0.1}), ("ReLU", {"threshold": None}),
        ("LeakyReLU", {"negative_slope": None}), ("LeakyReLU", {"negative_slope": -1.0}),
    ],
)  # fmt: skip
def test_negative_settings_are_refused(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be 0 or more"):
        getattr(tf.keras.layers, name)(**arguments)


def test_an_unknown_activation_gets_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="'relu'"):
        tf.keras.layers.Activation("rleu")
