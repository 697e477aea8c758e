"""What belongs to the whole program, and what a learner's call may have changed of it.

Everything here is put back after a call; what the learner is likely to want to know is named.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

STREAMS = (0, 1, 2)


@dataclass(frozen=True)
class Setting:
    """One thing of the program: how it is read, and how it is put back."""

    words: str
    """As a report names it; "" for what may change without anybody having meant it."""
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _environment(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def _path(before: list[str]) -> None:
    sys.path[:] = before


def _collect(before: bool) -> None:
    (gc.enable if before else gc.disable)()


GENERAL = (
    Setting("the working directory", os.getcwd, os.chdir),
    Setting("the environment variables", lambda: dict(os.environ), _environment),
    Setting("sys.path", lambda: list(sys.path), _path),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("the garbage collector", gc.isenabled, _collect),
    Setting("NumPy's error settings", np.geterr, lambda before: np.seterr(**before)),
    Setting("NumPy's print options", np.get_printoptions,
            lambda before: np.set_printoptions(**before)),
    Setting("", random.getstate, random.setstate),
    Setting("", np.random.get_state, np.random.set_state),
)  # fmt: skip

ENGINE = {
    "engine.dispatch": ("context.builder", "context.log"),
    "engine.config": ("_eager_functions",),
    "engine.keras.config": ("_floatx", "_epsilon", "_image_data_format", "_unsafe_deserialization"),
    "engine.keras.dtype_policy": ("_default",),
}
"""Settings of the engine: attributes of those modules, where they are loaded. The context has them when
numbers are checked, and when a tape that was never closed goes on recording."""


def _engine() -> dict[tuple[str, str], Any]:
    return {
        (module, name): attrgetter(name)(sys.modules[module])
        for module, names in ENGINE.items()
        if module in sys.modules
        for name in names
    }


def _engine_back(before: dict[tuple[str, str], Any]) -> None:
    for (module, name), value in before.items():
        *owner, last = name.split(".")
        place = attrgetter(*owner)(sys.modules[module]) if owner else sys.modules[module]
        setattr(place, last, value)


def _engine_random() -> Any:
    """The state of the engine's random numbers; None before the first of them was drawn."""
    state = getattr(sys.modules.get("engine.ops.random"), "_state", None)
    return None if state is None else state.numpy().copy()


def _engine_random_back(before: Any) -> None:
    if before is not None:
        sys.modules["engine.ops.random"]._state.assign(before)


SETTINGS = (
    *GENERAL,
    Setting("settings of the engine", _engine, _engine_back),
    Setting("", _engine_random, _engine_random_back),
)


@contextlib.contextmanager
def put_back() -> Iterator[list[str]]:
    """Put everything back at the end; the list then names what had been changed."""
    changed: list[str] = []
    before = []
    for setting in SETTINGS:
        with contextlib.suppress(OSError):  # the working directory may be gone already
            before.append((setting, setting.read()))
    copies = {stream: _copy(stream) for stream in STREAMS}
    try:
        yield changed
    finally:
        for setting, value in before:
            if not setting.words:
                setting.write(value)
            elif _now(setting) != value:
                with contextlib.suppress(OSError):
                    setting.write(value)
                changed.append(setting.words)
        if _reopened(copies):
            changed.append("the standard streams")


def _now(setting: Setting) -> Any:
    try:
        return setting.read()
    except OSError:
        return None


def _copy(stream: int) -> int | None:
    try:
        return os.dup(stream)
    except OSError:  # it was closed before
        return None


def _reopened(copies: dict[int, int | None]) -> bool:
    """Open again what the call closed or turned to another file; then let the copies go."""
    turned = False
    for stream, copy in copies.items():
        if copy is None:
            continue
        try:
            same = os.path.sameopenfile(stream, copy)
        except OSError:
            same = False
        if not same:
            os.dup2(copy, stream)
            turned = True
        os.close(copy)
    return turned
