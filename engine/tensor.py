"""Tensor: an array that cannot change, and its place in the log of a gradient tape.

A tensor knows its values, and nothing else: no parents, no gradient. Who needs history keeps it - a
tape holds a log, a graph holds nodes - so a tensor nobody uses is freed at once. Python operators
are installed by `engine.ops`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from engine import devices, dtypes
from engine.formatting import values_text
from engine.spec import TensorShape, TensorSpec, show


class Tensor:
    """An immutable array with a shape and a dtype. Made by `tf.constant` and by every operation.

    `_array` is the NumPy or CuPy array (a NumPy scalar when rank 0 is what the kernel returned);
    `_node` is the number under which a tape's log knows this tensor, 0 while none does.
    `_keras_mask` is set by layers that say which steps of a sequence count, see `engine.keras.masking`.
    """

    __slots__ = ("__weakref__", "_array", "_keras_mask", "_node")
    __array_priority__ = 100  # ndarray + Tensor asks the Tensor
    __hash__ = None  # type: ignore[assignment]  # == compares values; use t.ref() as a key

    def __init__(self, array: Any):
        self._array = array
        self._node = 0

    @property
    def _dims(self) -> tuple[int | None, ...] | None:
        return self._array.shape

    @property
    def shape(self) -> TensorShape:
        """The size of each axis, as a TensorShape."""
        return TensorShape.known(self._dims)

    @property
    def ndim(self) -> int:
        """The rank: how many axes, that is, how many indices one element needs."""
        dims = self._dims
        return len(self.shape) if dims is None else len(dims)

    @property
    def dtype(self) -> dtypes.DType:
        """The element type."""
        return dtypes.of_numpy(self._array.dtype)

    @property
    def device(self) -> str:
        """Where the values are, such as '/device:CPU:0'."""
        return devices.name_of(self._array)

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype as a TensorSpec."""
        return TensorSpec(self._dims, self.dtype)

    def get_shape(self) -> TensorShape:
        """The same as `.shape`."""
        return self.shape

    def numpy(self) -> Any:
        """The values as a NumPy array (a NumPy scalar for rank 0). A copy: changing it changes nothing."""
        if self._node:
            _note_exit(self)
        return np.array(devices.to_host(self._array))[()]

    def item(self) -> Any:
        """The single value as a Python number; ValueError when there is not exactly one."""
        if self._node:
            _note_exit(self)
        return devices.to_host(self._array).item()

    def ref(self) -> Reference:
        """A hashable handle, for use as a dictionary key; `.deref()` gives the tensor back."""
        return Reference(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("A tensor cannot be viewed as a writable array; it can be copied.")
        if self._node:
            _note_exit(self)
        host = np.array(devices.to_host(self._array))
        return host if dtype is None else host.astype(dtype, copy=False)

    def __dlpack__(self, **options: Any) -> Any:
        return np.asarray(self._array).__dlpack__(**options) if self._on_host else (
            self._array.__dlpack__(**options)
        )  # fmt: skip

    def __dlpack_device__(self) -> Any:
        return np.asarray(self._array).__dlpack_device__() if self._on_host else (
            self._array.__dlpack_device__()
        )  # fmt: skip

    @property
    def _on_host(self) -> bool:
        return self.device.endswith("CPU:0")

    def _single(self, what: str) -> Any:
        if self.shape.num_elements() != 1:
            raise ValueError(
                f"{what} needs a tensor with one element, but this one has shape {self.shape}. "
                "Reduce it first, for example with tf.reduce_all, tf.reduce_any or tf.reduce_sum."
            )
        return self.item()

    def __bool__(self) -> bool:
        return bool(self._single("A condition"))

    def __int__(self) -> int:
        return int(self._single("int()"))

    def __float__(self) -> float:
        return float(self._single("float()"))

    def __complex__(self) -> complex:
        return complex(self._single("complex()"))

    def __index__(self) -> int:
        if not self.dtype.is_integer:
            raise TypeError(
                f"Only an integer tensor can be an index, not {self.dtype.name}. Convert it with "
                "tf.cast(i, tf.int32)."
            )
        return int(self._single("An index"))

    def __len__(self) -> int:
        if not self.shape.rank:
            raise TypeError("A rank-0 tensor (a scalar) has no length.")
        return self._array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape.rank:
            raise TypeError("A rank-0 tensor (a scalar) cannot be iterated: it has no axis.")
        return (self[i] for i in range(len(self)))  # type: ignore[index]

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            "A tensor cannot be changed: others may hold it, and a gradient may need its value. "
            "Make a new one (tf.where, tf.concat), or keep state in a tf.Variable."
        )

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec)

    def __copy__(self) -> Tensor:
        return self

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Tensor, (np.array(devices.to_host(self._array)),)

    def __repr__(self) -> str:
        values = values_text(devices.to_host(self._array), exact=True)
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={values}>"

    def __str__(self) -> str:
        values = values_text(devices.to_host(self._array), exact=False)
        return f"tf.Tensor({values}, shape={self.shape}, dtype={self.dtype.name})"

    def _repr_html_(self) -> str:
        head = f"tf.Tensor &nbsp; shape={self.shape} &nbsp; rank={self.ndim} &nbsp; dtype={self.dtype.name}"
        import html  # not at the top: its table of characters would slow every start down

        body = html.escape(values_text(devices.to_host(self._array), exact=False).lstrip("\n"))
        return f'<div><small style="opacity:.75">{head}</small><pre style="margin:0">{body}</pre></div>'


def _note_exit(tensor: Tensor) -> None:
    """Values of a recorded tensor leave for NumPy: an open tape will remember that, for why_none."""
    from engine.dispatch import context

    if context.log is not None:
        context.log.exits.add(tensor._node)


class Reference:
    """A hashable handle to one tensor or variable, equal only to handles of the same object."""

    __slots__ = ("_target",)

    def __init__(self, target: Any):
        self._target = target

    def deref(self) -> Any:
        """The object itself."""
        return self._target

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Reference) and self._target is other._target

    def __hash__(self) -> int:
        return id(self._target)


def describe(value: Any) -> str:
    """A tensor, array or Python value as error messages name it: dtype and shape, or type and value."""
    if isinstance(value, Tensor):
        return f"{value.dtype.name} tensor of shape {show(value._dims)}"
    if isinstance(value, np.ndarray):
        return f"NumPy {value.dtype} array of shape {value.shape}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
