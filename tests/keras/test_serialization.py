"""Configs in Keras 3's wire form: read and written as Keras does, and nothing in a file is ever run."""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras import serialization
from engine.keras.configurable import Configurable
from tests.keras.witness import as_json, keras, same_config

saving = tf.keras.saving


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    """What a test registers is gone after it."""
    before = dict(serialization._globally), dict(serialization._names)
    yield
    for table, kept in zip((serialization._globally, serialization._names), before, strict=True):
        table.clear()
        table.update(kept)


def through_a_file(config: Any) -> Any:
    """A config as JSON and back."""
    return json.loads(json.dumps(config))


# --- the same as Keras ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, "relu", [1, [2.0, "a"]], (1, (2, 3)), {"a": {"b": (1, None)}},
        np.float32(0.5), np.int64(7), np.array([[1.0, 2.0]], "float32"), np.array(4),
        slice(1, None, 2), Ellipsis, b"bytes",
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_are_written_and_read_as_keras_does(value: Any) -> None:
    written = saving.serialize_keras_object(value)
    assert as_json(written) == as_json(keras.saving.serialize_keras_object(value))
    ours = saving.deserialize_keras_object(through_a_file(written))
    theirs = keras.saving.deserialize_keras_object(through_a_file(written))
    np.testing.assert_equal(as_json(ours), as_json(theirs))


def test_tensors_and_dtypes() -> None:
    tensor = tf.constant([[1.0, 2.0]])
    written = saving.serialize_keras_object(tensor)
    assert written == keras.saving.serialize_keras_object(keras.ops.array([[1.0, 2.0]]))
    back = saving.deserialize_keras_object(through_a_file(written))
    assert isinstance(back, tf.Tensor) and back.dtype == "float32"
    np.testing.assert_array_equal(back.numpy(), tensor.numpy())
    assert saving.serialize_keras_object(tf.Variable(1.0))["class_name"] == "__tensor__"
    assert saving.serialize_keras_object(tf.int32) == "int32"
    assert saving.serialize_keras_object(tf.TensorShape([None, 3])) == [None, 3]


OBJECTS = [
    lambda k: k.layers.Dense(3, activation="relu", name="d"),
    lambda k: k.layers.Dense(
        4, use_bias=False, kernel_initializer=k.initializers.HeNormal(seed=3),
        kernel_regularizer="l2", kernel_constraint=k.constraints.MaxNorm(1.5, axis=1),
        activity_regularizer=k.regularizers.L1L2(l1=0.1), dtype="mixed_bfloat16", trainable=False, name="d",
    ),
    lambda k: k.layers.Dropout(0.3, noise_shape=(None, 1), seed=4, name="d"),
    lambda k: k.layers.Activation("swish", name="d"),
    lambda k: k.layers.Flatten(name="f"),
    lambda k: k.random.SeedGenerator(3, name="s"),
    lambda k: k.DTypePolicy("mixed_float16"),
    lambda k: k.initializers.Constant(2.0),
    lambda k: k.regularizers.OrthogonalRegularizer(0.5),
    lambda k: k.constraints.NonNeg(),
    lambda k: {"a": [k.layers.Flatten(name="f"), k.initializers.Zeros()]},
]  # fmt: skip


@pytest.mark.parametrize("make", OBJECTS)
def test_objects_are_written_as_keras_does_and_either_reads_the_other(make: Any) -> None:
    ours, theirs = make(tf.keras), make(keras)
    same_config(ours, theirs)
    written = through_a_file(saving.serialize_keras_object(ours))
    same_config(saving.deserialize_keras_object(written), theirs)
    same_config(ours, keras.saving.deserialize_keras_object(written))


def test_the_build_config_builds_the_layer() -> None:
    ours, theirs = (k.layers.Dense(3, name="d") for k in (tf.keras, keras))
    ours.build((None, 5))
    theirs.build((None, 5))
    same_config(ours, theirs)
    copy = saving.deserialize_keras_object(through_a_file(saving.serialize_keras_object(ours)))
    assert copy.built and [tuple(w.shape) for w in copy.weights] == [(5, 3), (3,)]


# --- one's own classes and functions -------------------------------------------------------------------


def shifted(x):
    """A function that files may name."""
    return x + 1


def _scaled(k: Any) -> type:
    class Scaled(k.layers.Layer):
        """A layer of someone's own."""

        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs):
            return inputs * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    Scaled.__module__ = __name__
    return Scaled


