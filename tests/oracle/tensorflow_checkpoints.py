"""Records what TensorFlow's CheckpointManager keeps and deletes in random runs. Run by hand.

    /tmp/tf/bin/python -m tests.oracle.tensorflow_checkpoints

from the top of the repository; it writes `recorded/tf_checkpoints.json`, and
`tests/engine/test_checkpoint_manager.py` makes the same runs with the engine.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

PATH = Path(__file__).parent / "recorded" / "tf_checkpoints.json"
RUNS, STEPS = 20, 12


def _base(path: Any) -> str | None:
    return None if path is None else os.path.basename(str(path))


def run(tf: Any, seed: int) -> list[Any]:
    """One run: after each step what was done, what the manager says, and which files there are."""
    choose = random.Random(seed)
    now = [1.7e9]
    step = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(v=tf.Variable(0.0), step=step)
    settings = {
        "max_to_keep": choose.choice([None, 1, 2, 3]),
        "keep_checkpoint_every_n_hours": choose.choice([None, 1, 2.5]),
    }
    if choose.random() < 0.5:
        settings |= {"step_counter": step, "checkpoint_interval": choose.choice([1, 2, 3])}
    seen = []
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(time, "time", lambda: now[0]),
    ):
        manager = tf.train.CheckpointManager(checkpoint, folder, **settings)
        for _ in range(STEPS):
            now[0] += choose.choice([10, 1800, 3600, 7200])
            what = choose.random()
            if what < 0.55:
                done = _base(manager.save(check_interval=choose.random() < 0.7))
            elif what < 0.65:
                done = _base(manager.save(checkpoint_number=choose.randrange(1, 12)))
            elif what < 0.75:
                manager = tf.train.CheckpointManager(checkpoint, folder, **settings)
                done = "made anew"
            elif what < 0.85:
                done = _base(manager.restore_or_initialize())
            else:
                step.assign_add(choose.randrange(3))
                done = "step"
            kept = [_base(path) for path in manager.checkpoints]
            names = sorted({name.split(".")[0] for name in os.listdir(folder)} - {"checkpoint"})
            newest = [_base(manager.latest_checkpoint), _base(tf.train.latest_checkpoint(folder))]
            seen.append([done, kept, names, newest, int(checkpoint.save_counter.numpy())])
    return seen


def record() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    lines = [f'"about": {json.dumps({"tensorflow": tf.__version__})}']
    lines += [f'"{seed}": {json.dumps(run(tf, seed))}' for seed in range(RUNS)]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{PATH.name}: {RUNS} runs, {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    record()
