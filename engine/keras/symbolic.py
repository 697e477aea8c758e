"""KerasTensor: the shape and dtype of data that a model will be given."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.spec import TensorShape, TensorSpec


class KerasTensor:
    """A stand-in for a batch of data: it has a shape, a dtype and a name, and no values."""

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None):
        self.spec = TensorSpec(shape, dtype, name)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape with the batch axis, which is usually None."""
        return tuple(self.spec.shape.as_list())

    @property
    def dtype(self) -> dtypes.DType:
        """The element type."""
        return self.spec.dtype

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype.name}, name={self.spec.name}>"


def Input(
    shape: Any = None, batch_size: int | None = None, dtype: Any = None, name: str | None = None
) -> KerasTensor:
    """Declares what a model is fed. `shape` is that of one example, without the batch axis."""
    if shape is None:
        raise ValueError("Input needs the shape of one example, for example Input(shape=(28, 28)).")
    sizes = TensorShape(shape).as_list()
    return KerasTensor((batch_size, *sizes), dtype or dtypes.float32, name)
