"""TensorFlow, eager: the same lines as `ours`, another import."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import sys

import tensorflow as tf

sys.modules["engine"] = tf  # ours.py is written for TensorFlow's names, so it runs on TensorFlow
from peers.ours import WORKLOADS  # noqa: E402

__all__ = ["WORKLOADS", "versions"]


def versions() -> dict[str, str]:
    """What is measured."""
    return {"tensorflow": tf.__version__}
