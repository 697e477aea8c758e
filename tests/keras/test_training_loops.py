"""Training that holds: steps of one's own, Ctrl-C, the same run twice, frozen layers, what callbacks see."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.function import Function
from engine.keras import dtype_policy

RNG = np.random.default_rng(5)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype("float32")


def network(seed: int = 1, **options: Any) -> Any:
    tf.keras.utils.set_random_seed(seed)
    hidden = tf.keras.layers.Dense(4, activation="tanh", name="hidden")
    layers = [tf.keras.Input((3,)), hidden, tf.keras.layers.Dropout(0.5), tf.keras.layers.Dense(1)]
    model = tf.keras.Sequential(layers)
    model.compile(**({"optimizer": tf.keras.optimizers.Adam(0.05), "loss": "mse"} | options))
    return model


def run(**options: Any) -> tuple[list[float], list[np.ndarray]]:
    model = network(**options)
    history = model.fit(X, Y, batch_size=5, epochs=3, verbose=0, validation_split=0.25).history
    return [*history["loss"], *history["val_loss"]], model.get_weights()


# --- the same run twice -----------------------------------------------------------------------------


@pytest.mark.parametrize("eagerly", [False, True])
def test_the_same_seed_gives_the_same_run_to_the_last_bit(eagerly: bool) -> None:
    first, again = run(run_eagerly=eagerly), run(run_eagerly=eagerly)
    assert first[0] == again[0]
    for one, other in zip(first[1], again[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert run(run_eagerly=eagerly, seed=2)[0] != first[0]


def test_eager_steps_and_several_an_execution_train_alike() -> None:
    expected = run()
    for options in ({"run_eagerly": True}, {"steps_per_execution": 2}, {"jit_compile": True}):
        found = run(**options)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, err_msg=str(options))
        for one, other in zip(found[1], expected[1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_run_that_is_taken_up_again_is_the_whole_run() -> None:
    def fresh() -> Any:
        tf.keras.utils.set_random_seed(1)
        model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    settings = {"batch_size": 5, "verbose": 0}
    whole = fresh()
    expected = whole.fit(X, Y, epochs=4, **settings).history["loss"]
    part = fresh()
    part.fit(X, Y, epochs=2, **settings)
    rest = fresh()
    rest.set_weights(part.get_weights())
    found = rest.fit(X, Y, initial_epoch=2, epochs=4, **settings)
    assert found.history["loss"] == expected[2:] and found.epoch == [2, 3]
    for one, other in zip(rest.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


# --- Ctrl-C -----------------------------------------------------------------------------------------


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt, also where this process was started with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_waits_for_the_end_of_the_step() -> None:
    class Interrupted(tf.keras.Sequential):
        steps = 0

        def train_step(self, data: Any) -> dict[str, Any]:
            self.steps += 1
            if self.steps == 5:
                os.kill(os.getpid(), signal.SIGINT)  # in the middle of the second epoch
            return super().train_step(data)

    tf.keras.utils.set_random_seed(1)
    model = Interrupted([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile("adam", "mse", run_eagerly=True)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=3, epochs=3, verbose=0, shuffle=False)
    assert signal.getsignal(signal.SIGINT) is before
    assert model.steps == 5 and int(model.optimizer.iterations) == 5
    assert model.history.epoch == [0] and len(model.history.history["loss"]) == 1

    whole = Interrupted([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    whole.steps = 9
    whole.compile("adam", "mse", run_eagerly=True)
    tf.keras.utils.set_random_seed(1)
    whole.set_weights(
        tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)]).get_weights()
    )
    batches = [(X[i : i + 3], Y[i : i + 3]) for i in (0, 3, 6, 9, 0)]
    for x, y in batches:
        whole.train_on_batch(x, y)
    for one, other in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other, "five whole steps, and nothing else")
    assert len(model.fit(X, Y, epochs=2, verbose=0).epoch) == 2


@pytest.mark.usefixtures("interrupts")
def test_a_second_interrupt_does_not_wait() -> None:
    class Stuck(tf.keras.Sequential):
        def train_step(self, data: Any) -> dict[str, Any]:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("the second one ends the step")

    model = Stuck([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0)


# --- steps of one's own -----------------------------------------------------------------------------


def test_a_train_step_of_ones_own_is_what_fit_runs() -> None:
    class Own(tf.keras.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            with tf.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            variables = self.trainable_variables
            self.optimizer.apply_gradients(
                zip(tape.gradient(loss, variables), variables, strict=True)
            )
            for metric in self.metrics:
                if metric.name == "loss":
                    metric.update_state(loss)
                else:
                    metric.update_state(y, self(x))
            return {m.name: m.result() for m in self.metrics} | {"twice": 2 * loss}

    x = tf.keras.Input((3,))
    output = tf.keras.layers.Dense(1)(x)
    own, usual = Own(x, output), tf.keras.Model(x, output)
    start = own.get_weights()
    histories = []
    for model in (own, usual):
        model.set_weights(start)
        model.compile("sgd", "mse")
        histories.append(model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history)
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-5)
    assert sorted(histories[0]) == ["loss", "twice"]


def test_two_models_with_an_optimizer_each() -> None:
    class Pair(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = tf.keras.layers.Dense(1), tf.keras.layers.Dense(1)

        def compile(self, first: Any, second: Any) -> None:
            super().compile()
            self.optimizers = [first, second]

        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            losses = {}
            for name, layer, optimizer in zip(
                "ab", (self.first, self.second), self.optimizers, strict=True
            ):
                with tf.GradientTape() as tape:
                    losses[name] = tf.reduce_mean((layer(x) - y) ** 2)
                found = tape.gradient(losses[name], layer.trainable_variables)
                optimizer.apply(found, layer.trainable_variables)
            return losses

    model = Pair()
    model.compile(tf.keras.optimizers.SGD(0.1), tf.keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert history["a"][2] < history["a"][0] and history["b"][2] == history["b"][0]


def test_a_loss_of_ones_own_may_know_less_than_compute_loss() -> None:
    class Own(tf.keras.Sequential):
        def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any) -> Any:
            return tf.reduce_mean(tf.abs(y - y_pred)) + tf.reduce_sum(self.losses)

    layer = tf.keras.layers.Dense(1, kernel_regularizer=tf.keras.regularizers.L2(0.1))
    model = Own([tf.keras.Input((3,)), layer])
    model.compile("sgd")
    kernel, bias = model.get_weights()
    expected = np.mean(np.abs(Y - X @ kernel - bias)) + 0.1 * np.sum(kernel**2)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), expected, rtol=1e-5)
    assert model.fit(X, Y, epochs=2, verbose=0).history["loss"][1] < expected


def test_predict_keeps_the_structure_of_the_outputs() -> None:
    class Own(tf.keras.Sequential):
        def predict_step(self, data: Any) -> Any:
            found = super().predict_step(data)
            return {"y": found, "more": (found * 2, [found + 1])}

    model = Own([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    for each in (1, 2):
        model.compile("sgd", "mse", steps_per_execution=each)
        found = model.predict(X, batch_size=5, verbose=0)
        assert found["y"].shape == (12, 1)
        np.testing.assert_array_equal(found["more"][0], found["y"] * 2)
        np.testing.assert_array_equal(found["more"][1][0], found["y"] + 1)
    assert model.predict_on_batch(X[:2])["y"].shape == (2, 1)


# --- frozen layers ----------------------------------------------------------------------------------


def test_a_frozen_layer_stays_and_a_change_needs_compile() -> None:
    model = network(optimizer="sgd")
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])

    model.layers[0].trainable = True
    with pytest.warns(UserWarning, match="'hidden' has changed since compile"):
        model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_a_model_without_trainable_weights_says_so() -> None:
    model = network(optimizer="sgd")
    model.trainable = False
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(X, Y, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_added_after_training_are_trained() -> None:
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    model.fit(X, X @ np.ones((3, 4), "float32"), verbose=0)
    model.add(tf.keras.layers.Dense(1))
    model.compile("sgd", "mse")
    before = model.get_weights()[2]
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(before, model.get_weights()[2])


# --- numbers ----------------------------------------------------------------------------------------


def test_half_precision_scales_the_loss() -> None:
    layer = tf.keras.layers.Dense(1, dtype="mixed_float16")
    dtype_policy.set_dtype_policy("mixed_float16")
    try:
        model = tf.keras.Sequential([tf.keras.Input((3,)), layer])
    finally:
        dtype_policy.set_dtype_policy("float32")
    model.compile(tf.keras.optimizers.SGD(0.05), "mse")
    assert isinstance(model.optimizer, tf.keras.optimizers.LossScaleOptimizer)
    loss = model.fit(X, Y, epochs=8, verbose=0).history["loss"]
    assert loss[-1] < loss[0] / 2 and model.weights[0].dtype is tf.float32
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert not isinstance(model.optimizer, tf.keras.optimizers.LossScaleOptimizer)


def test_a_loss_that_is_no_number_is_told_with_its_cause() -> None:
    bad = X.copy()
    bad[4, 0] = np.nan
    model = network()
    with pytest.warns(RuntimeWarning, match=r"The loss is nan.*in x \(first in row 4\)"):
        model.fit(bad, Y, verbose=0)
    model = network(optimizer=tf.keras.optimizers.SGD(1e30))
    with pytest.warns(RuntimeWarning, match="smaller learning rate"):
        model.fit(X, Y, epochs=5, verbose=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(model.fit(X, Y, verbose=0).history["loss"][0]), "silent when asked to be"


def test_batches_of_many_sizes_make_no_storm_of_graphs() -> None:
    model = network(optimizer="sgd")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in range(1, 12):
            model.predict(X[:size], verbose=0)
            model.train_on_batch(X[:size], Y[:size])
    whole = model.predict(X, verbose=0)
    parts = [model.predict(X[i : i + 5], verbose=0) for i in (0, 5, 10)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)


# --- callbacks --------------------------------------------------------------------------------------


class Everything(tf.keras.callbacks.Callback):
    """Notes each hook with its number and the names in the logs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []


