"""Values under autograph: names without one, what a graph can hold, and what may decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from engine import nest
from engine.dispatch import context
from engine.dtypes import string
from engine.errors import OperatorNotAllowedInGraphError
from engine.graph.graph import SymbolicTensor
from engine.ops.creation import convert as as_tensor
from engine.ops.creation import zeros
from engine.tensor import Tensor
from engine.variable import Variable

Get: TypeAlias = Callable[[], tuple[Any, ...]]
Put: TypeAlias = Callable[[Any], None]


class Undefined:
    """The value of a name that nothing has been assigned to. Any use of it says so."""

    def __init__(self, name: str, why: str = ""):
        self.__dict__.update(_name=name, _why=why)

    def _fail(self, *_args: Any, **_kwargs: Any) -> Any:
        raise UnboundLocalError(
            f"cannot access local variable {self._name!r} where it is not associated with a value"
            + (f": {self._why}" if self._why else "")
        )

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # copy, inspect and their like only ask
            raise AttributeError(attribute)
        return self._fail()

    __call__ = __getitem__ = __iter__ = __len__ = __bool__ = __float__ = __int__ = __str__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = (
        _fail
    )
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __neg__ = __abs__ = __lt__ = __gt__ = _fail
    __le__ = __ge__ = __floordiv__ = __mod__ = __array__ = _fail

    def __repr__(self) -> str:
        return f"<{self._name} has no value>"


def undefined(name: str) -> Undefined:
    """What a name holds before anything was assigned to it."""
    return Undefined(name)


no_value = Undefined("the result")  # of a function that has not returned yet


def result(value: Any, returned: Any = True) -> Any:
    """What a function returns; a function that ended without `return` returns None.

    Raises:
      ValueError: when a tensor decides whether anything is returned.
    """
    if isinstance(value, Undefined):
        return None
    if symbolic(returned) and any(leaf is not None for leaf in nest.flatten(value)):
        raise ValueError(
            "The function returns a value on some ways through it and nothing on others, and a tensor "
            "decides which. A graph has the same results at each call: end the function with a `return` "
            "of a value like the others."
        )
    return value


def has_value(value: Any) -> bool:
    """Whether something was assigned."""
    return not isinstance(value, Undefined)


def look(place: Callable[[], Any]) -> Any:
    """What an attribute or element holds, if there is one."""
    try:
        return place()
    except (AttributeError, LookupError, NameError, TypeError):
        return Undefined("an attribute")


def forget(owner: Callable[[], Any], attribute: str | None) -> None:
    """Takes back that an attribute was set; None: an element, which stays."""
    if attribute is not None:
        vars(owner()).pop(attribute, None)


def symbolic(value: Any) -> bool:
    """Whether a value will be known only when the graph runs."""
    return isinstance(value, SymbolicTensor)


def truth(value: Any) -> Any:
    """The value a test is decided by: a Variable counts as what it holds."""
    return value.value() if isinstance(value, Variable) and context.tracing else value


def predicate(test: Any, what: str) -> Tensor:
    """The tensor, if one bool is what it holds.

    Raises:
      TypeError: otherwise, with what to write instead.
    """
    alone = test.shape.rank in (0, None)
    if not alone and test.dtype.is_bool and test.shape.num_elements() == 1:
        from engine.ops.layout import reshape

        return reshape(test, [])
    if not test.dtype.is_bool or not alone:
        raise TypeError(
            f"{what} on a tensor needs one bool scalar, but {test} was given. Compare it with something, "
            "for example x > 0, and reduce it with tf.reduce_all or tf.reduce_any."
        )
    return test


def no_targets(targets: tuple[str, ...], what: str) -> None:
    """Refuses a block that a tensor decides and that assigns attributes or elements."""
    if targets:
        raise OperatorNotAllowedInGraphError(
            f"{', '.join(targets)} is assigned inside {what} that a tensor decides, and which place that is "
            "may change in there. Tracing runs the block once, whatever the tensor will be, so the "
            "assignment would always happen. Assign to a local name in the block, and to the attribute or "
            "element after it; or keep the state in a tf.Variable and call assign."
        )


def is_number(value: Any) -> bool:
    """Whether it is a number, an array or a text, which a tensor can hold."""
    return isinstance(value, (bool, int, float, complex, str, bytes, np.ndarray, np.generic))


def is_text(value: Any) -> bool:
    """Whether it is a text, or a tensor of texts."""
    return isinstance(value, (str, bytes)) or dtype_of(value) is string


def is_value(value: Any) -> bool:
    """Whether a graph can hold it."""
    return isinstance(value, (Tensor, Variable)) or is_number(value)


def same(a: Any, b: Any) -> bool:
    """Whether two values are one, or equal plain numbers or texts."""
    plain = type(a) is type(b) and isinstance(a, (bool, int, float, complex, str, bytes))
    return a is b or (plain and a == b)


def leaves_of(value: Any) -> list[Any]:
    """The leaves of a structure."""
    return nest.flatten(value)


def label(name: str) -> str:
    """What an error calls a name."""
    known = {"ag__value": "the result of the function", "ag__ran": "the number of steps"}
    return known.get(name, name)


def is_place(name: str) -> bool:
    """Whether a piece of state is an attribute or element."""
    return not name.isidentifier()


def dtype_of(value: Any) -> Any:
    """The dtype of a tensor or Variable; None for everything else."""
    return value.dtype if isinstance(value, (Tensor, Variable)) else None


def zeros_like(value: Any) -> Any:
    """Zeros of the shape and dtype of a value, which no one will read."""
    if value is None:
        return None
    if not is_value(value):
        raise TypeError(
            f"{value!r} is returned in a branch or loop that a tensor decides; only tensors can be."
        )
    tensor = as_tensor(value)
    if not tensor.shape.is_fully_defined():
        raise ValueError(
            f"A tensor of shape {tensor.shape} is returned from inside a loop or branch that a tensor "
            "decides, and its size is not known while tracing. Assign it to a name before the loop, and "
            "return it after."
        )
    return zeros(tensor.shape, tensor.dtype)


def first_dtype(values: Any) -> Any:
    """The dtype of the first tensor among some values, or None."""
    return next((v.dtype for v in values if isinstance(v, (Tensor, Variable))), None)
