"""engine.keras."""

from __future__ import annotations

from peers.fit import workloads

import engine as tf

WORKLOADS = workloads(tf.keras)


def versions() -> dict[str, str]:
    """What is measured."""
    import numpy

    return {"engine": tf.__version__, "numpy": numpy.__version__}
