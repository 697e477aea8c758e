"""Element types: what one number in a tensor is, and what a plain Python number becomes.

A `DType` is a thin name around a NumPy dtype. There is no promotion between tensors: two tensors of
different dtypes raise, as in TensorFlow. Only Python numbers adapt to the tensor they meet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DType", "as_dtype", "cast", "complex", "saturate_cast"]  # noqa: F822  # operations by __getattr__


class DType:
    """An element type, such as `tf.float32`. Compares equal to its name and to its NumPy dtype.

    >>> float32 == "float32", float32 == np.float32, float32.size
    (True, True, 4)
    """

    __slots__ = ("_numpy", "kind", "name")

    def __init__(self, name: str, kind: str):
        self.name = name
        self.kind = kind  # one of: bool, int, uint, float, complex, string
        self._numpy: Any = None

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy dtype that stores this type."""
        if self._numpy is None:
            if self.name == "bfloat16":  # NumPy has none; ml_dtypes adds it, loaded at first use
                import ml_dtypes

                self._numpy = np.dtype(ml_dtypes.bfloat16)
            else:
                self._numpy = np.dtype(object if self.name == "string" else self.name)
            _BY_NUMPY[self._numpy] = self
        return self._numpy

    @property
    def is_floating(self) -> bool:
        """True for float16, bfloat16, float32 and float64."""
        return self.kind == "float"

    @property
    def is_integer(self) -> bool:
        """True for the signed and unsigned integers, not for bool."""
        return self.kind in ("int", "uint")

    @property
    def is_unsigned(self) -> bool:
        """True for uint8 to uint64."""
        return self.kind == "uint"

    @property
    def is_complex(self) -> bool:
        """True for complex64 and complex128."""
        return self.kind == "complex"

    @property
    def is_bool(self) -> bool:
        """True for bool."""
        return self.kind == "bool"

    @property
    def is_differentiable(self) -> bool:
        """True where a derivative makes sense: floating and complex types."""
        return self.kind in ("float", "complex")

    @property
    def is_numeric(self) -> bool:
        """True for numbers: neither bool nor string."""
        return self.kind not in ("bool", "string")

    @property
    def base_dtype(self) -> DType:
        """The type itself: there are no reference types here, as there were in TensorFlow 1."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The type of the real part: float32 for complex64, float64 for complex128, else the same."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor of the other type can stand where this one is wanted: only the same."""
        return self is as_dtype(other)

    @property
    def size(self) -> int:
        """Bytes for one element."""
        return self.as_numpy_dtype.itemsize

    @property
    def min(self) -> Any:
        """The smallest number of this type."""
        return self._limits().min

    @property
    def max(self) -> Any:
        """The largest number of this type."""
        return self._limits().max

    def _limits(self) -> Any:
        if self.is_integer:
            return np.iinfo(self.as_numpy_dtype)
        if self.name == "bfloat16":
            import ml_dtypes

            return ml_dtypes.finfo(self.as_numpy_dtype)
        if self.is_floating:
            return np.finfo(self.as_numpy_dtype)
        raise TypeError(f"{self.name} has no smallest and largest number.")

    def __eq__(self, other: Any) -> bool:
        if self is other:
            return True
        if isinstance(other, DType) or other is None:
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


bool_ = DType("bool", "bool")
int8, int16, int32, int64 = (DType(f"int{bits}", "int") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DType(f"uint{bits}", "uint") for bits in (8, 16, 32, 64))
float16, float32, float64 = (DType(f"float{bits}", "float") for bits in (16, 32, 64))
bfloat16 = DType("bfloat16", "float")
complex64, complex128 = DType("complex64", "complex"), DType("complex128", "complex")
string = DType("string", "string")

ALL = (
    bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    float16, bfloat16, float32, float64, complex64, complex128, string,
)  # fmt: skip
_BY_NAME = {dtype.name: dtype for dtype in ALL} | {
    "half": float16, "float": float32, "double": float64, "str": string, "object": string,
}  # fmt: skip
_BY_NUMPY: dict[Any, DType] = {}
for _dtype in ALL:
    if _dtype is not bfloat16:
        _ = _dtype.as_numpy_dtype
_BY_PYTHON = {bool: bool_, int: int32, float: float32, complex: complex128, str: string}


def of_numpy(numpy_dtype: Any) -> DType:
    """The DType of an array's dtype.

    Raises:
      TypeError: for a NumPy dtype that has no counterpart.
    """
    found = _BY_NUMPY.get(numpy_dtype)
    if found is not None:
        return found
    if numpy_dtype.kind in "US":
        return string
    named = _BY_NAME.get(numpy_dtype.name)
    if named is None or (named is string and numpy_dtype.kind != "O"):
        raise TypeError(
            f"NumPy dtype {numpy_dtype} has no tensor dtype. Supported: "
            + ", ".join(dtype.name for dtype in ALL)
        )
    _ = named.as_numpy_dtype
    return named


def as_dtype(type_value: Any) -> DType:
    """Turns a DType, a name, a Python type or a NumPy dtype into a DType.

    Raises:
      TypeError: when it names no dtype.

    >>> as_dtype("int64"), as_dtype(float), as_dtype(np.uint8)
    (tf.int64, tf.float32, tf.uint8)
    """
    if isinstance(type_value, DType):
        return type_value
    if isinstance(type_value, str) and type_value in _BY_NAME:
        return _BY_NAME[type_value]
    if isinstance(type_value, type) and type_value in _BY_PYTHON:
        return _BY_PYTHON[type_value]
    try:
        if type_value is None:  # NumPy reads None as float64
            raise TypeError
        return of_numpy(np.dtype(type_value))
    except TypeError:
        names = ", ".join(dtype.name for dtype in ALL)
        raise TypeError(f"{type_value!r} is not a dtype. Use one of: {names}.") from None


def __getattr__(name: str) -> Any:
    """`tf.dtypes.cast`, `complex` and `saturate_cast`: operations, which are built on this module."""
    if name in ("cast", "complex", "saturate_cast"):
        from engine.ops import casting, complexes

        return getattr(complexes if name == "complex" else casting, name)
    raise AttributeError(f"tf.dtypes has no {name!r}.")
