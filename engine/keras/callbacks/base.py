"""Callback: what happens while fit, evaluate and predict run, besides the steps."""

from __future__ import annotations

from typing import Any


class Callback:
    """Override the hooks you need. `self.model` is the model, `self.params` has 'epochs', 'steps', 'verbose'.

    `logs` holds the numbers so far: 'loss', each metric, and 'val_...' at the end of an epoch. To end
    training, set `self.model.stop_training = True`. A hook that is not overridden costs nothing.
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
        """Before a training batch. `on_batch_begin` is another name for it."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch, with the numbers since the epoch began. Also `on_batch_end`."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a training batch."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a training batch."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After a batch of prediction, with its 'outputs'."""


class CallbackList:
    """Several callbacks as one, for training loops of one's own: each hook calls that of all, in order.

    Args:
      callbacks: the callbacks, or None.
      add_history: adds a History, kept as `model.history`.
      add_progbar: adds a ProgbarLogger.
      model: given to all with `set_model`.
      params: 'epochs', 'steps', 'verbose' ..., given to all with `set_params`.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        from engine.keras.callbacks.progress import ProgbarLogger
        from engine.keras.callbacks.records import History

        self.callbacks: list[Callback] = list(callbacks or [])
        if add_history and not any(isinstance(one, History) for one in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(one, ProgbarLogger) for one in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if params:
            self.set_params(params)
        if model is not None:
            self.set_model(model)

    def append(self, callback: Callback) -> None:
        """Adds one at the end."""
        self.callbacks.append(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Tells all what is known of the run."""
        for one in self.callbacks:
            one.set_params(params)

    def set_model(self, model: Any) -> None:
        """Tells all the model."""
        from engine.keras.callbacks.records import History

        for one in self.callbacks:
            one.set_model(model)
            if isinstance(one, History):
                model.history = one

    def __getattr__(self, hook: str) -> Any:
        if not hook.startswith("on_"):
            raise AttributeError(hook)

        def call(*args: Any, **kwargs: Any) -> None:
            for one in self.callbacks:
                getattr(one, hook)(*args, **kwargs)

        return call
