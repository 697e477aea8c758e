"""ProgbarLogger: what fit prints while it runs."""

from __future__ import annotations

import sys
import time
from typing import Any

from engine.keras.callbacks.base import Callback


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
