"""Trainer: fit, evaluate and predict. What fit does is a loop over `train_step`, as a graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import nest
from engine.keras.callbacks import History
from engine.keras.trainer.compile_metrics import CompileMetrics
from engine.keras.trainer.compiled import Compiled
from engine.keras.trainer.epochs import Epochs, Guard, Hooks
from engine.keras.trainer.feeding import (
    as_arrays,
    as_tensors,
    feed_of,
    pack_x_y_sample_weight,
    split,
    unpack_x_y_sample_weight,
    weights_of_classes,
)
from engine.retracing import warn_the_caller
from engine.tensor import Tensor


class Trainer(Compiled):
    """A layer that can be trained: the base of Model."""

    _initial_epoch: int | None = None  # where a callback that restores a run says it was,
    _initial_batch: int = 0  # and how many batches of that epoch were done
    _running: Any = None  # what feeds the run, while there is one

    # --- data ----------------------------------------------------------------------------------------

    @property
    def input_shape(self) -> Any:
        """The declared shape of the input with its batch axis, or None."""
        return None

    def adjust_input(self, data: Any) -> Any:
        """Arrays in the shape the model declares: (n,) for a model of (None, 1) becomes (n, 1).

        Raises:
          ValueError: when the data cannot be meant for this model.
        """
        expected = self.input_shape
        if expected is None:
            return data
        if isinstance(expected, dict) or any(isinstance(size, tuple) for size in expected):
            return self._adjust_each(data, expected)
        if isinstance(data, (list, dict)) and len(data) == 1:
            if isinstance(data, dict):
                return data
            data = data[0]
        if nest.is_nested(data):
            raise ValueError(
                f"Model {self.name!r} has one input, but {len(data)} arrays were given. To make one batch of "
                "them, use np.stack."
            )
        return self._adjust_one(data, expected, "input")

    def _adjust_each(self, data: Any, expected: Any) -> Any:
        """The same for several inputs. What has another structure is left to the model, which tells why."""
        shapes = expected if isinstance(expected, dict) else dict(enumerate(expected))
        given = data
        if isinstance(data, dict) and not isinstance(expected, dict):
            shapes = dict(zip(self.input_names, expected, strict=True))  # type: ignore[attr-defined]
        elif isinstance(data, list) and not isinstance(expected, dict):
            given = dict(enumerate(data))
        flat = isinstance(given, dict) and not any(map(nest.is_nested, given.values()))
        if not flat or set(given) != set(shapes) or any(map(_is_nested_shape, shapes.values())):
            return data
        fitted = {
            key: self._adjust_one(array, shapes[key], f"input {key!r}")
            for key, array in given.items()
        }
        return fitted if isinstance(data, dict) else list(fitted.values())

    def _adjust_one(self, array: Any, expected: tuple[int | None, ...], what: str) -> Any:
        if array.ndim == len(expected) - 1 and expected[-1] == 1:
            array = array[..., np.newaxis]
        fits = array.ndim == len(expected) and all(
            want is None or want == have
            for want, have in zip(expected[1:], array.shape[1:], strict=True)
        )
        if fits:
            return array
        want = ", ".join("batch" if i == 0 else str(d) for i, d in enumerate(expected))
        hint = " Give one row for each example, with as many numbers as the model was built for."
        if array.shape == tuple(expected[1:]):
            hint = " This looks like one example without its batch axis: use x[np.newaxis]."
        raise ValueError(
            f"Model {self.name!r} expects {what} of shape ({want}), but got {array.shape}.{hint}"
        )

    def _epochs(self, what: str, data: Any, steps: int | None, **options: Any) -> Epochs:
        names = {"fit": "steps_per_epoch", "validation_data": "validation_steps"}
        x, y, sample_weight = data
        options |= {"steps": steps, "adjust": self.adjust_input, "what": what}
        feed = feed_of(x, y, sample_weight, **options)
        return Epochs(feed, steps, self.steps_per_execution, names.get(what, "steps"))

    # --- training -----------------------------------------------------------------------------------

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: Any = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Trains for `epochs` passes over the data.

        Interrupted (Ctrl-C, the Stop button), it ends after a whole step: `model.history` has the epochs
        that were completed, and training can go on.

        Args:
          x, y: lists, NumPy arrays or tensors with the examples along the first axis; for several inputs or
            outputs, lists or dicts of them. Or x alone: a Dataset, PyDataset, generator or other iterable
            of batches `(x, y)` or `(x, y, sample_weight)`.
          batch_size: examples an update is made from; 32 by default.
          epochs: the number at which to stop; with `initial_epoch` the run starts later.
          verbose: 0 silent, 1 a bar, 2 a line for each epoch; 'auto' is 1.
          callbacks: a list of Callback objects.
          validation_split: the last part of the data is kept for validation.
          validation_data: `(x, y)`, `(x, y, sample_weight)` or a Dataset, to evaluate after each epoch.
          shuffle: draw a new order of the examples for each epoch; 'batch' keeps them in their batches.
          class_weight: a dict from class numbers to what an example of that class counts.
          sample_weight: what each example counts: `(examples,)`, or with further axes.
          initial_epoch: the number of the first epoch.
          steps_per_epoch: batches of an epoch; by default all there are.
          validation_steps: batches of a validation.
          validation_batch_size: `batch_size` by default.
          validation_freq: validate after every so many epochs, or after those in a list, counted from 1.

        Returns:
          A History, whose `.history` maps each name to a list with one number for each epoch.

        Raises:
          RuntimeError: when the model is not compiled.
          ValueError: for arrays of different lengths, or of a shape the model does not take.
        """
        self._require_compiled("fit")
        self._warn_of_thaws()
        data = (x, y, sample_weight)
        if validation_split and validation_data is None:
            data, validation_data = split(data, validation_split)
        training = self._epochs(
            "fit", data, steps_per_epoch,
            batch_size=batch_size, shuffle=shuffle, class_weight=class_weight,
        )  # fmt: skip
        validation = None
        if validation_data is not None:
            held_out = unpack_x_y_sample_weight(validation_data)
            size = validation_batch_size or batch_size
            validation = self._epochs(
                "validation_data", held_out, validation_steps, batch_size=size
            )
        self._build_for(training.feed.first)
        run = self.make_train_function()
        steps = training.num_batches
        hooks = Hooks(callbacks, self, True, epochs=epochs, steps=steps, verbose=verbose)
        self.stop_training = False
        settings = self._settings
        logs: dict[str, Any] = {}
        self._running = training.feed
        settings.found = self._functions.get("metrics", lambda: None)()
        with Guard() as settings.guard:
            hooks.call("on_train_begin", {})
            epoch_end = hooks.epoch_end()
            try:
                begin, self._initial_epoch = self._initial_epoch or initial_epoch, None
                training.skip, self._initial_batch = self._initial_batch, 0
                for epoch in range(begin, epochs):
                    hooks.call("on_epoch_begin", epoch, {})
                    self.reset_metrics()
                    found = self._pass(run, training, epoch, hooks, "train")
                    if found is None:
                        if epoch == begin:
                            raise ValueError("fit: the data gave no batch.")
                        break
                    logs = found
                    if validation is not None and _is_due(epoch + 1, validation_freq):
                        measured = self._evaluate(validation, hooks)
                        logs |= {f"val_{name}": value for name, value in measured.items()}
                    epoch_end(epoch, logs)
                    if self.stop_training:
                        break
                    if settings.found is None:  # they are all made now, and in the graph
                        settings.found = known = self._find_metrics()
                        self._functions["metrics"] = lambda known=known: known
            finally:
                settings.found = self._running = None
                trained = self._functions.get("trained")
                if trained is not None and self.optimizer is not None:
                    self.optimizer.finalize_variable_values(trained())
                hooks.call("on_train_end", logs)
        self._warn_of_nan(logs, training, silent=verbose == 0)
        return self.history

    def _pass(
        self, run: Any, epochs: Epochs, epoch: int, hooks: Hooks, kind: str
    ) -> dict[str, Any] | None:
        """One pass over the batches; the logs of the last one, or None when there was no batch."""
        begin = hooks.wanted(f"on_{kind}_batch_begin")
        end = hooks.wanted(f"on_{kind}_batch_end")
        stop = "stop_training" if kind == "train" else "stop_evaluating"
        logs, done = None, 0
        try:
            for first, last, batches in epochs.batches(epoch):
                for hook in begin:
                    hook(first, {})
                logs = run(batches)
                done = last + 1
                if end:
                    numbers = as_numbers(logs)
                    for hook in end:
                        hook(last, numbers)
                if getattr(self, stop):
                    break
        except StopIteration:
            if epochs.ran_out(done):
                return None
        return None if epochs.num_batches == 0 else as_numbers(logs)

    def _warn_of_nan(self, logs: dict[str, Any], training: Epochs, silent: bool) -> None:
        """Says where a loss that is no number comes from. With `verbose=0`, only if it is the data."""
        loss = logs.get("loss", 0.0)
        if not isinstance(loss, float) or math.isfinite(loss):
            return
        where = training.feed.why_nan()
        if silent and not where:
            return
        cause = (
            f"There are such numbers in the data: in {where}."
            if where
            else "A smaller learning rate, clipnorm=1.0, or inputs scaled to about -1 to 1 may help; "
            "tf.debugging.enable_check_numerics() finds the operation it comes from."
        )
        warn_the_caller(f"The loss is {loss} at the end of fit. {cause}", RuntimeWarning)

    # --- evaluation and prediction ------------------------------------------------------------------

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and metrics on data, without training. The arguments are those of `fit`.

        Returns:
          The loss; a list [loss, metrics...] when there are metrics; a dict with `return_dict`.
        """
        self._require_compiled("evaluate")
        data = self._epochs("evaluate", (x, y, sample_weight), steps, batch_size=batch_size)
        self._build_for(data.feed.first)
        hooks = Hooks(callbacks, self, epochs=1, steps=data.num_batches, verbose=verbose)
        numbers = self._evaluate(data, hooks)
        return numbers if return_dict else self._in_order(numbers)

    def _evaluate(self, data: Epochs, hooks: Hooks) -> dict[str, Any]:
        run = self.make_test_function()
        self.stop_evaluating = False
        hooks.call("on_test_begin", {})
        self.reset_metrics()
        numbers = self._pass(run, data, 0, hooks, "test")
        if numbers is None:
            raise ValueError("evaluate: the data gave no batch.")
        hooks.call("on_test_end", numbers)
        return numbers

    def _in_order(self, logs: dict[str, Any]) -> Any:
        """The numbers as a list: in the order of the metrics, the others by their names."""
        names: list[str] = []
        for metric in self.metrics:
            parts = metric.metrics if isinstance(metric, CompileMetrics) else [metric]
            names += [part.name for part in parts]
        listed = [logs[name] for name in names if name in logs]
        listed += [logs[name] for name in sorted(logs) if name not in names]
        return listed[0] if len(listed) == 1 else listed

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The model's outputs for `x`, NumPy arrays of shape `(examples, ...)` in the model's structure.

        `x` may be all that `fit` takes.
        """
        data = self._epochs("predict", (x, None, None), steps, batch_size=batch_size)
        hooks = Hooks(callbacks, self, epochs=1, steps=data.num_batches, verbose=verbose)
        run = self.make_predict_function()
        begin, end = hooks.wanted("on_predict_batch_begin"), hooks.wanted("on_predict_batch_end")
        self.stop_predicting = False
        hooks.call("on_predict_begin", {})
        outputs, done = [], 0
        try:
            for first, last, batches in data.batches(0):
                for hook in begin:
                    hook(first, {})
                made = run(batches)
                outputs.append(made)
                done = last + 1
                for hook in end:
                    hook(last, {"outputs": made})
                if self.stop_predicting:
                    break
        except StopIteration:
            data.ran_out(done)
        if not outputs:
            raise ValueError("predict: the data gave no batch.")
        hooks.call("on_predict_end", {})
        if len(outputs) == 1:
            return nest.map_structure(_as_array, outputs[0])
        return nest.map_structure(
            lambda *parts: np.concatenate([_as_array(p) for p in parts]), *outputs
        )

    # --- single batches -----------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One update from exactly this batch; returns its loss (and metrics), as `evaluate` does."""
        self._require_compiled("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError("class_weight and sample_weight cannot both be given.")
            sample_weight = weights_of_classes(as_arrays(y, "train_on_batch: y"), class_weight)
        return self._on_batch("train", (x, y, sample_weight), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss (and metrics) of this batch, without an update."""
        self._require_compiled("test_on_batch")
        return self._on_batch("test", (x, y, sample_weight), return_dict)

    def _on_batch(self, kind: str, parts: tuple[Any, Any, Any], return_dict: bool) -> Any:
        batch = self._batch(f"{kind}_on_batch", *parts)
        self._build_for(lambda: batch)
        run: Callable[..., Any] = self._make(kind, False)
        self.reset_metrics()
        numbers = as_numbers(run(iter([batch])))
        return numbers if return_dict else self._in_order(numbers)

    def _batch(self, what: str, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        x = self.adjust_input(as_arrays(x, f"{what}: x"))
        y, sample_weight = as_arrays(y, f"{what}: y"), as_arrays(sample_weight, "sample_weight")
        return pack_x_y_sample_weight(*map(as_tensors, (x, y, sample_weight)))

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for exactly this batch, as NumPy arrays."""
        run = self.make_predict_function()
        return nest.map_structure(_as_array, run(iter([self._batch("predict_on_batch", x)])))


def _is_nested_shape(shape: Any) -> bool:
    return isinstance(shape, dict) or any(isinstance(size, (tuple, list, dict)) for size in shape)


def _is_due(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return epoch % frequency == 0
    if isinstance(frequency, (list, tuple, set)):
        return epoch in frequency
    raise ValueError(
        f"validation_freq is a number of epochs or a list of epochs, not {frequency!r}."
    )


def _as_array(output: Any) -> Any:
    return output.numpy() if isinstance(output, Tensor) else np.asarray(output)


def as_numbers(logs: Any) -> dict[str, Any]:
    """The results of a step as Python numbers; those of a metric that has several, as an array."""
    numbers: dict[str, Any] = {}
    for name, value in (logs or {}).items():
        if isinstance(value, dict):
            numbers |= as_numbers(value)
            continue
        array = value._array if type(value) is Tensor else np.asarray(value)
        numbers[name] = float(array) if array.size == 1 else np.asarray(array)
    return numbers
