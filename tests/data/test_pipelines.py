"""What about a hundred pipelines give, compared with what TensorFlow recorded; see tests/oracle/README.md."""

from __future__ import annotations

import json

import pytest

import engine as tf
from tests.oracle.case import read
from tests.oracle.data_pipelines import PIPELINES, VALUES, observed, value_of

_, RECORDED = read("tf_data")

# Where the engine means to differ: what it gives instead, and why.
DIFFERS = {
    "flat_map to a tensor": (
        "error",
        "TypeError",
    ),  # TensorFlow's AttributeError is about its insides
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_gives_what_tensorflow_gives(name: str) -> None:
    seen = json.loads(json.dumps(observed(PIPELINES[name], tf)))
    expected = RECORDED[name]
    if name in DIFFERS:
        key, value = DIFFERS[name]
        assert expected[key] != value, "the difference is gone"
        expected = {**expected, key: value}
    assert seen == expected


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_that_of_tensorflow(name: str) -> None:
    assert json.loads(json.dumps(value_of(VALUES[name], tf))) == RECORDED[f"value: {name}"]


def test_every_recorded_pipeline_is_compared() -> None:
    assert set(RECORDED) == set(PIPELINES) | {f"value: {name}" for name in VALUES}
