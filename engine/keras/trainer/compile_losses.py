"""CompileLoss: the losses of `compile`, one for each output, as one number to make small."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine import nest
from engine.keras import config, losses, metrics
from engine.keras.trainer.outputs import Outputs
from engine.ops.elementwise import cast, multiply
from engine.ops.layout import shape
from engine.tensor import Tensor

BY_SHAPE = ("crossentropy", "ce")


def number_of_examples(tensor: Any) -> Any:
    """The size of the batch axis: a number, or a tensor where a trace leaves it open. 1 for rank 0."""
    sizes = tensor.shape
    if sizes.rank == 0:
        return 1.0
    if sizes.rank is None or sizes[0] is None:
        count: Any = shape(tensor)
        return cast(count[0], config.floatx())
    return float(sizes[0])


def kind_of_labels(y_true: Any, y_pred: Any) -> str:
    """'binary', 'sparse' (class numbers) or 'categorical' (one-hot), as the shapes say."""
    true, predicted = y_true.shape, y_pred.shape
    if predicted[-1] == 1:
        return "binary"
    if len(true) < len(predicted) or (true[-1] == 1 and (predicted[-1] or 0) > 1):
        return "sparse"
    return "categorical"


def _named(kind: str) -> str:
    return {"sparse": "sparse_categorical"}.get(kind, kind) + "_crossentropy"


def loss_of(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """A Loss object for what `compile` was given for one output."""
    if isinstance(identifier, str) and identifier.lower() in BY_SHAPE:
        found: Any = getattr(losses, _named(kind_of_labels(y_true, y_pred)))
    else:
        found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    name = identifier if isinstance(identifier, str) else getattr(found, "__name__", None)
    return losses.LossFunctionWrapper(found, name=name or type(found).__name__)


def _check_labels(loss: Any, y_true: Any, y_pred: Any) -> None:
    """Labels of another kind than the loss is for: the most frequent mistake with crossentropy.

    Raises:
      ValueError: with the loss to use instead.
    """
    function = getattr(getattr(loss, "fn", None), "__name__", "")
    true, predicted = y_true.shape, y_pred.shape
    if true.rank is None or predicted.rank is None or not predicted.rank:
        return
    kind = kind_of_labels(y_true, y_pred)
    numbers = "the labels are class numbers"
    one_hot = "the labels have one column for each class"
    wrong = {
        ("categorical_crossentropy", "sparse"): (numbers, "sparse_categorical_crossentropy"),
        ("binary_crossentropy", "sparse"): (numbers, "sparse_categorical_crossentropy"),
        ("sparse_categorical_crossentropy", "categorical"): (one_hot, "categorical_crossentropy"),
    }.get((function, kind))
    if wrong is not None and (predicted[-1] or 0) > 1:
        raise ValueError(
            f"The loss {function} does not fit the labels: {wrong[0]}, of shape {true}, and the "
            f"predictions have shape {predicted}. Compile with loss={wrong[1]!r}."
        )


class _Term(NamedTuple):
    """One loss of one output. tracker: its mean over the epoch, where there are several."""

    output: int
    loss: Any
    weight: float | None
    tracker: Any


class CompileLoss:
    """The weighted sum of the losses of all outputs.

    Args:
      loss: one for all outputs, a list, or a dict by output names; None for no loss.
      loss_weights: a number for each loss, in the same form.
      output_names: of the model, where it has them.

    Raises:
      ValueError: for an unknown name, and for weights of another form.
    """

    name = "compile_loss"

    def __init__(self, loss: Any, loss_weights: Any = None, output_names: Any = None):
        if loss_weights is not None and not isinstance(
            loss_weights, (list, tuple, dict, float, int)
        ):
            raise ValueError(
                "loss_weights is a number, a list of numbers in the order of the outputs, or a dict by their "
                f"names, not {loss_weights!r}."
            )
        for leaf in [loss] if _is_config(loss) else nest.flatten(loss):
            if isinstance(leaf, str) and leaf.lower() not in BY_SHAPE:
                losses.get(leaf)  # an unknown name is told here, not at the first batch
        self._loss, self._weights = loss, loss_weights
        self._output_names = output_names
        self._terms: list[_Term] = []
        self._outputs: Any = None

    @property
    def built(self) -> bool:
        """Whether it is known which loss belongs to which output."""
        return self._outputs is not None

    @property
    def metrics(self) -> list[Any]:
        """The mean of each loss over the epoch, where there are several."""
        return [term.tracker for term in self._terms if term.tracker is not None]

    @property
    def variables(self) -> list[Any]:
        """Where they keep their sums."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Gives each output its loss. Called with the first batch, or with what stands for it in a trace."""
        outputs = Outputs(y_pred, self._output_names)
        identifiers = outputs.spread(self._loss, "loss", whole=True)
        weights = outputs.spread(self._weights, "loss_weights")
        wanted = [identifier is not None for identifier in identifiers]
        predicted = outputs.tensors(y_pred)
        targets = outputs.targets(y_true, "y", wanted.__getitem__)
        several = sum(wanted) > 1
        names: list[str] = []
        terms = []
        for i, identifier in enumerate(identifiers):
            if identifier is None:
                continue
            if targets[i] is None:
                raise ValueError(
                    f"y has no targets for the output {outputs.names[i]!r}, which has a loss. Add them to y, "
                    "or compile with None as the loss of that output."
                )
            found = loss_of(identifier, targets[i], predicted[i])
            _check_labels(found, targets[i], predicted[i])
            name = f"{_log_name(outputs, i, found)}_loss"
            before = names.count(name)
            names.append(name)
            tracker = metrics.Mean(name=f"{name}_{before}" if before else name) if several else None
            terms.append(_Term(i, found, weights[i], tracker))
        self._terms, self._outputs = terms, outputs

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor | None:
        """The number to make small for one batch; None when no output has a loss.

        Raises:
          ValueError: for targets that are missing or nested in another way than the predictions.
        """
        if y_true is None:
            raise ValueError(
                "The targets are missing: pass fit(x, y), or data that gives pairs (x, y). A model that "
                "needs none is compiled without a loss, and calls add_loss."
            )
        if self._outputs is None:
            self.build(y_true, y_pred)
        has_loss = {term.output for term in self._terms}.__contains__
        outputs = self._outputs
        predicted = outputs.tensors(y_pred)
        targets = outputs.targets(y_true, "y", has_loss)
        weights = [sample_weight] * len(outputs)
        if nest.is_nested(sample_weight):
            weights = outputs.targets(sample_weight, "sample_weight", has_loss)
        total: Any = None
        floatx = config.floatx()
        for i, loss, weight, tracker in self._terms:
            value = cast(loss(targets[i], predicted[i], weights[i]), floatx)
            if (
                tracker is not None
            ):  # without its weight: a part of the total is not what one watches
                tracker.update_state(value, sample_weight=number_of_examples(predicted[i]))
            if weight is not None:
                value = multiply(value, weight)
            total = value if total is None else total + value
        return total


def _is_config(setting: Any) -> bool:
    return isinstance(setting, dict) and "class_name" in setting


def _log_name(outputs: Outputs, i: int, loss: Any) -> str:
    """What a loss is called in the logs: after the output, else after itself."""
    path = outputs.paths[i]
    own = outputs.names[i] or loss.name
    if path and isinstance(path[-1], int):
        path = (*path[:-1], own)
    return "/".join(map(str, path)) or own
