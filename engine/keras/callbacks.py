"""Callbacks: what happens while fit runs, besides training."""

from __future__ import annotations

import sys
import time
from typing import Any


class Callback:
    """Override the hooks you need. `self.model` is the model, `self.params` has 'epochs' and 'steps'.

    `logs` holds the numbers so far: 'loss', each metric, and 'val_...' at the end of an epoch. To end
    training, set `self.model.stop_training = True`.
    """

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Called before training with the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training with what is known: 'epochs', 'steps', 'verbose'."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch, also after an interruption."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch, with its numbers."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch, with the numbers since the epoch began."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation."""


class History(Callback):
    """The numbers of every epoch: `history['loss'][3]`. Returned by fit."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Appends the numbers."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """A callback made of functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: ...)`."""

    def __init__(self, **hooks: Any):
        super().__init__()
        for name, function in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TypeError(f"LambdaCallback: there is no hook named {name!r}.")
            if function is not None:
                setattr(self, name, function)


class ProgbarLogger(Callback):
    """Prints progress: verbose=1 a bar for each epoch, verbose=2 a line for each epoch."""

    def __init__(self, verbose: int = 1):
        super().__init__()
        self.verbose = verbose
        self._shown = 0.0
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock and names the epoch."""
        self._began = time.perf_counter()
        self._shown = self._began
        print(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar, ten times a second at most."""
        now = time.perf_counter()
        if self.verbose == 1 and now - self._shown > 0.1:
            self._shown = now
            self._bar(batch + 1, logs, end="")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The full bar with all numbers."""
        self._bar(self.params["steps"], logs, end="\n")

    def _bar(self, done: int, logs: Any, end: str) -> None:
        steps, width = self.params["steps"], 20
        elapsed = time.perf_counter() - self._began
        numbers = " - ".join(f"{name}: {value:.4f}" for name, value in (logs or {}).items())
        pace = f"{elapsed:.0f}s {elapsed / max(done, 1) * 1000:.0f}ms/step - {numbers}"
        if self.verbose == 2:
            text = f"{done}/{steps} - {pace}"
        else:
            filled = "━" * (width * done // steps)
            text = f"\r{done}/{steps} {filled:<{width}} {pace}"
        sys.stdout.write(text + end)
        sys.stdout.flush()


class CallbackList:
    """All callbacks of one run, called in order."""

    def __init__(self, callbacks: Any, model: Any, **params: Any):
        self.callbacks: list[Callback] = list(callbacks)
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
        # Turning tensors into numbers after each batch costs time; it is done if somebody looks.
        self.wants_batches = any(
            type(c).on_train_batch_end is not Callback.on_train_batch_end
            or "on_train_batch_end" in vars(c)
            for c in self.callbacks
            if not (isinstance(c, ProgbarLogger) and c.verbose == 2)
        )

    def __getattr__(self, hook: str) -> Any:
        if not hook.startswith("on_"):
            raise AttributeError(hook)

        def call(*args: Any) -> None:
            for callback in self.callbacks:
                getattr(callback, hook)(*args)

        return call
