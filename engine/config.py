"""`tf.config`: which devices there are, and whether functions run as graphs."""

from __future__ import annotations

from engine.devices import list_physical_devices

__all__ = ["functions_run_eagerly", "list_physical_devices", "run_functions_eagerly"]

_eager_functions = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """With True, every `tf.function` runs its Python body at each call, for debugging."""
    global _eager_functions
    _eager_functions = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether `run_functions_eagerly(True)` is in force."""
    return _eager_functions
