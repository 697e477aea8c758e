"""Scalar expressions as NumPy: the same rules that become machine code, as text for arrays.

An operation for which NumPy has no function of its own is written out by its rule: relu(x) as
`np.maximum(x, 0)`, sigmoid(x) as `1 / (1 + np.exp(-x))`. Numbers take the dtype of the array they meet.
"""

from __future__ import annotations

import math
from typing import Any

from engine.dispatch import Primitive
from engine.dtypes import float32, float64
from engine.scalar import Scalar

_BETWEEN = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_FUNCTIONS = {"maximum", "minimum", "sqrt", "exp", "expm1", "log", "log1p", "tanh", "abs"}
# Written out by their rules: each computes the same bits as its kernel. (softplus would not.)
WRITTEN_OUT = ("relu", "sigmoid", "rsqrt")


def numpy_text(primitive: Primitive, dtypes: list[Any], arguments: list[str]) -> str | None:
    """The text for an operation on arrays of these names; None where its kernel has to be called."""
    if primitive.name not in WRITTEN_OUT or any(d not in (float32, float64) for d in dtypes):
        return None
    assert primitive.scalar is not None
    given = [Scalar("name", (), d, name) for d, name in zip(dtypes, arguments, strict=True)]
    return _text(primitive.scalar(*given))


def _text(x: Scalar) -> str:
    if x.op == "name":
        return str(x.value)
    if x.op == "constant":
        assert math.isfinite(x.value)
        return repr(x.value)
    parts = [_text(argument) for argument in x.args]
    if x.op == "negative":
        return f"-{parts[0]}"
    if x.op in _FUNCTIONS:
        return f"np.{x.op}({', '.join(parts)})"
    operands = [f"({p})" if a.op in _BETWEEN else p for p, a in zip(parts, x.args, strict=True)]
    return f" {_BETWEEN[x.op]} ".join(operands)
