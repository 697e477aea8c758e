"""CheckpointManager: what it keeps, how it goes on, and what a process killed in mid-write leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import engine as tf
from engine.errors import DataLossError
from engine.train import manager as manager_module
from tests.oracle.tensorflow_checkpoints import PATH, RUNS, run


def made(folder: Path, keep: int | None = 3, **options: Any) -> tf.train.CheckpointManager:
    checkpoint = tf.train.Checkpoint(v=tf.Variable(0.0))
    return tf.train.CheckpointManager(checkpoint, folder, keep, **options)


def names(paths: Any) -> list[str]:
    return [os.path.basename(path) for path in paths]


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.fixture
def clock(monkeypatch: Any) -> list[float]:
    """The time as the manager sees it: the only element."""
    now = [1_000_000.0]
    monkeypatch.setattr(manager_module.time, "time", lambda: now[0])
    return now


def test_the_newest_are_kept(tmp_path):
    manager = made(tmp_path / "new", 2)
    assert manager.latest_checkpoint is None and manager.checkpoints == []
    assert names(manager.save() for _ in range(4)) == ["ckpt-1", "ckpt-2", "ckpt-3", "ckpt-4"]
    assert names(manager.checkpoints) == ["ckpt-3", "ckpt-4"]
    assert manager.latest_checkpoint == str(tmp_path / "new" / "ckpt-4")
    assert files(tmp_path / "new") == ["checkpoint", "ckpt-3.npz", "ckpt-4.npz"]
    assert tf.train.latest_checkpoint(tmp_path / "new") == manager.latest_checkpoint
    assert manager.directory == str(tmp_path / "new")


def test_with_none_all_are_kept(tmp_path):
    manager = made(tmp_path, None, checkpoint_name="model")
    for _ in range(4):
        manager.save()
    assert names(manager.checkpoints) == ["model-1", "model-2", "model-3", "model-4"]


def test_one_in_some_hours_is_kept_for_good(tmp_path, clock):
    manager = made(tmp_path, 1, keep_checkpoint_every_n_hours=2)
    for _ in range(6):  # saved after 1, 2, 3, 4, 5 and 6 hours
        clock[0] += 3600.0
        manager.save()
    assert names(manager.checkpoints) == ["ckpt-6"]
    kept = ["checkpoint", "ckpt-2.npz", "ckpt-4.npz", "ckpt-6.npz"]
    assert files(tmp_path) == kept
    again = made(tmp_path, 1, keep_checkpoint_every_n_hours=2)  # knows when it last kept one
    again.checkpoint.restore(again.latest_checkpoint)
    clock[0] += 3600.0
    again.save()
    assert files(tmp_path) == [*kept, "ckpt-7.npz"]
    clock[0] += 3600.0
    again.save()
    assert files(tmp_path) == [*kept, "ckpt-8.npz"]


def test_a_new_manager_goes_on_where_the_last_one_stopped(tmp_path):
    first = made(tmp_path, 3)
    for value in (1.0, 2.0, 3.0):
        first.checkpoint.v.assign(value)
        first.save()
    second = made(tmp_path, 3)
    assert second.checkpoints == first.checkpoints
    assert second.restore_or_initialize() == first.latest_checkpoint
    assert second.checkpoint.v.numpy() == 3.0
    assert names([second.save()]) == ["ckpt-4"]
    assert names(second.checkpoints) == ["ckpt-2", "ckpt-3", "ckpt-4"]


def test_without_a_checkpoint_the_initial_function_is_called(tmp_path):
    called = []
    manager = made(tmp_path, init_fn=lambda: called.append(1))
    assert manager.restore_or_initialize() is None and called == [1]
    manager.save()
    assert names([manager.restore_or_initialize()]) == ["ckpt-1"] and called == [1]
    assert made(tmp_path / "empty").restore_or_initialize() is None


def test_an_interval_of_steps(tmp_path):
    step = tf.Variable(0, dtype=tf.int64)
    manager = made(tmp_path, None, step_counter=step, checkpoint_interval=5)
    saved = []
    for _ in range(12):
        saved.append(manager.save() is not None)
        step.assign_add(1)
    assert [i for i, done in enumerate(saved) if done] == [0, 5, 10]
    assert manager.checkpoint_interval == 5
    assert names([manager.save(check_interval=False)]) == ["ckpt-4"]
    assert manager.save(check_interval=False) is None  # this very step is saved already
    again = made(tmp_path, None, step_counter=step, checkpoint_interval=5)
    again.restore_or_initialize()
    assert again.save() is None
    third = made(tmp_path, None, step_counter=step, checkpoint_interval=5, last_checkpoint_step=8)
    step.assign(12)
    assert third.save() is None
    step.assign(13)
    assert third.save() is not None


def test_a_manager_goes_on_from_what_a_checkpoint_saved_itself(tmp_path):
    checkpoint = tf.train.Checkpoint(v=tf.Variable(2.0))
    checkpoint.save(tmp_path / "own")
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=1)
    assert names(manager.checkpoints) == ["own-1"]
    manager.save()
    assert names(manager.checkpoints) == ["ckpt-2"]
    assert tf.train.load_variable(tmp_path, "v/.ATTRIBUTES/VARIABLE_VALUE") == 2.0
    checkpoint.sync(), manager.sync()


def test_a_number_of_ones_own(tmp_path):
    manager = made(tmp_path, 2)
    assert names([manager.save(7), manager.save(tf.constant(9)), manager.save()]) == [
        "ckpt-7",
        "ckpt-9",
        "ckpt-3",
    ]
    manager.save(9)
    assert names(manager.checkpoints) == ["ckpt-3", "ckpt-9"]


def test_settings_that_make_no_sense():
    with pytest.raises(
        ValueError, match="max_to_keep must be positive, or None to keep all, not 0"
    ):
        made(Path("unused"), 0)
    with pytest.raises(ValueError, match="checkpoint_interval needs a step_counter"):
        made(Path("unused"), checkpoint_interval=3)


def test_the_list_of_checkpoints_can_be_moved_and_says_when(tmp_path, clock):
    manager = made(tmp_path / "a")
    manager.save()
    clock[0] += 1
    manager.save()
    os.rename(tmp_path / "a", tmp_path / "b")
    state = tf.train.get_checkpoint_state(tmp_path / "b")
    assert state.model_checkpoint_path == str(tmp_path / "b" / "ckpt-2")
    assert names(state.all_model_checkpoint_paths) == ["ckpt-1", "ckpt-2"]
    assert state.all_model_checkpoint_timestamps == [1_000_000.0, 1_000_001.0]
    assert (tmp_path / "b" / "checkpoint").read_text() == (
        'model_checkpoint_path: "ckpt-2"\n'
        'all_model_checkpoint_paths: "ckpt-1"\n'
        'all_model_checkpoint_paths: "ckpt-2"\n'
        "all_model_checkpoint_timestamps: 1000000.0\n"
        "all_model_checkpoint_timestamps: 1000001.0\n"
        "last_preserved_timestamp: 1000000.0\n"
    )
    assert tf.train.get_checkpoint_state(tmp_path) is None
    assert tf.train.latest_checkpoint(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "model_checkpoint_path: ckpt", "model_checkpoint_path: 3\n", "\x00", '{"a": 1}'],
    ids=["empty", "unquoted", "number", "zero", "json"],
)
def test_a_damaged_list_of_checkpoints(tmp_path, text):
    made(tmp_path).save()
    (tmp_path / "checkpoint").write_text(text)
    for use in (tf.train.latest_checkpoint, made):
        with pytest.raises(DataLossError, match=r"list of checkpoints, cannot be read.*Delete it"):
            use(tmp_path)


def test_a_list_that_names_what_is_gone(tmp_path):
    manager = made(tmp_path)
    for _ in range(3):
        manager.save()
    (tmp_path / "ckpt-2.npz").unlink()
    assert names(made(tmp_path).checkpoints) == ["ckpt-1", "ckpt-3"]
    (tmp_path / "ckpt-3.npz").unlink()
    assert tf.train.latest_checkpoint(tmp_path) is None
    assert names([made(tmp_path).latest_checkpoint]) == ["ckpt-1"]


RECORDED = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("seed", range(RUNS))
def test_in_random_runs_the_manager_keeps_what_tensorflow_keeps(seed: int):
    """Recorded by tests/oracle/tensorflow_checkpoints.py."""
    assert json.loads(json.dumps(run(tf, seed))) == RECORDED[str(seed)]


KILLED = """
import os, signal, sys
import numpy as np
import engine as tf
from engine.train import files

