"""What is known about a tensor before it has values: its shape, in which a size may be unknown
(None), and its dtype. Every shape rule of the engine is written with the functions below.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from typing import Any

from engine import dtypes
from engine.errors import InvalidArgumentError

Dims = tuple[int | None, ...]


class TensorShape:
    """The size of each axis; None stands for a size not known yet, and rank None for no knowledge.

    >>> shape = TensorShape([None, 3])
    >>> shape.rank, shape[1], shape.is_compatible_with([8, 3]), str(shape)
    (2, 3, True, '(None, 3)')
    """

    __slots__ = ("_dims",)

    def __init__(self, dims: Any):
        if dims is None or isinstance(dims, TensorShape):
            self._dims: Dims | None = None if dims is None else dims._dims
            return
        if isinstance(dims, int):
            raise TypeError(
                f"A shape is a sequence of sizes, but {dims} was given. For one axis write [{dims}]."
            )
        self._dims = tuple(None if d is None else whole(d, "A size") for d in dims)
        if any(d is not None and d < 0 for d in self._dims):
            raise ValueError(
                f"A size cannot be negative: {tuple(self._dims)}. Use None for unknown."
            )

    @classmethod
    def known(cls, dims: Dims | None) -> TensorShape:
        """The shape with sizes that were checked before, such as those of an array."""
        shape = cls.__new__(cls)
        shape._dims = dims
        return shape

    @property
    def rank(self) -> int | None:
        """The number of axes, or None."""
        return None if self._dims is None else len(self._dims)

    @property
    def ndims(self) -> int | None:
        """The number of axes, or None."""
        return self.rank

    @property
    def dims(self) -> Dims | None:
        """The sizes as a tuple, or None when the rank is unknown."""
        return self._dims

    def as_list(self) -> list[int | None]:
        """The sizes as a list; ValueError when the rank is unknown."""
        if self._dims is None:
            raise ValueError("as_list() needs a known rank, but this shape is entirely unknown.")
        return list(self._dims)

    def is_fully_defined(self) -> bool:
        """True when every size is known."""
        return self._dims is not None and None not in self._dims

    def num_elements(self) -> int | None:
        """The product of the sizes, or None when one is unknown."""
        dims = self._dims
        return None if dims is None or None in dims else element_count(dims)

    def is_compatible_with(self, other: Any) -> bool:
        """True when some tensor could have both shapes."""
        return compatible(self._dims, TensorShape(other)._dims)

    def merge_with(self, other: Any) -> TensorShape:
        """The shape that knows what either knows; ValueError when they contradict each other."""
        theirs = TensorShape(other)
        if not self.is_compatible_with(theirs):
            raise ValueError(f"Shapes {self} and {theirs} are not compatible.")
        if self._dims is None or theirs._dims is None:
            return theirs if self._dims is None else self
        pairs = zip(self._dims, theirs._dims, strict=True)
        return TensorShape([a if a is not None else b for a, b in pairs])

    def concatenate(self, other: Any) -> TensorShape:
        """The axes of this shape followed by those of the other."""
        theirs = TensorShape(other)._dims
        if self._dims is None or theirs is None:
            return TensorShape(None)
        return TensorShape(self._dims + theirs)

    def with_rank(self, rank: int) -> TensorShape:
        """This shape, checked to have `rank` axes; ValueError otherwise."""
        if self._dims is None:
            return TensorShape([None] * rank)
        if len(self._dims) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}, but has rank {self.rank}.")
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """This shape, checked to have `rank` axes or more, if its rank is known; ValueError otherwise."""
        if self._dims is not None and len(self._dims) < rank:
            raise ValueError(
                f"Shape {self} must have rank {rank} or more, but has rank {self.rank}."
            )
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """This shape, checked to have `rank` axes or less, if its rank is known; ValueError otherwise."""
        if self._dims is not None and len(self._dims) > rank:
            raise ValueError(
                f"Shape {self} must have rank {rank} or less, but has rank {self.rank}."
            )
        return self

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """The shape that holds for both: None where their sizes differ, unknown if their ranks do."""
        theirs = TensorShape(other)._dims
        if self._dims is None or theirs is None or len(self._dims) != len(theirs):
            return TensorShape(None)
        pairs = zip(self._dims, theirs, strict=True)
        return TensorShape([a if a == b else None for a, b in pairs])

    def assert_has_rank(self, rank: int) -> None:
        """Raises ValueError for another rank; an unknown one passes."""
        self.with_rank(rank)

    def assert_same_rank(self, other: Any) -> None:
        """Raises ValueError for a rank other than that of `other`, if both are known."""
        theirs = TensorShape(other)
        if self.rank is not None and theirs.rank is not None and self.rank != theirs.rank:
            raise ValueError(f"Shapes {self} and {theirs} must have the same rank.")

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises ValueError unless some tensor could have both shapes."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {TensorShape(other)} are not compatible.")

    def assert_is_fully_defined(self) -> None:
        """Raises ValueError unless every size is known."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} has a size that is not known.")

    def __len__(self) -> int:
        if self._dims is None:
            raise ValueError("The rank of this shape is unknown, so it has no length.")
        return len(self._dims)

    def __iter__(self) -> Iterator[int | None]:
        if self._dims is None:
            raise ValueError("The rank of this shape is unknown, so it cannot be iterated.")
        return iter(self._dims)

    def __getitem__(self, key: Any) -> Any:
        if self._dims is None:
            return TensorShape(None) if isinstance(key, slice) else None
        found = self._dims[key]
        return TensorShape(found) if isinstance(key, slice) else found

    def __bool__(self) -> bool:
        return self._dims is not None

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, TensorShape):
            return self._dims == other._dims
        if other is None or isinstance(other, (tuple, list)):
            return self._dims == (None if other is None else tuple(other))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._dims)

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __repr__(self) -> str:
        return f"TensorShape({None if self._dims is None else list(self._dims)})"

    def __str__(self) -> str:
        return "<unknown>" if self._dims is None else str(self._dims)


