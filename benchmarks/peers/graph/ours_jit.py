"""The engine's `tf.function(jit_compile=True)`: kernels from the first call on."""

from __future__ import annotations

from peers.graph import for_worker
from peers.graph.ours import makers, versions, warm

__all__ = ["MAKERS", "WORKLOADS", "versions", "warm"]

MAKERS = makers(jit_compile=True)
WORKLOADS = for_worker(MAKERS)
