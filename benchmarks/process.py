"""One whole process of one peer, in the peer's own environment; it needs nothing but the peer.

    python benchmarks/process.py import torch_eager  ->  {"seconds": 0.74}
    python benchmarks/process.py fit torch_eager     ->  {"check": 18.98, "bytes": 313524224}

`seconds` is the time of the import alone, without the start of Python. `bytes` is the peak memory of
the whole process, Python and all, after it fitted y = 2x - 1 by 500 steps of gradient descent.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

MODULES = {
    "ours": "engine",
    "numpy_by_hand": "numpy",
    "torch_eager": "torch",
    "jax_eager": "jax",
    "tensorflow_eager": "tensorflow",
    "autograd_eager": "autograd",
}
X = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]
Y = [2.0 * x - 1.0 for x in X]
STEPS, RATE = 500, 0.01


def by_hand(np: Any) -> float:
    """The two derivatives written down by a person."""
    x, y = np.array(X, np.float32), np.array(Y, np.float32)
    w = b = np.float32(0.0)
    for _ in range(STEPS):
        error = w * x + b - y
        w = w - RATE * 2 * np.mean(error * x)
        b = b - RATE * 2 * np.mean(error)
    return float(w * 10 + b)


def by_tape(tf: Any) -> float:
    """As in TensorFlow's own guides: variables, a tape, assignments."""
    x, y = tf.constant(X), tf.constant(Y)
    w, b = tf.Variable(0.0), tf.Variable(0.0)
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(w * x + b - y))
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(RATE * dw)
        b.assign_sub(RATE * db)
    return float(w * 10.0 + b)


def by_torch(torch: Any) -> float:
    """Leaf tensors and backward()."""
    x, y = torch.tensor(X), torch.tensor(Y)
    w, b = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
    for _ in range(STEPS):
        dw, db = torch.autograd.grad(((w * x + b - y) ** 2).mean(), [w, b])
        with torch.no_grad():
            w -= RATE * dw
            b -= RATE * db
    return float(w * 10 + b)


def by_grad(np: Any, grad: Any) -> float:
    """A function of the parameters, and its gradient."""
    x, y = np.array(X), np.array(Y)
    slope = grad(lambda p: np.mean((p[0] * x + p[1] - y) ** 2))
    p = np.zeros(2)
    for _ in range(STEPS):
        p = p - RATE * slope(p)
    return float(p[0] * 10 + p[1])


def fit(peer: str) -> float:
    """What the fitted line says of x = 10: nearly 19."""
    module = importlib.import_module(MODULES[peer])
    if peer in ("ours", "tensorflow_eager"):
        return by_tape(module)
    if peer == "torch_eager":
        return by_torch(module)
    if peer == "numpy_by_hand":
        return by_hand(module)
    return by_grad(importlib.import_module(f"{MODULES[peer]}.numpy"), module.grad)


def peak() -> int:
    """Bytes at the highest. Not from getrusage: that counts the process this one was started from."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def main(what: str, peer: str) -> None:
    """Prints one JSON object, made by hand: importing json would count."""
    if what == "import":
        start = time.perf_counter()
        importlib.import_module(MODULES[peer])
        print(f'{{"seconds": {time.perf_counter() - start}}}')
    else:
        check = fit(peer)
        print(f'{{"check": {check}, "bytes": {peak()}}}')


if __name__ == "__main__":
    del sys.path[0]  # this folder holds a `peers` of its own, and nothing a peer needs
    main(*sys.argv[1:])