class TensorSpec:
    """Shape and dtype of a tensor that does not exist yet; the entry of an `input_signature`.

    >>> TensorSpec([None, 3], "float32")
    TensorSpec(shape=(None, 3), dtype=tf.float32, name=None)
    """

    __slots__ = ("dims", "dtype", "name")

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None):
        self.dims = TensorShape(shape)._dims
        self.dtype = dtypes.as_dtype(dtype)
        self.name = name

    @property
    def shape(self) -> TensorShape:
        """The TensorShape, in which sizes may be None."""
        return TensorShape.known(self.dims)

    @property
    def rank(self) -> int | None:
        """The number of axes, or None."""
        return None if self.dims is None else len(self.dims)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec that describes exactly this tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """True when a tensor or spec with that shape and dtype fits this spec."""
        same = self.dtype == spec_or_tensor.dtype
        return same and self.shape.is_compatible_with(spec_or_tensor.shape)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, TensorSpec):
            return NotImplemented
        return (self.dims, self.dtype, self.name) == (other.dims, other.dtype, other.name)

    def __hash__(self) -> int:
        return hash((self.dims, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


def whole(value: Any, what: str) -> int:
    """A size, axis or position as an int. A fraction is a mistake, not something to cut off.

    >>> whole(3, "A size")
    3
    """
    if value is None:
        raise ValueError(
            f"{what} must be known while the function is traced. Give the shape in its input_signature."
        )
    if isinstance(value, float):
        raise TypeError(
            f"{what}: a whole number was expected, but {value!r} was given. Divide with // to get one."
        )
    return operator.index(value)


def element_count(dims: Iterable[Any]) -> int:
    """The product of known sizes; 1 for rank 0."""
    count = 1
    for size in dims:
        count *= size
    return count


def compatible(first: Dims | None, second: Dims | None) -> bool:
    """True when the two agree wherever both know a size."""
    if first is None or second is None:
        return True
    return len(first) == len(second) and all(
        a is None or b is None or a == b for a, b in zip(first, second, strict=True)
    )


def show(dims: Dims | None) -> str:
    """A shape as error messages print it."""
    return "<unknown>" if dims is None else str(tuple(dims))


def broadcast(first: Dims | None, second: Dims | None, what: str = "broadcast") -> Dims | None:
    """The shape two tensors have together: aligned at the right, sizes equal or one of them 1.

    Raises:
      InvalidArgumentError: naming the axis at which the two differ.

    >>> broadcast((5, 1, 3), (4, 1)), broadcast((None, 3), (1,)), broadcast((None,), (2,))
    ((5, 4, 3), (None, 3), (2,))
    """
    if first is None or second is None:
        return None
    result: list[int | None] = []
    for back in range(1, max(len(first), len(second)) + 1):
        a = first[-back] if back <= len(first) else 1
        b = second[-back] if back <= len(second) else 1
        if a == b or b == 1:
            result.append(a)
        elif a == 1:
            result.append(b)
        elif a is None or b is None:
            result.append(b if a is None else a)
        else:
            raise InvalidArgumentError(
                f"{what}: shapes {show(first)} and {show(second)} do not fit together. Aligned at the "
                f"right, axis -{back} has size {a} against {b}; sizes must be equal, or one of them 1. "
                f"Reshape or transpose one of the two, or add an axis with tf.expand_dims."
            )
    return tuple(reversed(result))


def normalize_axis(axis: Any, rank: int, what: str) -> int:
    """A negative axis counted from the end becomes the axis from the start.

    Raises:
      InvalidArgumentError: when there is no such axis.

    >>> normalize_axis(-1, 3, "reduce_sum")
    2
    """
    axis = whole(axis, what)
    if not -rank <= axis < rank:
        allowed = f"-{rank} to {rank - 1}" if rank else "none: a rank-0 tensor has no axes"
        raise InvalidArgumentError(
            f"{what}: axis {axis} does not exist in a tensor of rank {rank}. Allowed: {allowed}."
        )
    return axis + rank if axis < 0 else axis
