"""Keras on TensorFlow."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import tensorflow
from peers.fit import workloads

tensorflow.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))
WORKLOADS = workloads(keras)


def versions() -> dict[str, str]:
    """What is measured."""
    return {"keras": keras.__version__, "tensorflow": tensorflow.__version__}
