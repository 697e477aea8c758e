"""The exceptions of the engine, with TensorFlow's names, so that `except` clauses carry over."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = [
    "DataLossError",
    "FailedPreconditionError",
    "InaccessibleTensorError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OperatorNotAllowedInGraphError",
    "OutOfRangeError",
    "ShapeError",
    "UnimplementedError",
]


class OpError(Exception):
    """Base of the errors an operation raises. `message` holds the text alone.

    Differs from TensorFlow: an error is made from its `message` alone, without `node_def`, `op` and
    `error_code`.
    """

    def __init__(self, message: str):
        super().__init__(message)
        self.message = message


class InvalidArgumentError(OpError):
    """A value, shape or dtype that the operation cannot work with."""


class ShapeError(InvalidArgumentError, ValueError):
    """A rank or size that `tf.debugging` was told not to expect.

    TensorFlow raises ValueError for what it sees while tracing, and InvalidArgumentError for the rest;
    this is both, so either `except` clause catches it.
    """


class NotFoundError(OpError):
    """A file, device or key that is not there."""


class FailedPreconditionError(OpError):
    """The call is right, but something has to happen before it."""


class OutOfRangeError(OpError):
    """An index or an iterator went past the end."""


class UnimplementedError(OpError):
    """Part of TensorFlow's interface that this engine does not have."""


class InaccessibleTensorError(TypeError, AttributeError):
    """A symbolic tensor was used outside the function whose trace made it."""


class OperatorNotAllowedInGraphError(TypeError):
    """A Python construct asked a symbolic tensor for a value it does not have yet."""


class DataLossError(OpError):
    """A file that is damaged or cut off."""


def advise(module: str, path: str) -> None:
    """From here on, a name that the module does not have raises an error that says which one is near.

    `path` is the module's name for a user, such as 'tf.math'.
    """
    here = sys.modules[module]

    def missing(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        from engine.advice import missing_name

        public = [known for known in dir(here) if not known.startswith("_")]
        raise missing_name(path, name, getattr(here, "__all__", public))

    here.__getattr__ = missing  # type: ignore[method-assign]