def _noting(hook: str) -> Any:
    if hook.endswith(("train_begin", "train_end", "test_begin", "test_end")):
        return lambda self, logs=None: self.calls.append((hook, sorted(logs or {})))
    return lambda self, number, logs=None: self.calls.append((hook, number, sorted(logs or {})))


for _hook in (
    "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin",
    "on_train_batch_end", "on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end",
    "on_predict_batch_end",
):  # fmt: skip
    setattr(Everything, _hook, _noting(_hook))


def test_hooks_come_in_keras_order_with_keras_logs() -> None:
    model, watch = network(steps_per_execution=2), Everything()
    model.fit(X, Y, batch_size=3, validation_data=(X[:3], Y[:3]), verbose=0, callbacks=[watch])
    assert watch.calls == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []),
        ("on_train_batch_begin", 0, []),
        ("on_train_batch_end", 1, ["loss"]),
        ("on_train_batch_begin", 2, []),
        ("on_train_batch_end", 3, ["loss"]),
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []),
        ("on_test_batch_end", 1, ["loss"]),
        ("on_test_end", ["loss"]),
        ("on_epoch_end", 0, ["loss", "val_loss"]),
        ("on_train_end", ["loss", "val_loss"]),
    ]
    watch.calls.clear()
    model.evaluate(X, Y, batch_size=6, verbose=0, callbacks=watch)
    assert [call[0] for call in watch.calls] == [
        "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end",
    ]  # fmt: skip
    watch.calls.clear()
    model.predict(X, batch_size=3, verbose=0, callbacks=[watch])
    assert watch.calls == [("on_predict_batch_end", n, ["outputs"]) for n in (1, 3)]


