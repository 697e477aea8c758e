"""Tensors out of Python numbers, nested lists, NumPy arrays and nothing.

The rules for dtypes: Python ints become int32, floats float32, bools bool; NumPy arrays keep their
dtype. A Python number next to a tensor takes the tensor's dtype, unless that would lose its fraction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, dtypes, nest
from engine.errors import InvalidArgumentError
from engine.spec import Dims, TensorShape, show, whole
from engine.tensor import Tensor, describe
from engine.variable import Variable

# What Python numbers become, by the kind of array NumPy makes of them; bools and complex stay.
_PYTHON_DTYPE = {"i": dtypes.int32, "u": dtypes.int32, "f": dtypes.float32}


def _python_array(value: Any, wanted: dtypes.DType | None) -> Any:
    """A NumPy array of a Python value, in the dtype wanted or the one Python numbers have here."""
    leaves = nest.flatten(value)
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError(
            f"A tensor is rectangular: all lists at one depth have the same length. {_ragged(value)} "
            "Pad the shorter ones."
        ) from None
    if not leaves:
        return array.astype((wanted or dtypes.float32).as_numpy_dtype)
    if any(isinstance(leaf, (np.generic, np.ndarray)) for leaf in leaves):
        return _numpy_array(array)
    kinds = {bool if isinstance(leaf, bool) else type(leaf) for leaf in leaves}
    if len(kinds) > 1 and (bool in kinds or str in kinds or bytes in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(
            f"One tensor holds one kind of value, but {describe(value)} mixes {names}. "
            "Convert the values to one type first."
        )
    if array.dtype.kind in "US":  # as objects: NumPy's own strings lose zero bytes at the end
        return _numpy_array(np.array(value, object))
    if kinds == {int} and array.dtype.kind not in "iu":
        raise ValueError(f"{describe(value)} does not fit an integer of 64 bits. Write it as a float.")
    if array.dtype.kind == "O":
        bad = next(leaf for leaf in leaves if not isinstance(leaf, (bool, int, float, complex)))
        raise TypeError(f"A tensor cannot be made from {describe(value)}: it holds {describe(bad)}.")
    default = _PYTHON_DTYPE.get(array.dtype.kind)
    return array if wanted is not None or default is None else _in_dtype(array, default, value)


def _numpy_array(array: Any) -> Any:
    """A copy of a NumPy array, its bytes in this machine's order. Strings become bytes in UTF-8."""
    if array.dtype.kind not in "USOT":
        dtypes.of_numpy(array.dtype)
        return np.array(array) if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    encoded = np.empty(array.size, object)
    for i, item in enumerate(array.reshape(-1).tolist()):
        if not isinstance(item, (str, bytes)):
            raise TypeError(
                f"A tensor cannot be made from NumPy objects such as {describe(item)}. Give the array "
                "a dtype for numbers, or make every element a string."
            )
        encoded[i] = item.encode() if isinstance(item, str) else bytes(item)
    return encoded.reshape(array.shape)


def _in_dtype(array: Any, target: dtypes.DType, value: Any) -> Any:
    """The array in another dtype; raises when that loses a fraction, a sign or digits before the point."""
    given = dtypes.of_numpy(array.dtype)
    if not _may_become(given, target):
        raise TypeError(
            f"{describe(value)} was given where {target.name} is needed; {given.kind} does not become "
            f"{target.kind} by itself. Convert one of the two on purpose, for example with "
            f"tf.cast(value, tf.{target.name})."
        )
    if given.is_integer and target.is_integer and array.size:
        for number in (int(array.min()), int(array.max())):
            if not target.min <= number <= target.max:
                more = " Pass dtype=tf.int64." if target is dtypes.int32 else ""
                raise ValueError(
                    f"{number} does not fit {target.name} ({target.min} to {target.max}).{more}"
                )
    return array.astype(target.as_numpy_dtype)


def _ragged(value: Any, path: str = "") -> str:
    """Says which two neighbours of a ragged list differ, and in what."""
    if not isinstance(value, (list, tuple)):
        return ""
    sizes = [len(part) if isinstance(part, (list, tuple)) or np.ndim(part) else None for part in value]
    for i, size in enumerate(sizes[1:], start=1):
        if size != sizes[0]:
            first = "a number" if sizes[0] is None else f"{sizes[0]} elements"
            other = "a number" if size is None else f"{size} elements"
            return f"Here element {path}[0] has {first} and element {path}[{i}] has {other}."
    return next((text for i, part in enumerate(value) if (text := _ragged(part, f"{path}[{i}]"))), "")


