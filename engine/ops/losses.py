"""Losses of logits and rates, one number an example or an element: what `tf.keras.losses` averages.

Logits are what a last layer gives before softmax or sigmoid. Taking them as they are keeps log and exp
apart, so that no probability is rounded to 0 before its logarithm is asked for.
"""

from __future__ import annotations

import math
from typing import Any

from engine import dtypes
from engine.dispatch import NOT_DIFFERENTIABLE, apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.activations import log_softmax
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    exp,
    log,
    logical_and,
    negative,
    ones_like,
    softplus,
    square,
    where,
    zeros_like,
)
from engine.ops.indexing import gather
from engine.ops.layout import expand_dims, sizes, squeeze
from engine.ops.reduce import reduce_sum
from engine.ops.special import multiply_no_nan
from engine.spec import TensorSpec, compatible, show
from engine.tensor import Tensor, describe


def _logits(value: Any, what: str) -> tuple[Tensor, Tensor]:
    """Logits as given, and in float32 at least: 16 bits are too few for a sum of exponentials."""
    x = convert(value)
    if not x.dtype.is_floating:
        raise InvalidArgumentError(
            f"{what}: logits must be floating-point numbers, but {describe(x)} was given. "
            "Convert them with tf.cast(x, tf.float32)."
        )
    return x, cast(x, dtypes.float32) if x.dtype.size == 2 else x


def _paired(labels: Any, logits: Any, what: str) -> tuple[Tensor, Tensor]:
    """Labels and logits in one dtype, checked to be of one shape."""
    if labels is None or logits is None:
        raise ValueError(f"{what}: both labels and logits must be given.")
    x = convert(logits)
    z = convert(labels, hint=x.dtype)
    if not x.dtype.is_floating or z.dtype is not x.dtype:
        raise InvalidArgumentError(
            f"{what}: labels and logits must be floating-point numbers of one dtype, but {z.dtype.name} "
            f"and {x.dtype.name} were given. Convert with tf.cast(labels, tf.float32)."
        )
    if not compatible(z._dims, x._dims):
        raise ValueError(
            f"{what}: labels and logits must have the same shape, but {z.shape} and {x.shape} were given."
        )
    return z, x


# --- one class out of several ---------------------------------------------------------------------


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """-sum(labels * log_softmax(logits)) along `axis`: one loss an example.

    `labels` are probabilities in the shape of `logits`, such as one-hot rows. A class of probability 0
    adds nothing, even if its logit is -inf. The gradients are exact also for labels that do not add up
    to 1, where TensorFlow's with respect to the logits assumes that they do.

    >>> softmax_cross_entropy_with_logits([[0.0, 1.0]], [[1000.0, 0.0]]).numpy().tolist()
    [1000.0]
    """
    what = "softmax_cross_entropy_with_logits"
    given, x = _logits(logits, what)
    z = cast(convert(labels, hint=given.dtype), x.dtype)
    if not compatible(z._dims, x._dims):
        raise ValueError(
            f"{what}: labels and logits must have the same shape, but {z.shape} and {x.shape} were "
            "given. For class numbers use sparse_softmax_cross_entropy_with_logits."
        )
    if x.ndim == 0:
        raise InvalidArgumentError(
            f"{what}: logits need an axis for the classes, but are a scalar."
        )
    losses = reduce_sum(multiply_no_nan(negative(log_softmax(x, axis)), z), axis)
    return cast(losses, given.dtype)


_SPARSE = "sparse_softmax_cross_entropy_with_logits"


def _labels_kernel(xp: Any, labels: Any, logits: Any, *, what: str = _SPARSE) -> Any:
    classes = logits.shape[-1]
    # As unsigned numbers the negative ones are the largest: one look at the maximum is enough.
    unsigned = labels.view(labels.dtype.str.replace("i", "u"))
    if unsigned.size and unsigned.max() >= classes:
        wrong = (labels < 0) | (labels >= classes)
        raise InvalidArgumentError(
            f"{what}: label {int(labels[wrong].reshape(-1)[0])} is outside the valid range [0, {classes}); "
            f"logits of shape {show(logits.shape)} have {classes} classes, numbered from 0. Give the last "
            "layer one unit for each class, or number the labels from 0."
        )
    return labels


def _labels_spec(labels: TensorSpec, logits: TensorSpec, *, what: str = _SPARSE) -> TensorSpec:
    if not labels.dtype.is_integer:
        raise InvalidArgumentError(
            f"{what}: labels are class numbers, integers, but {labels.dtype.name} was given. For "
            "probabilities use softmax_cross_entropy_with_logits."
        )
    if not logits.dtype.is_floating:
        raise InvalidArgumentError(
            f"{what}: logits must be floating-point numbers, but {logits.dtype.name} was given."
        )
    if logits.dims is not None and not logits.dims:
        raise InvalidArgumentError(
            f"{what}: logits need an axis for the classes, but are a scalar."
        )
    if logits.dims is not None and not compatible(labels.dims, logits.dims[:-1]):
        raise ValueError(
            f"{what}: labels of shape {show(logits.dims[:-1])} were expected - one class number for each "
            f"row of logits, shape {show(logits.dims)} - but shape {show(labels.dims)} was given."
        )
    return labels


