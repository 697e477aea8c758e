"""Layers of several inputs: a list of tensors becomes one."""

from __future__ import annotations

import functools
import string
from collections.abc import Callable, Sequence
from typing import Any

from engine import spec
from engine.errors import InvalidArgumentError
from engine.keras.layer import Layer
from engine.keras.masking import get_mask, set_mask
from engine.ops import elementwise as ew
from engine.ops.einsum import einsum
from engine.ops.joining import concat
from engine.ops.layout import broadcast_like, expand_dims
from engine.ops.norms import l2_normalize
from engine.ops.reduce import reduce_any
from engine.tensor import Tensor

__all__ = [
    "Add", "Average", "Concatenate", "Dot", "Maximum", "Merge", "Minimum", "Multiply", "Subtract", "add",
    "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract",
]  # fmt: skip


class Merge(Layer):
    """The base of the layers below: a list of tensors, joined element by element.

    Sizes of 1 stretch; a tensor of fewer axes gets new ones after the batch axis. The output's mask says
    where any input counts, if all inputs have masks.

    Raises:
      ValueError: for anything but a list of tensors, or shapes that do not fit.
    """

    _exactly: int | None = None  # how many inputs there must be; None for any number

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        """Checks the shapes; there are no weights."""
        shapes = self._listed(input_shape)
        if len({shape[0] for shape in shapes if shape} - {None}) > 1:
            raise ValueError(f"Layer {self.name!r}: the batch sizes differ: {_show(shapes)}.")
        self._check(shapes)

    def _listed(self, shapes: Any) -> list[Any]:
        kind = type(self).__name__
        if not shapes or not all(isinstance(shape, (list, tuple)) for shape in shapes):
            raise ValueError(
                f"{kind} takes a list of tensors, as in {kind}(...)([a, b]), but a single tensor of shape "
                f"{tuple(shapes)} was given."
            )
        if self._exactly is not None and len(shapes) != self._exactly:
            raise ValueError(f"{kind} takes {self._exactly} inputs, but {len(shapes)} were given.")
        return [tuple(shape) for shape in shapes]

    def _check(self, shapes: list[Any]) -> None:
        try:
            functools.reduce(spec.broadcast, (shape[1:] for shape in shapes))
        except InvalidArgumentError:
            raise ValueError(
                f"Layer {self.name!r}: the shapes {_show(shapes)} do not fit together. After the batch "
                "axis, sizes must be equal or 1."
            ) from None

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The tensors as one."""
        rank = max(x.ndim for x in inputs)
        return self.merge([self._with_rank(x, rank) for x in inputs])

    @staticmethod
    def _with_rank(x: Tensor, rank: int) -> Tensor:
        for _ in range(rank - x.ndim):
            x = expand_dims(x, 1)
        return x

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """The tensors, all of one rank, as one."""
        raise NotImplementedError(f"{type(self).__name__} must define merge(inputs).")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where any input counts; None if one of them has no mask."""
        masks = [None] if mask is None else list(mask)
        if any(part is None for part in masks):
            return None
        return functools.reduce(ew.logical_or, masks)


def _show(shapes: list[Any]) -> str:
    return ", ".join(spec.show(shape) for shape in shapes)


def _widened(mask: Any, like: Tensor) -> Any:
    """A mask of steps as one of elements; None stays."""
    return None if mask is None else broadcast_like(expand_dims(mask, -1), like)


