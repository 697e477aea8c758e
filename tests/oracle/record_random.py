"""Records the sample moments of TensorFlow's random numbers; see README.md."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

from tests.oracle.case import write
from tests.oracle.random_cases import DRAWN, DRAWS, SEED


def main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf

    entries = {}
    for draw in DRAWN:
        tf.random.set_seed(SEED)
        drawn = eval(draw.theirs or draw.call, {"tf": tf, "n": DRAWS})
        x = np.asarray(drawn.numpy(), np.float64).reshape(-1)
        assert x.shape == (DRAWS,), (draw.call, x.shape)
        off = x - x.mean()
        entries[draw.call] = {
            "mean": x.mean(),
            "variance": (off**2).mean(),
            "third": (off**3).mean(),
        }
    about = {name: version(name) for name in ("tensorflow_cpu", "numpy")}
    write("tensorflow_random", {**about, "draws": DRAWS, "seed": SEED}, entries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
