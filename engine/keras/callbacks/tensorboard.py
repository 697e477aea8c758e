"""TensorBoard: the numbers of training, in files that TensorBoard draws. Their form is in `event_file`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from engine.keras.callbacks.base import Callback
from engine.keras.callbacks.event_file import EventFile
from engine.retracing import warn_the_caller

_NO_IMAGES = "histogram_freq=1 shows the weights as histograms"
_NO_PROFILE = "TensorBoard's profiler reads what TensorFlow and JAX measure of themselves"
_NO_EMBEDDINGS = "its projector reads TensorFlow's checkpoints"


class TensorBoard(Callback):
    """Writes the numbers of fit and evaluate for TensorBoard: `tensorboard --logdir logs` draws them.

    Each epoch has `epoch_loss`, `epoch_<metric>` and `epoch_learning_rate` in the run `train`, and
    `epoch_...` of the validation in the run `validation`. There too is `evaluation_..._vs_iterations`, of
    every validation and evaluation, by the number of updates made before. The files are TensorBoard's own
    and need neither TensorFlow nor TensorBoard to be written. They are complete after every epoch.

    Differs from Keras: `update_freq=2` writes `batch_...` of every second batch and all the rest as before;
    Keras then leaves out epochs and validations that end between. Weights are named by layer and weight,
    without the model.

    Args:
      log_dir: the folder.
      histogram_freq: after how many epochs the weights are written, as histograms; 0 for never.
      write_graph: write the layers of a Sequential or functional model, which TensorBoard draws under
        Graphs.
      write_images: must be False.
      write_steps_per_second: write `epoch_steps_per_second` and, by batches, `batch_steps_per_second`.
      update_freq: 'epoch'; or 'batch', or a number of batches, to write `batch_...` after so many, too.
        Reading the numbers takes time.
      profile_batch, embeddings_freq: must be 0.
      embeddings_metadata: must be None.

    Raises:
      ValueError: for another `update_freq`, and for what the engine does not write, with the reason.
    """

    def __init__(
        self,
        log_dir: Any = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        super().__init__()
        for name, value, why in (
            ("write_images", write_images, _NO_IMAGES),
            ("profile_batch", profile_batch, _NO_PROFILE),
            ("embeddings_freq", embeddings_freq, _NO_EMBEDDINGS),
            ("embeddings_metadata", embeddings_metadata, _NO_EMBEDDINGS),
        ):
            if value:
                raise ValueError(
                    f"TensorBoard: the engine cannot do {name}={value!r}: {why}. Leave it out."
                )
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch":
            if not isinstance(self.update_freq, int) or self.update_freq < 1:
                raise ValueError(
                    f"TensorBoard: update_freq is 'epoch', 'batch' or a number of batches, not "
                    f"{update_freq!r}."
                )
            # Only on an object that asks for it: a hook that nobody wrote costs nothing.
            self.on_batch_end = self._log_batch  # type: ignore[method-assign]
        self.log_dir, self.histogram_freq = str(log_dir), int(histogram_freq)
        self.write_graph, self.write_images = bool(write_graph), False
        self.write_steps_per_second = bool(write_steps_per_second)
        self._train = EventFile(Path(log_dir) / "train")
        self._validation = EventFile(Path(log_dir) / "validation")
        self._batches, self._in_fit = 0, False
        self._began = self._written_at = (0, 0.0)  # steps and seconds

    def on_train_begin(self, logs: Any = None) -> None:
        """Writes the layers. Batches are counted from here."""
        self._batches, self._in_fit = 0, True
        self._written_at = (0, time.perf_counter())
        network = getattr(self.model, "_network", None)
        if self.write_graph and network is not None:
            try:
                config = self.model.to_json()
            except (TypeError, ValueError) as error:  # no reason not to train
                warn_the_caller(f"TensorBoard: the layers cannot be written: {error}", UserWarning)
            else:
                self._train.model("keras", config, 0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Looks at the clock."""
        if self.write_steps_per_second:
            self._began = (_iterations(self.model), time.perf_counter())

    def _log_batch(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self._batches % self.update_freq:
            return
        if self.write_steps_per_second:
            now = (self._batches, time.perf_counter())
            rate = _rate(self._written_at, now)
            self._train.scalar("batch_steps_per_second", rate, self._batches)
            self._written_at = now
        _write(self._train, "batch_{}", logs, self._batches)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the numbers of the epoch and, if that is wanted, the weights."""
        logs = logs or {}
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        if self.model.optimizer is not None:
            optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
            train["learning_rate"] = float(np.asarray(optimizer.learning_rate))
        if self.write_steps_per_second:
            now = (_iterations(self.model), time.perf_counter())
            train["steps_per_second"] = _rate(self._began, now)
        _write(self._train, "epoch_{}", train, epoch)
        validation = {name[4:]: logs[name] for name in logs if name.startswith("val_")}
        _write(self._validation, "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._log_weights(epoch)
        self._train.flush()
        self._validation.flush()

    def _log_weights(self, epoch: int) -> None:
        taken: dict[str, int] = {}
        for layer in self.model.layers:
            for weight in layer.weights:
                path = getattr(weight, "path", weight.name)
                name = path if path.startswith(f"{layer.name}/") else f"{layer.name}/{path}"
                taken[name] = count = taken.get(name, -1) + 1
                name = f"{name}_{count}" if count else name  # two parts of a layer of the same name
                self._train.histogram(f"{name}/histogram", weight.numpy(), epoch)

    def on_test_end(self, logs: Any = None) -> None:
        """Writes the numbers of an evaluation."""
        if self.model.optimizer is not None:
            step = _iterations(self.model)
            _write(self._validation, "evaluation_{}_vs_iterations", logs, step)
        if not self._in_fit:
            self._validation.close()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the files."""
        self._in_fit = False
        self._train.close()
        self._validation.close()


def _write(file: EventFile, tag: str, logs: Any, step: int) -> None:
    """The numbers of `logs`; those of a metric that has several, one by one."""
    for name, value in (logs or {}).items():
        numbers = np.ravel(np.asarray(value))
        for index, number in enumerate(numbers):
            file.scalar(tag.format(name if numbers.size == 1 else f"{name}_{index}"), number, step)


def _iterations(model: Any) -> int:
    return int(np.asarray(model.optimizer.iterations)) if model.optimizer is not None else 0


def _rate(before: tuple[int, float], now: tuple[int, float]) -> float:
    """Steps per second."""
    return (now[0] - before[0]) / max(now[1] - before[1], 1e-9)
