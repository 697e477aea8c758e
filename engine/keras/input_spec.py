"""InputSpec: what a layer accepts, checked before it computes."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.spec import TensorShape
from engine.tensor import Tensor


class InputSpec:
    """What a layer accepts: an exact rank, bounds of it, a shape, or the sizes of some axes.

    Args:
      dtype: the element type.
      shape: the whole shape, None where any size will do.
      ndim: the rank; `max_ndim` and `min_ndim` bound it.
      axes: axis to size; negative axes count from the end.
      allow_last_axis_squeeze: a last axis of size 1 may be missing, or be one too many.
      optional: the input may be None.

    >>> InputSpec(min_ndim=2, axes={-1: 3})
    InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        optional: bool = False,
    ):
        self.dtype = None if dtype is None else dtypes.as_dtype(dtype).name
        self.shape = None if shape is None else tuple(TensorShape(shape).as_list())
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        if self.shape is not None:
            self.axes = {axis: size for axis, size in enumerate(self.shape) if size is not None}
        self.allow_last_axis_squeeze, self.optional = bool(allow_last_axis_squeeze), bool(optional)

    def __repr__(self) -> str:
        facts = {name: value for name, value in vars(self).items() if value}
        return f"InputSpec({', '.join(f'{name}={value!r}' for name, value in facts.items())})"

    def check(self, tensor: Tensor | None, layer: str) -> None:
        """Raises ValueError, with the fix, for a tensor the layer cannot take."""
        if tensor is None:
            if self.optional:
                return
            raise ValueError(f"Layer {layer!r} expects a tensor, but None was given.")
        full = tensor.shape
        if full.rank is None:
            return
        rank, axes = len(full), self.axes
        if self.allow_last_axis_squeeze and self.ndim in (rank + 1, rank - 1):
            wider = rank + 1 == self.ndim
            if (
                axes.get(rank) if wider else full[-1]
            ) == 1:  # the axis that is missing, or too many
                return
        if self.min_ndim is not None and rank < self.min_ndim:
            fix = (
                "A batch of single numbers of shape (n,) becomes (n, 1) with tf.expand_dims(x, -1); one "
                "example of shape (features,) becomes (1, features) with tf.expand_dims(x, 0)."
            )
            raise ValueError(
                f"Layer {layer!r} expects an input of rank {self.min_ndim} or more, such as (batch, "
                f"features), but the input has rank {rank} and shape {full}. {fix}"
            )
        if self.ndim is not None and rank != self.ndim:
            hint = ""
            if rank == self.ndim - 1:
                hint = (
                    " One example without its batch axis? x[tf.newaxis] adds it. Data without an axis for "
                    "channels? x[..., tf.newaxis] adds one."
                )
            raise ValueError(
                f"Layer {layer!r} expects an input of rank {self.ndim}, but the input has rank {rank} "
                f"and shape {full}.{hint}"
            )
        if self.max_ndim is not None and rank > self.max_ndim:
            raise ValueError(
                f"Layer {layer!r} expects an input of rank {self.max_ndim} or less, but the input has "
                f"rank {rank} and shape {full}."
            )
        if self.dtype is not None and tensor.dtype.name != self.dtype:
            raise ValueError(
                f"Layer {layer!r} expects {self.dtype}, but the input is {tensor.dtype.name}. Convert it "
                f"with tf.cast(x, tf.{self.dtype})."
            )
        for axis, size in axes.items():
            if size is not None and full[axis] not in (None, size):
                raise ValueError(
                    f"Layer {layer!r} was built for size {size} along axis {axis}, but the input has "
                    f"shape {full}. Feed data with {size} features, or build a new model."
                )
