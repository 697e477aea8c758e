"""Records the event files that Keras writes for TensorBoard with TensorFlow. Run by hand.

    /tmp/tf/bin/python -m tests.keras.record_tensorboard

in the environment of `tests/oracle/README.md` with `tensorboard` in it, from the top of the repository. It
writes `recorded/tensorboard.json`: for each run below what its files hold, and a whole file in base64.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("recorded") / "tensorboard.json"

# The arguments of TensorBoard, for each run.
RUNS: dict[str, dict[str, Any]] = {
    "epochs": {},
    "some batches": {"update_freq": 5, "write_graph": False},
    "every batch": {"update_freq": "batch", "write_graph": False},
    "histograms": {"histogram_freq": 2, "write_graph": False},
}


def train(k: Any, board: Any) -> None:
    """Three epochs of five batches, each with validation, and an evaluation at the end."""
    x = np.linspace(-1, 1, 10, dtype="float32")[:, None]
    layers = [
        k.Input((1,), name="x"),
        k.layers.Dense(8, name="wide"),
        k.layers.Dense(1, name="line"),
    ]
    model = k.Sequential(layers, name="fitted")
    shapes = [(1, 8), (8,), (8, 1), (1,)]
    model.set_weights(
        [np.linspace(-0.3, 0.4, np.prod(s), dtype="float32").reshape(s) for s in shapes]
    )
    model.compile(k.optimizers.SGD(0.03125), "mse", metrics=["mae"])
    model.fit(x, 2 * x - 1, batch_size=2, epochs=3, shuffle=False, verbose=0,
              validation_data=(x[:4], x[:4]), callbacks=[board])  # fmt: skip
    model.evaluate(x, 2 * x - 1, verbose=0, callbacks=[board])


def record() -> None:
    """Trains with Keras and reads its files with TensorFlow."""
    import keras
    import tensorflow as tf

    found: dict[str, Any] = {
        "about": {"keras": keras.__version__, "tensorflow": tf.__version__},
        "runs": {},
    }
    for run, arguments in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            train(keras, keras.callbacks.TensorBoard(folder, **arguments))
            tf.summary.flush()
            parts: dict[str, list[Any]] = {}
            for path in sorted(Path(folder).glob("*/events.*")):
                events = parts.setdefault(path.parent.name, [])
                for event in tf.compat.v1.train.summary_iterator(str(path)):
                    for value in event.summary.value:
                        array = tf.make_ndarray(value.tensor)
                        numbers = array.tolist() if array.dtype.kind == "f" else None
                        plugin = value.metadata.plugin_data
                        kind = [
                            plugin.plugin_name,
                            plugin.content.decode(),
                            value.metadata.data_class,
                        ]
                        events.append([value.tag, event.step, kind, value.tensor.dtype, numbers])
                if "file" not in found and path.parent.name == "validation":
                    found["file"] = base64.b64encode(path.read_bytes()).decode()
            found["runs"][run] = parts
    PATH.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
