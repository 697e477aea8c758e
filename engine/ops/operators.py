"""Gives Tensor and Variable the Python operators. Imported once, for what it does."""

from __future__ import annotations

from typing import Any, NoReturn

from engine.advice import METHODS, missing_method
from engine.ops import bitwise, complexes, elementwise, linalg, slicing
from engine.tensor import Tensor
from engine.variable import Variable

_BINARY = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floordiv,
    "mod": elementwise.floormod,
    "pow": elementwise.pow,
    "matmul": linalg.matmul,
    "and": bitwise.and_,
    "or": bitwise.or_,
    "xor": bitwise.xor_,
}
_COMPARE = {
    "lt": elementwise.less,
    "le": elementwise.less_equal,
    "gt": elementwise.greater,
    "ge": elementwise.greater_equal,
}
_UNARY = {
    "neg": elementwise.negative,
    "abs": complexes.abs,
    "invert": bitwise.not_,
}


def _reflected(operation: Any) -> Any:
    return lambda self, other: operation(other, self)


def _equal(self: Any, other: Any) -> Any:
    return False if other is None else elementwise.equal(self, other)


def _not_equal(self: Any, other: Any) -> Any:
    return True if other is None else elementwise.not_equal(self, other)


def _in_place(sign: str) -> Any:
    def refuse(self: Any, other: Any) -> NoReturn:
        raise RuntimeError(
            f"`v {sign} value` would put a new tensor under the name of the variable. Use "
            f"v.assign_add(value) or v.assign_sub(value) to change the variable {self.name!r}, or "
            f"`t = v {sign[:-1]} value` for a new tensor."
        )

    return refuse


def _missing(self: Any, name: str) -> NoReturn:
    if name.startswith("_"):
        object.__getattribute__(self, name)  # fails again, with a property's own error if it has one
    raise missing_method(self, name)


class _Absent:
    """Stands in Tensor for a method that other arrays have, and says what to write instead.

    A `__getattr__`, as Variable has, would know every name; but Python 3.11 reads all attributes of such
    a class the slow way, and an addition would take 7% longer.
    """

    def __init__(self, name: str):
        self.name = name

    def __get__(self, tensor: Any, owner: Any = None) -> NoReturn:
        if tensor is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.name!r}")
        raise missing_method(tensor, self.name)


def _dir(self: Tensor) -> list[str]:
    return [name for name in object.__dir__(self) if name not in METHODS]


for _name, _sign in {"add": "+=", "sub": "-=", "mul": "*=", "truediv": "/=", "pow": "**="}.items():
    setattr(Variable, f"__i{_name}__", _in_place(_sign))

_classes: tuple[Any, ...] = (Tensor, Variable)
for _class in _classes:
    for _name, _operation in _BINARY.items():
        setattr(_class, f"__{_name}__", _operation)
        setattr(_class, f"__r{_name}__", _reflected(_operation))
    for _name, _operation in _COMPARE.items():
        setattr(_class, f"__{_name}__", _operation)
    for _name, _operation in _UNARY.items():
        setattr(_class, f"__{_name}__", lambda self, _operation=_operation: _operation(self))
    _class.__pos__ = lambda self: self
    _class.__eq__ = _equal
    _class.__ne__ = _not_equal
    _class.__getitem__ = slicing.getitem

for _name in METHODS:
    setattr(Tensor, _name, _Absent(_name))
_classes[0].__dir__ = _dir
_classes[1].__getattr__ = _missing
