"""TensorFlow's tf.function(jit_compile=True), which XLA compiles."""

from __future__ import annotations

from peers.graph.tf_function import versions, warm  # isort: skip  (puts tensorflow in the engine's place)
from peers.graph import for_worker
from peers.graph.ours import makers

__all__ = ["MAKERS", "WORKLOADS", "versions", "warm"]

MAKERS = makers(jit_compile=True)
WORKLOADS = for_worker(MAKERS)
