"""What compile is given: losses, metrics and weights for one output and for several; and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.keras.trainer.outputs import Outputs

X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2)
A = np.float32([[1], [2], [3], [4]])
B = np.int32([0, 1, 2, 1])


def two(**options: Any) -> tf.keras.Model:
    x = tf.keras.Input((2,), name="x")
    a = tf.keras.layers.Dense(1, name="a")(x)
    b = tf.keras.layers.Dense(3, activation="softmax", name="b")(x)
    model = tf.keras.Model(x, [a, b])
    model.compile("sgd", **options)
    return model


def one(**options: Any) -> tf.keras.Sequential:
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", **({"loss": "mse"} | options))
    return model


# --- one entry for each output --------------------------------------------------------------------

DICT = {"b": 1.0, "a": 2.0}


@pytest.mark.parametrize(
    ("y_pred", "names", "setting", "expected"),
    [
        (1.0, None, "mse", ["mse"]),
        (1.0, ["out"], {"out": "mse"}, ["mse"]),
        (1.0, None, ["mse"], ["mse"]),
        ([1.0, 2.0], ["a", "b"], "mse", ["mse", "mse"]),
        ([1.0, 2.0], ["a", "b"], ["mse", None], ["mse", None]),
        ([1.0, 2.0], ["a", "b"], {"b": "mae", "a": "mse"}, ["mse", "mae"]),
        (DICT, None, {"b": "mae"}, [None, "mae"]),
        (DICT, ["b", "a"], {"a": "mse", "b": "mae"}, ["mae", "mse"]),
        (DICT, ["b", "a"], ["first", "second"], ["first", "second"]),
        ({"c": [1.0, 2.0], "d": 3.0}, None, {"c": ["mse", "mae"], "d": None}, ["mse", "mae", None]),
        ({"c": [1.0, 2.0], "d": 3.0}, None, {"c": "mse"}, ["mse", "mse", None]),
        ([1.0, 2.0], None, {"class_name": "MeanSquaredError", "config": {}}, None),
    ],
)
def test_a_setting_is_spread_over_the_outputs(
    y_pred: Any, names: Any, setting: Any, expected: Any
) -> None:
    found = Outputs(y_pred, names).spread(setting, "loss")
    assert found == (expected if expected is not None else [setting, setting])


@pytest.mark.parametrize(
    ("y_pred", "names", "given", "expected"),
    [
        (1.0, None, 5, [5]),
        ([1.0, 2.0], ["a", "b"], (5, 6), [5, 6]),
        ([1.0, 2.0], ["a", "b"], {"a": 5, "b": 6}, [5, 6]),
        (DICT, ["b", "a"], {"a": 5, "b": 6}, [6, 5]),
        (DICT, None, [5, 6], [5, 6]),
        ([1.0, 2.0], ["a", "b"], [6], [None, 6]),  # the only one with a loss
        ({"c": [1.0, 2.0], "d": 3.0}, None, {"c": [5, 6], "d": 7}, [5, 6, 7]),
    ],
)
def test_targets_find_their_outputs(y_pred: Any, names: Any, given: Any, expected: Any) -> None:
    wanted = lambda i: i == len(expected) - 1 or expected[i] is not None  # noqa: E731
    assert Outputs(y_pred, names).targets(given, "y", wanted) == expected


# --- names in the logs ----------------------------------------------------------------------------


def keys(model: Any, y: Any, **options: Any) -> list[str]:
    return list(model.fit(X, y, verbose=0, **options).history)


def test_metrics_are_called_as_they_were_written() -> None:
    def spread(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(y_pred) - tf.reduce_min(y_pred) + 0 * tf.reduce_sum(y_true)

    metrics = ["mae", "MeanSquaredError", spread, tf.keras.metrics.MeanAbsoluteError(name="mine")]
    model = one(metrics=metrics, weighted_metrics=["mae", "mse"])
    assert keys(model, A) == [
        "loss", "mae", "MeanSquaredError", "spread", "mine", "weighted_mae", "mse",
    ]  # fmt: skip
    assert model.metrics_names == ["loss", "compile_metrics"]
    names = [variable.name for variable in model.metrics_variables]
    assert len(names) == 2 + 6 * 2


def test_losses_and_metrics_of_several_outputs_carry_their_names() -> None:
    losses = ["mse", "ce"]
    found = keys(two(loss=losses, metrics=[["mae"], ["acc"]]), [A, B])
    assert sorted(found) == ["a_loss", "a_mae", "b_acc", "b_loss", "loss"]
    assert keys(two(loss=["mse", None]), [A, B]) == ["loss"], "one loss is the loss"


def test_outputs_without_names_have_losses_of_different_names() -> None:
    class Twice(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = tf.keras.layers.Dense(1)

        def call(self, inputs: tf.Tensor) -> list[tf.Tensor]:
            return [self.dense(inputs), -self.dense(inputs)]

    model = Twice()
    model.compile("sgd", "mse")
    assert keys(model, [A, A]) == ["loss", "mse_loss", "mse_loss_1"]


@pytest.mark.parametrize(
    ("labels", "units", "kind"),
    [
        (A, 1, "Binary"),
        (B, 3, "SparseCategorical"),
        (B[:, None], 3, "SparseCategorical"),
        (np.eye(3, dtype=np.float32)[B], 3, "Categorical"),
    ],
    ids=["binary", "class numbers", "a column of them", "one-hot"],
)
def test_accuracy_and_crossentropy_follow_the_shapes(labels: Any, units: int, kind: str) -> None:
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(units, "sigmoid")])
    model.compile("sgd", "crossentropy", metrics=["accuracy", "acc", "ce"])
    model.train_on_batch(X, labels)
    found = [type(metric).__name__ for metric in model.metrics[1].metrics]
    assert found == [f"{kind}Accuracy", f"{kind}Accuracy", f"{kind}Crossentropy"]
    expected = model.evaluate(X, labels, verbose=0, return_dict=True)
    np.testing.assert_allclose(expected["loss"], expected["ce"], rtol=1e-5)


def test_metrics_of_the_model_and_of_its_layers_are_watched_too() -> None:
    class Counting(tf.keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seen = tf.keras.metrics.Sum(name="seen")

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            self.seen.update_state(tf.ones_like(inputs[:, 0]))
            return inputs

    class Own(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.counting, self.dense = Counting(), tf.keras.layers.Dense(1)
            self.largest = {"y": tf.keras.metrics.Mean(name="largest")}

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return self.dense(self.counting(inputs))

        def compute_metrics(
            self, x: Any, y: Any, y_pred: Any, sample_weight: Any
        ) -> dict[str, Any]:
            self.largest["y"].update_state(tf.reduce_max(y))
            return super().compute_metrics(x, y, y_pred, sample_weight)

    model = Own()
    model.compile("sgd", "mse")
    history = model.fit(X, A, epochs=3, batch_size=2, shuffle=False, verbose=0).history
    assert history["seen"] == [4.0] * 3, "they start again with each epoch"
    assert history["largest"] == [3.0] * 3


# --- what is written, and read again --------------------------------------------------------------


def test_a_model_compiles_itself_from_what_was_written() -> None:
    model = one(loss=tf.keras.losses.Huber(0.5), metrics=["mae"])
    again = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    assert again.get_compile_config() == {}
    again.compile_from_config(model.get_compile_config())
    again.set_weights(model.get_weights())
    assert again.evaluate(X, A, verbose=0) == model.evaluate(X, A, verbose=0)
    assert again.optimizer.built

    class Special(tf.keras.Model):
        def compile(self, rate: float) -> None:  # type: ignore[override]
            super().compile(tf.keras.optimizers.SGD(rate), "mse")

    special = Special()
    with pytest.warns(UserWarning, match="compile method of its own"):
        special.compile_from_config(model.get_compile_config())
    assert not special.compiled


# --- errors ---------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], list[str]]] = {
    "loss for an unknown output": (
        lambda: two(loss={"a": "mse", "bb": "mse"}).fit(X, [A, B], verbose=0),
        ValueError,
        ["'a'", "bb", "named 'a', 'b'", "Did you mean 'b'?"],
    ),
    "no loss for an output": (
        lambda: two(loss={"a": "mse"}).fit(X, [A, B], verbose=0),
        ValueError,
        ["without an entry for 'b'", "None"],
    ),
    "three losses for two outputs": (
        lambda: two(loss=["mse", "mse", "mse"]).fit(X, [A, B], verbose=0),
        ValueError,
        ["a list of 3", "2 outputs"],
    ),
    "metrics of a model with two outputs as one list": (
        lambda: two(loss="mse", metrics=["mae"]).fit(X, [A, A], verbose=0),
        ValueError,
        ["metrics is a list of 1", "2 outputs", "dict by names"],
    ),
    "metrics as a string": (
        lambda: one(metrics="mae"),
        ValueError,
        ["metrics=['mae']"],
    ),
    "an unknown metric": (
        lambda: one(metrics=["acuracy"]),
        ValueError,
        ["'acuracy'", "Did you mean '"],
    ),
    "an unknown loss in a dict": (
        lambda: two(loss={"a": "mean_square_error", "b": "mse"}),
        ValueError,
        ["'mean_square_error'", "'mean_squared_error'"],
    ),
    "weights as a string": (lambda: one(loss_weights="1"), ValueError, ["loss_weights", "'1'"]),
    "targets for one output of two": (
        lambda: two(loss="mse").fit(X, A, verbose=0),
        ValueError,
        ["y does not have the structure", "['a', 'b']"],
    ),
    "targets under another name": (
        lambda: two(loss="mse").fit(X, {"a": A, "c": A}, verbose=0),
        ValueError,
        ["y does not have the structure", "['a', 'b']"],
    ),
    "targets missing in a dict": (
        lambda: two(loss="mse").fit(X, {"a": A}, verbose=0),
        ValueError,
        ["no targets for the output 'b'"],
    ),
    "class numbers for categorical_crossentropy": (
        lambda: two(loss=["mse", "categorical_crossentropy"]).fit(X, [A, B], verbose=0),
        ValueError,
        ["class numbers", "loss='sparse_categorical_crossentropy'"],
    ),
    "one-hot labels for sparse_categorical_crossentropy": (
        lambda: two(loss=["mse", "sparse_categorical_crossentropy"]).fit(
            X, [A, np.eye(3, dtype=np.float32)[B]], verbose=0
        ),
        ValueError,
        ["one column for each class", "loss='categorical_crossentropy'"],
    ),
    "class numbers for binary_crossentropy": (
        lambda: two(loss=["mse", "binary_crossentropy"]).fit(X, [A, B], verbose=0),
        ValueError,
        ["class numbers", "loss='sparse_categorical_crossentropy'"],
    ),
    "metrics without targets": (
        lambda: _loss_added().fit(X, verbose=0),
        ValueError,
        ["targets are missing", "metrics"],
    ),
    "no steps": (lambda: one(steps_per_execution=0), ValueError, ["steps_per_execution", "0"]),
    "evaluate before compile": (
        lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]).evaluate(X, A),
        RuntimeError,
        ["evaluate needs a compiled model"],
    ),
}


def _loss_added() -> Any:
    class Added(tf.keras.layers.Layer):
        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            self.add_loss(tf.reduce_sum(inputs**2))
            return inputs

    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1), Added()])
    model.compile("sgd", metrics=["mae"])
    return model


@pytest.mark.parametrize("name", ERRORS)
def test_the_error_says_what_was_given_and_the_fix(name: str) -> None:
    call, kind, parts = ERRORS[name]
    with pytest.raises(kind) as caught:
        call()
    missing = [part for part in parts if part not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