class Add(Merge):
    """The sum of the inputs.

    >>> import engine as tf
    >>> Add()([tf.constant([[1.0, 2.0]]), tf.constant([[10.0, 20.0]])]).numpy().tolist()
    [[11.0, 22.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """a + b + ..."""
        return functools.reduce(ew.add, inputs)


class Subtract(Merge):
    """The first of two inputs minus the second.

    >>> import engine as tf
    >>> Subtract()([tf.constant([[1.0, 2.0]]), tf.constant([[10.0, 20.0]])]).numpy().tolist()
    [[-9.0, -18.0]]
    """

    _exactly = 2

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """a - b."""
        return inputs[0] - inputs[1]


class Average(Merge):
    """The mean of the inputs.

    >>> import engine as tf
    >>> Average()([tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 6.0]])]).numpy().tolist()
    [[2.0, 4.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """(a + b + ...) / n."""
        total = functools.reduce(ew.add, inputs)
        whole = total.dtype.is_integer
        return ew.divide(ew.cast(total, self.compute_dtype) if whole else total, len(inputs))


class Multiply(Merge):
    """The product of the inputs. Masked steps of one input count as 1 there; those of all give 0.

    >>> import engine as tf
    >>> Multiply()([tf.constant([[1.0, 2.0]]), tf.constant([[10.0, 20.0]])]).numpy().tolist()
    [[10.0, 40.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """a * b * ..."""
        masks = [_widened(get_mask(x), x) for x in inputs]
        parts = [
            x if mask is None else ew.where(mask, x, ew.ones_like(x))
            for x, mask in zip(inputs, masks, strict=True)
        ]
        product = functools.reduce(ew.multiply, parts)
        if any(mask is None for mask in masks):
            return product
        kept = functools.reduce(ew.logical_or, masks)
        output = ew.where(kept, product, ew.zeros_like(product))
        set_mask(output, reduce_any(kept, -1))
        return output


def _best(better: Callable[..., Any], inputs: list[Tensor]) -> Tensor:
    """The largest or smallest of each element among the inputs in which it is not masked."""
    output, kept = inputs[0], _widened(get_mask(inputs[0]), inputs[0])
    for x in inputs[1:]:
        mask, own = _widened(get_mask(x), x), x
        if mask is not None:
            own = ew.where(mask, own, output)
        if kept is not None:
            output = ew.where(kept, output, own)
        both = mask is not None and kept is not None
        kept = ew.logical_or(kept, mask) if both else None
        output = better(output, own)
    if kept is not None:
        set_mask(output, reduce_any(kept, -1))
    return output


class Maximum(Merge):
    """The largest of the inputs, element by element. What one input masks is left to the others.

    >>> import engine as tf
    >>> Maximum()([tf.constant([[1.0, 20.0]]), tf.constant([[10.0, 2.0]])]).numpy().tolist()
    [[10.0, 20.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """max(a, b, ...)."""
        return _best(ew.maximum, inputs)


class Minimum(Merge):
    """The smallest of the inputs, element by element. What one input masks is left to the others.

    >>> import engine as tf
    >>> Minimum()([tf.constant([[1.0, 20.0]]), tf.constant([[10.0, 2.0]])]).numpy().tolist()
    [[1.0, 2.0]]
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """min(a, b, ...)."""
        return _best(ew.minimum, inputs)


class Concatenate(Merge):
    """The inputs side by side along an axis; all other sizes are the same.

    The output's mask is made of the inputs' masks, True for an input without one.

    Args:
      axis: along which; the batch axis is 0.

    >>> import engine as tf
    >>> Concatenate()([tf.constant([[1.0, 2.0]]), tf.constant([[3.0]])]).numpy().tolist()
    [[1.0, 2.0, 3.0]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any) -> None:
        """Checks the shapes; there are no weights."""
        shapes = self._listed(input_shape)
        ranks = {len(shape) for shape in shapes}
        if len(ranks) > 1 or not -len(shapes[0]) <= self.axis < len(shapes[0]):
            raise ValueError(
                f"Layer {self.name!r}: the inputs need one rank, of which {self.axis} is an axis, but have "
                f"shapes {_show(shapes)}."
            )
        joined = self.axis % len(shapes[0])
        for axis, sizes in enumerate(zip(*shapes, strict=True)):
            if axis != joined and len(set(sizes) - {None}) > 1:
                raise ValueError(
                    f"Layer {self.name!r}: sizes may differ along axis {self.axis} alone, but the shapes "
                    f"{_show(shapes)} differ along axis {axis}."
                )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The tensors side by side."""
        return concat(list(inputs), self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where any element that was put there counts; None if no input has a mask."""
        masks = [None] * len(inputs) if mask is None else list(mask)
        if all(part is None for part in masks):
            return None
        full = []
        for x, part in zip(inputs, masks, strict=True):
            if part is None:
                part = ew.ones_like(x, "bool")
            elif part.ndim < x.ndim:
                part = _widened(part, x)
            full.append(part)
        return reduce_any(concat(full, self.axis), -1)


class Dot(Merge):
    """Products of two inputs summed over one axis of each, for every example.

    The other axes follow in order, those of the first input first; `(batch,)` becomes `(batch, 1)`.

    Args:
      axes: the axis of the first and of the second input, or one number for both; not 0, the batch.
      normalize: scale to length 1 along these axes first: the output is the cosine.

    >>> import engine as tf
    >>> Dot(axes=1)([tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0]])]).numpy().tolist()
    [[11.0]]
    """

    _exactly = 2

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else axes
        if not isinstance(pair, (list, tuple)):
            raise TypeError(f"Dot: axes must be an integer or a pair of integers, not {axes!r}.")
        if len(pair) != 2 or not all(isinstance(axis, int) for axis in pair) or 0 in pair:
            raise ValueError(
                f"Dot: axes must be one axis for each of the two inputs and never 0, the batch, but "
                f"{axes!r} was given."
            )
        self.axes = axes
        self.normalize = normalize

    def _places(self, ranks: list[int]) -> list[int]:
        """The summed axis of each input, counted from 0."""
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        found = [axis + rank if axis < 0 else axis for axis, rank in zip(pair, ranks, strict=True)]
        if any(not 0 < axis < rank for axis, rank in zip(found, ranks, strict=True)):
            raise ValueError(
                f"Layer {self.name!r}: the inputs have {ranks[0]} and {ranks[1]} axes; axes="
                f"{self.axes!r} does not name one of each, other than the batch."
            )
        return found

    def _check(self, shapes: list[Any]) -> None:
        places = self._places([len(shape) for shape in shapes])
        sizes = [shape[axis] for shape, axis in zip(shapes, places, strict=True)]
        if len(set(sizes) - {None}) > 1:
            raise ValueError(
                f"Layer {self.name!r}: the summed axes must have one size, but they have {sizes[0]} and "
                f"{sizes[1]} in shapes {_show(shapes)} with axes={self.axes!r}."
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The sums of products."""
        places = self._places([x.ndim for x in inputs])
        if self.normalize:
            # Keras's bound: a length counts as 1e-7 at least.
            pairs = zip(inputs, places, strict=True)
            inputs = [l2_normalize(x, axis, 1e-14) for x, axis in pairs]
        names = iter(string.ascii_letters[2:])  # a is the batch, b the summed axis
        labels = [
            "".join(
                "b" if axis == place else next(names) if axis else "a" for axis in range(x.ndim)
            )
            for x, place in zip(inputs, places, strict=True)
        ]
        kept = [label for part in labels for label in part if label not in "ab"]
        output = einsum(f"{labels[0]},{labels[1]}->a{''.join(kept)}", *inputs)
        return output if kept else expand_dims(output, -1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: no step is left that could be masked."""
        return


# --- as functions -------------------------------------------------------------------------------------


def add(inputs: Any, **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
