"""Activation functions as layers; PReLU learns its slope. The formulas are in `activations`."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras import activations, constraints, initializers, regularizers
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.core import known_size
from engine.ops.elementwise import exp, greater, relu, where, zeros_like
from engine.ops.reduce import reduce_logsumexp
from engine.spec import compatible
from engine.tensor import Tensor

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


def _not_negative(layer: str, **settings: Any) -> None:
    for name, value in settings.items():
        if value is None or value < 0:
            raise ValueError(f"{layer}: {name} must be 0 or more, not {value!r}.")


class Activation(Layer):
    """An activation function as a layer.

    Args:
      activation: a name such as 'relu', or a function of a tensor.

    >>> import engine as tf
    >>> tf.keras.layers.Activation("relu")([-3.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """

    _built_by_init = True

    def __init__(self, activation: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """The function of each element."""
        return self.activation(inputs)


class ReLU(Layer):
    """x where x >= threshold, negative_slope * (x - threshold) elsewhere, and at most max_value.

    Args:
      max_value: the largest output; None for no limit.
      negative_slope: 0 or more.
      threshold: 0 or more.

    >>> import engine as tf
    >>> tf.keras.layers.ReLU(max_value=6.0, negative_slope=0.5)([-2.0, 3.0, 9.0]).numpy().tolist()
    [-1.0, 3.0, 6.0]
    """

    _built_by_init = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        limit = 0.0 if max_value is None else max_value
        _not_negative("ReLU", max_value=limit, negative_slope=negative_slope, threshold=threshold)
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """The function of each element."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """x where x >= 0, negative_slope * x elsewhere: no unit ever stops learning.

    Args:
      negative_slope: 0 or more.

    >>> import engine as tf
    >>> tf.keras.layers.LeakyReLU(0.5)([-2.0, 3.0]).numpy().tolist()
    [-1.0, 3.0]
    """

    _built_by_init = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any):
        super().__init__(**kwargs)
        _not_negative("LeakyReLU", negative_slope=negative_slope)
        self.negative_slope = negative_slope
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """The function of each element."""
        return activations.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """x where x >= 0, alpha * (exp(x) - 1) elsewhere. Clevert et al. 2015, equation 15.

    Args:
      alpha: minus the limit for x towards minus infinity.

    >>> import engine as tf
    >>> tf.keras.layers.ELU()([-100.0, 3.0]).numpy().tolist()
    [-1.0, 3.0]
    """

    _built_by_init = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        """The function of each element."""
        return activations.elu(inputs, self.alpha)


class PReLU(Layer):
    """x where x >= 0, alpha * x elsewhere, with an alpha that is learned. He et al. 2015, equation 1.

    Args:
      alpha_initializer, alpha_regularizer, alpha_constraint: for alpha, shape `(*input_shape[1:])`.
      shared_axes: axes along which one alpha serves for all, such as [1, 2] for images.

    >>> import engine as tf
    >>> tf.keras.layers.PReLU("ones")([[-2.0, 3.0]]).numpy().tolist()
    [[-2.0, 3.0]]
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        several = shared_axes is None or isinstance(shared_axes, (list, tuple))
        axes = shared_axes if several else [shared_axes]
        self.shared_axes = None if axes is None else list(axes)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Makes alpha; the axes that are not shared must be known."""
        rank, shared = len(input_shape), self.shared_axes or []
        own = [axis for axis in range(1, rank) if axis not in shared]
        axes = {axis: known_size(self, input_shape, axis) for axis in own}
        self.alpha = self.add_weight(
            tuple(axes.get(axis, 1) for axis in range(1, rank)), self.alpha_initializer,
            regularizer=self.alpha_regularizer, constraint=self.alpha_constraint, name="alpha",
        )  # fmt: skip
        self.input_spec = InputSpec(ndim=rank, axes=dict(axes) if shared else None)

    def call(self, inputs: Tensor) -> Tensor:
        """The function of each element."""
        return relu(inputs) - self.alpha * relu(-inputs)


class Softmax(Layer):
    """exp(x) divided by its sum along an axis: positive numbers that add up to 1.

    Args:
      axis: an axis, or a list of axes over which the sum goes.

    The call takes a `mask` that broadcasts to the inputs: False leaves an element out, its output is 0.

    >>> import engine as tf
    >>> tf.keras.layers.Softmax()([1.0, 1.0, 9.0], mask=tf.constant([True, True, False])).numpy().tolist()
    [0.5, 0.5, 0.0]
    """

    _built_by_init = True

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Any = None) -> Tensor:
        """The shares."""
        if mask is not None:
            mask = self._boolean(mask, inputs)
            # Far below every logit, and finite: where all are masked, differences stay 0 and not NaN.
            low = -3e4 if inputs.dtype is dtypes.float16 else -1e9
            inputs = where(mask, inputs, low)
        if isinstance(self.axis, (list, tuple)) and len(self.axis) > 1:
            outputs = exp(inputs - reduce_logsumexp(inputs, list(self.axis), True))
        else:
            axis = self.axis[0] if isinstance(self.axis, (list, tuple)) else self.axis
            outputs = activations.softmax(inputs, axis)
        return outputs if mask is None else where(mask, outputs, zeros_like(outputs))

    @staticmethod
    def _boolean(mask: Tensor, inputs: Tensor) -> Tensor:
        sizes, given = inputs.shape.as_list(), mask.shape.as_list()
        wanted = [1 if m == 1 else n for m, n in zip(given[::-1], sizes[::-1], strict=False)]
        if len(given) > len(sizes) or not compatible(tuple(given), tuple(wanted[::-1])):
            raise ValueError(
                f"Softmax: each size of the mask must be 1 or that of the inputs, but the mask has shape "
                f"{mask.shape} and the inputs have shape {inputs.shape}."
            )
        return mask if mask.dtype is dtypes.bool_ else greater(mask, 0.5)
