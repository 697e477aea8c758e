"""LossCurve: the loss while `fit` runs, with Pause, Stop and a learning-rate slider that work.

A click arrives on another thread (a comm subshell of the kernel), so it only sets an event or
stores a number. The training thread looks at them between two batches and acts. An epoch may last
no more than 20 microseconds: so a clock on a third thread says when there is something to do, and
the numbers are taken from `fit`'s History, many at a time. Nothing here trains: read
`engine/keras/trainer/` for that, and `series.py` for what is drawn.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets

from course.lab.base import LabWidget, data_uri, image_figure, in_notebook, module
from course.lab.series import Series, figure_png
from engine.keras.callbacks import Callback, History
from engine.variable import Variable

MAX_HZ = 10.0  # above this the server drops messages ("IOPub message rate exceeded")
_NOT_DRAWN = {"learning_rate", "lr"}


class _View(LabWidget):
    """The picture and its controls. `frame` is all that is drawn, in one trait."""

    _esm = module("loss_curve.js")
    title = traitlets.Unicode().tag(sync=True)
    unit = traitlets.Unicode("epoch").tag(sync=True)
    log_scale = traitlets.Bool().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    static: dict[str, str] | None = None

    def _static(self) -> dict[str, str]:
        return self.static or {"text/plain": f"{self.title}: no epoch yet", "text/html": ""}


class LossCurve(Callback):
    """A live loss curve: `model.fit(x, y, epochs=500, verbose=0, callbacks=[LossCurve()])`.

    Pause, Stop and the learning-rate slider act between two batches. Interrupting the kernel
    stops gracefully as well: the epoch ends, `fit` returns, the next cell runs.

    A loop of your own is followed the same way::

        curve = LossCurve(learning_rate=0.05)
        for step in curve.steps(500):
            w.assign_sub(curve.learning_rate * gradient)
            curve.log(loss=loss)

    Arguments:
        title: what stands above the curve.
        log_scale: start with a logarithmic loss axis.
        show: display the curve where `fit` is called. With False, display it yourself.
        hz: redraws a second, at most 10.
        pace: at most this many epochs a second, so that a short training can be watched.
        learning_rate: for a loop of your own: where the slider starts.
        caption: what to see in the picture that stays.
    """

    def __init__(
        self,
        title: str = "Loss",
        *,
        log_scale: bool = False,
        show: bool = True,
        hz: float = MAX_HZ,
        pace: float | None = None,
        learning_rate: float | None = None,
        caption: str = "",
    ) -> None:
        super().__init__()
        if not 0 < hz <= MAX_HZ:
            raise ValueError(f"hz is redraws a second, above 0 and at most {MAX_HZ:g}; got {hz!r}")
        if pace is not None and not pace > 0:
            raise ValueError(f"pace is epochs a second, above 0; got {pace!r}")
        self.title, self.log_scale, self.show = title, log_scale, show
        self.caption = caption
        self._interval, self._pace = 1.0 / hz, pace
        self._rate = learning_rate
        self._stop = threading.Event()
        self._go = threading.Event()  # cleared while paused
        self._wanted: float | None = None  # a learning rate chosen on the slider
        self._unit = "epoch"
        self._total: int | None = None
        self._status = "waiting"
        self._due = False  # there may be something to do
        self._over = threading.Event()
        self._history: History | None = None
        self.updates = 0
        self._reset()
        self.widget = self._new_view()

    # What the learner does. Called on another thread: set an event, store a number, no more.

    def stop(self) -> None:
        """End training at the next batch. Safe from any thread."""
        self._stop.set()
        self._go.set()
        self._due = True

    def pause(self) -> None:
        """Hold training at the next batch. Safe from any thread."""
        self._go.clear()
        self._due = True

    def resume(self) -> None:
        """Go on after `pause`. Safe from any thread."""
        self._go.set()

    def set_learning_rate(self, value: float) -> None:
        """Use another learning rate from the next batch on. Safe from any thread."""
        value = float(value)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"a learning rate is a finite number above 0; got {value!r}")
        self._wanted = value
        self._due = True

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if self._status not in ("running", "paused"):
            return
        match content.get("do"):
            case "stop":
                self.stop()
            case "pause":
                self.pause()
            case "resume":
                self.resume()
            case "learning_rate" if self._rate is not None:
                self.set_learning_rate(content["value"])

    # The callback: everything below runs on the training thread.

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._unit = "epoch"
        self._total = (self.params or {}).get("epochs")
        self._rate = self._optimizer_rate()
        history = getattr(self.model, "history", None)
        self._history = history if isinstance(history, History) else None
        self._width: int | None = None
        # An epoch of a single batch needs one look, and that is at its end.
        if (self.params or {}).get("steps") == 1:
            vars(self).pop("on_train_batch_begin", None)
        else:
            vars(self)["on_train_batch_begin"] = self._between_batches
        self._begin()
        self._over.clear()
        threading.Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        """The clock: ten times a second there is something to draw."""
        while not self._over.wait(self._interval):
            self._due = True

    def _between_batches(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._due:
            self._obey()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None and len(logs) != self._width:
            self._watch_the_width(logs)
        if self._due or self._history is None or self._pace is not None:
            self._due = False
            self._follow_rate()
            self._catch_up()
            self._records += 1
            self._record(epoch + 1, logs or {})
            self._keep_pace()
            self._obey()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._over.set()
        self._follow_rate()
        self._catch_up()
        self._end()

    def _watch_the_width(self, logs: dict[str, Any]) -> None:
        """The numbers of an epoch are in History under its number as long as every epoch has all of them."""
        first, self._width = self._width is None, len(logs)
        if not first:  # one comes every other epoch, say: from here on each epoch is looked at
            self._catch_up()
            self._history = None

    def _catch_up(self) -> None:
        """Takes over the epochs that History has and the curve has not."""
        if self._history is None:
            return
        epochs = self._history.epoch
        done = self._records
        if len(epochs) <= done:
            return
        self._records, self._count = len(epochs), epochs[-1] + 1
        xs = [epoch + 1 for epoch in epochs[done:]]
        for name, values in self._history.history.items():
            if name in _NOT_DRAWN or len(values) != len(epochs):
                continue
            self._series.setdefault(name, Series()).extend(xs, values[done:])
            self._latest[name] = float(values[-1])

    # The same for a hand-written loop.

    @property
    def learning_rate(self) -> float | None:
        """The learning rate now in use."""
        return self._rate

    @property
    def stopped(self) -> bool:
        """Whether Stop was pressed, or the kernel interrupted."""
        return self._stop.is_set()

    def steps(self, count: int) -> Iterator[int]:
        """Count 0, 1, ... count - 1, drawing what `log` was told and obeying the buttons."""
        self._unit, self._total = "step", count
        self._step = 0
        self._begin()
        try:
            for self._step in range(count):
                yield self._step
                self._records += 1
                self._keep_pace()
                self._obey()
                if self.stopped:
                    return
        finally:
            self._end()

    def log(self, **values: Any) -> None:
        """Add one point to each named series, at the current step."""
        self._record(self._step + 1, values)

    # Inside.

    def _reset(self) -> None:
        self._series: dict[str, Series] = {}
        self._latest: dict[str, float] = {}
        self._count = self._step = self._records = 0
        self._wanted = None
        self._paused_for = self._sent_at = 0.0
        self._started = time.perf_counter()

    def _new_view(self) -> _View:
        view = _View(title=self.title, unit=self._unit, log_scale=self.log_scale)
        view.on_msg(self._on_message)
        return view

    def _begin(self) -> None:
        used = self._status != "waiting"
        self._stop.clear()
        self._go.set()
        self._reset()
        if used and self.show:  # the finished curve above keeps its picture
            self.widget.on_msg(self._on_message, remove=True)
            self.widget = self._new_view()
        self.widget.unit = self._unit
        self._status = "running"
        self._old_handler = self._catch_interrupt()
        if self.show and in_notebook():
            self.widget.show_live()
        self._send(time.perf_counter())

    def _catch_interrupt(self) -> Any:
        """The first interrupt stops gracefully, a second one is the usual KeyboardInterrupt."""
        if threading.current_thread() is not threading.main_thread():
            return None
        previous = signal.getsignal(signal.SIGINT)

        def first_interrupt(_signal: int, _frame: object) -> None:
            signal.signal(signal.SIGINT, previous)
            self.stop()

        signal.signal(signal.SIGINT, first_interrupt)
        return previous

    def _record(self, count: int, logs: dict[str, Any]) -> None:
        self._count = count
        for name, value in logs.items():
            if name in _NOT_DRAWN:
                continue
            number = float(np.asarray(value))
            self._latest[name] = number
            self._series.setdefault(name, Series()).append(count, number)
        now = time.perf_counter()
        if now - self._sent_at >= self._interval:
            self._send(now)

    def _keep_pace(self) -> None:
        if self._pace is not None:
            due = self._started + self._paused_for + self._records / self._pace
            self._stop.wait(max(due - time.perf_counter(), 0))

    def _obey(self) -> None:
        if not self._go.is_set():
            self._wait_for_resume()
        if self._wanted is not None:
            self._apply_rate()
        if self._stop.is_set() and self.model is not None:
            self.model.stop_training = True

    def _wait_for_resume(self) -> None:
        since = time.perf_counter()
        self._status = "paused"
        self._send(since)
        self._go.wait()
        self._status = "running"
        now = time.perf_counter()
        self._paused_for += now - since
        self._send(now)

    def _apply_rate(self) -> None:
        rate, self._wanted = self._wanted, None
        if self.model is not None:
            self.model.optimizer.learning_rate = rate
        self._rate = rate

    def _optimizer_rate(self) -> float | None:
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        # No optimizer, or a schedule that computes the rate: nothing for a slider to set.
        return float(rate.numpy()) if isinstance(rate, Variable) else None

    def _follow_rate(self) -> None:
        """Show the rate that another callback has set. float32 is not 0.03: that is no change."""
        rate = self._optimizer_rate()
        if rate is None or self._rate is None or not math.isclose(rate, self._rate, rel_tol=1e-6):
            self._rate = rate

    def _active_seconds(self, now: float) -> float:
        return max(now - self._started - self._paused_for, 1e-9)

    def _send(self, now: float) -> None:
        self._sent_at = now
        self.updates += 1
        self.widget.frame = {
            "status": self._status,
            "count": self._count,
            "total": self._total,
            "per_second": self._records / self._active_seconds(now),
            "learning_rate": self._rate,
            "latest": {name: f"{value:.4g}" for name, value in self._latest.items()},
            "broken": [n for n, value in self._latest.items() if not math.isfinite(value)],
            "series": {name: series.packed() for name, series in self._series.items()},
        }

    def _end(self) -> None:
        if self._old_handler is not None:
            signal.signal(signal.SIGINT, self._old_handler)
        now = time.perf_counter()
        self._status = "stopped" if self.stopped else "done"
        self._send(now)
        if in_notebook() and self._series:
            self.widget.static = self._static(self._active_seconds(now))
            self.widget.show_static()

    def _static(self, seconds: float) -> dict[str, str]:
        text = self._report(seconds)
        caption = f"{self.caption} {text}".strip()
        png = figure_png(self._series, self.title, self._unit, self.log_scale)
        uri = data_uri("image/png", png)
        return {
            "text/plain": caption,
            "text/html": image_figure(uri, f"{self.title} by {self._unit}", caption),
            "image/png": uri.partition(",")[2],
        }

    def _report(self, seconds: float) -> str:
        name, series = next(iter(self._series.items()))
        first, last = series.ys[0], series.ys[-1]
        how = "Stopped by hand after" if self.stopped else "After"
        return (
            f"{how} {self._count} {self._unit}s ({seconds:.2g} s): "
            f"{name} went from {first:.4g} to {last:.4g}."
        )

    def _ipython_display_(self) -> None:
        self.widget._ipython_display_()
