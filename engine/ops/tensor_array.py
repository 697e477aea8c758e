"""`tf.TensorArray`: results of a loop, written one by one and stacked at the end."""

from __future__ import annotations

from typing import Any

from engine import dtypes
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, is_symbolic, zeros
from engine.ops.elementwise import identity, maximum
from engine.ops.indexing import gather, tensor_scatter_nd_update
from engine.ops.joining import concat
from engine.ops.layout import expand_dims, reshape, sizes
from engine.ops.reduce import reduce_max
from engine.spec import TensorShape, compatible, show
from engine.tensor import Tensor, describe

_UNKNOWN = [0]  # the size of elements that nobody has seen: none


class TensorArray(tuple):
    """A list of tensors of one shape and dtype that a graph can write to in a loop.

    `write` returns the array with the element written: keep what it returns, the old one stays as it was
    (TensorFlow, outside graphs, changes it in place).

    Args:
      dtype: of every element.
      size: how many elements there are; 0 by default.
      dynamic_size: whether writing beyond the end makes room. In a loop of a graph that copies the elements
        at every write, and no gradient flows through such a loop; give the size if it is known.
      element_shape: the shape of every element. Without it the first element that is written says it.
      clear_after_read, infer_shape and all others: accepted.

    It is a structure that holds one tensor: loops, branches and functions take it apart as they do a tuple.

    >>> import engine as tf
    >>> squares = tf.TensorArray(tf.int32, size=3)
    >>> for i in range(3):
    ...     squares = squares.write(i, i * i)
    >>> squares.stack().numpy().tolist()
    [0, 1, 4]
    """

    _fields = ("elements",)  # how `nest` knows that it is made from its parts
    _grows = False

    def __new__(
        cls, dtype: Any, size: Any = None, dynamic_size: bool | None = None,
        clear_after_read: bool | None = None, tensor_array_name: str | None = None, handle: Any = None,
        flow: Any = None, infer_shape: bool = True, element_shape: Any = None,
        colocate_with_first_write_call: bool = True, name: str | None = None,
    ) -> TensorArray:  # fmt: skip
        if isinstance(dtype, Tensor):  # put together again after a loop, from its elements
            return tuple.__new__(cls, (dtype,))
        known = TensorShape(element_shape)
        dims = known.as_list() if known.is_fully_defined() else _UNKNOWN
        count = convert(0 if size is None else size)
        room = count if is_symbolic(count) else int(count.numpy())
        made: TensorArray = tuple.__new__(_Growing if dynamic_size else cls, (zeros([room, *dims], dtype),))
        return made

    def _with(self, elements: Tensor) -> TensorArray:
        made: TensorArray = tuple.__new__(type(self), (elements,))
        return made

    @property
    def _blank(self) -> bool:
        """Whether nothing has said yet what shape the elements have."""
        dims = self[0]._dims
        return dims is not None and list(dims[1:]) == _UNKNOWN

    @property
    def elements(self) -> Tensor:
        """All elements, stacked."""
        if self._blank:
            raise InvalidArgumentError(
                "TensorArray: nothing was written yet, and no element_shape was given, so there is nothing "
                "to read."
            )
        return self[0]

    @property
    def dtype(self) -> dtypes.DType:
        """The dtype of the elements."""
        return self[0].dtype

    @property
    def dynamic_size(self) -> bool:
        """Whether writing beyond the end makes room."""
        return self._grows

    @property
    def element_shape(self) -> TensorShape:
        """The shape of every element, as far as it is known."""
        return TensorShape(None) if self._blank else self[0].shape[1:]

    def size(self, name: str | None = None) -> Tensor:
        """How many elements there are."""
        return convert(sizes(self[0])[0])

    def like(self, other: TensorArray) -> TensorArray:
        """This array; if nothing was written to it yet, with room for elements like those of the other."""
        if not self._blank or other._blank:
            return self
        dims = (other[0]._dims or (None, None))[1:]
        if None in dims:
            raise InvalidArgumentError(
                f"TensorArray: its elements have shape {show(dims)}, and a graph cannot begin without their "
                "size. Give it: tf.TensorArray(dtype, size=n, element_shape=[...])."
            )
        return self._with(zeros([sizes(self[0])[0], *dims], self.dtype))

    def loop_shape(self, after: TensorArray) -> Any:
        """The shape its elements keep in a loop whose step makes `after` of it; None: the one they have."""
        before, made = self[0]._dims, after[0]._dims
        if made is None or after._blank or (before == made and not self._blank):
            return None
        return (before[0] if before and before[0] == made[0] else None, *made[1:])

    def _element(self, value: Any, what: str) -> Tensor:
        element = convert(value, hint=self.dtype)
        if element.dtype is not self.dtype:
            raise InvalidArgumentError(
                f"TensorArray.{what}: it holds {self.dtype.name}, but a {describe(element)} was given."
            )
        return element

    def _room(self, count: Any, element_dims: list[Any]) -> Tensor:
        """The elements, with room for as many as `count` if it may grow."""
        have = sizes(self[0])[0]
        if not self._grows:
            more: Any = 0
        elif isinstance(count, int) and isinstance(have, int):
            more = max(count - have, 0)
        else:
            more = maximum(convert(count) - have, 0)
        if self._blank:
            return zeros([have + more, *element_dims], self.dtype)
        grown = not isinstance(more, int) or more
        return concat([self[0], zeros([more, *element_dims], self.dtype)], 0) if grown else self[0]

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with element number `index` replaced."""
        element, place = self._element(value, "write"), convert(index)
        known = not is_symbolic(place)
        wanted = int(place.numpy()) + 1 if known else place + 1
        elements = self._room(wanted, sizes(element))
        if not compatible(elements._dims[1:], element._dims):  # type: ignore[index]
            raise InvalidArgumentError(
                f"TensorArray.write: its elements have shape {show(elements._dims[1:])}, but a "  # type: ignore[index]
                f"{describe(element)} was given."
            )
        size = elements.shape[0]
        if known and size is not None and not 0 < wanted <= size:
            raise InvalidArgumentError(
                f"TensorArray.write: index {wanted - 1} is outside of its {size} elements. Give a larger "
                "size, or dynamic_size=True."
            )
        return self._with(
            tensor_scatter_nd_update(elements, reshape(place, [1, 1]), expand_dims(element, 0))
        )

    def read(self, index: Any, name: str | None = None) -> Tensor:
        """Element number `index`; zeros where nothing was written."""
        return gather(self.elements, index)

    def stack(self, name: str | None = None) -> Tensor:
        """All elements as one tensor."""
        return identity(self.elements)

    def gather(self, indices: Any, name: str | None = None) -> Tensor:
        """Some elements as one tensor."""
        return gather(self.elements, indices)

    def concat(self, name: str | None = None) -> Tensor:
        """All elements joined along their first axis."""
        count, first, *rest = sizes(self.elements)
        return reshape(self.elements, [count * first, *rest])

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """An array of the slices of `value` along its first axis."""
        return self._with(self._element(value, "unstack"))

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with several elements replaced by the slices of `value`."""
        parts, places = self._element(value, "scatter"), convert(indices)
        most = reduce_max(places) + 1 if is_symbolic(places) else int(places.numpy().max(initial=-1)) + 1
        elements = self._room(most, sizes(parts)[1:])
        return self._with(tensor_scatter_nd_update(elements, expand_dims(places, -1), parts))

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """An array of parts of `value` along its first axis, which must be equally long."""
        parts, each = self._element(value, "split"), convert(lengths).numpy().tolist()
        if len(set(each)) > 1:
            raise InvalidArgumentError(f"TensorArray.split: parts of one length are needed, not {each}.")
        return self._with(reshape(parts, [len(each), each[0] if each else 0, *sizes(parts)[1:]]))

    def identity(self) -> TensorArray:
        """The same array."""
        return self

    def close(self, name: str | None = None) -> None:
        """Nothing: memory is given back when nobody refers to the array any more."""

    def __repr__(self) -> str:
        return f"<tf.TensorArray {self.dtype.name}, elements of shape {self.element_shape}>"


class _Growing(TensorArray):
    """One that makes room: as a class of its own, so that a loop that takes it apart knows it afterwards."""

    _grows = True
