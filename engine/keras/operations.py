"""Operators between KerasTensors: each becomes an Operation, under the name it has in Keras's files."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from engine.keras.symbolic import KerasTensor, Operation
from engine.ops.creation import convert
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import logical_and, logical_not, logical_or, logical_xor
from engine.tensor import Tensor


def _tensors(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with its first tensor deciding what the numbers beside it are."""

    def of(*parts: Any) -> Any:
        return f(
            *(
                part if isinstance(part, (Tensor, int, float, bool)) else convert(part)
                for part in parts
            )
        )

    return of


# Python's method, the class in Keras's files, what it computes.
_BINARY: list[tuple[str, str, Callable[..., Any]]] = [
    ("add", "Add", operator.add),
    ("sub", "Subtract", operator.sub),
    ("mul", "Multiply", operator.mul),
    ("truediv", "TrueDivide", operator.truediv),
    ("floordiv", "FloorDivide", operator.floordiv),
    ("mod", "Mod", operator.mod),
    ("pow", "Power", operator.pow),
    ("matmul", "Matmul", operator.matmul),
    ("and", "LogicalAnd", logical_and),
    ("or", "LogicalOr", logical_or),
    ("xor", "LogicalXor", logical_xor),
]
_COMPARISONS: list[tuple[str, str, Callable[..., Any]]] = [
    ("lt", "Less", operator.lt),
    ("le", "LessEqual", operator.le),
    ("gt", "Greater", operator.gt),
    ("ge", "GreaterEqual", operator.ge),
    ("ne", "NotEqual", operator.ne),
]
_UNARY: list[tuple[str, str, Callable[..., Any]]] = [
    ("neg", "Negative", operator.neg),
    ("abs", "Absolute", absolute),
    ("invert", "LogicalNot", logical_not),
]


def _operation(name: str, f: Callable[..., Any]) -> type[Operation]:
    compute = _tensors(f)

    def call(self: Any, *args: Any) -> Any:
        return compute(*args)

    facts = {
        "call": call,
        "__module__": __name__,
        "__doc__": f"`{f.__name__}` as a node of a model.",
    }
    return type(name, (Operation,), facts)


class GetItem(Operation):
    """Slicing as a node of a model."""

    def call(self, x: Any, key: Any) -> Any:
        """The part of x that the key names."""
        return x[tuple(key) if isinstance(key, list) else key]


def _install() -> None:
    """Gives KerasTensor its operators."""
    for method, name, f in [*_BINARY, *_COMPARISONS, *_UNARY]:
        cls = globals()[name] = _operation(name, f)
        setattr(KerasTensor, f"__{method}__", lambda self, *other, cls=cls: cls()(self, *other))
    for method, name, _ in _BINARY:
        cls = globals()[name]
        setattr(KerasTensor, f"__r{method}__", lambda self, other, cls=cls: cls()(other, self))
    setattr(KerasTensor, "__getitem__", lambda self, key: GetItem()(self, key))  # noqa: B010


_install()