_LABELS = primitive("checked_labels", _labels_kernel, _labels_spec, vjp=NOT_DIFFERENTIABLE)


def checked_labels(labels: Tensor, logits: Tensor, what: str) -> Tensor:
    """The labels, if each is the number of one of the classes of the logits; errors begin with `what`."""
    return apply(_LABELS, labels, logits, what=what)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """The same for labels that are class numbers: logits `(..., classes)`, labels and losses `(...)`.

    Raises:
      InvalidArgumentError: for a label that is not one of 0 to classes - 1.

    >>> sparse_softmax_cross_entropy_with_logits([1], [[1000.0, 0.0]]).numpy().tolist()
    [1000.0]
    """
    given, x = _logits(logits, "sparse_softmax_cross_entropy_with_logits")
    numbers = convert(labels)
    _labels_spec(numbers.spec, x.spec)
    checked = apply(_LABELS, numbers, x)
    rows = x.ndim - 1
    chosen = gather(log_softmax(x), expand_dims(checked, -1), axis=rows, batch_dims=rows)
    return cast(0.0 - squeeze(chosen, [rows]), given.dtype)  # 0 - 0 is 0, where -0 would be printed


# --- yes or no ------------------------------------------------------------------------------------


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """-z log(sigmoid(x)) - (1 - z) log(1 - sigmoid(x)) for each logit x and its label z in [0, 1].

    Computed as max(x, 0) - x z + log(1 + exp(-|x|)), which no logit makes overflow.

    >>> sigmoid_cross_entropy_with_logits([1.0, 0.0], [-1000.0, -1000.0]).numpy().tolist()
    [1000.0, 0.0]
    """
    z, x = _paired(labels, logits, "sigmoid_cross_entropy_with_logits")
    # One condition for both parts: their kinks at 0 cancel, in every derivative.
    above = x >= 0
    return where(above, x, zeros_like(x)) - x * z + softplus(where(above, -x, x))


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Tensor:
    """As `sigmoid_cross_entropy_with_logits`, but with the first term, of positives, times `pos_weight`.

    A weight above 1 makes a missed positive cost more than a false alarm.

    >>> weighted_cross_entropy_with_logits([1.0, 0.0], [-1000.0, 1000.0], 3.0).numpy().tolist()
    [3000.0, 1000.0]
    """
    z, x = _paired(labels, logits, "weighted_cross_entropy_with_logits")
    above = x >= 0
    tail = softplus(where(above, -x, x)) + where(above, zeros_like(x), -x)
    return (1 - z) * x + (1 + (pos_weight - 1) * z) * tail


# --- counts ---------------------------------------------------------------------------------------


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """exp(c) - z c for each count z and predicted logarithm c of the rate: -log of Poisson's probability.

    Left out is log(z!), which the prediction does not change. `compute_full_loss` adds it, by Stirling's
    approximation z log(z) - z + log(2 pi z) / 2 for counts above 1; it is 0 for 0 and 1.

    >>> log_poisson_loss([2.0], [0.0]).numpy().tolist()
    [1.0]
    """
    z, c = _paired(targets, log_input, "log_poisson_loss")
    loss = exp(c) - c * z
    if not compute_full_loss:
        return loss
    small = logical_and(z >= 0, z <= 1)
    safe = where(small, ones_like(z), z)  # the branch not taken must not make a gradient NaN
    stirling = safe * log(safe) - safe + 0.5 * log(2 * math.pi * safe)
    return loss + where(small, zeros_like(z), stirling)


def l2_loss(t: Any, name: str | None = None) -> Tensor:
    """Half the sum of the squares of all elements.

    >>> l2_loss([3.0, 4.0]).numpy().item()
    12.5
    """
    x = convert(t)
    if not x.dtype.is_floating:
        raise InvalidArgumentError(
            f"l2_loss works on floating-point tensors, but {describe(x)} was given."
        )
    return reduce_sum(square(x)) * 0.5


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Tensor:
    """The sum of weighted losses over `global_batch_size`, by default the size of the first axis.

    For loops that see a part of a batch at a time: the parts' averages add up to the batch's.

    >>> compute_average_loss([1.0, 3.0], sample_weight=[1.0, 0.5]).numpy().item()
    1.25
    """
    losses = convert(per_example_loss)
    if not losses.ndim:
        raise ValueError("compute_average_loss: one loss an example was expected, not a scalar.")
    if sample_weight is not None:
        losses = losses * cast(convert(sample_weight), losses.dtype)
    count = sizes(losses)[0] if global_batch_size is None else global_batch_size
    return reduce_sum(losses) / cast(convert(count), losses.dtype)


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The sum of regularisation losses. There is one replica to share it among, so it is not scaled.

    >>> scale_regularization_loss([1.0, 2.0]).numpy().item()
    3.0
    """
    return reduce_sum(regularization_loss)
