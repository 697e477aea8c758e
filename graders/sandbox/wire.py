"""What goes between the grader and a sandbox: frames of JSON, and values as plain data.

Values are taken apart by their exact type, never pickled: what comes back from a submission can be wrong, but
it cannot run anything here. What is not plain data (an object, a function, a generator) stays where it is,
and a reference stands for it. Both sides read this module; the grader's side is strict, because the other
may send anything.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

FRAME_BYTES = 32 << 20
"""The largest frame that is read."""
DEPTH, NODES = 60, 300_000
"""How deep values may be nested, and how many parts one may have."""
NUMBER_BITS = 1 << 15
KINDS = "biufc"
_HEAD = struct.Struct("!I")
_ENGINE = ("Tensor", "Variable", "TensorShape", "DType")


class WireError(Exception):
    """What came is not what this protocol says, or more than it allows."""


# --- frames ----------------------------------------------------------------------------------------------


def frame(message: dict[str, Any]) -> bytes:
    """A message as bytes: its length, then JSON.

    Raises:
      WireError: when it is larger than a frame may be.
    """
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    if len(body) > FRAME_BYTES:
        raise WireError(f"a message of {len(body):,} bytes; {FRAME_BYTES:,} is the most")
    return _HEAD.pack(len(body)) + body


def read_frame(receive: Callable[[int], bytes]) -> dict[str, Any]:
    """The next message; `receive(n)` gives exactly n bytes.

    Raises:
      WireError: for what is no message.
    """
    (length,) = _HEAD.unpack(receive(_HEAD.size))
    if length > FRAME_BYTES:
        raise WireError(f"a message of {length:,} bytes; {FRAME_BYTES:,} is the most")
    try:
        message = json.loads(receive(length))
    except (ValueError, RecursionError) as error:
        raise WireError(f"a message that is no JSON: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise WireError("a message that is no object")
    return message


# --- values ----------------------------------------------------------------------------------------------


class Encoder:
    """Values as JSON. `refer(thing)` is asked for what stands for anything that is not plain data.

    With `by_reference`, so do lists, dicts and sets.
    """

    def __init__(self, refer: Callable[[Any], dict[str, Any]], by_reference: bool = False) -> None:
        self._refer, self._by_reference = refer, by_reference
        self._nodes = 0

    def encode(self, value: Any, depth: int = 0) -> Any:
        """One value.

        Raises:
          WireError: when it is nested too deeply, or has too many parts.
        """
        self._nodes += 1
        if depth > DEPTH or self._nodes > NODES:
            raise WireError("the value is nested too deeply, or has too many parts")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            if value.bit_length() > NUMBER_BITS:
                raise WireError("a whole number of too many digits")
            return value if value.bit_length() < 64 else {"t": "int", "v": hex(value)}
        if kind is float:
            return value if math.isfinite(value) else {"t": "float", "v": repr(value)}
        if kind is complex:
            return {"t": "complex", "v": [repr(value.real), repr(value.imag)]}
        if kind is bytes:
            return {"t": "bytes", "v": _text(value)}
        if value is Ellipsis:
            return {"t": "ellipsis"}
        if kind is tuple or (kind in (list, set, frozenset) and not self._by_reference):
            parts = [self.encode(part, depth + 1) for part in value]
            return parts if kind is list else {"t": kind.__name__, "v": parts}
        if kind is dict and not self._by_reference:
            rows = [[self.encode(part, depth + 1) for part in row] for row in value.items()]
            return {"t": "dict", "v": rows}
        if kind in (range, slice):
            parts = [value.start, value.stop, value.step]
            return {"t": kind.__name__, "v": [self.encode(part, depth + 1) for part in parts]}
        return self._array_or_reference(value)

    def _array_or_reference(self, value: Any) -> Any:
        if isinstance(value, (np.ndarray, np.generic)):
            return self._array(value, "scalar" if isinstance(value, np.generic) else "array")
        name, module = type(value).__name__, type(value).__module__
        if name in _ENGINE and module.partition(".")[0] == "engine":
            if name == "TensorShape":
                return {"t": "shape", "v": value.as_list() if value.rank is not None else None}
            if name == "DType":
                return {"t": "dtype", "v": value.name}
            try:
                return self._array(value.numpy(), name.lower())
            except Exception:  # a symbolic tensor, say, has no values
                return self._refer(value)
        return self._refer(value)

    def _array(self, value: Any, tag: str) -> Any:
        given = np.asarray(value).view(np.ndarray) if tag != "scalar" else np.asarray(value)
        array = np.array(given, subok=False, order="C")
        if array.dtype.kind in "SU" and array.dtype.itemsize <= 1 << 16:
            return {"t": tag, "d": array.dtype.str, "s": list(array.shape), "v": _text(array)}
        name = array.dtype.name
        if array.dtype.kind not in KINDS and name != "bfloat16":
            return self._refer(value)
        if array.nbytes > FRAME_BYTES // 2:
            raise WireError(f"an array of {array.nbytes:,} bytes")
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("<"))
        entry = {"t": tag, "d": name, "s": list(array.shape), "v": _text(array)}
        return entry if given.flags.c_contiguous else {**entry, "m": _steps(given)}


class Decoder:
    """Values from JSON. `resolve(entry)` gives what a reference stands for.

    With `layout`, arrays lie in memory as they lay where they come from: transposed, or with gaps.
    """

    def __init__(self, resolve: Callable[[dict[str, Any]], Any], layout: bool = False) -> None:
        self._resolve, self._layout = resolve, layout
        self._nodes = 0

    def decode(self, entry: Any, depth: int = 0) -> Any:
        """One value.

        Raises:
          WireError: for anything that an Encoder would not have made.
        """
        self._nodes += 1
        if depth > DEPTH + 1 or self._nodes > NODES:
            raise WireError("the value is nested too deeply, or has too many parts")
        if entry is None or isinstance(entry, (bool, str, int, float)):
            return entry
        if isinstance(entry, list):
            return [self.decode(part, depth + 1) for part in entry]
        if not isinstance(entry, dict):
            raise WireError(f"{type(entry).__name__} in a value")
        try:
            return self._tagged(entry, depth)
        except WireError:
            raise
        except Exception as error:  # whatever a forged entry makes NumPy or the engine raise
            raise WireError(f"a value that cannot be read: {type(error).__name__}") from None

    def _tagged(self, entry: dict[str, Any], depth: int) -> Any:
        tag, value = entry.get("t"), entry.get("v")
        if tag in ("array", "scalar", "tensor", "variable"):
            array = _read_array(entry)
            if self._layout and entry.get("m"):
                array = _laid_out(array, entry["m"])
            return _placed(tag, array)
        if tag in ("tuple", "set", "frozenset", "range", "slice"):
            if not isinstance(value, list):
                raise WireError(f"{tag} without parts")
            parts = [self.decode(part, depth + 1) for part in value]
            makers: dict[str, Callable[..., Any]] = {"range": range, "slice": slice}
            if tag in makers:
                if len(parts) != 3:
                    raise WireError(f"{tag} of {len(parts)} parts")
                return makers[tag](*parts)
            return {"tuple": tuple, "set": set, "frozenset": frozenset}[tag](parts)
        if tag == "dict":
            assert isinstance(value, list)
            return {self.decode(k, depth + 1): self.decode(v, depth + 1) for k, v in value}
        if tag == "int":
            if not isinstance(value, str) or len(value) > NUMBER_BITS:
                raise WireError("a number of too many digits")
            return int(value, 16)
        if tag == "float":
            return float(str(value))
        if tag == "complex":
            return complex(float(value[0]), float(value[1]))  # type: ignore[index]
        if tag == "bytes":
            return base64.b64decode(str(value), validate=True)
        if tag == "ellipsis":
            return Ellipsis
        if tag in ("shape", "dtype"):
            return _of_engine(tag, value)
        if tag == "ref":
            return self._resolve(entry)
        raise WireError(f"a value of an unknown kind {str(tag)[:40]!r}")


def _text(data: Any) -> str:
    return base64.b64encode(data.tobytes() if hasattr(data, "tobytes") else data).decode("ascii")


def _read_array(entry: dict[str, Any]) -> np.ndarray:
    name, shape = str(entry["d"]), entry["s"]
    if not isinstance(shape, list) or len(shape) > 32:
        raise WireError("an array without a shape")
    if not all(type(size) is int and 0 <= size <= FRAME_BYTES for size in shape):
        raise WireError("an array of an impossible shape")
    data = base64.b64decode(str(entry["v"]), validate=True)
    dtype = _dtype(name)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise WireError("an array whose numbers do not fill its shape")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def _steps(array: np.ndarray) -> list[int]:
    """The strides of an array, in elements; none where they are not whole elements."""
    size = array.dtype.itemsize
    steps = [stride // size for stride in array.strides]
    whole = array.size and all(
        step * size == s for step, s in zip(steps, array.strides, strict=True)
    )
    return steps if whole else []


def _laid_out(array: np.ndarray, steps: list[int]) -> np.ndarray:
    """The same numbers, at these steps from one another in memory."""
    reach = [step * (size - 1) for step, size in zip(steps, array.shape, strict=True)]
    low, high = sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach)
    crowded = any(step == 0 and size > 1 for step, size in zip(steps, array.shape, strict=True))
    if crowded or high - low > 64 * array.size:
        return array
    memory = np.zeros(high - low + 1, array.dtype)
    strides = [step * array.itemsize for step in steps]
    view = np.lib.stride_tricks.as_strided(memory[-low:], array.shape, strides)
    view[...] = array
    return view


def _dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    dtype = np.dtype(name)
    if dtype.kind not in KINDS + "SU":
        raise WireError(f"an array of {name[:40]!r}")
    return dtype


def _placed(tag: str, array: np.ndarray) -> Any:
    if tag == "array":
        return array
    if tag == "scalar":
        return array[()]
    import engine as tf

    return tf.constant(array) if tag == "tensor" else tf.Variable(array)


def _of_engine(tag: str, value: Any) -> Any:
    import engine as tf

    return tf.TensorShape(value) if tag == "shape" else tf.as_dtype(str(value))
