"""Input: where the data of a model comes in."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.keras.layer import Layer
from engine.keras.symbolic import KerasTensor, Node
from engine.spec import TensorShape


class InputLayer(Layer):
    """The layer behind `Input`; it hands on what the model is given.

    Args:
      shape: of one example, without the batch axis; or `batch_shape`, with it.
      batch_size: the size of the batch axis, None for any.
      dtype: of the data, float32 by default.
      optional: whether the model may be given None.
    """

    _not_in_config: tuple[str, ...] = (
        *Layer._not_in_config,
        "shape",
        "batch_size",
        "input_tensor",
        "trainable",
        "kwargs",
    )

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name)
        if kwargs:
            raise TypeError(f"Input does not take {', '.join(map(repr, kwargs))}.")
        if sparse or ragged:
            raise NotImplementedError("Input: the engine has no sparse and no ragged tensors.")
        if (shape is None) == (batch_shape is None) and input_tensor is None:
            raise ValueError(
                "Input needs the shape of one example, for example Input(shape=(28, 28)), or batch_shape "
                "with the batch axis before it; and not both."
            )
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif batch_shape is None:
            if isinstance(shape, int):
                raise ValueError(f"Input: shape must be a tuple such as ({shape},), not {shape}.")
            batch_shape = (batch_size, *TensorShape(shape).as_list())
        self.batch_shape = tuple(TensorShape(batch_shape).as_list())
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), bool(optional)
        self.input_dtype = dtypes.as_dtype(dtype or "float32").name
        self.built = True
        tensor = KerasTensor(self.batch_shape, self.input_dtype, self.name)
        if input_tensor is not None:
            tensor = input_tensor
        self._inbound_nodes.append(Node(self, (), {}, tensor))

    @property
    def dtype(self) -> str:
        """Of the data."""
        return self.input_dtype

    def call(self) -> Any:
        """Never called: a model puts the data in its place."""
        raise NotImplementedError("InputLayer")

    def get_config(self) -> dict[str, Any]:
        """What `__init__` needs to make this layer again."""
        return {
            "batch_shape": self.batch_shape, "dtype": self.input_dtype, "sparse": self.sparse,
            "ragged": self.ragged, "name": self.name, "optional": self.optional,
        }  # fmt: skip


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
    ragged: bool | None = None,
) -> KerasTensor:
    """Declares what a model is fed: a KerasTensor to call layers on.

    Args:
      shape: of one example, without the batch axis; sizes may be None.
      batch_size: the size of the batch axis, None for any.
      dtype: float32 by default.
      batch_shape: instead of `shape`, with the batch axis.
      name: the key of the data, when a model is fed with a dict.

    Raises:
      ValueError: without a shape.

    >>> Input((28, 28, 1), name="image").shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    made: KerasTensor = layer.output
    return made
