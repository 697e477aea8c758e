"""`tf.strings`: what the engine does with strings besides holding, comparing and printing them."""

from __future__ import annotations

from engine.errors import advise
from engine.ops.printing import format

__all__ = ["format"]

advise(__name__, "tf.strings")
