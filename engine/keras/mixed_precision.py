"""`tf.keras.mixed_precision`: the older names for dtype policies, under which most examples use them."""

from __future__ import annotations

from engine.keras.dtype_policy import DTypePolicy, dtype_policy, set_dtype_policy
from engine.keras.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy", "LossScaleOptimizer", "Policy", "dtype_policy", "global_policy", "set_dtype_policy",
    "set_global_policy",
]  # fmt: skip

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy
