"""tf.train.CheckpointManager: keeps the newest checkpoints of a directory and deletes the others.

A small text file named `checkpoint` in the directory lists them, in TensorFlow's form. It changes only
after the files it names are complete.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import DataLossError, NotFoundError
from engine.train.checkpoint import Checkpoint
from engine.train.files import SUFFIX, CheckpointReader, replace_file

_STATE = "checkpoint"


@dataclass
class CheckpointState:
    """What the file `checkpoint` of a directory says: names and times of its checkpoints, oldest first."""

    model_checkpoint_path: str
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def write_state(directory: str, state: CheckpointState) -> None:
    """Writes the file, names inside the directory relative to it, so that it can be moved as a whole."""

    def name(path: str) -> str:
        inside = os.path.dirname(os.path.abspath(path)) == os.path.abspath(directory or ".")
        return json.dumps(os.path.basename(path) if inside else os.path.abspath(path))

    lines = [f"model_checkpoint_path: {name(state.model_checkpoint_path)}"]
    lines += [f"all_model_checkpoint_paths: {name(p)}" for p in state.all_model_checkpoint_paths]
    times = state.all_model_checkpoint_timestamps
    lines += [f"all_model_checkpoint_timestamps: {moment!r}" for moment in times]
    if state.last_preserved_timestamp:
        lines.append(f"last_preserved_timestamp: {state.last_preserved_timestamp!r}")
    text = "\n".join(lines) + "\n"
    replace_file(Path(directory) / _STATE, lambda stream: stream.write(text.encode()))


def get_checkpoint_state(
    checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None
) -> CheckpointState | None:
    """What the directory's list of checkpoints says; None when there is no such list.

    Raises:
      DataLossError: when the list cannot be read.
    """
    path = Path(checkpoint_dir) / (latest_filename or _STATE)
    if not path.is_file():
        return None
    found: dict[str, list[Any]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), []).append(json.loads(value))
        newest, *_ = found["model_checkpoint_path"]
        listed = [*found.get("all_model_checkpoint_paths", []), newest]
        if not all(isinstance(name, str) for name in listed):
            raise ValueError("a name is no string")
        times = [float(moment) for moment in found.get("all_model_checkpoint_timestamps", [])]
        preserved = float(found.get("last_preserved_timestamp", [0.0])[0])
    except (ValueError, KeyError, TypeError) as error:
        raise DataLossError(
            f"{str(path)!r}, the list of checkpoints, cannot be read ({error}). Delete it, and restore a "
            "checkpoint of the directory by its own name."
        ) from error
    paths = [os.path.join(os.fspath(checkpoint_dir), name) for name in listed]
    return CheckpointState(paths[-1], paths[:-1], times, preserved)


def latest_checkpoint(
    checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None
) -> str | None:
    """The name of the newest checkpoint of a directory, for `Checkpoint.restore`; None without any."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None or not os.path.isfile(state.model_checkpoint_path + SUFFIX):
        return None
    return state.model_checkpoint_path


def load_checkpoint(ckpt_dir_or_file: str | os.PathLike[str]) -> CheckpointReader:
    """Opens a checkpoint, or the newest one of a directory, to look at its values.

    >>> import tempfile, engine as tf
    >>> path = tf.train.Checkpoint(w=tf.Variable([1.0, 2.0])).write(tempfile.mkdtemp() + "/model")
    >>> reader = tf.train.load_checkpoint(path)
    >>> reader.get_variable_to_shape_map()
    {'w/.ATTRIBUTES/VARIABLE_VALUE': [2]}
    >>> reader.get_tensor("w/.ATTRIBUTES/VARIABLE_VALUE").tolist()
    [1.0, 2.0]
    """
    given = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(given) and not os.path.isfile(given + SUFFIX):
        newest = latest_checkpoint(given)
        if newest is None:
            raise NotFoundError(f"There is no checkpoint in the directory {given!r}.")
        given = newest
    return CheckpointReader(given)


def list_variables(ckpt_dir_or_file: str | os.PathLike[str]) -> list[tuple[str, list[int]]]:
    """The names and shapes of the values in a checkpoint, or in the newest one of a directory."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str | os.PathLike[str], name: str) -> Any:
    """One value of a checkpoint, or of the newest one of a directory, as a NumPy array."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


class CheckpointManager:
    """Saves a Checkpoint under rising numbers in one directory, and keeps the newest of them.

    Args:
      checkpoint: what to save.
      directory: where; made when it is not there.
      max_to_keep: how many checkpoints to keep; None keeps all.
      keep_checkpoint_every_n_hours: one checkpoint of every so many hours is kept beside these for good.
      checkpoint_name: files are named after it: 'ckpt-1', 'ckpt-2', ...
      step_counter: a variable that counts steps; needed with `checkpoint_interval`.
      checkpoint_interval: `save` does nothing until this many steps have passed since it last did.
      init_fn: called by `restore_or_initialize` when there is no checkpoint.
      last_checkpoint_step: the step of the last checkpoint, from which the interval counts.

    A manager made for a directory in which another one worked goes on where that one stopped.

    >>> import tempfile, engine as tf
    >>> manager = tf.train.CheckpointManager(
    ...     tf.train.Checkpoint(w=tf.Variable(1.0)), tempfile.mkdtemp(), max_to_keep=2)
    >>> for _ in range(3):
    ...     path = manager.save()
    >>> [path[-6:] for path in manager.checkpoints]
    ['ckpt-2', 'ckpt-3']
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: str | os.PathLike[str],
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Callable[[], Any] | None = None,
        last_checkpoint_step: int | None = None,
    ):
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(
                f"CheckpointManager: max_to_keep must be positive, or None to keep all, not {max_to_keep}."
            )
        if checkpoint_interval is not None and step_counter is None:
            raise ValueError("CheckpointManager: checkpoint_interval needs a step_counter.")
        self._checkpoint = checkpoint
        self._directory = os.fspath(directory)
        self._max_to_keep = max_to_keep
        self._every_n_hours = keep_checkpoint_every_n_hours
        self._prefix = os.path.join(self._directory, checkpoint_name)
        self._step_counter = step_counter
        self._interval = checkpoint_interval
        self._init_fn = init_fn
        self._last_step = last_checkpoint_step
        self._kept: dict[str, float] = {}  # name of a checkpoint -> when it was saved, oldest first
        self._last_preserved = time.time()
        state = get_checkpoint_state(self._directory)
        if state is not None:
            times = state.all_model_checkpoint_timestamps
            if len(times) != len(state.all_model_checkpoint_paths):
                times = [time.time()] * len(state.all_model_checkpoint_paths)
            pairs = zip(state.all_model_checkpoint_paths, times, strict=True)
            # One that was interrupted between deleting and noting it still lists what is gone.
            self._kept = {p: t for p, t in pairs if os.path.isfile(p + SUFFIX)}
            self._last_preserved = state.last_preserved_timestamp or self._last_preserved

    @property
    def directory(self) -> str:
        """Where the checkpoints are."""
        return self._directory

    @property
    def checkpoint(self) -> Checkpoint:
        """What is saved."""
        return self._checkpoint

    @property
    def checkpoint_interval(self) -> int | None:
        """How many steps lie between two checkpoints, at least."""
        return self._interval

    @property
    def checkpoints(self) -> list[str]:
        """The names of the checkpoints, oldest first, without those kept for good."""
        return list(self._kept)

    @property
    def latest_checkpoint(self) -> str | None:
        """The name of the newest checkpoint, or None."""
        return next(reversed(self._kept), None)

    def save(
        self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None
    ) -> str | None:
        """Saves a checkpoint and returns its name; None when the interval has not passed yet.

        Args:
          checkpoint_number: the number in its name; by default one more than the last.
          check_interval: False saves in any case, unless this very step was saved already.
        """
        if self._interval is not None:
            if self._last_step is not None:
                passed = _number(self._step_counter) - self._last_step
                if passed == 0 or (check_interval and passed < self._interval):
                    return None
            self._last_step = _number(self._step_counter)
        counter = self._checkpoint.save_counter.assign_add(1)
        number = _number(counter if checkpoint_number is None else checkpoint_number)
        name = self._checkpoint.write(f"{self._prefix}-{number}")
        now = time.time()
        self._kept.pop(name, None)
        self._kept[name] = now
        self._note()
        self._delete_old(now)
        return name

    def _delete_old(self, now: float) -> None:
        surplus = 0 if self._max_to_keep is None else len(self._kept) - self._max_to_keep
        if surplus <= 0:
            return
        gone = list(self._kept)[:surplus]
        for name in gone:
            saved = self._kept.pop(name)
            hours = self._every_n_hours
            if hours and saved - 3600 * hours >= self._last_preserved:
                self._last_preserved = saved
            else:
                Path(name + SUFFIX).unlink(missing_ok=True)
        self._note()

    def _note(self) -> None:
        names, times = list(self._kept), list(self._kept.values())
        write_state(self._directory, CheckpointState(names[-1], names, times, self._last_preserved))

    def sync(self) -> None:
        """Waits until all is written. `save` has done that when it returns."""

    def restore_or_initialize(self) -> str | None:
        """Restores the newest checkpoint and returns its name; without one calls `init_fn`, returns None."""
        newest = self.latest_checkpoint
        if newest is not None:
            self._checkpoint.restore(newest)
            if self._step_counter is not None:
                self._last_step = _number(self._step_counter)
            return newest
        if self._init_fn is not None:
            self._init_fn()
        return None


def _number(value: Any) -> int:
    """A Python integer from a number, tensor or variable."""
    return int(np.asarray(value))
