"""The exceptions of the engine, with TensorFlow's names, so that `except` clauses carry over."""

from __future__ import annotations


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


class InaccessibleTensorError(TypeError):
    """A symbolic tensor was used outside the function whose trace made it."""


class OperatorNotAllowedInGraphError(TypeError):
    """A Python construct asked a symbolic tensor for a value it does not have yet."""


class DataLossError(OpError):
    """A file that is damaged or cut off."""