def test_registered_classes_and_functions_have_keras_form() -> None:
    ours, theirs = _scaled(tf.keras), _scaled(keras)
    same_config(ours(3.0, name="s"), theirs(3.0, name="s"))
    assert saving.register_keras_serializable("course")(ours) is ours
    keras.saving.register_keras_serializable("course")(theirs)
    same_config(ours(3.0, name="s"), theirs(3.0, name="s"))
    assert saving.get_registered_name(ours) == "course>Scaled"
    assert saving.get_registered_object("course>Scaled") is ours
    assert saving.get_custom_objects()["course>Scaled"] is ours
    copy = saving.deserialize_keras_object(keras.saving.serialize_keras_object(theirs(3.0)))
    assert type(copy) is ours and copy.factor == 3.0
    saving.register_keras_serializable("course", name="plus")(shifted)
    keras.saving.register_keras_serializable("course", name="plus")(shifted)
    written = saving.serialize_keras_object(shifted)
    assert written == keras.saving.serialize_keras_object(shifted)
    assert saving.deserialize_keras_object(through_a_file(written)) is shifted
    dense, their_dense = (
        k.layers.Dense(2, activation=shifted, name="d") for k in (tf.keras, keras)
    )
    same_config(dense, their_dense)
    copy = saving.deserialize_keras_object(through_a_file(saving.serialize_keras_object(dense)))
    assert copy.activation is shifted


def test_a_class_without_get_config_cannot_be_registered() -> None:
    with pytest.raises(ValueError, match="Plain cannot be registered: it needs a get_config"):

        @saving.register_keras_serializable()
        class Plain:
            pass


def test_scopes_and_custom_objects() -> None:
    scaled = _scaled(tf.keras)
    written = through_a_file(saving.serialize_keras_object(scaled(3.0)))
    with pytest.raises(TypeError, match="names the class 'Scaled', which is not known here"):
        saving.deserialize_keras_object(written)
    assert saving.deserialize_keras_object(written, {"Scaled": scaled}).factor == 3.0
    other = _scaled(tf.keras)
    for scope in (
        saving.custom_object_scope,
        saving.CustomObjectScope,
        tf.keras.utils.custom_object_scope,
    ):
        with scope({"Scaled": scaled, "shifted": shifted}):
            assert type(saving.deserialize_keras_object(written)) is scaled
            assert saving.get_registered_object("Scaled") is scaled
            with scope({"Scaled": other}):  # the innermost counts, and the outer one still
                assert type(saving.deserialize_keras_object(written)) is other
                assert tf.keras.activations.get("shifted") is shifted
            assert type(saving.deserialize_keras_object(written)) is scaled
    assert saving.get_registered_object("Scaled") is None
    assert saving.get_registered_object("Scaled", module_objects={"Scaled": scaled}) is scaled
    # A scope ends also when an error leaves it.
    with pytest.raises(KeyError), saving.custom_object_scope({"Scaled": scaled}):
        raise KeyError
    assert saving.get_registered_object("Scaled") is None


def test_a_scope_does_not_replace_the_classes_of_keras() -> None:
    config = saving.serialize_keras_object(tf.keras.layers.Flatten())
    with saving.custom_object_scope({"Flatten": _scaled(tf.keras)}):
        assert type(saving.deserialize_keras_object(config)) is tf.keras.layers.Flatten


def test_scopes_belong_to_their_thread() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with saving.custom_object_scope({"Mine": shifted}), ThreadPoolExecutor(1) as pool:
        assert pool.submit(saving.get_registered_object, "Mine").result() is None


def test_a_class_outside_the_engine_needs_no_get_config() -> None:
    """Keras needs it written down; here it follows from what `__init__` was called with."""

    class Shift(tf.keras.layers.Layer):
        def __init__(self, by, *, twice=False, **kwargs):
            super().__init__(**kwargs)
            self._amount = by * 2 if twice else by

        def call(self, inputs):
            return inputs + self._amount

    config = Shift(3.0, twice=True, name="s").get_config()
    assert (config["by"], config["twice"], config["name"]) == (3.0, True, "s")
    assert Shift.from_config(config)._amount == 6.0