v, w = tf.Variable(np.zeros(1000)), tf.Variable(np.zeros(1000))
manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v, w=w), sys.argv[1], max_to_keep=1)
for value in (1.0, 2.0):
    v.assign(np.full(1000, value)), w.assign(np.full(1000, value))
    manager.save()

original = {target}
calls = []

def deadly(*args, **options):
    calls.append(1)
    if len(calls) == {calls}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **options)

{target} = deadly
v.assign(np.full(1000, 3.0)), w.assign(np.full(1000, 3.0))
manager.save()
print("not killed")
"""


@pytest.mark.parametrize(
    ("target", "calls", "survives"),
    [
        ("np.lib.format.write_array", 1, 2.0),  # before the first value is written
        ("np.lib.format.write_array", 2, 2.0),  # between two values
        ("os.fsync", 1, 2.0),  # all written, before it has its name
        ("os.replace", 1, 2.0),
        ("os.replace", 2, 2.0),  # the checkpoint is there, the list does not name it yet
        ("os.replace", 3, 3.0),  # listed; the one before it is gone, too
        ("files.Path.unlink", 1, 3.0),  # listed; the one before it not yet deleted
    ],
)
def test_a_writer_killed_anywhere_leaves_a_whole_checkpoint(tmp_path, target, calls, survives):
    program = KILLED.format(target=target, calls=calls)
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == -9, done.stdout + done.stderr
    v, w = tf.Variable(tf.zeros([1000], tf.float64)), tf.Variable(tf.zeros([1000], tf.float64))
    checkpoint = tf.train.Checkpoint(v=v, w=w)
    manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=1)
    assert manager.latest_checkpoint == tf.train.latest_checkpoint(tmp_path)
    checkpoint.restore(manager.restore_or_initialize()).assert_consumed()
    assert v.numpy().tolist() == w.numpy().tolist() == [survives] * 1000
    number = 1 + int(survives)
    assert names([manager.save()]) == [f"ckpt-{number}"]  # and work goes on
    left = [name for name in files(tmp_path) if name.startswith(".")]
    assert left == []  # what the killed one had begun is gone
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / f"ckpt-{number}")


def test_what_another_process_is_writing_is_left_alone(tmp_path, monkeypatch):
    begun = [tmp_path / f".ckpt-1.npz.{process}-0.tmp" for process in (os.getpid(), 1, 2**22 + 7)]
    for path in begun:
        path.write_bytes(b"")

    def ask(process: int, signal: int) -> None:
        assert signal == 0
        if process == 1:
            raise PermissionError  # it runs, as somebody else's
        if process != os.getpid():
            raise ProcessLookupError

    monkeypatch.setattr(os, "kill", ask)
    made(tmp_path).save()
    assert [path.exists() for path in begun] == [True, True, False]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    manager = made(tmp_path)
    manager.save()
    before = files(tmp_path)

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.lib.format.write_array", full)
    with pytest.raises(OSError, match="No space left"):
        manager.save()
    assert files(tmp_path) == before
    assert names(manager.checkpoints) == ["ckpt-1"]
