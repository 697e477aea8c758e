"""BackupAndRestore: a run that is killed and started again ends as one that was never killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine as tf

PROGRAM = """if True:
    import os, signal, sys
    import numpy as np
    import engine as tf
    folder, out, freq, kill = sys.argv[1:]
    freq = freq if freq == "epoch" else int(freq)
    tf.keras.utils.set_random_seed(3)
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5]], "float32")
    model = tf.keras.Sequential([
        tf.keras.Input((3,)), tf.keras.layers.Dense(8, activation="relu"), tf.keras.layers.Dropout(0.3),
        tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(1)])
    model.compile(tf.keras.optimizers.Adam(0.01), "mse")
    class Kill(tf.keras.callbacks.Callback):
        done = 0
        def on_train_batch_end(self, batch, logs=None):
            Kill.done += 1
            if Kill.done == int(kill):
                os.kill(os.getpid(), signal.SIGKILL)
    backup = tf.keras.callbacks.BackupAndRestore(folder, save_freq=freq)
    model.fit(x, y, batch_size=8, epochs=4, verbose=0, callbacks=[backup, Kill()])
    np.savez(out, *model.get_weights(), *[v.numpy() for v in model.optimizer.variables])
"""


def run(folder: Path, out: Path, freq: str, kill: int) -> int:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(out), freq, str(kill)]
    return subprocess.run(command, timeout=100, check=False).returncode


@pytest.mark.parametrize("freq", ["epoch", "3"])
def test_kill_9_in_the_middle_of_an_epoch_changes_nothing(freq: str, tmp_path: Path) -> None:
    """Adam, Dropout, BatchNormalization, shuffled examples; killed in the third and again in the fourth."""
    assert run(tmp_path / "whole", tmp_path / "whole.npz", freq, -1) == 0
    assert not (tmp_path / "whole").exists()  # the run has ended, its backup is gone
    folder, out = tmp_path / "killed", tmp_path / "killed.npz"
    assert run(folder, out, freq, 13) == -signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == ["latest.npz"] and not out.exists()
    assert run(folder, out, freq, 4) == -signal.SIGKILL
    assert run(folder, out, freq, -1) == 0 and not folder.exists()
    with np.load(tmp_path / "whole.npz") as whole, np.load(out) as resumed:
        assert len(whole.files) == len(resumed.files) > 10
        for name in whole.files:
            assert np.array_equal(whole[name], resumed[name]), name


X = np.linspace(-1, 1, 12, dtype="float32")[:, None]


def model_of(units: int = 1) -> Any:
    model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(units)])
    model.compile("sgd", "mse")
    return model


class Stop(tf.keras.callbacks.Callback):
    """Breaks a run off."""

    def __init__(self, epoch: int, error: type[BaseException] = KeyboardInterrupt):
        super().__init__()
        self.epoch, self.error = epoch, error

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise self.error


def broken_off(folder: Path, **options: Any) -> Any:
    backup = tf.keras.callbacks.BackupAndRestore(folder, **options)
    model = model_of()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, X, epochs=5, verbose=0, callbacks=[backup, Stop(3)])
    return model


def test_a_run_that_was_broken_off_keeps_its_backup_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    first = broken_off(folder)
    assert folder.exists()
    model = model_of()
    history = model.fit(
        X, X, epochs=5, verbose=0, callbacks=[tf.keras.callbacks.BackupAndRestore(folder)]
    )
    assert history.epoch == [3, 4] and int(model.optimizer.iterations) == 5
    assert int(first.optimizer.iterations) == 3 and not folder.exists()


def test_a_damaged_file_is_named_or_the_one_before_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    broken_off(folder, double_checkpoint=True)
    latest = folder / "latest.npz"
    latest.write_bytes(latest.read_bytes()[:100])
    with pytest.raises(ValueError, match="damaged"):
        model_of().fit(X, X, verbose=0, callbacks=[tf.keras.callbacks.BackupAndRestore(folder)])
    backup = tf.keras.callbacks.BackupAndRestore(folder, double_checkpoint=True)
    assert model_of().fit(X, X, epochs=4, verbose=0, callbacks=[backup]).epoch == [2, 3]


def test_the_backup_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    broken_off(folder)
    with pytest.raises(ValueError, match="another model"):
        model_of(2).fit(X, X, verbose=0, callbacks=[tf.keras.callbacks.BackupAndRestore(folder)])


def test_what_is_not_possible_is_said() -> None:
    with pytest.raises(ValueError, match="backup_dir"):
        tf.keras.callbacks.BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq"):
        tf.keras.callbacks.BackupAndRestore("x", save_freq="batch")
