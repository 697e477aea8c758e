"""CompileMetrics: the metrics of `compile`, for each output, with their names in the logs."""

from __future__ import annotations

from typing import Any

from engine import nest
from engine.keras import metrics as metrics_module
from engine.keras.trainer.compile_losses import BY_SHAPE, kind_of_labels
from engine.keras.trainer.outputs import Outputs

_CLASSES = {"binary": "Binary", "sparse": "SparseCategorical", "categorical": "Categorical"}


def metric_of(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """A Metric for what `compile` was given, named as it will stand in the logs.

    'accuracy' and 'crossentropy' become those for two classes, class numbers or one-hot labels, as the
    shapes say. Keras does so for 'accuracy' alone.
    """
    if identifier is None:
        raise ValueError("A list of metrics holds None; leave it out.")
    short = identifier.lower() if isinstance(identifier, str) else ""
    if short in ("accuracy", "acc", *BY_SHAPE):
        what = "Crossentropy" if short in BY_SHAPE else "Accuracy"
        kind = getattr(metrics_module, _CLASSES[kind_of_labels(y_true, y_pred)] + what)
        return kind(name=identifier)
    found = metrics_module.get(identifier)
    if not isinstance(found, metrics_module.Metric):
        name = getattr(found, "__name__", type(found).__name__)
        found = metrics_module.MeanMetricWrapper(found, name=name)
    if isinstance(identifier, str):
        found.name = identifier
    return found


def _as_list(entry: Any) -> list[Any]:
    if entry is None:
        return []
    return list(entry) if isinstance(entry, (list, tuple)) else [entry]


class CompileMetrics:
    """All metrics of `compile` as one: a single entry of `model.metrics`, as in Keras.

    Args:
      metrics: a list for a model with one output. For several: a list with an entry for each, or a dict by
        their names; an entry is a metric or a list of them.
      weighted_metrics: the same, for metrics that take `sample_weight` into account.
      output_names: of the model, where it has them.

    Raises:
      ValueError: for anything but lists and dicts, and for an unknown name.
    """

    name = "compile_metrics"

    def __init__(self, metrics: Any, weighted_metrics: Any = None, output_names: Any = None):
        for what, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValueError(
                    f"{what} is a list or a dict of metrics: write {what}=[{given!r}]."
                )
            for leaf in nest.flatten(given):
                if isinstance(leaf, str) and leaf.lower() not in ("accuracy", "acc", *BY_SHAPE):
                    metrics_module.get(leaf)  # an unknown name is told here
        self._given = metrics, weighted_metrics
        self._output_names = output_names
        self._outputs: Any = None
        self._plain: list[list[Any]] = []  # for each output
        self._weighted: list[list[Any]] = []
        self._named: dict[str, Any] = {}  # the same, by their names in the logs

    @property
    def built(self) -> bool:
        """Whether the metrics are made, which needs the first batch."""
        return self._outputs is not None

    @property
    def metrics(self) -> list[Any]:
        """All of them, those without weights first."""
        return [metric for part in (*self._plain, *self._weighted) for metric in part]

    @property
    def variables(self) -> list[Any]:
        """Where they keep their sums."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Makes the metrics. Called with the first batch, or with what stands for it in a trace."""
        outputs = Outputs(y_pred, self._output_names)
        predicted = outputs.tensors(y_pred)
        plain, weighted = (
            self._spread(outputs, what, given)
            for what, given in zip(("metrics", "weighted_metrics"), self._given, strict=True)
        )
        targets = outputs.targets(y_true, "y", lambda i: bool(plain[i] or weighted[i]))
        for i, target in enumerate(targets):
            if target is None and (plain[i] or weighted[i]):
                raise ValueError(
                    f"y has no targets for the output {outputs.names[i]!r}, which has metrics."
                )
        self._plain, self._weighted = (
            [
                [metric_of(one, target, prediction) for one in part]
                for part, target, prediction in zip(parts, targets, predicted, strict=True)
            ]
            for parts in (plain, weighted)
        )
        self._outputs = outputs
        self._named = self._log_names()

    def _spread(self, outputs: Outputs, what: str, given: Any) -> list[list[Any]]:
        if not given:
            return [[] for _ in range(len(outputs))]
        if len(outputs) == 1:
            return [nest.flatten(given)]
        return [_as_list(entry) for entry in outputs.spread(given, what)]

    def _log_names(self) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for weighted, parts in ((False, self._plain), (True, self._weighted)):
            for output, part in zip(self._outputs.names, parts, strict=True):
                prefix = f"{output}_" if output is not None and len(parts) > 1 else ""
                for metric in part:
                    name = f"{prefix}{metric.name}"
                    if weighted and name in named:
                        name = f"{prefix}weighted_{metric.name}"
                    base, number = name, 0
                    while name in named:
                        number += 1
                        name = f"{base}_{number}"
                    named[name] = metric
        return named

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch to every metric."""
        if y_true is None:
            raise ValueError(
                "The targets are missing, and metrics need them: pass fit(x, y), or data that gives pairs "
                "(x, y)."
            )
        if self._outputs is None:
            self.build(y_true, y_pred)
        outputs = self._outputs
        predicted = outputs.tensors(y_pred)
        targets = outputs.targets(y_true, "y", self._has_metrics)
        for i, part in enumerate(self._plain):
            for metric in part:
                metric.update_state(targets[i], predicted[i])
        if not any(self._weighted):
            return
        weights = [sample_weight] * len(outputs)
        if nest.is_nested(sample_weight):
            weights = outputs.targets(sample_weight, "sample_weight", self._has_metrics)
        for i, part in enumerate(self._weighted):
            for metric in part:
                metric.update_state(targets[i], predicted[i], weights[i])

    def _has_metrics(self, output: int) -> bool:
        return bool(self._plain[output] or self._weighted[output])

    def reset_state(self) -> None:
        """Starts all of them again."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The value of each so far, by its name in the logs."""
        return {name: metric.result() for name, metric in self._named.items()}