def _to_array(value: Any, wanted: dtypes.DType | None) -> Any:
    """A new NumPy array of a value that is no tensor yet."""
    if value is None:
        raise ValueError("None cannot be converted to a tensor. Did a function forget its return?")
    if isinstance(value, (np.ndarray, np.generic)):
        array = _numpy_array(np.asarray(value))
    elif isinstance(value, (bool, int, float, complex, str, bytes, list, tuple, range)):
        if type(value) in (int, float) and wanted is not None and (
            wanted.is_differentiable or (type(value) is int and wanted.is_integer)
        ):  # fmt: skip
            return _checked_scalar(value, wanted)  # the frequent case: x * 2.0
        array = _python_array(value, wanted)
    elif hasattr(value, "__array__"):
        array = _numpy_array(np.asarray(value.__array__()))
    else:
        raise TypeError(f"A tensor cannot be made from {describe(value)}.")
    if wanted is None or array.dtype == wanted.as_numpy_dtype:
        return array
    return _in_dtype(array, wanted, value)


def _checked_scalar(value: Any, dtype: dtypes.DType) -> Any:
    try:
        return dtype.as_numpy_dtype.type(value)
    except OverflowError:
        raise ValueError(
            f"{value} does not fit {dtype.name} ({dtype.min} to {dtype.max})."
        ) from None


def _may_become(given: dtypes.DType, target: dtypes.DType) -> bool:
    """Whether a value of one dtype converts to another without being asked: no fraction is lost."""
    order = {"bool": 0, "uint": 1, "int": 1, "float": 2, "complex": 3}
    if given.kind == target.kind:
        return True
    if "bool" in (given.kind, target.kind) or "string" in (given.kind, target.kind):
        return False
    return order[given.kind] <= order[target.kind]


def convert(value: Any, dtype: Any = None, hint: dtypes.DType | None = None) -> Tensor:
    """The value as a Tensor. Tensors pass through, variables are read, the rest is copied.

    Raises:
      InvalidArgumentError: when a tensor has another dtype than the one demanded.
      TypeError, ValueError: for values that no tensor can hold, with the reason.
    """
    if isinstance(value, Variable):
        return convert(value.value(), dtype)
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor):
        if wanted is not None and value.dtype is not wanted:
            raise InvalidArgumentError(
                f"A {wanted.name} tensor was expected, but {describe(value)} was given. "
                f"Convert it with tf.cast(x, tf.{wanted.name})."
            )
        return value
    if isinstance(value, TensorShape):
        value = value.as_list()
    if isinstance(value, (list, tuple)) and any(
        isinstance(leaf, (Tensor, Variable)) for leaf in nest.flatten(value)
    ):
        from engine.ops.joining import stack

        first = next(x for x in nest.flatten(value) if isinstance(x, (Tensor, Variable)))
        return stack([convert(part, dtype, hint or first.dtype) for part in value])
    return Tensor(devices.place(_to_array(value, wanted or hint)))


def convert_like(value: Any, other: Any) -> Tensor:
    """The value as a Tensor that takes the dtype of `other` if it has none of its own."""
    if isinstance(value, Tensor):
        return value
    return convert(value, hint=other.dtype)


def _number(value: Any, like: Tensor) -> Tensor:
    """A Python number in the dtype of the tensor it meets: x * 2.0, the most frequent conversion."""
    dtype = like._array.dtype
    if dtype.kind == "f" or (dtype.kind in "iu" and type(value) is int):
        try:
            return Tensor(np.array(value, dtype))  # ufuncs read it faster than a NumPy scalar
        except OverflowError:  # convert says what does not fit
            pass
    return convert(value, hint=like.dtype)


