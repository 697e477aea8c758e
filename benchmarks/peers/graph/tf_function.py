"""TensorFlow's tf.function: the same lines as `ours`, another import."""

from __future__ import annotations

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

sys.modules["engine"] = tf
from peers.graph.ours import MAKERS, WORKLOADS, warm  # noqa: E402

__all__ = ["MAKERS", "WORKLOADS", "versions", "warm"]


def versions() -> dict[str, str]:
    """What is measured."""
    return {"tensorflow": tf.__version__}
