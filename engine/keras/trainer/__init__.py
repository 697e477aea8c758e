"""Training: what `compile`, `fit`, `evaluate` and `predict` of a model do.

Reading order: `outputs` (what belongs to which output), `compile_losses` and `compile_metrics`, `feeding`
(data in, batches out), `py_dataset`, `epochs` (passes, callbacks, Ctrl-C), `compiled` (compile, and one
step), `trainer` (the loops).
"""

from __future__ import annotations

from engine.keras.trainer.trainer import Trainer

__all__ = ["Trainer"]
