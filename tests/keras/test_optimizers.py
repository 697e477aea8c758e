"""Every optimizer beside Keras's: the same gradients give the same variables, state, and config."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.optimizer_witness import (
    GRADIENTS,
    agree,
    make_ours,
    make_theirs,
    make_variables,
    our_step,
    state,
    their_step,
)
from tests.keras.witness import as_json, jax, keras, same_config

# name -> class and options. Each runs 20 steps here eagerly, here as a graph, and in Keras.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "sgd, momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "sgd, nesterov": ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "sgd, clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 1.5}),
    "sgd, clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.7}),
    "sgd, global_clipnorm": ("SGD", {"learning_rate": 0.1, "global_clipnorm": 2.0}),
    "sgd, loss scale": ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 8.0}),
    "adam": ("Adam", {}),
    "adam, amsgrad": ("Adam", {"learning_rate": 0.01, "amsgrad": True, "beta_1": 0.8}),
    "adam, all else": ("Adam", {"epsilon": 1e-3, "weight_decay": 0.05, "clipnorm": 1.0}),
    "adam, accumulation": ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 3}),
    "adam, averages": ("Adam", {"use_ema": True, "ema_momentum": 0.8}),
    "adam, averages put in place": (
        "Adam",
        {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 4},
    ),
    "sgd, accumulated averages": (
        "SGD",
        {
            "momentum": 0.9,
            "use_ema": True,
            "ema_overwrite_frequency": 2,
            "gradient_accumulation_steps": 2,
            "weight_decay": 0.01,
            "global_clipnorm": 1.0,
        },
    ),
    "adamw": ("AdamW", {}),
    "adamw, options": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    "nadam": ("Nadam", {}),
    "nadam, options": ("Nadam", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.99}),
    "adamax": ("Adamax", {}),
    "adamax, options": ("Adamax", {"learning_rate": 0.02, "beta_2": 0.9, "clipvalue": 1.0}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop, momentum": ("RMSprop", {"rho": 0.8, "momentum": 0.5, "epsilon": 1e-4}),
    "rmsprop, centered": ("RMSprop", {"centered": True, "epsilon": 1e-3}),
    "rmsprop, all": ("RMSprop", {"momentum": 0.9, "centered": True, "epsilon": 1e-3}),
    "adagrad": ("Adagrad", {}),
    "adagrad, options": (
        "Adagrad",
        {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "epsilon": 1e-3},
    ),
    "adadelta": ("Adadelta", {}),
    "adadelta, options": ("Adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}),
    "ftrl": ("Ftrl", {"learning_rate": 0.1}),
    "ftrl, penalties": (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "l1_regularization_strength": 0.5,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.3,
        },
    ),
    "ftrl, power": ("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.3}),
    "lion": ("Lion", {}),
    "lion, options": ("Lion", {"learning_rate": 0.01, "beta_1": 0.6, "weight_decay": 0.1}),
    "lamb": ("Lamb", {}),
    "lamb, options": ("Lamb", {"learning_rate": 0.01, "beta_2": 0.9, "weight_decay": 0.01}),
    "adafactor": ("Adafactor", {}),
    "adafactor, options": (
        "Adafactor",
        {"learning_rate": 0.05, "beta_2_decay": -0.5, "clip_threshold": 0.5, "epsilon_2": 0.01},
    ),
    "muon": ("Muon", {}),
    "muon, options": (
        "Muon",
        {"learning_rate": 0.01, "nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5, "ns_steps": 3},
    ),
}  # fmt: skip


def _states_of_keras(cls: str, options: dict[str, Any]) -> list[list[np.ndarray]]:
    """What Keras's variables and those of its optimizer hold after each step."""
    optimizer, variables = make_theirs(cls, **options)
    if not options.get("gradient_accumulation_steps"):
        states = []
        for gradients in GRADIENTS:
            their_step(optimizer, variables, gradients)
            states.append(state(optimizer, variables))
        return states
    # A branch that is not compiled takes JAX half a second.
    step, states = jax.jit(optimizer.stateless_apply), []
    kept, moved = [v.value for v in optimizer.variables], [v.value for v in variables]
    for gradients in GRADIENTS:
        moved, kept = step(kept, gradients, moved)
        states.append([np.asarray(value, "float64") for value in [*moved, *kept]])
    return states


@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_are_those_of_keras(case: str) -> None:
    cls, options = CASES[case]
    states = _states_of_keras(cls, options)
    for compiled in (False, True):
        optimizer, variables = make_ours(cls, **options)
        step = tf.function(optimizer.apply, jit_compile=True) if compiled else optimizer.apply
        for gradients, expected in zip(GRADIENTS, states, strict=True):
            step([tf.constant(gradient) for gradient in gradients], variables)
            agree(state(optimizer, variables), expected)


