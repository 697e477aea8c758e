"""Progbar: one line that shows how far a loop is."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable
from typing import Any

_DONE, _REST, _PLAIN = "\033[32m", "\033[37m", "\033[0m"


class Progbar:
    """A bar, the time, and numbers: `3/10 ━━━━━━━━━━━━━━━━━━━━ 2s 300ms/step - loss: 0.5000`.

    In a terminal and in a notebook the line is redrawn in place. Anywhere else, in a file say, it is written
    once, when all is done.

    Args:
      target: the number of steps, None if it is not known.
      width: of the bar, in characters.
      verbose: 0 silent, 1 the bar, 2 the line at the end without a bar.
      interval: the least time between two drawings, in seconds.
      stateful_metrics: names of numbers that are shown as they are; of others the mean of all steps is shown.
      unit_name: what a step is called.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self._sums: dict[str, tuple[Any, float]] = {}
        self._seen = 0
        self._start = time.perf_counter()
        self._first: float | None = (
            None  # when the first step was done: it is slower than the others
        )
        self._drawn = -math.inf
        self._length = 0

    def due(self, current: int) -> bool:
        """Whether `update` would draw: numbers need not be read otherwise."""
        if self._first is None and current > 0:
            self._first = time.perf_counter()
        if self.verbose != 1 or current == self.target:
            return self.verbose > 0 and current == self.target
        return _redrawable() and time.perf_counter() - self._drawn >= self.interval

    def update(self, current: int, values: Any = None, finalize: bool | None = None) -> None:
        """Draws, if it is time to.

        Args:
          current: how many steps are done.
          values: pairs of a name and a number.
          finalize: whether this is the end; by default when `target` is reached.
        """
        now = time.perf_counter()
        if self._first is None and current > 0:
            self._first = now
        end = (
            finalize if finalize is not None else self.target is not None and current >= self.target
        )
        for name, value in values or ():
            if name in self.stateful_metrics:
                self._sums[name] = (value, 1.0)
            else:
                steps = max(current - self._seen, 1)
                total, count = self._sums.get(name, (0.0, 0.0))
                self._sums[name] = (total + value * steps, count + steps)
        self._seen = current
        if self.verbose == 0 or (self.verbose == 2 and not end):
            return
        redrawable = _redrawable() and self.verbose == 1
        if not end and (not redrawable or now - self._drawn < self.interval):
            return
        self._drawn = now
        line = self._line(current, now, end, colored=redrawable)
        shown = _visible(line)
        if redrawable:
            line = f"\r{line}{' ' * max(0, self._length - shown)}"
        self._length = shown
        sys.stdout.write(line + ("\n" if end else ""))
        sys.stdout.flush()

    def add(self, n: int, values: Any = None) -> None:
        """`update` by n more steps."""
        self.update(self._seen + n, values)

    def _line(self, current: int, now: float, end: bool, colored: bool) -> str:
        of = "Unknown" if self.target is None else str(self.target)
        text = f"{current:{len(of)}d}/{of}"
        if self.verbose == 1 and self.width:
            share = 1.0 if end or not self.target else min(1.0, current / self.target)
            done = int(share * self.width)
            done_part, rest = "━" * done, "━" * (self.width - done)
            if colored:
                text += f" {_DONE}{done_part}{_PLAIN}{_REST}{rest}{_PLAIN}"
            else:
                text += f" {done_part}{rest}"
        pace = 0.0
        if current > 1 and self._first is not None and self._first < now:
            pace = (now - self._first) / (current - 1)
        elif current:  # nothing is known of the first step alone
            pace = (now - self._start) / current
        left = pace * (self.target - current) if self.target and not end else now - self._start
        text += (
            f" {'- ' if self.verbose == 2 else ''}{_duration(left)} {_pace(pace)}/{self.unit_name}"
        )
        for name, (total, count) in self._sums.items():
            text += f" - {name}: {_number(total / count if count else total)}"
        return text


def _redrawable() -> bool:
    """Whether the output is a terminal or a notebook."""
    return type(sys.stdout).__name__ == "OutStream" or bool(
        getattr(sys.stdout, "isatty", lambda: False)()
    )


def _visible(line: str) -> int:
    for code in (_DONE, _REST, _PLAIN):
        line = line.replace(code, "")
    return len(line)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole > 60 else f"{whole}s"


def _pace(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _number(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.4f}" if abs(number) > 1e-3 else f"{number:.4e}"
