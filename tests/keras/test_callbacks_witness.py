"""Callbacks in fit, evaluate and predict, beside Keras: which hooks are called, when, and with what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.keras.witness import keras

X = np.linspace(-1, 1, 12, dtype="float32")[:, None]
Y = 2 * X - 1
HOOKS = [
    f"on_{what}_{when}"
    for what in ("epoch", "train", "test", "predict")
    for when in ("begin", "end")
]
HOOKS += [
    f"on_{what}_batch_{when}" for what in ("train", "test", "predict") for when in ("begin", "end")
]


def model_of(k: Any, **optimizer: Any) -> Any:
    model = k.Sequential([k.Input((1,)), k.layers.Dense(1)])
    model.set_weights([np.array([[0.5]], "float32"), np.array([0.25], "float32")])
    model.compile(k.optimizers.SGD(0.125, **optimizer), "mse", metrics=["mae"])
    return model


def noted(seen: list[Any], hook: str, *given: Any) -> None:
    """The hook, the number of epoch or batch, and the logs: their names, and the numbers of an epoch."""
    *where, logs = given
    names = sorted(logs or {})
    numbers = [round(float(logs[name]), 5) for name in names] if hook == "on_epoch_end" else []
    seen.append((hook, *where, names, numbers))


def watch(k: Any, kind: str, seen: list[Any]) -> Any:
    """A callback that notes all: one made of functions, or a class of one's own."""
    hooks = {
        hook: lambda *given, h=hook, **more: noted(seen, h, *given, *more.values())
        for hook in HOOKS
    }
    if kind == "LambdaCallback":
        return k.callbacks.LambdaCallback(**hooks)
    methods = {
        hook: lambda self, *given, call=call, **more: call(*given, **more)
        for hook, call in hooks.items()
    }
    return type("Watch", (k.callbacks.Callback,), methods)()


@pytest.mark.parametrize("kind", ["LambdaCallback", "Callback"])
def test_hooks_are_called_in_the_order_and_with_the_logs_of_keras(kind: str) -> None:
    told = []
    for k in (tf.keras, keras):
        seen: list[Any] = []
        callback, model = watch(k, kind, seen), model_of(k)
        data = {"validation_data": (X[:8], Y[:8]), "validation_batch_size": 4}
        history = model.fit(
            X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0, validation_freq=2,
            callbacks=[callback], **data,
        )  # fmt: skip
        model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[callback])
        model.predict(X, batch_size=4, verbose=0, callbacks=[callback])
        assert isinstance(history, k.callbacks.History) and model.history is history
        numbers = {name: np.round(values, 5).tolist() for name, values in history.history.items()}
        told.append((seen, numbers, history.epoch, callback.params["epochs"]))
    assert told[0] == told[1]
    assert {hook for hook, *_ in told[0][0]} == set(HOOKS)


@pytest.mark.parametrize("bad", [0, 5, 11])
def test_nan_ends_training_where_keras_ends_it(bad: int) -> None:
    ended = []
    y = Y.copy()
    y[bad] = np.nan
    for k in (tf.keras, keras):
        seen: list[Any] = []
        stop = k.callbacks.TerminateOnNaN()
        note = k.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs, to=seen: to.append(batch),
            on_epoch_end=lambda epoch, logs, to=seen: to.append(f"epoch {epoch}"),
        )
        model_of(k).fit(
            X, y, batch_size=4, epochs=2, shuffle=False, verbose=0, callbacks=[stop, note]
        )
        ended.append(seen)
    assert ended[0] == ended[1]


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_of_weights_are_swapped_in_as_in_keras(on_epoch: bool) -> None:
    told = []
    for k in (tf.keras, keras):
        model = model_of(k, use_ema=True, ema_momentum=0.5)
        seen: list[float] = []

        def note(*_: Any, of: Any = model, to: list[float] = seen) -> None:
            to.append(round(float(np.asarray(of.get_weights()[0]).item()), 5))

        swap = k.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
        after = k.callbacks.LambdaCallback(
            on_epoch_begin=note,
            on_epoch_end=note,
            on_test_begin=note,
            on_test_end=note,
        )
        data = {} if on_epoch else {"validation_data": (X, Y)}
        model.fit(X, Y, batch_size=12, epochs=3, verbose=0, callbacks=[swap, after], **data)
        note()
        told.append(seen)
    assert told[0] == pytest.approx(told[1], abs=2e-5) and len(set(told[0])) > 3
