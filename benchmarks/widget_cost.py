"""What watching costs: `fit` bare, with an empty callback, and with a LossCurve, in a real kernel.

    python benchmarks/widget_cost.py [--epochs 20000] [--rounds 5]

The comm messages of a widget only exist in a kernel, so the measurement runs in one. Rounds are
interleaved and the minimum is reported: on a shared machine the rest is other people's work.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import Any

from jupyter_client.manager import start_new_kernel

SECONDS = 600

MEASURE = """
import json, sys, time
import engine as tf
from course.lab import LossCurve

x = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
y = [2 * value - 1 for value in x]

class Empty(tf.keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass

def fit_seconds(callbacks):
    model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    model.fit(x, y, epochs=5, verbose=0)  # traces
    began = time.perf_counter()
    model.fit(x, y, epochs={epochs}, verbose=0, callbacks=callbacks)
    return time.perf_counter() - began

kinds = {{"bare": lambda: [], "empty callback": lambda: [Empty()], "LossCurve": lambda: [LossCurve()]}}
times = {{name: [] for name in kinds}}
updates = []
for _ in range({rounds}):
    for name, make in kinds.items():
        callbacks = make()
        times[name].append(fit_seconds(callbacks))
        if name == "LossCurve":
            updates.append(callbacks[0].updates)

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.epochs, options.rounds)
    print(f"Python {platform.python_version()}, {platform.machine()}, {options.rounds} rounds")
    print(f"\nfit, {options.epochs:,} epochs of one step   seconds   us an epoch   over bare")
    bare = min(result["times"]["bare"])
    for name, seconds in result["times"].items():
        best = min(seconds)
        each = best / options.epochs * 1e6
        print(f"  {name:32} {best:8.3f} {each:13.1f} {best / bare - 1:11.0%}")
    print(f"  updates sent by LossCurve: {min(result['updates'])} (10 a second at most)")
    print("\none update, two series              ms (best)   ms (median)")
    for points, best, median in result["sending"]:
        print(f"  {points:>6,} points each {'':16} {best * 1e3:9.2f} {median * 1e3:13.2f}")
    print(f"\nthe picture that stays, once at the end: {result['picture'] * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
