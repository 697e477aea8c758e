"""Callbacks: `base`, then `records` (History, CSVLogger), `watching` (EarlyStopping, ModelCheckpoint,
ReduceLROnPlateau ...), `progress`, `backup` and `tensorboard`."""

from __future__ import annotations

from typing import Any

from engine.keras.callbacks.backup import BackupAndRestore
from engine.keras.callbacks.base import Callback, CallbackList
from engine.keras.callbacks.progress import ProgbarLogger
from engine.keras.callbacks.records import CSVLogger, History, LambdaCallback
from engine.keras.callbacks.tensorboard import TensorBoard
from engine.keras.callbacks.watching import (
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    MonitorCallback,
    ReduceLROnPlateau,
    SwapEMAWeights,
    TerminateOnNaN,
)

__all__ = [
    "BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
    "LearningRateScheduler", "ModelCheckpoint", "MonitorCallback", "ProgbarLogger", "ReduceLROnPlateau",
    "SwapEMAWeights", "TensorBoard", "TerminateOnNaN",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    from engine.keras.lookup import nearest

    raise AttributeError(f"The engine has no tf.keras.callbacks.{name}.{nearest(name, __all__)}")
