"""torch.compile of what eager PyTorch computes, beside its fused optimizers. It needs a C++ compiler."""

from __future__ import annotations

import torch
from peers.graph import for_worker
from peers.graph.torch_eager import makers, versions, warm

__all__ = ["MAKERS", "WORKLOADS", "versions", "warm"]

MAKERS = makers(torch.compile)
WORKLOADS = for_worker(MAKERS)
