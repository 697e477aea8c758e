"""Schedules beside Keras's: the same learning rates, configs and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import jax, keras, same_config

STEPS = np.arange(0, 150, 3, dtype="int32")  # fifty of them
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "exponential": ("ExponentialDecay", {"decay_steps": 20, "decay_rate": 0.7}),
    "exponential, stairs": ("ExponentialDecay", {"decay_steps": 20, "decay_rate": 0.7, "staircase": True}),
    "inverse time": ("InverseTimeDecay", {"decay_steps": 10, "decay_rate": 0.5}),
    "inverse time, stairs": ("InverseTimeDecay", {"decay_steps": 10, "decay_rate": 0.5, "staircase": True}),
    "polynomial": ("PolynomialDecay", {"decay_steps": 90}),
    "polynomial, power": ("PolynomialDecay", {"decay_steps": 90, "end_learning_rate": 0.01, "power": 2.5}),
    "polynomial, cycle": ("PolynomialDecay", {"decay_steps": 40, "power": 0.5, "cycle": True}),
    "cosine": ("CosineDecay", {"decay_steps": 100}),
    "cosine, alpha": ("CosineDecay", {"decay_steps": 60, "alpha": 0.2}),
    "cosine, warmup": ("CosineDecay", {"decay_steps": 90, "warmup_target": 0.9, "warmup_steps": 30}),
    "cosine, no warmup steps": ("CosineDecay", {"decay_steps": 90, "warmup_target": 0.9}),
    "cosine, alpha and warmup": (
        "CosineDecay",
        {"decay_steps": 50, "alpha": 0.1, "warmup_target": 0.5, "warmup_steps": 7, "name": "mine"},
    ),
    "restarts": ("CosineDecayRestarts", {"first_decay_steps": 20}),
    "restarts, equal": ("CosineDecayRestarts", {"first_decay_steps": 40, "t_mul": 1.0, "m_mul": 0.5}),
    "restarts, all": (
        "CosineDecayRestarts",
        {"first_decay_steps": 11, "t_mul": 1.5, "m_mul": 0.8, "alpha": 0.1},
    ),
}  # fmt: skip


def _pair(name: str, /, **options: Any) -> tuple[Any, Any]:
    own, other = tf.keras.optimizers.schedules, keras.optimizers.schedules
    return getattr(own, name)(**options), getattr(other, name)(**options)


@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_are_those_of_keras(case: str) -> None:
    name, options = CASES[case]
    ours, theirs = _pair(name, initial_learning_rate=0.3, **options)
    # A branch of JAX takes one number at a time, and a tenth of a second where it is not compiled.
    one_by_one = options.get("warmup_target") is not None
    expected = map(jax.jit(theirs), STEPS) if one_by_one else np.asarray(theirs(STEPS))
    compiled = tf.function(ours)
    for step, rate in zip(STEPS, expected, strict=True):
        assert float(ours(int(step))) == pytest.approx(float(rate), rel=1e-6, abs=2e-7)
        assert float(compiled(tf.constant(step))) == pytest.approx(float(rate), rel=1e-6, abs=2e-7)
    assert ours(tf.Variable(3)).dtype == tf.float32


def test_values_between_boundaries() -> None:
    for boundaries, values in (
        ([30, 90], [1.0, 0.5, 0.25]),
        ([9.5], [0.1, 0.2]),
        ([5, 6, 7], [4.0, 3.0, 2.0, 1.0]),
    ):
        ours, theirs = _pair("PiecewiseConstantDecay", boundaries=boundaries, values=values)
        for step in (0, 5, 6, 7, 8, 9, 10, 30, 31, 90, 91):
            assert float(ours(step)) == pytest.approx(float(theirs(step)))
        same_config(ours, theirs)


@pytest.mark.parametrize("case", CASES)
def test_configs_are_those_of_keras(case: str) -> None:
    name, options = CASES[case]
    ours, theirs = _pair(name, initial_learning_rate=0.3, **options)
    same_config(ours, theirs)
    module = tf.keras.optimizers.schedules
    again = module.deserialize(keras.optimizers.schedules.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    same_config(tf.keras.optimizers.SGD(ours, name="a"), keras.optimizers.SGD(theirs, name="a"))
    config = tf.keras.optimizers.SGD(ours).get_config()
    made = tf.keras.optimizers.SGD.from_config(config)
    assert made.get_config() == config
    assert float(made.learning_rate) == float(ours(0))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "ExponentialDecay",
            {"decay_steps": 0, "decay_rate": 0.5},
            "decay_steps is .* above 0, not 0",
        ),
        ("InverseTimeDecay", {"decay_steps": -1, "decay_rate": 0.5}, "decay_steps is .* not -1"),
        ("PolynomialDecay", {"decay_steps": 0}, "decay_steps"),
        ("CosineDecay", {"decay_steps": 0}, "decay_steps"),
        ("CosineDecayRestarts", {"first_decay_steps": 0}, "first_decay_steps"),
    ],
)
def test_numbers_of_steps_are_above_0(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(tf.keras.optimizers.schedules, name)(0.1, **options)


def test_other_errors() -> None:
    with pytest.raises(ValueError, match="2 values and 2 boundaries"):
        tf.keras.optimizers.schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    with pytest.raises(
        NotImplementedError, match=r"LearningRateSchedule must define __call__\(step\)"
    ):
        tf.keras.optimizers.schedules.LearningRateSchedule()(0)
