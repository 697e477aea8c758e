"""ProgbarLogger: what fit, evaluate and predict print while they run."""

from __future__ import annotations

from typing import Any

from engine.keras.callbacks.base import Callback
from engine.keras.progress import Progbar


class ProgbarLogger(Callback):
    """A bar for each epoch with `verbose=1`, a line for each epoch with `verbose=2`.

    The numbers are read when the line is drawn, and not for every batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self._bar: Progbar | None = None
        self._done = 0
        self._in_fit = False

    def set_params(self, params: dict[str, Any]) -> None:
        """Knows how many steps there are."""
        super().set_params(params)
        self.verbose = params.get("verbose", 1)

    def _begin(self, steps: int | None) -> None:
        self._bar, self._done = Progbar(steps, verbose=self.verbose), 0

    def _step(self, batch: int, logs: Any) -> None:
        assert self._bar is not None
        self._done = batch + 1
        if self._bar.due(self._done) and self._done != self._bar.target:
            self._show(logs)

    def _show(self, logs: Any, finalize: bool = False) -> None:
        assert self._bar is not None
        numbers = [(name, value) for name, value in (logs or {}).items() if name != "outputs"]
        self._bar.stateful_metrics = {name for name, _ in numbers}
        self._bar.update(self._done, numbers, finalize)

    def on_train_begin(self, logs: Any = None) -> None:
        """The validation in fit has no bar of its own."""
        self._in_fit = True

    def on_train_end(self, logs: Any = None) -> None:
        """The end."""
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Names the epoch and starts the clock."""
        self._begin(self.params.get("steps"))
        if self.verbose and self.params.get("epochs", 1) > 1:
            print(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        self._step(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The full bar with all numbers, those of validation too."""
        self._done = self._done or self.params.get("steps") or 0
        self._show(logs, finalize=True)

    def on_test_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        if not self._in_fit:
            self._begin(self.params.get("steps"))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        if not self._in_fit:
            self._step(batch, logs)

    def on_test_end(self, logs: Any = None) -> None:
        """The full bar with all numbers."""
        if not self._in_fit:
            self._done = self._done or self.params.get("steps") or 0
            self._show(logs, finalize=True)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self._begin(self.params.get("steps"))

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        self._step(batch, None)

    def on_predict_end(self, logs: Any = None) -> None:
        """The full bar."""
        self._done = self._done or self.params.get("steps") or 0
        self._show(None, finalize=True)
