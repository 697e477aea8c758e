"""Dense and the layers that only rearrange or transform."""

from __future__ import annotations

from typing import Any

from engine.keras import activations, initializers
from engine.keras.layer import InputSpec, Layer
from engine.ops.layout import reshape
from engine.ops.linalg import matmul
from engine.spec import element_count
from engine.tensor import Tensor


class Dense(Layer):
    """activation(x @ kernel + bias): every output is a weighted sum of all inputs.

    It works on the last axis: `(batch, ..., features)` gives `(batch, ..., units)`. It is not a function
    of the batch: each example is treated alike.

    Args:
      units: the number of outputs, a positive integer.
      activation: a name such as 'relu', or a function; None is linear.
      use_bias: whether a bias is added.
      kernel_initializer: for the kernel, shape `(features, units)`.
      bias_initializer: for the bias, shape `(units,)`.

    Raises:
      ValueError: for an input of rank below 2, or another number of features than it was built for.

    >>> import engine as tf
    >>> tf.keras.layers.Dense(4)(tf.ones([2, 3])).shape
    TensorShape([2, 4])
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **options: Any,
    ):
        super().__init__(**options)
        if not isinstance(units, int) or isinstance(units, bool) or units <= 0:
            raise ValueError(f"Dense: units must be a positive integer, not {units!r}.")
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        """Makes kernel and bias; the last axis must be known."""
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer {self.name!r} needs to know the size of the last axis to make its kernel, but "
                f"the input shape is {tuple(input_shape)}."
            )
        self.kernel = self.add_weight(
            (features, self.units), self.kernel_initializer, name="kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs: Tensor) -> Tensor:
        """The weighted sums, shifted and activated."""
        outputs = matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return self.activation(outputs)


class Activation(Layer):
    """An activation function as a layer."""

    def __init__(self, activation: Any, **options: Any):
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        """The function of each element."""
        return self.activation(inputs)


class Flatten(Layer):
    """All axes but the first joined into one: `(batch, a, b)` gives `(batch, a * b)`."""

    def call(self, inputs: Tensor) -> Tensor:
        """The same elements in two axes."""
        rest = inputs.shape[1:].as_list()
        known = None not in rest
        return reshape(inputs, [-1, element_count(rest)] if known else [inputs.shape[0], -1])
