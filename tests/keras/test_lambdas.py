"""Lambdas in configs: refused, or read by those who ask for it, here and in Keras."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import engine as tf
from tests.keras.witness import keras

saving = tf.keras.saving


def through_a_file(config: Any) -> Any:
    return json.loads(json.dumps(config))


@pytest.fixture
def warned() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The object being serialized includes a `lambda`")
        warnings.filterwarnings("ignore", "The config holds a lambda")
        yield


@pytest.mark.usefixtures("warned")
@pytest.mark.parametrize("k", [tf.keras, keras])
def test_lambdas_are_refused_wherever_they_are(k: Any) -> None:
    written = through_a_file(k.saving.serialize_keras_object(lambda x: x + 1))
    nested = {"class_name": "Activation", "module": "keras.layers", "registered_name": None}
    for config in (written, [written], {**nested, "config": {"activation": written}}):
        with pytest.raises(ValueError, match="holds a lambda, which is Python code"):
            saving.deserialize_keras_object(config)


@pytest.mark.usefixtures("warned")
def test_a_lambda_is_read_by_those_who_trust_it() -> None:
    scale = 3.0
    function = lambda x, offset=1: x * scale + offset  # noqa: E731
    for writer in (tf.keras, keras):
        config = through_a_file(writer.saving.serialize_keras_object([function]))
        for reader in (tf.keras, keras):
            (read,) = reader.saving.deserialize_keras_object(config, safe_mode=False)
            assert read(2.0) == 7.0 and read(2.0, offset=0) == 6.0
    known = through_a_file(saving.serialize_keras_object(lambda x: tf.reduce_sum(x) + helper(x[0])))  # type: ignore[name-defined]  # noqa: F821
    read = saving.deserialize_keras_object(known, {"helper": lambda x: 2 * x}, safe_mode=False)
    assert read(tf.constant([1.0, 2.0])).numpy() == 5.0


@pytest.mark.usefixtures("warned")
def test_a_lambda_that_means_nothing_here_is_refused() -> None:
    config = through_a_file(saving.serialize_keras_object(lambda x: x))
    config["config"]["python"] = "3.99"
    with pytest.raises(ValueError, match=r"bytecode of Python 3\.99, and this is Python 3"):
        saving.deserialize_keras_object(config, safe_mode=False)
    for code in ("", "AAAA", "4wAA", "not base64!", 7):
        config["config"] = {"value": [code, None, None]}
        with pytest.raises(ValueError, match=r"lambda that Python .* cannot read"):
            saving.deserialize_keras_object(config, safe_mode=False)
    tensor = tf.constant(1.0)
    with pytest.raises(TypeError, match=r"'tensor' is .*only numbers, strings"):
        saving.serialize_keras_object(lambda x: x + tensor)
    with pytest.raises(TypeError, match=r"'y' is .*only numbers, strings"):
        saving.serialize_keras_object(lambda x, y=tensor: x + y)


def test_unsafe_deserialization_may_be_enabled_for_all() -> None:
    """In another process: there is no way back."""
    program = """
import warnings, engine as tf
warnings.simplefilter("ignore")
config = tf.keras.saving.serialize_keras_object(lambda x: x + 1)
tf.keras.config.enable_unsafe_deserialization()
print(tf.keras.saving.deserialize_keras_object(config)(1))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2\n", done.stderr
