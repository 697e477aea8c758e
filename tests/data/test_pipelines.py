"""What about a hundred pipelines give, compared with what TensorFlow recorded; see tests/oracle/README.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

import engine as tf
from tests.oracle.case import read
from tests.oracle.data_pipelines import PIPELINES, VALUES, observed, value_of
from tests.oracle.tensorflow_signatures import arguments

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
    assert set(RECORDED) == {*PIPELINES, *(f"value: {name}" for name in VALUES), "signatures"}


# Methods of TensorFlow's Dataset that are not there.
WITHOUT = {
    "bucket_by_sequence_length", "fingerprint", "group_by_window", "ignore_errors", "list_files", "load",
    "ragged_batch", "rebatch", "rejection_resample", "save", "snapshot", "sparse_batch", "unique",
}  # fmt: skip


@pytest.mark.parametrize("kind", [tf.data.Dataset, tf.data.Iterator])
def test_methods_take_the_arguments_of_tensorflow(kind: Any) -> None:
    theirs = RECORDED["signatures"][kind.__name__]
    ours = {name: arguments(getattr(kind, name)) for name in theirs if hasattr(kind, name)}
    missing = {name for name in theirs if name not in ours}
    if kind is tf.data.Dataset:
        assert missing == WITHOUT
        wrong = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
        assert not wrong
    assert ours
