"""Functions between layers. Without one, a stack of Dense layers is no more than a single Dense.

Names, arguments and defaults are those of `keras.activations`. Where a function has a corner, the
derivative there is that of one of its sides, as TensorFlow or JAX takes it.
"""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras import config
from engine.keras.lookup import find
from engine.keras.serialization import custom_object_scope, serialize_keras_object
from engine.ops import activations as ops
from engine.ops import elementwise as element
from engine.ops import special
from engine.ops.creation import convert
from engine.ops.elementwise import (
    cast,
    clip_by_value,
    minimum,
    sqrt,
    square,
    stop_gradient,
    where,
    zeros_like,
)
from engine.ops.joining import split as split_along
from engine.ops.ordering import sort
from engine.ops.reduce import reduce_sum
from engine.ops.scan import cumsum
from engine.tensor import Tensor


def _floating(x: Any) -> Tensor:
    """`x` as a tensor; integers become numbers of the default dtype, as in Keras."""
    tensor = convert(x)
    exact = tensor.dtype.is_integer or tensor.dtype is dtypes.bool_
    return cast(tensor, dtypes.as_dtype(config.floatx())) if exact else tensor


def linear(x: Any) -> Any:
    """x itself."""
    return x


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """max(x, 0); more generally x above `threshold`, at most `max_value`, and a line below.

    Args:
      negative_slope: below the threshold the result is `negative_slope * (x - threshold)`.

    >>> relu([-2.0, 1.0, 9.0], negative_slope=0.5, max_value=6).numpy().tolist()
    [-1.0, 1.0, 6.0]
    """
    if not negative_slope and max_value is None and not threshold:
        return element.relu(x)
    if max_value is None and not threshold:
        return leaky_relu(x, negative_slope)
    tensor = _floating(x)
    if threshold:
        above = where(tensor > threshold, tensor, zeros_like(tensor))
    else:
        above = ops.relu6(tensor) if max_value == 6 else element.relu(tensor)
    if max_value is not None and (threshold or max_value != 6):
        above = minimum(above, max_value)
    return above - negative_slope * element.relu(threshold - tensor) if negative_slope else above


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Tensor:
    """x where x >= 0, `negative_slope * x` elsewhere."""
    tensor = _floating(x)
    return where(tensor >= 0, tensor, negative_slope * tensor)


def relu6(x: Any) -> Tensor:
    """min(max(x, 0), 6)."""
    return ops.relu6(x)


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, `alpha * (exp(x) - 1)` elsewhere (Clevert et al., 2016)."""
    tensor = _floating(x)
    low = ops.elu(tensor)
    return low if alpha == 1 else where(tensor > 0, tensor, alpha * low)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where x > 0, `alpha * (exp(x / alpha) - 1)` elsewhere: smooth for every alpha (Barron, 2017)."""
    tensor = _floating(x)
    return where(tensor > 0, tensor, alpha * ops.elu(tensor / alpha))


def selu(x: Any) -> Tensor:
    """elu, scaled so that mean 0 and variance 1 are kept (Klambauer et al., 2017)."""
    return ops.selu(_floating(x))


def gelu(x: Any, approximate: bool = False) -> Tensor:
    """x times the share of the standard normal distribution below x (Hendrycks and Gimpel, 2016)."""
    return ops.gelu(_floating(x), approximate)


def silu(x: Any) -> Tensor:
    """x * sigmoid(x), also known as swish (Ramachandran et al., 2017)."""
    tensor = _floating(x)
    return tensor * element.sigmoid(tensor)


def hard_silu(x: Any) -> Tensor:
    """x * hard_sigmoid(x), also known as hard_swish (Howard et al., 2019)."""
    tensor = _floating(x)
    return tensor * hard_sigmoid(tensor)


def glu(x: Any, axis: int = -1) -> Tensor:
    """a * sigmoid(b), for the two halves a and b of x along `axis` (Dauphin et al., 2017).

    >>> glu([[1.0, 2.0, 0.0, 0.0]]).numpy().tolist()
    [[0.5, 1.0]]
    """
    first, second = split_along(_floating(x), 2, axis)
    return first * element.sigmoid(second)


def mish(x: Any) -> Tensor:
    """x * tanh(softplus(x)) (Misra, 2019)."""
    tensor = _floating(x)
    return tensor * element.tanh(element.softplus(tensor))


def sigmoid(x: Any) -> Tensor:
    """1 / (1 + exp(-x))."""
    return element.sigmoid(_floating(x))


def hard_sigmoid(x: Any) -> Tensor:
    """relu6(x + 3) / 6: a line from (-3, 0) to (3, 1)."""
    return ops.relu6(_floating(x) + 3.0) / 6.0


