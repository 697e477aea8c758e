"""Callbacks decide as Keras's do, on the same logs; and in fit they do what they say."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import keras

X = np.linspace(-1, 1, 16, dtype="float32")[:, None]
Y = 2 * X - 1


def model_of(k: Any) -> Any:
    model = k.Sequential([k.Input((1,)), k.layers.Dense(1)])
    model.set_weights([np.array([[0.5]], "float32"), np.array([0.0], "float32")])
    model.compile(k.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


def drive(k: Any, make: Any, sequence: list[float], monitor: str = "val_loss") -> list[Any]:
    """What a callback does with a number for each epoch: the rate, whether to stop, the best weight."""
    model = model_of(k)
    if monitor != "val_loss":
        model.evaluate(X, Y, verbose=0)  # metrics are made with the first batch
    callback = make(k.callbacks)
    callback.set_model(model)
    callback.set_params({"epochs": len(sequence), "verbose": 0})
    callback.on_train_begin()
    seen = []
    model.stop_training = False
    for epoch, value in enumerate(sequence):
        model.set_weights([np.array([[float(epoch)]], "float32"), np.array([0.0], "float32")])
        logs = {"loss": 1.0, monitor: value}
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, logs)
        rate = float(np.asarray(model.optimizer.learning_rate))
        seen.append((round(rate, 6), bool(model.stop_training), sorted(logs)))
        if model.stop_training:
            break
    callback.on_train_end()
    return [*seen, float(np.asarray(model.get_weights()[0]).item())]


SEQUENCES = [
    [1.0, 0.9, 0.95, 0.91, 0.9, 0.89, 0.95, 0.96, 0.97, 0.5],
    [0.5, 0.6, 0.7, 0.8, 0.9, 1.0],
    [1.0, 0.999, 0.998, 0.997, 0.996, 0.9, 0.899],
    [0.3, 0.3, 0.3, 0.3, 0.3],
]
WATCHING: dict[str, Any] = {
    "EarlyStopping": lambda c: c.EarlyStopping(),
    "EarlyStopping patience 2": lambda c: c.EarlyStopping(patience=2),
    "EarlyStopping restores": lambda c: c.EarlyStopping(patience=2, restore_best_weights=True),
    "EarlyStopping min_delta": lambda c: c.EarlyStopping(patience=1, min_delta=0.01),
    "EarlyStopping baseline": lambda c: c.EarlyStopping(patience=3, baseline=0.45),
    "EarlyStopping from epoch 2": lambda c: c.EarlyStopping(
        start_from_epoch=2, restore_best_weights=True
    ),
    "EarlyStopping max": lambda c: c.EarlyStopping(mode="max", patience=1),
    "EarlyStopping mae": lambda c: c.EarlyStopping("val_mae", patience=1),
    "ReduceLROnPlateau": lambda c: c.ReduceLROnPlateau(patience=2, factor=0.5),
    "ReduceLROnPlateau cooldown": lambda c: c.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=2),
    "ReduceLROnPlateau min_lr": lambda c: c.ReduceLROnPlateau(patience=1, factor=0.1, min_lr=0.02),
    "ReduceLROnPlateau min_delta": lambda c: c.ReduceLROnPlateau(patience=2, min_delta=0.05),
    "LearningRateScheduler": lambda c: c.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    "LearningRateScheduler epoch": lambda c: c.LearningRateScheduler(
        lambda epoch: 0.1 / (1 + epoch)
    ),
}


@pytest.mark.parametrize("name", WATCHING)
def test_a_callback_decides_as_that_of_keras(name: str) -> None:
    monitor = "val_mae" if "mae" in name else "val_loss"
    for sequence in SEQUENCES:
        ours = drive(tf.keras, WATCHING[name], sequence, monitor)
        theirs = drive(keras, WATCHING[name], sequence, monitor)
        assert ours == theirs, sequence


@pytest.mark.parametrize(
    "options", [{}, {"save_best_only": True}, {"initial_value_threshold": 0.92}]
)
def test_a_checkpoint_is_written_when_keras_writes_one(
    options: dict[str, Any], tmp_path: Path
) -> None:
    options = {"save_best_only": bool(options), **options}
    for sequence in SEQUENCES:
        written = []
        for k in (tf.keras, keras):
            folder = tmp_path / k.__name__ / str(len(written)) / str(SEQUENCES.index(sequence))
            folder.mkdir(parents=True)
            drive(
                k,
                lambda c, to=folder: c.ModelCheckpoint(
                    str(to / "{epoch:02d}-{val_loss:.3f}.keras"), **options
                ),
                sequence,
            )
            written.append(sorted(path.name for path in folder.iterdir()))
        assert written[0] == written[1] and written[0]


def test_checkpoints_of_weights_and_of_batches(tmp_path: Path) -> None:
    model = model_of(tf.keras)
    by_batch = tf.keras.callbacks.ModelCheckpoint(
        str(tmp_path / "b{epoch}-{batch}.weights.h5"), save_weights_only=True, save_freq=3
    )
    best = tf.keras.callbacks.ModelCheckpoint(
        str(tmp_path / "best.keras"), monitor="loss", save_best_only=True
    )
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[by_batch, best])
    assert sorted(path.name for path in tmp_path.glob("b?-*")) == [
        "b1-3.weights.h5",
        "b2-2.weights.h5",
    ]
    saved = tf.keras.models.load_model(tmp_path / "best.keras")
    assert [w.tolist() for w in saved.get_weights()] == [w.tolist() for w in model.get_weights()]
    with pytest.raises(ValueError, match=r"\.keras"):
        tf.keras.callbacks.ModelCheckpoint("model.h5")
    with pytest.raises(ValueError, match="save_freq"):
        tf.keras.callbacks.ModelCheckpoint("m.keras", save_freq="batch")
    with pytest.raises(KeyError, match="val_loss"):
        model.fit(
            X, Y, verbose=0, callbacks=[tf.keras.callbacks.ModelCheckpoint("m-{val_loss}.keras")]
        )


@pytest.mark.parametrize("options", [{}, {"separator": ";", "append": True}])
def test_csv_files_are_those_of_keras(options: dict[str, Any], tmp_path: Path) -> None:
    texts = []
    for k in (tf.keras, keras):
        file = tmp_path / f"{k.__name__}.csv"
        for _ in range(2):  # the second run goes on, or begins anew
            model = model_of(k)
            logger = k.callbacks.CSVLogger(str(file), **options)
            logger.set_model(model)
            model.stop_training = False
            logger.on_train_begin()
            logger.on_epoch_end(0, {"loss": 0.5, "mae": 0.25})
            logger.on_epoch_end(1, {"loss": 0.25, "mae": 0.125, "val_loss": 3.0, "val_mae": 1.5})
            logger.on_epoch_end(2, {"loss": 0.125, "mae": [1, 2]})
            logger.on_train_end()
        texts.append(
            list(csv.reader(file.open(newline=""), delimiter=options.get("separator", ",")))
        )
    ours, theirs = texts
    assert ours[0] == theirs[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    # Keras leaves a cell empty where ours says NA, as Keras itself does when training was stopped.
    assert [[cell or "NA" for cell in row] for row in theirs] == ours


def test_nan_ends_training() -> None:
    model = model_of(tf.keras)
    y = Y.copy()
    y[9] = np.nan
    seen: list[int] = []
    watch = tf.keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    model.fit(
        X,
        y,
        batch_size=4,
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[tf.keras.callbacks.TerminateOnNaN(), watch],
    )
    assert seen == [0, 1, 2]


def test_moving_averages_are_swapped_in_for_evaluation() -> None:
    model = model_of(tf.keras)
    model.compile(tf.keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    kept: dict[str, list[float]] = {"trained": [], "averaged": []}

    def note(which: str) -> Any:
        return lambda *_: kept[which].append(float(model.get_weights()[0].item()))

    swap = tf.keras.callbacks.SwapEMAWeights()
    after = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=note("trained"), on_test_begin=note("averaged")
    )
    model.fit(
        X,
        Y,
        batch_size=16,
        epochs=3,
        verbose=0,
        validation_data=(X, Y),
        callbacks=[swap, after],
    )
    average = 0.0
    for step, (weight, shown) in enumerate(zip(kept["trained"], kept["averaged"], strict=True)):
        average = weight if step == 0 else 0.5 * average + 0.5 * weight
        assert shown == pytest.approx(average, rel=1e-6)
    with pytest.raises(ValueError, match="use_ema"):
        model_of(tf.keras).fit(
            X, Y, verbose=0, validation_data=(X, Y), callbacks=[swap.__class__()]
        )


def test_what_cannot_be_watched_is_said() -> None:
    model = model_of(tf.keras)
    with pytest.warns(UserWarning, match="validation_data"):
        model.fit(X, Y, verbose=0, callbacks=[tf.keras.callbacks.EarlyStopping()])
    with pytest.raises(ValueError, match="mode='max' or mode='min'"):
        model.fit(
            X,
            Y,
            verbose=0,
            epochs=2,
            callbacks=[
                tf.keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs: logs.update(speed=1.0)
                ),
                tf.keras.callbacks.EarlyStopping("speed"),
            ],
        )
    with pytest.raises(ValueError, match="factor"):
        tf.keras.callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="on_epoch_over"):
        tf.keras.callbacks.LambdaCallback(on_epoch_over=print)
    scheduled = model_of(tf.keras)
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    scheduled.compile(tf.keras.optimizers.SGD(schedule), "mse")
    with pytest.raises(ValueError, match="schedule"):
        scheduled.fit(
            X, Y, verbose=0, callbacks=[tf.keras.callbacks.LearningRateScheduler(lambda e: 0.1)]
        )
    with pytest.raises(ValueError, match="float"):
        model.fit(
            X, Y, verbose=0, callbacks=[tf.keras.callbacks.LearningRateScheduler(lambda e: "no")]
        )


def test_a_list_of_callbacks_serves_a_loop_of_ones_own() -> None:
    model = model_of(tf.keras)
    seen: list[str] = []
    mine = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(f"end {epoch}")
    )
    callbacks = tf.keras.callbacks.CallbackList([mine], add_history=True, model=model, epochs=1)
    callbacks.on_train_begin()
    callbacks.on_epoch_end(0, {"loss": 0.5})
    callbacks.on_train_end()
    assert (
        seen == ["end 0"]
        and model.history.history == {"loss": [0.5]}
        and mine.params["epochs"] == 1
    )
