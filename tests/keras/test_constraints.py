"""tf.keras.constraints beside Keras's."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from engine.keras import constraints
from tests.keras.witness import close, keras, same_config

MATRIX = np.random.default_rng(0).normal(0, 2, (4, 5)).astype("float32")
MATRIX[:, 1] = 0.0  # a vector without a direction
KERNEL = np.random.default_rng(1).normal(0, 1, (2, 3, 2, 4)).astype("float32")
CASES = [
    ("MaxNorm", {}, MATRIX),
    ("MaxNorm", {"max_value": 1.5, "axis": 1}, MATRIX),
    ("MaxNorm", {"max_value": 1, "axis": [0, 1, 2]}, KERNEL),
    ("NonNeg", {}, MATRIX),
    ("UnitNorm", {}, MATRIX),
    ("UnitNorm", {"axis": [0, 1, 2]}, KERNEL),
    ("MinMaxNorm", {}, MATRIX),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 2.5, "rate": 0.3, "axis": 1}, MATRIX),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 0.75, "axis": [0, 1, 2]}, KERNEL),
]


@pytest.mark.parametrize(("name", "arguments", "weight"), CASES)
def test_the_weight_and_the_config_are_those_of_keras(name, arguments, weight) -> None:
    ours = getattr(constraints, name)(**arguments)
    theirs = getattr(keras.constraints, name)(**arguments)
    close(ours(tf.Variable(weight)), theirs(weight))
    same_config(ours, theirs)
    copy = constraints.deserialize(keras.constraints.serialize(theirs))
    close(copy(weight), theirs(weight))
    close(tf.function(ours)(tf.constant(weight)), theirs(weight))


@pytest.mark.parametrize("name", ["MaxNorm", "max_norm", "NonNeg", "unit_norm", "min_max_norm"])
def test_names(name: str) -> None:
    ours, theirs = constraints.get(name), keras.constraints.get(name)
    same_config(ours, theirs)
    assert isinstance(ours, getattr(constraints, name))


def test_what_else_get_takes() -> None:
    assert constraints.get(None) is None
    own = constraints.NonNeg()
    assert constraints.get(own) is own
    assert constraints.get(abs) is abs
    assert isinstance(constraints.get(constraints.UnitNorm), constraints.UnitNorm)
    assert constraints.get({"class_name": "MaxNorm", "config": {"max_value": 7}}).max_value == 7
    with pytest.raises(
        ValueError, match=r"no constraint named 'max_nrom'\. Did you mean 'max_norm'"
    ):
        constraints.get("max_nrom")
    with pytest.raises(TypeError, match="not by 5"):
        constraints.get(5)


def test_ones_own() -> None:
    class Halved(constraints.Constraint):
        def __init__(self, by=0.5):
            self.by = by

        def __call__(self, w):
            return w * self.by

    config = constraints.serialize(Halved(0.25))
    copy = constraints.deserialize(config, custom_objects={"Halved": Halved})
    assert copy.by == 0.25
    np.testing.assert_array_equal(copy(tf.constant([4.0])).numpy(), [1.0])
    assert constraints.Constraint()(3.0) == 3.0
