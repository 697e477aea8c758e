"""What happens around the steps: passes over the data, the callbacks, and Ctrl-C."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from engine import nest
from engine.keras.callbacks import Callback, CallbackList, History, ProgbarLogger
from engine.retracing import warn_the_caller


class Epochs:
    """The batches of a feed, epoch by epoch.

    Args:
      feed: one of `engine.keras.trainer.feeding`.
      steps: the batches of an epoch, if they are not all of a pass: the next epoch goes on where this ended.
      each: how many batches one call of the compiled step takes.

    Raises:
      ValueError: for data without an end, when `steps` are not given.
    """

    def __init__(self, feed: Any, steps: int | None = None, each: int = 1, name: str = "steps"):
        if steps is not None and steps <= 0:
            raise ValueError(f"{name} must be positive, not {steps}.")
        if steps is None and feed.endless:
            raise ValueError(
                f"The data have no end: say with {name}= how many batches are an epoch."
            )
        self.feed, self._each = feed, each
        self._steps = None if steps == feed.num_batches else steps
        self.num_batches: int | None = steps or feed.num_batches
        self._kept: Iterator[Any] | None = None  # the pass that the next epoch goes on with
        self._passes = self._seen = 0
        self.skip = 0  # batches of the next epoch that were done before

    def batches(self, epoch: int) -> Iterator[tuple[int, int, Iterator[Any]]]:
        """The numbers of the first and last batch of each call, and the iterator that it takes them from."""
        total = self.num_batches
        if self._steps is None:
            batches = self.feed.epoch(epoch)
        else:
            if self._kept is None:
                self._kept = self.feed.epoch(self._passes)
                self._passes, self._seen = self._passes + 1, 0
            batches = self._kept
        each, skip = self._each, self.skip
        self.skip = 0
        for _ in range(skip):
            next(batches)
        for first in itertools.count(skip, each) if total is None else range(skip, total, each):
            yield first, first + each - 1, batches
        self._seen += total or 0
        if self.feed.num_batches is not None and self._seen >= self.feed.num_batches:
            self._kept = None
        self.feed.end()

    def ran_out(self, done: int) -> bool:
        """Called when the data ended before the epoch did. True: there is nothing to go on with.

        That is how one finds out how many batches an iterable has, and worth a warning when more were asked
        for.
        """
        self._kept = None
        self.feed.end()
        if done and self._steps is None and self.num_batches is None:
            self.num_batches = done
            return False
        warn_the_caller(
            "The data ran out: fewer batches came than steps_per_epoch * epochs ask for. Use .repeat() of a "
            "Dataset, a generator that goes on, or fewer steps or epochs.",
            UserWarning,
        )
        return done == 0


class Hooks:
    """The callbacks of one run: for each hook, the methods that somebody wrote.

    A hook that nobody overrides costs nothing. The numbers of a batch are read where a hook asks for them.
    History comes last at the end of an epoch, as others add to the logs, and even when one of them raises.
    """

    def __init__(self, callbacks: Any, model: Any, history: bool = False, **params: Any):
        params["verbose"] = 1 if params["verbose"] == "auto" else int(params["verbose"])
        if isinstance(callbacks, CallbackList):
            listed = list(callbacks.callbacks)
        else:
            listed = [one for one in nest.flatten(callbacks) if one is not None]
            if history and not any(isinstance(one, History) for one in listed):
                listed.append(History())
            if params["verbose"] and not any(isinstance(one, ProgbarLogger) for one in listed):
                bar = ProgbarLogger()
                bar.verbose = params["verbose"]
                listed.append(bar)
        self._callbacks, self._steps = listed, params["steps"]
        self._wanted: dict[tuple[str, bool], list[Callable[..., Any]]] = {}
        for one in listed:
            one.set_params(params)
            one.set_model(model)
            if history and isinstance(one, History):
                model.history = one

    def wanted(self, hook: str, histories: bool = True) -> list[Callable[..., Any]]:
        """The methods that were written for a hook."""
        found = self._wanted.get((hook, histories))
        if found is None:
            found = self._wanted[hook, histories] = [
                getattr(one, hook)
                for one in self._callbacks
                if self._hears(one, hook) and (histories or not isinstance(one, History))
            ]
        return found

    def _hears(self, callback: Any, hook: str) -> bool:
        if isinstance(callback, ProgbarLogger) and callback.verbose == 2 and "_batch_" in hook:
            return self._steps is None  # a line an epoch: it needs only to count
        return _overrides(callback, hook)

    def call(self, hook: str, *args: Any) -> None:
        """Calls a hook of every callback."""
        for method in self.wanted(hook):
            method(*args)

    def epoch_end(self) -> Callable[[int, dict[str, Any]], None]:
        """A function that calls `on_epoch_end` of all."""
        histories = [one for one in self._callbacks if isinstance(one, History)]
        others = self.wanted("on_epoch_end", histories=False)

        def call(epoch: int, logs: dict[str, Any]) -> None:
            try:
                for method in others:
                    method(epoch, logs)
            finally:  # the epoch is over, whatever a callback thinks of it
                for one in histories:
                    one.on_epoch_end(epoch, logs)

        return call


# Keras calls these by two names: `on_batch_end` is `on_train_batch_end`.
_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


def _overrides(callback: Any, hook: str) -> bool:
    for name in (hook, _ALIASES.get(hook, hook)):
        own = getattr(type(callback), name, None)
        if own is not getattr(Callback, name, None) or name in vars(callback):
            return hasattr(callback, hook)
    return False


class Guard:
    """Holds Ctrl-C back while a step runs, so that no step is done in part. A second one ends it at once."""

    def __init__(self) -> None:
        self.busy = self.pending = False
        self._before: Any = None

    def __enter__(self) -> Guard:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._caught)
        return self

    def __exit__(self, *error: object) -> None:
        self.busy = False
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._caught:
            signal.signal(signal.SIGINT, self._before)

    def _caught(self, number: int, frame: Any) -> None:
        if not self.busy or self.pending:
            raise KeyboardInterrupt
        self.pending = True

    def stop(self) -> None:
        """Ends the run, now that the step is complete."""
        self.pending = False
        raise KeyboardInterrupt
