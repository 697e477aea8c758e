"""`tf.autograph.experimental`: which functions are rewritten, and what a loop may do."""

from __future__ import annotations

from engine.autograph.convert import do_not_convert
from engine.autograph.loops import set_loop_options

__all__ = ["do_not_convert", "set_loop_options"]
