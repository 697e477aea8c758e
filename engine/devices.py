"""Where an array lives: NumPy on the CPU, CuPy on the GPU, and why a GPU may be missing.

An operation runs where its inputs are. `tf.device("GPU:0")` decides where new tensors are put. There
is no silent fallback: asking for a device that is not there raises and says why. CuPy is imported at
the first question about a GPU, never by `import engine`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from engine.errors import InvalidArgumentError


class PhysicalDevice(NamedTuple):
    """A device as `tf.config.list_physical_devices` returns it."""

    name: str
    device_type: str


class _Placement(threading.local):
    kind = "CPU"
    index = 0


_placement = _Placement()
_cupy: Any = None  # the CuPy module once a GPU was found
_gpu_absent = ""  # why there is none, once looked


def _look_for_gpu() -> None:
    global _cupy, _gpu_absent
    if _cupy is not None or _gpu_absent:
        return
    try:
        import cupy

        _ = cupy.cuda  # a half-removed package imports as an empty folder
    except (ImportError, AttributeError) as error:
        _gpu_absent = f"CuPy is not installed ({error}); install it with `make setup GPU=1`"
        return
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        _gpu_absent = f"CuPy is installed, but the CUDA driver does not answer ({error})"
        return
    if count == 0:
        _gpu_absent = "CuPy is installed, but the CUDA driver lists no GPU"
    else:
        _cupy = cupy


def why_no_gpu() -> str:
    """The reason why there is no GPU, or an empty string when there is one."""
    _look_for_gpu()
    return _gpu_absent


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The devices of this machine: the CPU, and each GPU that CuPy can reach.

    >>> list_physical_devices("CPU")
    [PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]
    """
    found = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
    if device_type != "CPU":
        _look_for_gpu()
        count = _cupy.cuda.runtime.getDeviceCount() if _cupy is not None else 0
        found += [PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(count)]
    return [device for device in found if device_type in (None, device.device_type)]


def _parse(name: str) -> tuple[str, int]:
    """('GPU', 0) from 'GPU', 'gpu:0', '/GPU:0' or a full TensorFlow device string."""
    kind, _, index = name.upper().rsplit("DEVICE:", 1)[-1].lstrip("/").partition(":")
    if kind not in ("CPU", "GPU") or not (index or "0").isdigit():
        raise InvalidArgumentError(
            f"Device {name!r} is not understood. Write 'CPU:0', or 'GPU:0' for the first GPU."
        )
    number = int(index or 0)
    there = len(list_physical_devices(kind))
    if number >= there:
        have = ", ".join(device.name.rsplit("device:")[-1] for device in list_physical_devices())
        reason = why_no_gpu() if kind == "GPU" and there == 0 else f"there are {there} of that kind"
        raise InvalidArgumentError(
            f"Device {kind}:{number} was asked for, but it is not there: {reason}. "
            f"Devices of this machine: {have}. Remove the tf.device scope, or use 'CPU:0'."
        )
    return kind, number


@contextmanager
def device(device_name: str) -> Iterator[None]:
    """Puts tensors made inside the block on the named device.

    Raises:
      InvalidArgumentError: when that device is not there, with the reason.
    """
    kind, index = _parse(device_name)
    before = (_placement.kind, _placement.index)
    _placement.kind, _placement.index = kind, index
    try:
        if kind == "GPU":
            with _cupy.cuda.Device(index):
                yield
        else:
            yield
    finally:
        _placement.kind, _placement.index = before


def place(array: Any) -> Any:
    """Moves a host array to the device of the current scope."""
    if _placement.kind == "CPU" or array.dtype == object:
        return array
    return _cupy.asarray(array)


def namespace(*arrays: Any) -> Any:
    """NumPy or CuPy: the module whose functions work on these arrays."""
    return np if _cupy is None else _cupy.get_array_module(*arrays)


def scope_namespace() -> Any:
    """NumPy or CuPy: the module that makes new arrays in the current device scope."""
    return np if _placement.kind == "CPU" else _cupy


def to_host(array: Any) -> Any:
    """The same values as a NumPy array."""
    return array if _cupy is None else _cupy.asnumpy(array)


def name_of(array: Any) -> str:
    """TensorFlow's short device string of an array, such as '/device:CPU:0'."""
    if _cupy is not None and isinstance(array, _cupy.ndarray):
        return f"/device:GPU:{array.device.id}"
    return "/device:CPU:0"
