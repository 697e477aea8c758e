"""Metric: a number to watch over an epoch. It keeps its state in variables, so that it works in a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from engine.dispatch import init_scope
from engine.function import traceable
from engine.keras import config, dtype_policy, initializers
from engine.keras.configurable import Configurable
from engine.keras.lookup import snake_case, unique_name
from engine.keras.losses.base import written_settings
from engine.ops.creation import zeros
from engine.tensor import Tensor
from engine.variable import Variable, attach


class Metric(Configurable):
    """`update_state` adds a batch, `result` reads the value so far, `reset_state` starts over.

    A metric of one's own makes its variables in `__init__` with `add_variable`, and defines `update_state`
    and `result`; both may use `if` and `for` on tensors where they are traced.

    Args:
      dtype: of the variables and the result: a name or a DTypePolicy; `config.floatx()` by default.
      name: the key in the logs; by default made of the class name.

    >>> class Largest(Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.found = self.add_variable((), "zeros", name="found")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         if max(y_pred) > self.found:
    ...             self.found.assign(max(y_pred))
    ...     def result(self):
    ...         return self.found.value()
    >>> largest = Largest()
    >>> largest.update_state([0.0, 0.0], [3.0, 1.0])
    >>> largest.result().numpy().item()
    3.0
    """

    _direction: str | None = (
        None  # whether 'up' or 'down' is better, for callbacks with mode='auto'
    )
    _unwritten: ClassVar[dict[str, Any]] = {}  # as in Loss

    def __init__(self, dtype: Any = None, name: str | None = None):
        self._variables: list[Variable] = []
        self._starts: list[Tensor] = []
        self._metrics: list[Metric] = []
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype: str = dtype_policy.get(dtype or config.floatx()).compute_dtype

    def __init_subclass__(cls, **options: Any) -> None:
        """In a trace, Python control flow of one's own metrics is made fit for tensors."""
        super().__init_subclass__(**options)
        if not cls.__module__.startswith("engine."):
            for method in ("update_state", "result"):
                if method in cls.__dict__:
                    setattr(cls, method, _traced(cls.__dict__[method]))

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Variable, Metric)):
            self._track(value)
        attach(self, name, value)

    def _track(self, value: Variable | Metric) -> None:
        if "_variables" not in vars(self):
            raise RuntimeError(
                f"{type(self).__name__}.__init__ makes variables before it has called super().__init__(). "
                "Call that first."
            )
        own: list[Any] = self._variables if isinstance(value, Variable) else self._metrics
        if any(item is value for item in own):
            return
        own.append(value)
        if isinstance(value, Variable):
            with init_scope():
                self._starts.append(zeros(value.shape, value.dtype))

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A variable of this shape. `reset_state` sets it to zeros, whatever it started with.

        `aggregation` says how replicas are put together; there is one replica, so it changes nothing.
        """
        start = initializers.get(initializer if initializer is not None else "zeros")
        with init_scope():
            value = start(tuple(shape), dtype or self.dtype)
            variable = Variable(value, trainable=False, name=f"{self.name}/{name or 'variable'}")
        self._track(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """The older name of `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """What the metric keeps, with what metrics set as attributes keep."""
        inner = [variable for metric in self._metrics for variable in metric.variables]
        return [*self._variables, *inner]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state.")

    def result(self) -> Any:
        """The value over all batches since the last reset: a scalar, or a dict of scalars."""
        raise NotImplementedError(f"{type(self).__name__} must define result.")

    def reset_state(self) -> None:
        """Back to zeros."""
        for variable, start in zip(self._variables, self._starts, strict=True):
            variable.assign(start)
        for metric in self._metrics:
            metric.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Keras's config; what that forgets is in it where it is not the default, and Keras reads it."""
        written = written_settings(super().get_config(), self._unwritten)
        return written | ({"dtype": self.dtype} if "dtype" in written else {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _traced(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        return traceable(method)(self, *args, **kwargs)

    return run
