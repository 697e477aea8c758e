"""DTypePolicy, tf.keras.config, mixed_precision and backend beside Keras's."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import keras, same_config

policies = tf.keras.dtype_policies
NAMES = [
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "int32",
    "uint8",
    "bool",
    "mixed_float16",
    "mixed_bfloat16",
]


@pytest.fixture(autouse=True)
def the_default_stays():
    """What a test sets is undone after it."""
    yield
    tf.keras.config.set_floatx("float32")
    policies._default = None


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_is_that_of_keras(name: str) -> None:
    ours, theirs = tf.keras.DTypePolicy(name), keras.DTypePolicy(name)
    for fact in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
        assert getattr(ours, fact) == getattr(theirs, fact)
    assert repr(ours) == repr(theirs)
    same_config(ours, theirs)
    assert policies.get(name) == ours
    assert policies.get(ours) is ours
    assert policies.deserialize(keras.dtype_policies.serialize(theirs)) == ours
    assert policies.get({"class_name": "DTypePolicy", "config": {"name": name}}) == ours
    assert hash(policies.get(name)) == hash(ours) and policies.get(name) != policies.get("int64")


def test_policies_from_dtypes() -> None:
    get = policies.get
    assert get(tf.float16).name == get(np.float16).name == "float16"
    assert get(None).name == tf.keras.DTypePolicy().name == "float32"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tf.keras.DTypePolicy("mixed_flota16"), ValueError, "Did you mean 'mixed_float16'"),
        (lambda: tf.keras.DTypePolicy(16), TypeError, "a name such as 'mixed_float16', not 16"),
        (lambda: policies.get("int8_from_float32"), ValueError, "no dtype policy 'int8_from"),
        (lambda: policies.get({"module": "keras.layers", "class_name": "Flatten", "config": {}}),
         TypeError, "A dtype policy was expected"),
        (lambda: tf.keras.layers.Flatten(dtype="flat32"), ValueError, "no dtype policy 'flat32'"),
    ],
)  # fmt: skip
def test_wrong_policies_are_named(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_default_policy_is_that_of_layers_made_later() -> None:
    before = tf.keras.layers.Dense(2)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert tf.keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert tf.keras.config.dtype_policy() == tf.keras.mixed_precision.Policy("mixed_bfloat16")
    layer = tf.keras.layers.Dense(2)
    y = layer(np.ones((1, 3), "float32"))
    assert y.dtype == "bfloat16" and layer.kernel.dtype == "float32"
    assert before(np.ones((1, 3), "float32")).dtype == "float32"
    assert tf.keras.layers.Dense(2, dtype="float64")(np.ones((1, 3))).dtype == "float64"
    tf.keras.config.set_dtype_policy("float32")
    assert tf.keras.layers.Dense(2).compute_dtype == "float32"


def test_floatx_is_the_policy_until_one_is_set() -> None:
    tf.keras.config.set_floatx("float64")
    assert tf.keras.config.dtype_policy().name == "float64"
    layer = tf.keras.layers.Dense(2)
    assert layer(np.ones((1, 3))).dtype == "float64" and layer.kernel.dtype == "float64"
    tf.keras.config.set_dtype_policy("float16")
    assert tf.keras.config.dtype_policy().name == "float16"


def test_backend_has_what_is_left_of_it_in_keras() -> None:
    ours, theirs = tf.keras.backend, keras.backend
    for dtype in (int, float, "float16", "uint8", "bool", None):
        assert ours.standardize_dtype(dtype) == theirs.standardize_dtype(dtype)
    for dtype in ("float16", "bfloat16", "float64", "int8", "uint64", "bool"):
        assert ours.is_float_dtype(dtype) == theirs.is_float_dtype(dtype)
        assert ours.is_int_dtype(dtype) == theirs.is_int_dtype(dtype)
    assert ours.is_keras_tensor(tf.keras.Input((2,))) and not ours.is_keras_tensor(tf.ones(2))
    assert ours.floatx is tf.keras.config.floatx
    assert ours.clear_session is tf.keras.utils.clear_session
