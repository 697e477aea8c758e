"""`tf.train`: keeps the values of variables in files, and puts them back.

`objects` finds the variables of a program, `files` holds their values, `restoring` brings the two together,
`checkpoint` and `manager` are what a training loop calls. The files are not TensorFlow's: see `files`.
"""

from __future__ import annotations

from engine.errors import advise
from engine.train.checkpoint import Checkpoint, CheckpointLoadStatus
from engine.train.files import CheckpointReader
from engine.train.manager import (
    CheckpointManager,
    CheckpointState,
    get_checkpoint_state,
    latest_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
)

__all__ = [
    "Checkpoint", "CheckpointLoadStatus", "CheckpointManager", "CheckpointReader", "CheckpointState",
    "get_checkpoint_state", "latest_checkpoint", "list_variables", "load_checkpoint", "load_variable",
]  # fmt: skip

advise(__name__, "tf.train")