@pytest.mark.parametrize("case", CASES)
def test_configs_are_those_of_keras_and_make_the_same_optimizer(case: str) -> None:
    cls, options = CASES[case]
    ours = getattr(tf.keras.optimizers, cls)(**options, name="one")
    theirs = getattr(keras.optimizers, cls)(**options, name="one")
    same_config(ours, theirs)
    again = tf.keras.optimizers.deserialize(keras.saving.serialize_keras_object(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    back = keras.saving.deserialize_keras_object(as_json(tf.keras.optimizers.serialize(ours)))
    assert back.get_config() == theirs.get_config()


CLASSES = sorted({cls for cls, _ in CASES.values()})


@pytest.mark.parametrize("cls", CLASSES)
def test_names_arguments_and_variables_are_those_of_keras(cls: str) -> None:
    theirs, _ = make_theirs(cls)
    ours, _ = make_ours(cls)
    assert re.sub(r"_\d+$", "", ours.name) == re.sub(r"_\d+$", "", theirs.name)
    assert type(tf.keras.optimizers.get(cls.lower())) is type(ours)
    assert type(tf.keras.optimizers.get({"class_name": cls.lower(), "config": {}})) is type(ours)
    known = inspect.signature(type(theirs)).parameters
    *own, rest = inspect.signature(type(ours)).parameters.values()
    assert rest.kind is rest.VAR_KEYWORD
    for parameter in own:
        assert parameter.default == known[parameter.name].default
    positional = [p.name for p in own if p.kind is not p.KEYWORD_ONLY]
    assert positional == list(known)[: len(positional)]
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        assert (tuple(a.shape), a.dtype.name.replace("64", "32")) == (tuple(b.shape), b.dtype)


def test_the_loss_scale_follows_overflows_as_in_keras() -> None:
    bad = [GRADIENTS[2][0], np.where(np.arange(5) == 3, np.inf, GRADIENTS[2][1]).astype("float32")]
    nan = [np.full_like(GRADIENTS[3][0], np.nan), GRADIENTS[3][1]]
    plan = [*GRADIENTS[:2], bad, *GRADIENTS[4:7], nan, nan, GRADIENTS[7]]
    runs = []
    for module, make in (
        (tf.keras, make_variables(tf.Variable)),
        (keras, make_variables(keras.Variable)),
    ):
        inner = module.optimizers.SGD(0.1, momentum=0.5, name="inner")
        scaled = module.optimizers.LossScaleOptimizer(inner, 64.0, 3, name="outer")
        runs.append((scaled, make))
    (ours, variables), (theirs, their_variables) = runs
    same_config(ours, theirs)
    ours.build(variables)
    theirs.build(their_variables)
    assert float(ours.scale_loss(tf.constant(2.0))) == float(theirs.scale_loss(2.0)) == 128.0
    compiled = tf.function(ours.apply, jit_compile=True)
    witness = jax.jit(theirs.stateless_apply)
    kept, moved = ([v.value for v in part] for part in (theirs.variables, their_variables))
    eager, eager_variables = (
        tf.keras.optimizers.get(ours.get_config() and _wire(ours)),
        make_variables(tf.Variable),
    )
    scales = []
    for gradients in plan:
        moved, kept = witness(kept, gradients, moved)
        expected = [np.asarray(value, "float64") for value in [*moved, *kept]]
        compiled([tf.constant(gradient) for gradient in gradients], variables)
        our_step(eager, eager_variables, gradients)
        agree(state(ours, variables), expected)
        agree(state(eager, eager_variables), expected)
        scales.append(float(ours.dynamic_scale))
    assert scales == [64, 64, 32, 32, 32, 64, 32, 16, 16]
    assert int(ours.iterations) == 6  # of nine steps, three were left out
    ours.learning_rate = 0.5
    assert float(ours.inner_optimizer.learning_rate) == 0.5
    assert ours.inner_optimizer.loss_scale_factor is None


def _wire(optimizer: Any) -> Any:
    return tf.keras.optimizers.serialize(optimizer)


@pytest.mark.parametrize("cls", ["SGD", "Nadam", "Adafactor", "LossScaleOptimizer"])
def test_saved_variables_go_on_exactly_and_both_ways(cls: str) -> None:
    def make(module: Any) -> Any:
        found = getattr(module.optimizers, cls)
        return (
            found(module.optimizers.Adam()) if cls == "LossScaleOptimizer" else found(use_ema=True)
        )

    first, variables = make(tf.keras), make_variables(tf.Variable)
    for gradients in GRADIENTS[:3]:
        our_step(first, variables, gradients)
    store: dict[str, Any] = {}
    first.save_own_variables(store)
    weights = [v.numpy() for v in variables]
    our_step(first, variables, GRADIENTS[3])
    second, others = make(tf.keras), [tf.Variable(weight) for weight in weights]
    second.build(others)
    second.load_own_variables(store)
    our_step(second, others, GRADIENTS[3])
    for a, b in zip(state(first, variables), state(second, others), strict=True):
        assert a.tobytes() == b.tobytes()
    theirs, their_variables = make(keras), [keras.Variable(weight) for weight in weights]
    theirs.build(their_variables)
    theirs.load_own_variables(store)
    back: dict[str, Any] = {}
    theirs.save_own_variables(back)
    third = make(tf.keras)
    third.build(make_variables(tf.Variable))
    third.load_own_variables(back)
    again: dict[str, Any] = {}
    third.save_own_variables(again)
    assert again.keys() == store.keys()
    assert all(np.array_equal(again[key], store[key]) for key in store)
    with pytest.warns(UserWarning, match="is not loaded"):
        make(tf.keras).load_own_variables(store)
