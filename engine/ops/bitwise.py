"""`tf.bitwise`: integers as rows of bits, and the Python operators & | ^ ~ on integers and bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.dispatch import NOT_DIFFERENTIABLE
from engine.ops.creation import convert, convert_together
from engine.ops.elementwise import binary, logical_and, logical_not, logical_or, logical_xor, unary
from engine.tensor import Tensor

__all__ = ["bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift"]

INTEGERS = ("int", "uint")

# fmt: off
bitwise_and = binary("bitwise_and", np.bitwise_and, NOT_DIFFERENTIABLE,
    "the bits set in both", INTEGERS, quiet=True)
bitwise_or = binary("bitwise_or", np.bitwise_or, NOT_DIFFERENTIABLE,
    "the bits set in at least one", INTEGERS, quiet=True)
bitwise_xor = binary("bitwise_xor", np.bitwise_xor, NOT_DIFFERENTIABLE,
    "the bits set in exactly one", INTEGERS, quiet=True)
left_shift = binary("left_shift", np.left_shift, NOT_DIFFERENTIABLE,
    "the bits of x moved y places up; zeros come in", INTEGERS, quiet=True)
right_shift = binary("right_shift", np.right_shift, NOT_DIFFERENTIABLE,
    "the bits of x moved y places down; the sign is kept", INTEGERS, quiet=True)
invert = unary("invert", np.invert, NOT_DIFFERENTIABLE,
    "every bit flipped", INTEGERS, quiet=True)
# fmt: on


def _either(on_bools: Any, on_integers: Any, sign: str) -> Any:
    def operation(x: Any, y: Any) -> Tensor:
        a, b = convert_together(x, y)
        return (on_integers if a.dtype.is_integer else on_bools)(a, b)

    operation.__doc__ = f"What x {sign} y does: bit by bit for integers, logical for bools."
    return operation


and_ = _either(logical_and, bitwise_and, "&")
or_ = _either(logical_or, bitwise_or, "|")
xor_ = _either(logical_xor, bitwise_xor, "^")


def not_(x: Any) -> Tensor:
    """What ~x does: every bit flipped for integers, logical not for bools."""
    tensor = convert(x)
    return invert(tensor) if tensor.dtype.is_integer else logical_not(tensor)
