"""What watching costs: `fit` bare, with an empty callback, and with a LossCurve, in a real kernel.

    python -m benchmarks.widget_cost [--epochs 100000] [--rounds 5] [--write]

Two fits: y = 2x - 1, whose epochs are one step of a few microseconds, and a network of two layers on 8,192
rows. The cost of watching is what the curve takes while it runs, against the target of 3%; the picture that
stays in the notebook is drawn once, at the end, and counted by itself. The comm messages of a widget only
exist in a kernel, so the measurement runs in one. Rounds are interleaved and the minimum is reported: on a
shared machine the rest is other people's work.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
from typing import Any

from jupyter_client.manager import start_new_kernel

from benchmarks import run

SECONDS = 600

MEASURE = """
import json, sys, time
import numpy as np
import engine as tf
from course.lab import LossCurve

class Empty(tf.keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass

pictures = []
draw = LossCurve._static

def timed(self, seconds):
    began = time.perf_counter()
    made = draw(self, seconds)
    pictures.append(time.perf_counter() - began)
    return made

LossCurve._static = timed

def line():
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    x = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    return model, x, [2 * value - 1 for value in x], {epochs}

def network():
    rng = np.random.default_rng(0)
    model = tf.keras.Sequential([
        tf.keras.Input((784,)), tf.keras.layers.Dense(128, "relu"), tf.keras.layers.Dense(10)
    ])
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model, rng.random((8192, 784), np.float32), rng.integers(0, 10, 8192), 20

def fit_seconds(make, callbacks):
    model, x, y, epochs = make()
    model.fit(x, y, epochs=1, verbose=0)  # traces
    pictures.clear()
    began = time.perf_counter()
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=callbacks)
    return time.perf_counter() - began - sum(pictures)

kinds = {{"bare": lambda: [], "empty callback": lambda: [Empty()], "LossCurve": lambda: [LossCurve()]}}
times = {{make.__name__: {{name: [] for name in kinds}} for make in (line, network)}}
updates = {{make.__name__: [] for make in (line, network)}}
fit_seconds(line, [])  # kernels come in
for _ in range({rounds}):
    for make in (line, network):
        for name, callbacks_of in kinds.items():
            callbacks = callbacks_of()
            times[make.__name__][name].append(fit_seconds(make, callbacks))
            if name == "LossCurve":
                updates[make.__name__].append(callbacks[0].updates)

sending = []
for points in (10, 400, {epochs}):
    curve = LossCurve(show=False)
    for step in curve.steps(points):
        curve.log(loss=1 / (step + 1), val_loss=2 / (step + 1))
    each = []
    for _ in range(50):
        began = time.perf_counter()
        curve._send(began)
        each.append(time.perf_counter() - began)
    sending.append((points, min(each), sorted(each)[len(each) // 2]))

began = time.perf_counter()
curve._static(1.0)
picture = time.perf_counter() - began
print("RESULT" + json.dumps(dict(times=times, updates=updates, sending=sending, picture=picture)))
"""


def measure(epochs: int, rounds: int) -> dict[str, Any]:
    """Run the measurement in a fresh kernel and read its result back."""
    manager, client = start_new_kernel(kernel_name="python3")
    printed: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            printed.append(content["text"])
        elif message["msg_type"] == "error":
            printed.append("\n".join(content["traceback"]))

    try:
        code = MEASURE.format(epochs=epochs, rounds=rounds)
        client.execute_interactive(code, timeout=SECONDS, output_hook=collect)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    text = "".join(printed)
    if "RESULT" not in text:
        sys.exit(f"the measurement failed:\n{text}")
    return json.loads(text.partition("RESULT")[2])


WHAT = {
    "line": "y = 2x - 1, {epochs:,} epochs of one step",
    "network": "784-128-10 with Adam, 20 epochs of 256 steps",
}


def told(result: dict[str, Any], epochs: int, rounds: int) -> str:
    """The tables of a result."""
    lines = [
        f"{datetime.date.today()}, {run.processor()}, Python {platform.python_version()}; minima of {rounds} "
        "interleaved rounds.",
        "\n| fit | | seconds | over bare |\n|---|---|---|---|",
    ]
    for fit, times in result["times"].items():
        bare = min(times["bare"])
        for name, seconds in times.items():
            best = min(seconds)
            over = f"{best / bare - 1:.1%}"
            if name == "LossCurve":
                over += f" (at most 3%), {min(result['updates'][fit])} updates"
            lines.append(f"| {WHAT[fit].format(epochs=epochs)} | {name} | {best:.3f} | {over} |")
    lines.append("\n| one update, two series | best | median |\n|---|---|---|")
    for points, best, median in result["sending"]:
        lines.append(f"| {points:,} points each | {best * 1e3:.2f} ms | {median * 1e3:.2f} ms |")
    lines.append(f"\nThe picture that stays, once at the end: {result['picture'] * 1e3:.0f} ms.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the tables in results/")
    options = parser.parse_args()
    text = told(measure(options.epochs, options.rounds), options.epochs, options.rounds)
    print(text)
    if options.write:
        file = run.HERE / "results" / "widget-cost.md"
        file.write_text(f"# What a live loss curve costs fit\n\n{text}\n")


if __name__ == "__main__":
    main()
