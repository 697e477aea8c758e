"""fit beside Keras itself: the same weights and batches give the same history and the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import close, keras

RNG = np.random.default_rng(7)
X = RNG.normal(size=(10, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")
CLASSES = RNG.integers(0, 3, 10).astype("int32")
WEIGHTS = RNG.uniform(0.2, 2.0, 10).astype("float32")
TWO = {"a": RNG.normal(size=(10, 2)).astype("float32"), "b": CLASSES}
SEQUENCES = RNG.normal(size=(10, 4, 3)).astype("float32")
Framework = Any  # the engine's keras, or Keras


def line(k: Framework, **options: Any) -> Any:
    model = k.Sequential([k.Input((3,)), k.layers.Dense(1, name="out")])
    model.compile(k.optimizers.SGD(0.05), "mse", **({"metrics": ["mae"]} | options))
    return model


def classifier(k: Framework, **options: Any) -> Any:
    hidden = k.layers.Dense(4, activation="tanh")
    model = k.Sequential([k.Input((3,)), hidden, k.layers.Dense(3, activation="softmax")])
    loss = "sparse_categorical_crossentropy"
    model.compile(k.optimizers.SGD(0.1), loss, **({"metrics": ["accuracy"]} | options))
    return model


def two_outputs(k: Framework, as_dict: bool, **options: Any) -> Any:
    x = k.Input((3,), name="x")
    hidden = k.layers.Dense(4, activation="tanh", name="hidden")(x)
    a = k.layers.Dense(2, name="a")(hidden)
    b = k.layers.Dense(3, activation="softmax", name="b")(hidden)
    model = k.Model(x, {"a": a, "b": b} if as_dict else [a, b])
    model.compile(k.optimizers.SGD(0.05), **options)
    return model


def named(loss: str = "crossentropy") -> dict[str, Any]:
    return {
        "loss": {"a": "mse", "b": loss},
        "loss_weights": {"a": 0.5, "b": 2.0},
        "metrics": {"a": ["mae"], "b": ["accuracy"]},
    }


def adds_loss(k: Framework) -> Any:
    """A layer that adds a loss, in either framework."""

    class Activity(k.layers.Layer):
        def call(self, inputs: Any) -> Any:
            mean = tf.reduce_mean if k is tf.keras else keras.ops.mean
            self.add_loss(0.1 * mean(inputs * inputs))
            return inputs

    return Activity()


def with_losses(k: Framework) -> Any:
    dense = k.layers.Dense(4, kernel_regularizer="l2", bias_regularizer="l1", name="hidden")
    model = k.Sequential([k.Input((3,)), dense, adds_loss(k), k.layers.Dense(1)])
    model.compile(k.optimizers.SGD(0.05), "mse")
    return model


def sequences(k: Framework) -> Any:
    model = k.Sequential([k.Input((4, 3)), k.layers.Dense(1)])
    model.compile(k.optimizers.SGD(0.05), "mse", weighted_metrics=["mae"])
    return model


def given(**options: Any) -> Callable[[Framework], dict[str, Any]]:
    return lambda k: options


Model = Callable[[Framework], Any]
FIT: dict[str, tuple[Model, Callable[[Framework], dict[str, Any]]]] = {
    "regression": (line, given(x=X, y=Y)),
    "targets without an axis": (line, given(x=X, y=Y[:, 0])),
    "validation_split": (line, given(x=X, y=Y, validation_split=0.3)),
    "validation_data with weights": (
        lambda k: line(k, weighted_metrics=["mse"]),
        given(x=X, y=Y, validation_data=(X[:5] + 1, Y[:5], WEIGHTS[:5]), validation_batch_size=2),
    ),
    "validation_freq": (line, given(x=X, y=Y, validation_data=(X[:3], Y[:3]), validation_freq=2)),
    "sample_weight": (
        lambda k: line(k, weighted_metrics=["mae", "mse"]),
        given(x=X, y=Y, sample_weight=WEIGHTS),
    ),
    "class_weight": (
        lambda k: classifier(k, weighted_metrics=["accuracy"]),
        given(x=X, y=CLASSES, class_weight={0: 0.5, 2: 3.0}),
    ),
    "one-hot labels": (
        lambda k: _one_hot(k),
        given(x=X, y=np.eye(3, dtype="float32")[CLASSES], class_weight={1: 2.0}),
    ),
    "outputs in a dict": (lambda k: two_outputs(k, True, **named()), given(x=X, y=TWO)),
    "outputs in a list": (
        lambda k: two_outputs(
            k,
            False,
            loss=["mse", "sparse_categorical_crossentropy"],
            loss_weights=[1.0, 0.3],
            metrics=[["mae", "mse"], "accuracy"],
            weighted_metrics=[None, ["accuracy"]],
        ),
        given(x={"x": X}, y=[TWO["a"], TWO["b"]], sample_weight=[WEIGHTS, WEIGHTS[::-1].copy()]),
    ),
    "a list of outputs, targets by name": (
        lambda k: two_outputs(k, False, **named("sparse_categorical_crossentropy")),
        given(x=X, y=TWO, validation_split=0.4),
    ),
    "one output without a loss": (
        lambda k: two_outputs(k, True, loss={"a": "mse"}, metrics={"b": ["accuracy"]}),
        given(x=X, y=TWO),
    ),
    "losses of layers": (with_losses, given(x=X, y=Y)),
    "steps_per_execution": (
        lambda k: line(k, steps_per_execution=3),
        given(x=X, y=Y, batch_size=2),
    ),
    "fewer steps than batches": (line, given(x=X, y=Y, batch_size=2, steps_per_epoch=3)),
    "steps instead of a batch size": (line, given(x=X, y=Y, batch_size=None, steps_per_epoch=2)),
    "initial_epoch": (line, given(x=X, y=Y, initial_epoch=1)),
    "weights of time steps": (
        sequences,
        given(x=SEQUENCES, y=SEQUENCES[..., :1], sample_weight=np.abs(SEQUENCES[..., 1])),
    ),
    "batches of a dataset": (line, lambda k: {"x": _dataset(k), "batch_size": None}),
}


def _one_hot(k: Framework) -> Any:
    model = classifier(k)
    model.compile(k.optimizers.SGD(0.1), "ce", metrics=["acc"])
    return model


def _dataset(k: Framework) -> Any:
    """The same batches: a Dataset here, for Keras what it has in its place."""
    if k is tf.keras:
        return tf.data.Dataset.from_tensor_slices((X, Y, WEIGHTS)).batch(4)

    class Rows(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return 3

        def __getitem__(self, number: int) -> Any:
            rows = slice(4 * number, 4 * number + 4)
            return X[rows], Y[rows], WEIGHTS[rows]

    return Rows()


def pair(make: Model) -> tuple[Any, Any]:
    """The model in both frameworks, with the same weights."""
    ours, theirs = make(tf.keras), make(keras)
    theirs.run_eagerly = True  # operations are compiled once for all models, steps for each
    theirs.set_weights([0.3 * RNG.normal(size=w.shape) for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    return ours, theirs


@pytest.mark.parametrize("name", FIT)
def test_fit_gives_the_history_and_the_weights_of_keras(name: str) -> None:
    make, arguments = FIT[name]
    ours, theirs = pair(make)
    settings = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    own = ours.fit(**(settings | arguments(tf.keras))).history
    other = theirs.fit(**(settings | arguments(keras))).history
    assert sorted(own) == sorted(other)
    for key, values in other.items():
        np.testing.assert_allclose(own[key], values, rtol=2e-5, atol=1e-6, err_msg=key)
    close(ours.get_weights(), theirs.get_weights())


def test_evaluate_predict_and_single_batches_are_those_of_keras() -> None:
    ours, theirs = pair(lambda k: two_outputs(k, True, **named()))
    found = ours.evaluate(X, TWO, batch_size=4, verbose=0)
    expected = theirs.evaluate(X, TWO, batch_size=4, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    close(ours.predict(X, batch_size=4, verbose=0), theirs.predict(X, batch_size=4, verbose=0))
    close(ours.predict_on_batch(X[:2]), theirs.predict_on_batch(X[:2]))
    for method in ("train_on_batch", "test_on_batch"):
        own = getattr(ours, method)(X, TWO, return_dict=True)
        other = getattr(theirs, method)(X, TWO, return_dict=True)
        assert sorted(own) == sorted(other)
        for key in other:
            np.testing.assert_allclose(own[key], other[key], rtol=1e-5, err_msg=f"{method} {key}")
    close(ours.get_weights(), theirs.get_weights())
    assert ours.metrics_names == theirs.metrics_names


def test_class_weights_count_in_train_on_batch() -> None:
    ours, theirs = pair(classifier)
    own = ours.train_on_batch(X, CLASSES, class_weight={0: 2.0, 1: 0.1})
    other = theirs.train_on_batch(X, CLASSES, class_weight={0: 2.0, 1: 0.1})
    np.testing.assert_allclose(own, other, rtol=1e-5)
    close(ours.get_weights(), theirs.get_weights())


def test_what_compile_was_given_is_written_as_keras_writes_it() -> None:
    for make in (line, lambda k: two_outputs(k, True, **named())):
        ours, theirs = make(tf.keras), make(keras)
        own, other = ours.get_compile_config(), theirs.get_compile_config()
        assert own.pop("jit_compile") is False and other.pop("jit_compile") in (True, False)
        assert list(own) == list(other)
        own.pop("optimizer"), other.pop("optimizer")  # their configs have tests of their own
        assert own == other
        again = make(tf.keras)
        again.compile_from_config(ours.get_compile_config())
        assert again.get_compile_config() == ours.get_compile_config()