def test_an_object_met_twice_is_made_once() -> None:
    dense = tf.keras.layers.Dense(2, name="d")
    other = tf.keras.layers.Dense(2, name="other")
    written = through_a_file(serialization.serialize_shared([dense, {"again": dense}, other]))
    assert "shared_object_id" not in written[2]
    numbers = {written[0]["shared_object_id"], written[1]["again"]["shared_object_id"]}
    assert len(numbers) == 1
    with serialization.sharing_scope():
        first, second, _ = saving.deserialize_keras_object(written)
    assert first is second["again"]
    with keras.src.saving.serialization_lib.ObjectSharingScope():
        first, second, _ = keras.saving.deserialize_keras_object(written)
    assert first is second["again"]
    alone = saving.serialize_keras_object([dense, dense])
    assert "shared_object_id" not in alone[0]


# --- refusals -------------------------------------------------------------------------------------------


def test_what_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="neither a number, a string"):
        saving.serialize_keras_object({"a": object()})
    with pytest.raises(TypeError, match="objects, not classes"):
        saving.serialize_keras_object(tf.keras.layers.Dense)


def _config(module: Any, name: str, inner: Any = None, registered: Any = None) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": name,
        "config": inner or {},
        "registered_name": registered,
    }


HOSTILE = [
    _config("os", "system", {"command": "true"}),
    _config("os", "function", "system", "function"),
    _config("builtins", "function", "eval", "function"),
    _config("builtins", "function", "__import__", "function"),
    _config("builtins", "function", "__init__", "function"),
    _config("builtins", "function", "find", "function"),
    _config("builtins", "function", "get", "function"),
    _config("builtins", "function", "deserialize", "function"),
    _config("subprocess", "Popen", {"args": ["true"]}),
    _config("engine.keras.losses", "MeanSquaredError"),
    _config("engine.keras.layers", "Dense", {"units": 1}),
    _config("keras.layers", "importlib"),
    _config("keras.layers", "Any"),
    _config("keras.layers", "__dict__"),
    _config("keras.layers", "_private"),
    _config("keras.layers.core", "Dense", {"units": 1}),
    _config("keras", "layers"),
    _config("keras", "nest.flatten"),
    _config("keras.utils", "get_file", {"fname": "a", "origin": "http://localhost/"}),
    _config("keras.saving", "load_model", {"filepath": "a"}),
    _config("keras.src.saving.saving_lib", "load_model"),
    _config("keras.datasets", "mnist"),
    _config("keras.__main__", "Dense"),
    _config("keras..os", "path"),
    _config("antigravity", "Dense"),
    _config(None, "Dense", {"units": 1}),
    _config("", "Dense", {"units": 1}),
    _config(3, "Dense", {"units": 1}),
    _config("keras.layers", "Dense", ["units"]),
    _config("keras.layers", "Dense", "units"),
    {"class_name": "function", "config": {"a": 1}, "module": "builtins"},
    {"class_name": 3, "config": {}, "module": "keras.layers"},
]


