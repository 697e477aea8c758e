"""Callbacks that watch one number: stop, save or slow down when it gets better no more."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.keras.callbacks.base import Callback
from engine.keras.optimizers.schedules import LearningRateSchedule
from engine.tensor import Tensor


class MonitorCallback(Callback):
    """The base of callbacks that compare a number of the logs with its best so far.

    Args:
      monitor: its name, such as 'val_loss'.
      mode: 'min', 'max', or 'auto', by which the loss gets better downwards and a metric as it says itself.
      initial_value_threshold: what counts as the best before the first epoch.
      min_delta: by how much it must be better.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        initial_value_threshold: float | None = None,
        min_delta: float = 0,
    ):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__}: mode {mode!r} is unknown; 'auto' is taken.", stacklevel=3
            )
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.best: Any = initial_value_threshold
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[float, float], bool] | None = None

    def _direction(self) -> Callable[[float, float], bool]:
        if self.mode != "auto":
            return operator.lt if self.mode == "min" else operator.gt
        name = self.monitor.removeprefix("val_")
        for metric in _metrics(self.model):
            if metric.name == name and hasattr(metric, "_direction"):
                return operator.gt if metric._direction == "up" else operator.lt
        if name == "loss":
            return operator.lt
        raise ValueError(
            f"{type(self).__name__} watches {self.monitor!r}, and it is not known whether more or less of it "
            "is better. Pass mode='max' or mode='min'."
        )

    def _is_improvement(self, value: float, reference: Any) -> bool:
        if self.monitor_op is None:
            self.monitor_op = self._direction()
        if reference is None:
            return True
        margin = self.min_delta if self.monitor_op is operator.gt else -self.min_delta
        return bool(self.monitor_op(value - margin, reference))

    def _current(self, logs: Any, what: str) -> Any:
        """The number in the logs; None, with a warning that names those there are, without it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            names = ", ".join(logs or {}) or "none"
            hint = ""
            if self.monitor.startswith("val_"):
                hint = " Numbers of validation need validation_data or validation_split in fit."
            warnings.warn(
                f"{type(self).__name__} cannot {what}: there is no {self.monitor!r} in the logs, which "
                f"have: {names}.{hint}",
                stacklevel=4,
            )
        return value


def _metrics(model: Any) -> list[Any]:
    """The metrics of a model, those inside of collections too."""
    found = []
    for metric in getattr(model, "metrics", None) or []:
        found += [metric, *(getattr(metric, "metrics", None) or [])]
    return found


class EarlyStopping(MonitorCallback):
    """Ends training when a number has not got better for some epochs.

    Args:
      monitor: its name.
      min_delta: by how much it must be better to count.
      patience: how many epochs without that are borne.
      verbose: 1 to say so.
      mode: 'min', 'max' or 'auto'.
      baseline: a value it has to be better than, too.
      restore_best_weights: go back to the weights of the best epoch at the end.
      start_from_epoch: the epoch from which on it is watched.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Nothing is best yet."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compares, counts, and ends training."""
        current = self._current(logs, "stop early")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Goes back to the best weights, if that is wanted."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(
                    f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, as training goes on.

    Args:
      filepath: ends in .keras, or .weights.h5 with `save_weights_only`. It may name numbers of the logs:
        'model.{epoch:02d}-{val_loss:.2f}.keras'.
      monitor: what `save_best_only` goes by.
      verbose: 1 to say so.
      save_best_only: only when it is better than ever.
      save_weights_only: `model.save_weights` instead of `model.save`.
      mode: 'min', 'max' or 'auto'.
      save_freq: 'epoch', or a number of batches.
      initial_value_threshold: what counts as the best before the first time.

    Raises:
      ValueError: for another ending, or another `save_freq`.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"ModelCheckpoint: save_freq is 'epoch' or a number of batches, not {save_freq!r}."
            )
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            kind = "weights" if save_weights_only else "models"
            raise ValueError(
                f"ModelCheckpoint: files of {kind} end in {ending}, but filepath is {self.filepath!r}."
            )
        self.save_freq = save_freq
        self._epoch = self._batches_seen = 0
        self._last_batch = -1

    def on_train_begin(self, logs: Any = None) -> None:
        """Counts from here."""
        self._last_batch = -1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Saves after every `save_freq` batches."""
        if self.save_freq == "epoch":
            return
        self._batches_seen += batch - self._last_batch if batch > self._last_batch else batch + 1
        self._last_batch = batch
        if self._batches_seen >= self.save_freq:
            self._batches_seen = 0
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves after every epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: Any) -> None:
        facts = {**(logs or {}), "epoch": epoch + 1}
        if batch is not None:
            facts["batch"] = batch + 1
        try:
            path = self.filepath.format(**facts)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {error}, which is not in the logs: they "
                f"have {', '.join(facts)}."
            ) from error
        if self._wanted(epoch, path, logs):
            save = self.model.save_weights if self.save_weights_only else self.model.save
            save(path, overwrite=True)

    def _wanted(self, epoch: int, path: str, logs: Any) -> bool:
        if not self.save_best_only:
            if self.verbose > 0:
                print(f"\nEpoch {epoch + 1}: saving model to {path}")
            return True
        current = self._current(logs, "tell the best")
        if current is None:
            return True
        before, better = self.best, self._is_improvement(current, self.best)
        if better:
            self.best = current
        if self.verbose > 0:
            was = "None" if before is None else f"{before:.5f}"
            done = f"improved from {was} to {current:.5f}, saving model to {path}"
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} {done if better else f'did not improve from {was}'}"
            )
        return better


def rate_of(optimizer: Any) -> float:
    """The learning rate of an optimizer that can be told another one.

    Raises:
      ValueError: when a schedule decides on it.
    """
    if isinstance(getattr(optimizer, "_learning_rate", None), LearningRateSchedule):
        raise ValueError(
            "The learning rate of this optimizer follows a schedule, so that a callback cannot set it. Give "
            "the optimizer a number, or leave the callback out."
        )
    return float(np.asarray(optimizer.learning_rate))


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when a number has not got better for some epochs.

    Args:
      monitor: its name.
      factor: below 1.
      patience: how many epochs without improvement are borne.
      verbose: 1 to say so.
      mode: 'min', 'max' or 'auto'.
      min_delta: by how much it must be better to count.
      cooldown: epochs after a reduction in which nothing is counted.
      min_lr: the learning rate does not fall below.

    Raises:
      ValueError: for a factor of 1 or more.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, not {factor}.")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.cooldown_counter = self.wait = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Nothing is best yet."""
        self.cooldown_counter = self.wait = 0
        self.best = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compares, counts, and lowers the learning rate."""
        logs = {} if logs is None else logs
        optimizer = self.model.optimizer
        logs["learning_rate"] = rate_of(optimizer)
        current = self._current(logs, "reduce the learning rate")
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best, self.wait = current, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            old = rate_of(optimizer)
            if self.wait >= self.patience and old > np.float32(self.min_lr):
                new = max(old * self.factor, self.min_lr)
                optimizer.learning_rate = new
                if self.verbose > 0:
                    print(
                        f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}."
                    )
                self.cooldown_counter, self.wait = self.cooldown, 0


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch.

    Args:
      schedule: a function of the epoch, or of the epoch and the present rate.
      verbose: 1 to say so.

    Raises:
      ValueError: when what the schedule returns is no number.
    """

    def __init__(self, schedule: Any, verbose: int = 0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Asks the schedule and sets the rate."""
        optimizer = self.model.optimizer
        now = rate_of(optimizer)
        try:
            rate = self.schedule(epoch, now)
        except TypeError:  # a schedule of the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.floating, Tensor)):
            raise ValueError(
                f"LearningRateScheduler: the schedule must return a float, but gave {rate!r}."
            )
        optimizer.learning_rate = new = float(np.asarray(rate))
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {new}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = rate_of(self.model.optimizer)


class TerminateOnNaN(Callback):
    """Ends training at the first batch after which the loss is no finite number."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Looks at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not np.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class SwapEMAWeights(Callback):
    """Puts the moving averages of the weights, which `use_ema=True` keeps, into the model for evaluation.

    Args:
      swap_on_epoch: swap at the end of each epoch, and back at the beginning of the next, so that other
        callbacks that save at the end of an epoch save the averages. Give it to fit before them.
    """

    def __init__(self, swap_on_epoch: bool = False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._in_model = False
        self._pairs: list[Any] = []  # each variable with its average
        self._put: list[Any] = []  # what was last put into the variables

    def _swap(self, averages: bool) -> None:
        if averages == self._in_model:
            return
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights needs an optimizer made with use_ema=True, which keeps the averages."
            )
        if not optimizer.built:
            raise ValueError(
                "SwapEMAWeights: the optimizer is not built, so that there are no averages."
            )
        self._pairs = list(zip(optimizer._trainable_variables, optimizer._averages, strict=True))
        self._put = [average.numpy() for _, average in self._pairs]
        for (variable, average), value in zip(self._pairs, self._put, strict=True):
            average.assign(variable.numpy())
            variable.assign(value)
        self._in_model = averages

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """The weights of training again."""
        self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """The averages, if that is wanted."""
        if self.swap_on_epoch:
            self._swap(True)

    def on_train_end(self, logs: Any = None) -> None:
        """The averages stay, as without this callback, when fit puts them in the model at the end."""
        if self._in_model:  # what fit took for the averages were the weights of training
            for (variable, average), value in zip(self._pairs, self._put, strict=True):
                variable.assign(value)
                average.assign(value)
        self._in_model = False

    def on_test_begin(self, logs: Any = None) -> None:
        """Evaluation sees the averages."""
        self._swap(True)

    def on_test_end(self, logs: Any = None) -> None:
        """Training goes on with its own weights."""
        self._swap(False)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Prediction sees the averages."""
        self._swap(True)

    def on_predict_end(self, logs: Any = None) -> None:
        """And then the weights of training are back."""
        self._swap(False)
