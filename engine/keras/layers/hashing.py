"""Hashing: strings or integers into a fixed number of bins, the same ones as in Keras on TensorFlow.

Without salt the hash is FarmHash's Fingerprint64 (Pike and Alakuijala, 2014), with salt SipHash-2-4
(Aumasson and Bernstein, SipHash: a fast short-input PRF, 2012). Both work modulo 2 ** 64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.keras import config
from engine.keras.layer import Layer
from engine.keras.layers.preprocessing import MODES, encode, mode_of, refuse_sparse
from engine.ops.creation import convert
from engine.ops.python_calls import numpy_function
from engine.spec import TensorSpec
from engine.tensor import Tensor

__all__ = ["Hashing"]

_ALL = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_PRIME = 0x9DDFEA08EB382D69


def _word(s: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(s[at : at + size], "little")


def _turn(x: int, by: int) -> int:
    """The 64 bits turned to the right."""
    x &= _ALL
    return (x >> by | x << (64 - by)) & _ALL


def _fold(x: int) -> int:
    x &= _ALL
    return x ^ x >> 47


def _join(u: int, v: int, factor: int = _PRIME) -> int:
    """Two words into one."""
    return _fold((v ^ _fold((u ^ v) * factor)) * factor) * factor & _ALL


def _weak(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(s, at + 8 * i) for i in range(4))
    a += w
    b = _turn(b + a + z, 21)
    return a + x + y + z & _ALL, b + _turn(a + x + y, 44) + a & _ALL


def fingerprint64(s: bytes) -> int:
    """FarmHash's Fingerprint64.

    >>> fingerprint64(b""), fingerprint64(b"hello") % 10
    (11160318154034397263, 6)
    """
    n = len(s)
    factor = _K2 + 2 * n
    if n == 0:
        return _K2
    if n < 4:
        return _fold((s[0] + (s[n >> 1] << 8)) * _K2 ^ (n + (s[-1] << 2)) * _K0) * _K2 & _ALL
    if n < 8:
        return _join(n + (_word(s, 0, 4) << 3), _word(s, n - 4, 4), factor)
    if n <= 16:
        a, b = _word(s, 0) + _K2, _word(s, n - 8)
        return _join(_turn(b, 37) * factor + a & _ALL, (_turn(a, 25) + b) * factor & _ALL, factor)
    if n > 64:
        return _long(s)
    first = _K1 if n <= 32 else _K2
    a, b = _word(s, 0) * first, _word(s, 8)
    c, d = _word(s, n - 8) * factor, _word(s, n - 16) * _K2
    y = _turn(a + b, 43) + _turn(c, 30) + d & _ALL
    z = _join(y, a + _turn(b + _K2, 18) + c & _ALL, factor)
    if n <= 32:
        return z
    e, f = _word(s, 16) * factor, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * factor, (z + _word(s, n - 24)) * factor
    left = _turn(e + f, 43) + _turn(g, 30) + h & _ALL
    return _join(left, e + _turn(f + a, 18) + g & _ALL, factor)


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _mixed(s: bytes, at: int, state: _State, factor: int, times: int) -> _State:
    """The five words of state after 64 more bytes."""
    x, y, z, v, w = state
    x = (_turn(x + y + v[0] + _word(s, at + 8), 37) * factor ^ w[1] * times) & _ALL
    y = _turn(y + v[1] + _word(s, at + 48), 42) * factor + v[0] * times + _word(s, at + 40) & _ALL
    z = _turn(z + w[0], 33) * factor & _ALL
    v = _weak(s, at, v[1] * factor, x + w[0])
    w = _weak(s, at + 32, z + w[1], y + _word(s, at + 16))
    return z, y, x, v, w


def _long(s: bytes) -> int:
    """Of more than 64 bytes: blocks of 64, and then the last 64, some of them once more."""
    y = 81 * _K1 + 113 & _ALL
    z = _fold(y * _K2 + 113) * _K2 & _ALL
    state: _State = (81 * _K2 + _word(s, 0) & _ALL, y, z, (0, 0), (0, 0))
    rest = (len(s) - 1) & 63
    for at in range(0, len(s) - 1 - rest, 64):
        state = _mixed(s, at, state, _K1, 1)
    x, y, z, v, w = state
    factor = _K1 + ((z & 0xFF) << 1)
    first = v[0] + w[0] + rest
    state = (x, y, z, (first, v[1]), (w[0] + rest + first, w[1]))
    x, y, z, v, w = _mixed(s, len(s) - 64, state, factor, 9)
    left = _join(v[0], w[0], factor) + _fold(y) * _K0 + z & _ALL
    return _join(left, _join(v[1], w[1], factor) + x & _ALL, factor)


def siphash64(s: bytes, key: Any) -> int:
    """SipHash-2-4 with a key of two words.

    >>> siphash64(b"hello", (0, 0)) != siphash64(b"hello", (0, 1))
    True
    """
    low, high = (int(part) & _ALL for part in key)
    # "somepseudorandomlygeneratedbytes", as the authors have it
    v = [
        low ^ 0x736F6D6570736575,
        high ^ 0x646F72616E646F6D,
        low ^ 0x6C7967656E657261,
        high ^ 0x7465646279746573,
    ]

    def rounds(count: int) -> None:
        for _ in range(count):
            for a, b, left, other in (
                (0, 1, 13, True),
                (2, 3, 16, False),
                (0, 3, 21, False),
                (2, 1, 17, True),
            ):
                v[a] = v[a] + v[b] & _ALL
                v[b] = _turn(v[b], 64 - left) ^ v[a]
                if other:
                    v[a] = _turn(v[a], 32)

    whole = len(s) // 8 * 8
    words = [_word(s, at) for at in range(0, whole, 8)]
    for word in [*words, len(s) << 56 & _ALL | _word(s, whole)]:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def bins(values: np.ndarray, count: int, salt: Any = None) -> np.ndarray:
    """The bin, 0 to count - 1, of each string, given as bytes, or number, as it is written."""
    found = [
        (fingerprint64(s) if salt is None else siphash64(s, salt)) % count
        for s in (v if isinstance(v, bytes) else str(v).encode() for v in values.ravel().tolist())
    ]
    return np.array(found, np.int64).reshape(values.shape)


def salt_of(layer: Any, salt: Any) -> list[int] | None:
    """The two words of the key of a salted hash, as Keras writes them.

    Raises:
      ValueError: for anything but an integer, two of them, or None.
    """
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(f"{type(layer).__name__}: salt must be one or two integers, not {salt!r}.")


class Hashing(Layer):
    """Each string or integer as the number of a bin: its hash, modulo the number of bins.

    Different values may share a bin. Nothing is learned, so nothing has to be kept.

    Args:
      num_bins: the number of bins.
      mask_value: a value to which bin 0 is reserved.
      salt: an integer or two, for another hash.
      output_mode: 'int', or vectors as of `CategoryEncoding`: 'one_hot', 'multi_hot', 'count'.
      sparse: not accepted.

    >>> import engine as tf
    >>> tf.keras.layers.Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]]).numpy().ravel().tolist()
    [1, 0, 1, 1, 2]
    """

    def __init__(
        self, num_bins: int, mask_value: Any = None, salt: Any = None, output_mode: str = "int",
        sparse: bool = False, **kwargs: Any,
    ):  # fmt: skip
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        refuse_sparse(self, sparse)
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"Hashing: num_bins must be positive, not {num_bins!r}.")
        if output_mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise ValueError(
                f"Hashing: bins are integers, so dtype must be 'int32' or 'int64', not "
                f"{self.compute_dtype!r}."
            )
        self.num_bins, self.mask_value = num_bins, mask_value
        self.salt = salt_of(self, salt)
        self.output_mode, self.sparse = mode_of(self, output_mode, MODES), sparse

    def _bins(self, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "f":
            values = values.astype("int64")
        if self.mask_value is None or self.num_bins == 1:
            return bins(values, self.num_bins, self.salt)
        mask = self.mask_value
        masked = values == (mask.encode() if isinstance(mask, str) else mask)
        return np.where(masked, 0, bins(values, self.num_bins - 1, self.salt) + 1)

    def call(self, inputs: Any) -> Tensor:
        """The bins, or vectors."""
        values = convert(inputs)
        found = numpy_function(self._bins, [values], TensorSpec(values.shape, "int64"))
        return encode(found, self.output_mode, self.num_bins, self.compute_dtype)