def sparse_sigmoid(x: Any) -> Any:
    """A line from (-1, 0) to (1, 1) (Blondel et al., 2019)."""
    return 0.5 * clip_by_value(_floating(x) + 1.0, 0.0, 2.0)


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)), exact also where the sigmoid is 0 or 1 in floating point."""
    return special.log_sigmoid(_floating(x))


def tanh(x: Any) -> Tensor:
    """The hyperbolic tangent."""
    return element.tanh(_floating(x))


def hard_tanh(x: Any) -> Tensor:
    """x, cut to [-1, 1]."""
    return clip_by_value(_floating(x), -1.0, 1.0)


def tanh_shrink(x: Any) -> Tensor:
    """x - tanh(x)."""
    tensor = _floating(x)
    return tensor - element.tanh(tensor)


def hard_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x where |x| > threshold, 0 elsewhere."""
    tensor = _floating(x)
    return where(element.abs(tensor) > threshold, tensor, zeros_like(tensor))


def soft_shrink(x: Any, threshold: float = 0.5) -> Tensor:
    """x moved towards 0 by `threshold`, and 0 where it would pass it."""
    tensor = _floating(x)
    low = where(tensor < -threshold, tensor + threshold, zeros_like(tensor))
    return where(tensor > threshold, tensor - threshold, low)


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where x > threshold, `default_value` elsewhere."""
    tensor = _floating(x)
    return where(tensor > threshold, tensor, zeros_like(tensor) + default_value)


def softplus(x: Any) -> Tensor:
    """log(1 + exp(x))."""
    return element.softplus(_floating(x))


def squareplus(x: Any, b: float = 4) -> Tensor:
    """(x + sqrt(x^2 + b)) / 2 (Barron, 2021)."""
    tensor = _floating(x)
    return (tensor + sqrt(square(tensor) + b)) / 2


def sparse_plus(x: Any) -> Tensor:
    """0 below -1, x above 1, and the parabola (x + 1)^2 / 4 between (Blondel et al., 2019)."""
    tensor = _floating(x)
    between = square(tensor + 1.0) / 4
    return where(tensor <= -1, zeros_like(tensor), where(tensor < 1, between, tensor))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|)."""
    return special.softsign(_floating(x))


def exponential(x: Any) -> Tensor:
    """exp(x)."""
    return element.exp(_floating(x))


def softmax(x: Any, axis: Any = -1) -> Tensor:
    """exp(x) divided by its sum along `axis`: positive numbers that add up to 1."""
    return ops.softmax(_floating(x), axis)


def log_softmax(x: Any, axis: Any = -1) -> Tensor:
    """The logarithm of `softmax`, computed without forming a quotient that may be 0."""
    return ops.log_softmax(_floating(x), axis)


def sparsemax(x: Any, axis: int = -1) -> Tensor:
    """The point of the simplex nearest to x along `axis`: like softmax, but with true zeros.

    max(x - t, 0), with t such that the results add up to 1 (Martins and Astudillo, 2016, algorithm 1).
    Keras 3.15 takes another t where more than one number stays above 0: its results then do not add up.

    >>> sparsemax([[2.0, 1.5, -1.0]]).numpy().tolist()
    [[0.75, 0.25, 0.0]]
    """
    tensor = _floating(x)
    fixed = stop_gradient(tensor)
    largest = sort(fixed, axis, "DESCENDING")
    count = cumsum(zeros_like(fixed) + 1, axis)
    inside = largest * count > cumsum(largest, axis) - 1  # these stay above 0
    # The smallest number that stays decides which do; how many they are and their sum then give t.
    last = reduce_sum(cast(inside, fixed.dtype), axis, keepdims=True)
    sums = reduce_sum(where(inside, largest, zeros_like(largest)), axis, keepdims=True)
    stays = fixed > (sums - 1) / last
    t = (reduce_sum(where(stays, tensor, zeros_like(tensor)), axis, keepdims=True) - 1) / last
    return where(stays, tensor - t, zeros_like(tensor))


_TABLE = {
    f.__name__: f
    for f in (
        celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh,
        leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu,
        soft_shrink, softmax, softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus,
        tanh, tanh_shrink, threshold,
    )
}  # fmt: skip
swish, hard_swish = silu, hard_silu
_ALIASES = {"swish": silu, "hard_swish": hard_silu}
__all__ = [*_TABLE, *_ALIASES, "deserialize", "get", "get_function", "serialize"]


def get(identifier: Any) -> Any:
    """The activation with this name, or from this config; None means linear.

    Raises:
      ValueError: for a name that is not known, with the nearest one.

    >>> get("relu") is relu, get(None) is linear
    (True, True)
    """
    return linear if identifier is None else find("activation", identifier, _TABLE | _ALIASES)


def get_function(name: str) -> Any:
    """The activation with exactly this name, or None."""
    return (_TABLE | _ALIASES).get(name)


def serialize(activation: Any) -> Any:
    """The name of an activation of this module or of `tf.nn`, the config of any other.

    >>> serialize(relu), serialize(get("swish"))
    ('relu', 'silu')
    """
    name = getattr(activation, "__name__", "")
    known = name in _TABLE and str(activation.__module__).startswith("engine.")
    return name if known else serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """The activation from what `serialize` returned."""
    with custom_object_scope(custom_objects or {}):
        return get(config)
