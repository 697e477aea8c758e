"""fit, evaluate and predict: batches, validation, callbacks, and what goes on while fit runs."""

from __future__ import annotations

import threading
from itertools import chain

import numpy as np
import pytest

import engine as tf

XS = np.arange(10, dtype=np.float32)[:, None]
YS = 3 * XS + 1


def model_of(
    w: float = 0.0, b: float = 0.0, metrics: list[str] | None = None
) -> tf.keras.Sequential:
    model = tf.keras.Sequential([tf.keras.Input(shape=(1,)), tf.keras.layers.Dense(1)])
    model.set_weights([np.array([[w]], np.float32), np.array([b], np.float32)])
    model.compile(tf.keras.optimizers.SGD(0.001), "mse", metrics=metrics)
    return model


class Recorder(tf.keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def on_train_begin(self, logs: object = None) -> None:
        self.calls.append("train begin")

    def on_train_end(self, logs: object = None) -> None:
        self.calls.append("train end")

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.calls.append(f"epoch {epoch} begin")

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.calls.append(f"epoch {epoch} end")

    def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
        self.calls.append(f"batch {batch} begin")

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.calls.append(f"batch {batch} end")


def test_callbacks_are_called_in_order() -> None:
    recorder = Recorder()
    model_of().fit(XS, YS, batch_size=5, epochs=1, verbose=0, callbacks=[recorder])
    assert recorder.calls == [
        "train begin",
        "epoch 0 begin",
        "batch 0 begin",
        "batch 0 end",
        "batch 1 begin",
        "batch 1 end",
        "epoch 0 end",
        "train end",
    ]
    assert recorder.params == {"epochs": 1, "steps": 2, "verbose": 0}


def test_stop_training_ends_after_the_batch() -> None:
    model = model_of()

    class StopInSecondBatch(tf.keras.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.batches += 1
            if self.batches == 2:
                self.model.stop_training = True

    stopper = StopInSecondBatch()
    history = model.fit(XS, YS, batch_size=2, epochs=9, verbose=0, callbacks=[stopper])
    assert stopper.batches == 2
    assert history.epoch == [0]
    again = model.fit(XS, YS, batch_size=2, epochs=1, verbose=0)
    assert again.epoch == [0], "the next fit starts afresh"


def test_the_learning_rate_can_change_while_fit_runs() -> None:
    model = model_of()
    changes = []

    class Freeze(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            changes.append(self.model.get_weights()[0].item())
            if epoch == 1:  # from another thread, as a widget does
                thread = threading.Thread(
                    target=lambda: setattr(self.model.optimizer, "learning_rate", 0.0)
                )
                thread.start()
                thread.join()

    model.fit(XS, YS, epochs=5, verbose=0, callbacks=[Freeze()])
    assert changes[0] != changes[1]
    assert changes[1] == changes[2] == changes[4]


def test_an_interrupt_leaves_a_usable_model_and_its_history() -> None:
    model, recorder = model_of(), Recorder()

    class Interrupt(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(XS, YS, epochs=9, verbose=0, callbacks=[recorder, Interrupt()])
    assert recorder.calls[-1] == "train end"
    assert model.history.epoch == [0, 1, 2]
    assert len(model.fit(XS, YS, epochs=2, verbose=0).history["loss"]) == 2


def test_the_epoch_loss_weighs_batches_by_their_size() -> None:
    model = model_of()
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    history = model.fit(XS, YS, batch_size=4, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [np.mean(YS**2)], rtol=1e-6)


def test_shuffle_uses_every_example_once_in_a_new_order() -> None:
    seen: list[list[float]] = []

    class Spy(tf.keras.Model):
        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return inputs

        def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
            seen.append(data[0].numpy().reshape(-1).tolist())
            return {"loss": tf.constant(0.0)}

    tf.keras.utils.set_random_seed(0)
    spy = Spy()
    spy.compile("sgd", "mse", run_eagerly=True)
    spy.fit(XS, YS, batch_size=4, epochs=2, verbose=0)
    first, second = list(chain(*seen[:3])), list(chain(*seen[3:]))
    assert [len(batch) for batch in seen] == [4, 4, 2] * 2
    assert sorted(first) == sorted(second) == XS.reshape(-1).tolist()
    assert first != second


def test_validation_is_measured_and_not_trained_on() -> None:
    model = model_of(metrics=["mae"])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    history = model.fit(XS, YS, validation_split=0.3, epochs=1, verbose=0).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]
    np.testing.assert_allclose(history["val_mae"], [np.mean(YS[7:])], rtol=1e-6)
    np.testing.assert_allclose(history["loss"], [np.mean(YS[:7] ** 2)], rtol=1e-6)
    explicit = model.fit(XS, YS, validation_data=(XS[:2], YS[:2]), epochs=1, verbose=0).history
    np.testing.assert_allclose(explicit["val_mae"], [np.mean(YS[:2])], rtol=1e-6)


def test_evaluate_and_on_batch_methods_agree() -> None:
    model = model_of(1.0, 0.5, metrics=["mae"])
    error = np.mean((1.0 * XS + 0.5 - YS) ** 2)
    absolute = np.mean(np.abs(1.0 * XS + 0.5 - YS))
    expected = {"loss": error, "mae": absolute}
    for found in (
        model.evaluate(XS, YS, batch_size=3, verbose=0, return_dict=True),
        model.test_on_batch(XS, YS, return_dict=True),
        model.train_on_batch(XS, YS, return_dict=True),
    ):
        assert list(found) == list(expected)
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-5)
    changed = model.evaluate(XS, YS, verbose=0)
    assert changed[0] < error, "train_on_batch made one update"


def test_predict_joins_batches() -> None:
    model = model_of(2.0, 1.0)
    found = model.predict(XS, batch_size=3, verbose=0)
    np.testing.assert_allclose(found, 2 * XS + 1)


def test_fit_traces_once_for_each_batch_shape() -> None:
    traces = []

    class Counting(tf.keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = tf.keras.layers.Dense(1)

        def call(self, inputs: tf.Tensor) -> tf.Tensor:
            return self.dense(inputs)

        def train_step(self, data: object) -> dict[str, tf.Tensor]:
            traces.append(1)
            return super().train_step(data)

    model = Counting()
    model.compile("sgd", "mse")
    model.fit(XS, YS, batch_size=4, epochs=3, verbose=0)
    assert len(traces) == 2, "one graph for batches of 4, one for the last batch of 2"


def test_progress_is_printed_as_asked(capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of()
    model.fit(XS, YS, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""
    model.fit(XS, YS, epochs=2, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2"
    assert lines[1].startswith("1/1 - ") and "loss: " in lines[1]
    model.fit(XS, YS, epochs=1)
    assert "━━━━" in capsys.readouterr().out


def test_summary_counts_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    model = tf.keras.Sequential(
        [
            tf.keras.Input(shape=(28, 28)),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dense(10),
        ]
    )
    model.summary()
    printed = capsys.readouterr().out
    assert "(None, 784)" in printed and "100,480" in printed
    assert "Total params: 101,770 (397.54 KB)" in printed
    assert model.output_shape == (None, 10)
