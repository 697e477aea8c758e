"""`tf.autograph.experimental`: what decides which functions are rewritten."""

from __future__ import annotations

from engine.autograph.convert import do_not_convert

__all__ = ["do_not_convert"]
