"""Trainer: compile, fit, evaluate, predict. What fit does is a loop over `train_step`, as a graph."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from engine.function import function
from engine.keras import losses, metrics, optimizers
from engine.keras.callbacks import CallbackList, History, ProgbarLogger
from engine.keras.data import Batches, as_array, split
from engine.keras.layer import Layer
from engine.ops.elementwise import cast
from engine.ops.layout import shape
from engine.tape import GradientTape
from engine.tensor import Tensor


class Trainer(Layer):
    """A layer that can be trained: the base of Model."""

    optimizer: Any = None
    loss: Any = None
    stop_training = False
    history: Any = None
    run_eagerly = False

    # --- settings -----------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "sgd",
        loss: Any = None,
        metrics: Any = None,
        run_eagerly: bool = False,
    ) -> None:
        """Says how to train: what moves the weights, what is made small, what is watched.

        Args:
          optimizer: a name such as 'sgd', or an Optimizer.
          loss: a name such as 'mean_squared_error', a Loss, or a function (y_true, y_pred).
          metrics: a list of names, Metrics or functions.
          run_eagerly: run train_step as plain Python, to debug it.
        """
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self._loss = None if loss is None else losses.as_loss(loss)
        self._loss_tracker = _metrics_mean()
        self._user_metrics = [_metric(item) for item in metrics or []]
        self.run_eagerly = bool(run_eagerly)
        self._functions: dict[str, Any] = {}

    def _trackable_children(self) -> dict[str, Any]:
        found = super()._trackable_children()
        for metric in ("_loss_tracker", "_user_metrics"):  # they start over with each epoch
            found.pop(metric, None)
        return found

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, then the metrics of compile."""
        self._require_compiled("metrics")
        return [self._loss_tracker, *self._user_metrics]

    @property
    def metrics_names(self) -> list[str]:
        """Their names: the keys of the logs."""
        return [metric.name for metric in self.metrics]

    def _require_compiled(self, what: str) -> None:
        if self.optimizer is None:
            raise RuntimeError(
                f"{what} needs a compiled model. Call model.compile(optimizer='sgd', "
                "loss='mean_squared_error') first: without it there is no loss to make small."
            )

    # --- one step -----------------------------------------------------------------------------------

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None) -> Tensor:
        """The number to make small for one batch."""
        if self._loss is None:
            raise ValueError("This model was compiled without a loss; pass loss= to compile.")
        return self._loss(y, y_pred)

    def _update_metrics(self, loss: Tensor, y: Any, y_pred: Tensor) -> dict[str, Tensor]:
        # A batch counts as much as it has examples: the last one is often smaller.
        count = shape(y_pred)[0] if y_pred.shape[0] is None else y_pred.shape[0]  # type: ignore[index]
        weight = cast(count, loss.dtype) if isinstance(count, Tensor) else float(count)
        self._loss_tracker.update_state(loss, sample_weight=weight)
        for metric in self._user_metrics:
            metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, data: Any) -> dict[str, Tensor]:
        """One batch: predict, measure, differentiate, move. Override it for training of your own."""
        x, y = data
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return self._update_metrics(loss, y, y_pred)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """One batch of evaluation."""
        x, y = data
        y_pred = self(x, training=False)
        return self._update_metrics(self.compute_loss(x, y, y_pred), y, y_pred)

    def predict_step(self, data: Any) -> Tensor:
        """One batch of prediction."""
        return self(data, training=False)

    def _step(self, kind: str) -> Any:
        method = getattr(self, f"{kind}_step")
        if self.run_eagerly:
            return method
        functions = self.__dict__.setdefault("_functions", {})
        if kind not in functions:
            functions[kind] = function(method)
        return functions[kind]

    # --- data ----------------------------------------------------------------------------------------

    @property
    def input_shape(self) -> Any:
        """The declared shape of the input with its batch axis, or None."""
        return None

    def adjust_input(self, array: Any) -> Any:
        """Data in the shape and dtype the model declares: (n,) for a model of (None, 1) becomes (n, 1).

        Raises:
          ValueError: when the data cannot be meant for this model.
        """
        expected = self.input_shape
        if expected is None:
            return array
        if array.ndim == len(expected) - 1 and expected[-1] == 1:
            array = array[..., np.newaxis]
        fits = array.ndim == len(expected) and all(
            want is None or want == have
            for want, have in zip(expected[1:], array.shape[1:], strict=True)
        )
        if not fits:
            want = ", ".join("batch" if i == 0 else str(d) for i, d in enumerate(expected))
            hint = (
                " Give one row for each example, with as many numbers as the model was built for."
            )
            if array.ndim == len(expected) - 1 and array.shape == tuple(expected[1:]):
                hint = " This looks like one example without its batch axis: use x[np.newaxis]."
            raise ValueError(
                f"Model {self.name!r} expects input of shape ({want}), but got {array.shape}.{hint}"
            )
        return array.astype(np.float32) if array.dtype.kind in "iub" else array

    # --- loops --------------------------------------------------------------------------------------

    def _arrays(self, x: Any, y: Any, what: str) -> list[Any]:
        inputs = self.adjust_input(as_array(x, f"{what}: x"))
        if y is None:
            raise ValueError(f"{what}: y, the targets, are missing: pass {what}(x, y).")
        return [inputs, as_array(y, f"{what}: y")]

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
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """Trains for `epochs` passes over the data.

        Args:
          x, y: lists, NumPy arrays or tensors with the examples along the first axis.
          batch_size: examples an update is made from; 32 by default.
          epochs: the number at which to stop; with `initial_epoch` the run starts later.
          verbose: 0 silent, 1 a bar, 2 a line for each epoch; 'auto' is 1.
          callbacks: a list of Callback objects.
          validation_split: the last part of the data is kept for validation.
          validation_data: a pair (x, y) to evaluate after each epoch.
          shuffle: draw a new order of the examples for each epoch.

        Returns:
          A History, whose `.history` maps each name to a list with one number for each epoch.

        Raises:
          RuntimeError: when the model is not compiled.
          ValueError: for arrays of different lengths, or of a shape the model does not take.
        """
        self._require_compiled("fit")
        arrays = self._arrays(x, y, "fit")
        held_out = None
        if validation_data is not None:
            held_out = self._arrays(validation_data[0], validation_data[1], "validation_data")
        elif validation_split:
            arrays, held_out = split(arrays, validation_split)
        batches = Batches(arrays, batch_size, shuffle)
        validation = None if held_out is None else Batches(held_out, batch_size)
        self._prepare(arrays[0])
        self.optimizer.build(self.trainable_variables)
        history = self.history = History()
        level = 1 if verbose == "auto" else int(verbose)
        bars = [ProgbarLogger(level)] if level else []
        watchers = CallbackList(
            [history, *bars, *(callbacks or [])],
            self,
            epochs=epochs,
            steps=len(batches),
            verbose=level,
        )
        self.stop_training = False
        watchers.on_train_begin({})
        try:
            for epoch in range(initial_epoch, epochs):
                self._run_epoch(epoch, batches, validation, watchers)
                if self.stop_training:
                    break
        finally:
            watchers.on_train_end({})
        return history

    def _run_epoch(
        self, epoch: int, batches: Batches, validation: Batches | None, watchers: CallbackList
    ) -> None:
        watchers.on_epoch_begin(epoch, {})
        self.reset_metrics()
        step, logs = self._step("train"), {}
        for number, batch in enumerate(batches):
            if watchers.wants_batches:
                watchers.on_train_batch_begin(number, {})
                logs = step(batch)
                watchers.on_train_batch_end(number, _numbers(logs))
            else:
                logs = step(batch)
            if self.stop_training:
                break
        numbers = _numbers(logs)
        if validation is not None:
            watchers.on_test_begin({})
            measured = self._evaluate(validation)
            watchers.on_test_end(measured)
            numbers |= {f"val_{name}": value for name, value in measured.items()}
        watchers.on_epoch_end(epoch, numbers)

    def reset_metrics(self) -> None:
        """Starts the mean loss and the metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    def _prepare(self, inputs: Any) -> None:
        """Builds the model on the first batch it meets, before anything is traced."""
        if not self.built:
            self(Tensor(inputs[:1]))

    def _evaluate(self, batches: Batches) -> dict[str, float]:
        self.reset_metrics()
        step, logs = self._step("test"), {}
        for batch in batches:
            logs = step(batch)
        return _numbers(logs)

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        return_dict: bool = False,
    ) -> Any:
        """The loss and metrics on data, without training.

        Returns:
          The loss; a list [loss, metrics...] when there are metrics; a dict with `return_dict`.
        """
        self._require_compiled("evaluate")
        arrays = self._arrays(x, y, "evaluate")
        self._prepare(arrays[0])
        batches = Batches(arrays, batch_size)
        numbers = self._evaluate(batches)
        if verbose in ("auto", 1, 2):
            steps = len(batches)
            text = " - ".join(f"{name}: {value:.4f}" for name, value in numbers.items())
            sys.stdout.write(f"{steps}/{steps} {'━' * 20} {text}\n")
        if return_dict:
            return numbers
        return list(numbers.values()) if len(numbers) > 1 else next(iter(numbers.values()))

    def predict(self, x: Any, batch_size: int | None = None, verbose: Any = "auto") -> Any:
        """The model's outputs for `x`, a NumPy array of shape `(examples, ...)`.

        `x` may be a list, a NumPy array or a tensor.
        """
        inputs = self.adjust_input(as_array(x, "predict: x"))
        self._prepare(inputs)
        step = self._step("predict")
        batches = Batches([inputs], batch_size)
        outputs = [step(batch[0]).numpy() for batch in batches]
        return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)

    def train_on_batch(self, x: Any, y: Any = None, return_dict: bool = False) -> Any:
        """One update from exactly this batch; returns its loss (and metrics)."""
        return self._on_batch("train", x, y, return_dict)

    def test_on_batch(self, x: Any, y: Any = None, return_dict: bool = False) -> Any:
        """The loss (and metrics) of this batch, without an update."""
        return self._on_batch("test", x, y, return_dict)

    def _on_batch(self, kind: str, x: Any, y: Any, return_dict: bool) -> Any:
        self._require_compiled(f"{kind}_on_batch")
        arrays = self._arrays(x, y, f"{kind}_on_batch")
        self._prepare(arrays[0])
        self.optimizer.build(self.trainable_variables)
        self.reset_metrics()
        numbers = _numbers(self._step(kind)(tuple(Tensor(array) for array in arrays)))
        if return_dict:
            return numbers
        return list(numbers.values()) if len(numbers) > 1 else next(iter(numbers.values()))


def _metrics_mean() -> Any:
    return metrics.Mean(name="loss")


def _metric(identifier: Any) -> Any:
    return metrics.get(identifier)


def _numbers(logs: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items()}