@pytest.mark.parametrize("config", HOSTILE, ids=lambda c: f"{c.get('module')} {c['class_name']}")
def test_a_config_never_imports_or_runs_what_it_names(config, monkeypatch) -> None:
    imported = []
    real = importlib.import_module

    def watched(name, *args):
        imported.append(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", watched)
    before = set(sys.modules)
    with pytest.raises(TypeError, match=r"not known here|should be a"):
        saving.deserialize_keras_object(through_a_file(config))
    assert all(name.startswith("engine.keras") for name in imported)
    assert all(name.startswith("engine.") for name in set(sys.modules) - before)


def test_unknown_names_say_what_to_do_and_what_is_near() -> None:
    saving.register_keras_serializable("course")(_scaled(tf.keras))
    with pytest.raises(
        TypeError, match=r"'course>Scaledd'.*Did you mean 'course>Scaled'.*custom_objects="
    ):
        saving.deserialize_keras_object(_config(None, "course>Scaledd"))
    with pytest.raises(TypeError, match="names the function 'nowhere', which is not known"):
        saving.deserialize_keras_object(_config("builtins", "function", "nowhere", "function"))
    with pytest.raises(TypeError, match="should be a dict"):
        saving.deserialize_keras_object(_config("keras.layers", "Dense", [1]))


# --- configs that nobody wrote ----------------------------------------------------------------------------


class _Base(Configurable):
    def __init__(self, size, *, scale=1.0, **kwargs):
        self.other = (size, scale, kwargs)


class _Middle(_Base):
    def __init__(self, first, *rest, mode="a", **kwargs):
        super().__init__(**kwargs)
        self.first = first


class _Last(_Middle):
    """Has no arguments of its own."""


class _Closed(_Base):
    def __init__(self, only=3):
        super().__init__(size=only * 2)


def test_a_config_follows_from_the_call() -> None:
    assert _Base(3).get_config() == {"size": 3, "scale": 1.0}
    assert _Base(3, scale=2.0).get_config() == {"size": 3, "scale": 2.0}
    assert _Base(scale=2.0, size=4).get_config() == {"size": 4, "scale": 2.0}
    assert _Last("f", size=4, scale=0.5).get_config() == {
        "first": "f", "mode": "a", "size": 4, "scale": 0.5,
    }  # fmt: skip
    # A class that hands nothing on has its own arguments alone.
    assert _Closed().get_config() == {"only": 3} and _Closed(5).get_config() == {"only": 5}
    for made in (_Base(3, scale=2.0), _Last(tf.keras.activations.relu, size=4), _Closed(2)):
        config = through_a_file(made.get_config())
        assert type(made).from_config(config).get_config() == made.get_config()
    assert _Last(tf.keras.activations.relu, size=1).get_config()["first"] == "relu"
    nested = _Closed(tf.keras.initializers.Constant(2.0).value)
    assert nested.get_config() == {"only": 2.0}


def test_a_class_without_settings_takes_none() -> None:
    with pytest.raises(TypeError, match="positional argument"):
        tf.keras.initializers.Zeros(3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'axis'"):
        tf.keras.constraints.NonNeg(axis=1)


def test_objects_inside_a_config_are_made_again() -> None:
    made = _Base(tf.keras.regularizers.L2(0.5), scale=[tf.keras.constraints.NonNeg()])
    copy = _Base.from_config(through_a_file(made.get_config()))
    size, scale, _ = copy.other
    assert isinstance(size, tf.keras.regularizers.L2) and size.l2 == 0.5
    assert isinstance(scale[0], tf.keras.constraints.NonNeg)


FAMILIES = [
    (family, name)
    for family in ("initializers", "regularizers", "constraints", "random")
    for name in dir(getattr(keras, family))
    if not name.startswith("_") and "stft" not in name.lower()
]


@pytest.mark.parametrize(("family", "name"), FAMILIES, ids=[f"{f}.{n}" for f, n in FAMILIES])
def test_names_and_arguments_are_those_of_keras(family: str, name: str) -> None:
    ours, theirs = (getattr(getattr(k, family), name) for k in (tf.keras, keras))

    def facts(item):
        known = inspect.signature(item.__init__ if isinstance(item, type) else item).parameters
        every = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [(p.name, p.default) for p in known.values() if p.kind not in every]

    assert isinstance(ours, type) == isinstance(theirs, type)
    assert facts(ours) == facts(theirs)


# --- layers shared between the parts of a model -----------------------------------------------------------


def _numbers(tensors: Any) -> list[np.ndarray]:
    return [np.asarray(t.numpy() if isinstance(t, tf.Tensor) else t) for t in tensors]


def test_a_layer_in_two_wrappers_is_one_layer_after_loading(tmp_path) -> None:
    """Keras reads such a file of ours; of its own it makes two layers, and misses the weights of one."""
    dense = tf.keras.layers.Dense(3, name="shared")
    x = tf.keras.Input((4, 5))
    made = [
        tf.keras.layers.TimeDistributed(dense, name=name)(x * by)
        for name, by in (("a", 1), ("b", 2))
    ]
    model = tf.keras.Model(x, made)
    model.save(tmp_path / "model.keras")
    data = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    for k in (tf.keras, keras):
        loaded = k.models.load_model(tmp_path / "model.keras")
        assert len(loaded.weights) == len(model.weights) == 2
        for ours, theirs in zip(_numbers(model(data)), _numbers(loaded(data)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_layer_shared_with_an_inner_model_is_one_layer_after_loading(tmp_path) -> None:
    """The calls in the one model and in the other are told apart. (Keras cannot load its own such file.)"""
    dense = tf.keras.layers.Dense(5, name="shared")
    i = tf.keras.Input((5,), name="i")
    inner = tf.keras.Model(i, tf.keras.layers.Dense(1)(dense(dense(i))), name="inner")
    o = tf.keras.Input((5,), name="o")
    y = dense(o)
    model = tf.keras.Model(o, [inner(y), dense(y), inner(dense(y))])
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == len(model.weights) == 4
    data = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    for ours, theirs in zip(_numbers(model(data)), _numbers(loaded(data)), strict=True):
        np.testing.assert_array_equal(ours, theirs)