def convert_together(*values: Any) -> list[Tensor]:
    """All values as tensors: Python numbers and arrays take the dtype of the first tensor among them."""
    if len(values) == 2:
        x, y = values
        if type(x) is Variable:
            x = x.value()
        if type(y) is Variable:
            y = y.value()
        if type(x) is Tensor and (type(y) is float or type(y) is int):
            return [x, _number(y, x)]
        if type(y) is Tensor and (type(x) is float or type(x) is int):
            return [_number(x, y), y]
        if type(x) is Tensor and type(y) is Tensor:
            return [x, y]
        values = x, y
    lead: Any = next((v for v in values if isinstance(v, (Tensor, Variable))), None)
    if lead is None and values:
        lead = next((v for v in values if isinstance(v, (np.ndarray, np.generic))), values[0])
        lead = convert(lead)
    return [convert(value, hint=lead.dtype) for value in values]


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Tensor:
    """An immutable tensor with the given values, copied.

    Args:
      value: a number, a nested list, a NumPy array, a string.
      dtype: demanded element type; by default int32, float32, bool, or that of the array.
      shape: the values are reshaped to it; a single value is repeated.

    Raises:
      ValueError: for ragged lists, numbers that do not fit, or values that do not fill `shape`.
      TypeError: when the dtype would lose information.

    >>> constant([[1, 2], [3, 4], [5, 6]]).shape
    TensorShape([3, 2])
    """
    del name
    if isinstance(value, (Tensor, Variable)):
        return convert(value, dtype)
    tensor = convert(value, dtype)
    if shape is None:
        return tensor
    dims = TensorShape(shape).as_list()
    array = tensor._array
    if array.size == 1:
        return Tensor(devices.namespace(array).broadcast_to(array.reshape(()), dims).copy())
    if array.size != TensorShape(dims).num_elements():
        raise ValueError(f"{array.size} values were given for shape {show(tuple(dims))}.")
    return Tensor(array.reshape(dims))


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Tensor:
    """The value as a Tensor; a Tensor is returned as it is. See `constant` for the rules.

    >>> convert_to_tensor([1.0, 2.0]).dtype
    tf.float32
    """
    del name
    if dtype is None and dtype_hint is not None:
        try:
            return convert(value, hint=dtypes.as_dtype(dtype_hint))
        except TypeError:  # a hint that does not fit is only a hint
            return convert(value)
    return convert(value, dtype)


def is_tensor(x: Any) -> bool:
    """True for tensors and variables, also symbolic ones.

    >>> is_tensor(constant(1)), is_tensor(np.array(1))
    (True, False)
    """
    return isinstance(x, (Tensor, Variable))


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The values of a tensor as a NumPy array if they are known now; None for one of a traced function."""
    return tensor.numpy() if isinstance(tensor, Tensor) and not is_symbolic(tensor) else None


def _dims_of(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, (Tensor, Variable)):
        shape = np.asarray(convert(shape).numpy()).reshape(-1).tolist()
    dims = TensorShape([shape] if isinstance(shape, (int, np.integer)) else shape).as_list()
    return tuple(dims)  # type: ignore[arg-type]


def is_symbolic(value: Any) -> bool:
    """True for a tensor of a graph that is being traced: its values are known when the graph runs."""
    return isinstance(value, Tensor) and not hasattr(value, "_array")


def sizes_of(shape: Any) -> tuple[Dims | None, Tensor | None]:
    """A shape argument: the sizes known now, and, if some are not, the tensor that will hold them all."""
    if isinstance(shape, Variable):
        shape = shape.value()
    if is_symbolic(shape):
        return _promised(shape), shape
    if isinstance(shape, (list, tuple)):
        parts = [part.value() if isinstance(part, Variable) else part for part in shape]
        if any(map(is_symbolic, parts)):
            known = tuple(None if is_symbolic(part) else whole(part, "A size") for part in parts)
            return known, convert(parts)
        shape = parts
    return _dims_of(shape), None


def _promised(shape: Any) -> Dims | None:
    """What a symbolic shape is known to be: tf.shape(x) tells no less than x.shape does."""
    node = shape.graph.node_of(shape.value_number)
    if node.op == "shape":
        return shape.graph.specs[node.inputs[0]].dims
    return None if shape._dims is None or None in shape._dims else (None,) * shape._dims[0]


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of shape `dims` in which every element is `value`.

    TensorFlow's `layout`, for tensors spread over several devices, is not there.

    >>> fill([2, 2], 7).numpy().tolist()
    [[7, 7], [7, 7]]
    """
    del name
    from engine.ops.layout import broadcast_to  # so that a gradient reaches `value`

    return broadcast_to(value, dims)


def zero_or_one(value: int, dtype: dtypes.DType) -> Any:
    """The 0 or 1 of a dtype. Of strings, the empty one is 0, and none is 1."""
    if dtype is not dtypes.string:
        return value
    if value:
        raise InvalidArgumentError("ones: no string counts as one. Use tf.fill(shape, text).")
    return b""


def _filled(shape: Any, value: int, dtype: Any) -> Tensor:
    found = dtypes.as_dtype(dtype)
    xp = devices.scope_namespace() if found is not dtypes.string else np
    known, later = sizes_of(shape)
    dims = known if later is None else ()
    made = Tensor(xp.full(dims, zero_or_one(value, found), found.as_numpy_dtype))
    return made if later is None else fill(shape, made)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of zeros.

    TensorFlow's `layout`, for tensors spread over several devices, is not there.

    >>> zeros([2, 3]).shape
    TensorShape([2, 3])
    """
    del name
    return _filled(shape, 0, dtype)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of ones.

    TensorFlow's `layout`, for tensors spread over several devices, is not there.

    >>> ones([2]).numpy().tolist()
    [1.0, 1.0]
    """
    del name
    return _filled(shape, 1, dtype)
