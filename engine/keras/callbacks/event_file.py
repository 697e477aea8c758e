"""Event files, which TensorBoard reads: records with check sums, each of them a protocol buffer.

Of protocol buffers there is as much here as an event needs, and no more. Read `tensorboard` first.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

# --- records --------------------------------------------------------------------------------------


def _table() -> list[int]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return found


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The check sum of Castagnoli (RFC 3720, B.4).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    rest = 0xFFFFFFFF
    for byte in data:
        rest = _TABLE[(rest ^ byte) & 255] ^ rest >> 8
    return rest ^ 0xFFFFFFFF


def _check(data: bytes) -> bytes:
    """The check sum as it stands in the file: turned by 15 bits and moved, as it may be part of the data."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """One record of a TFRecord file: length, its check sum, the data, their check sum."""
    length = struct.pack("<Q", len(data))
    return length + _check(length) + data + _check(data)


# --- protocol buffers -----------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def message(*fields: tuple[int, Any]) -> bytes:
    """A message of fields (number, value): int as varint, float as double, bytes and str with their length.

    >>> message((1, 300), (2, "ab")).hex()
    '08ac0212026162'
    """
    out = []
    for number, value in fields:
        if isinstance(value, int):
            out += [_varint(number << 3), _varint(value)]
        elif isinstance(value, float):
            out += [_varint(number << 3 | 1), struct.pack("<d", value)]
        else:
            data = value.encode() if isinstance(value, str) else value
            out += [_varint(number << 3 | 2), _varint(len(data)), data]
    return b"".join(out)


_FLOAT, _DOUBLE, _STRING = 1, 2, 7  # enum DataType


def _tensor(value: Any) -> bytes:
    """TensorProto: dtype = 1, tensor_shape = 2, tensor_content = 4, string_val = 8."""
    if isinstance(value, str):
        return message((1, _STRING), (2, b""), (8, value))
    array = np.asarray(value)
    shape = message(*((2, message((1, size))) for size in array.shape))
    kind = _FLOAT if array.dtype == np.float32 else _DOUBLE
    return message(
        (1, kind), (2, shape), (4, array.astype(array.dtype.newbyteorder("<")).tobytes())
    )


def summary_event(
    tag: str, value: Any, step: int, plugin: str, content: bytes, now: float
) -> bytes:
    """Event: wall_time = 1, step = 2, summary = 5, of one Value: tag = 1, tensor = 8, metadata = 9."""
    about = message((1, plugin), (2, content)) if content else message((1, plugin))
    one = message((1, tag), (8, _tensor(value)), (9, message((1, about))))
    head: list[tuple[int, Any]] = [(1, now)] + ([(2, step)] if step else [])  # 0 is left out
    return message(*head, (5, message((1, one))))


# --- the file -------------------------------------------------------------------------------------

_BUCKETS = 30


def histogram(values: Any) -> np.ndarray:
    """Of each of 30 buckets of equal width: where it begins, where it ends, and how many values are in it.

    Shape (30, 3), float64. Values that are all the same are in the last one; those not finite are left out.
    """
    flat = np.asarray(values, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return np.zeros((_BUCKETS, 3))
    low, high = flat.min(), flat.max()
    if low == high:
        counts, edges = np.zeros(_BUCKETS), np.full(_BUCKETS + 1, low)
        counts[-1] = flat.size
    else:
        counts, edges = np.histogram(flat, _BUCKETS, (low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


class EventFile:
    """A file of events in a folder, made with the first of them.

    Args:
      folder: where; it is made if need be. TensorBoard calls what is in one folder a run.
    """

    def __init__(self, folder: Any):
        self.folder = Path(folder)
        self._file: BinaryIO | None = None

    def _write(self, tag: str, value: Any, step: int, plugin: str, content: bytes = b"") -> None:
        now = time.time()
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            host, number = socket.gethostname(), 0
            stem = f"events.out.tfevents.{int(now)}.{host}.{os.getpid()}"
            while (path := self.folder / f"{stem}.{number}.v2").exists():
                number += 1
            self._file = path.open("xb")
            self._file.write(record(message((1, now), (3, "brain.Event:2"))))  # file_version = 3
        self._file.write(record(summary_event(tag, value, step, plugin, content, now)))

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """A number."""
        self._write(tag, np.float32(value), step, "scalars")

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """How the values of an array of any shape are spread."""
        self._write(tag, histogram(values), step, "histograms")

    def model(self, tag: str, config: str, step: int) -> None:
        """A Keras model's config as JSON, from which TensorBoard draws its layers."""
        self._write(tag, config, step, "graph_keras_model", b"1")

    def flush(self) -> None:
        """What was written is there for others to read."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """The next event begins another file."""
        if self._file is not None:
            self._file.close()
        self._file = None