def test_what_a_callback_adds_to_the_logs_is_in_the_history() -> None:
    class Adds(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["rate"] = 0.5**epoch

    assert network().fit(X, Y, epochs=2, verbose=0, callbacks=[Adds()]).history["rate"] == [1, 0.5]


def test_evaluation_and_prediction_can_be_stopped() -> None:
    class Stop(tf.keras.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_evaluating = True

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_predicting = batch == 1

    model = network()
    found = model.evaluate(X, Y, batch_size=3, verbose=0, callbacks=[Stop()])
    np.testing.assert_allclose(found, model.evaluate(X[:3], Y[:3], verbose=0), rtol=1e-6)
    assert model.predict(X, batch_size=3, verbose=0, callbacks=[Stop()]).shape == (6, 1)


def test_train_function_takes_the_next_batches_of_an_iterator() -> None:
    model = network(optimizer="sgd")
    assert model.train_function is None
    model.make_train_function()
    batch = (tf.constant(X), tf.constant(Y))
    first = model.train_function(iter([batch]))["loss"]
    assert model.train_function(iter([batch]))["loss"] != first
    with pytest.raises(StopIteration):
        model.train_function(iter([]))
    model.compile("sgd", "mse")
    assert model.train_function is None, "compile starts anew"


def test_targets_of_another_width_are_told_in_a_later_fit_too() -> None:
    model = network(optimizer="sgd")
    model.fit(X, Y, batch_size=5, verbose=0)  # a graph for batches of any size by now
    with pytest.raises(ValueError, match=r"\(None, 3\)|\(5, 3\)"):
        model.fit(X, np.repeat(Y, 3, 1), batch_size=5, verbose=0)


def test_no_kernel_of_a_step_copies_a_constant_at_each_call() -> None:
    model = network(optimizer="sgd", jit_compile=True)
    model.fit(X, Y, verbose=0)
    (step,) = [
        cell.cell_contents
        for cell in model.train_function.__closure__
        if isinstance(cell.cell_contents, Function)
    ]
    concrete = step.get_concrete_function((tf.constant(X), tf.constant(Y)))
    assert len(concrete.kernels) > 0
    arrays = [v for v in concrete._run.__globals__.values() if isinstance(v, np.ndarray)]
    assert arrays and all(array.flags.c_contiguous for array in arrays)
