"""The memory of an optimizer: Variables in Keras's order, made once, saved and loaded by position.

What an optimizer does with them is in `base`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from engine.keras import config as settings
from engine.keras import initializers
from engine.keras.configurable import Configurable
from engine.retracing import warn_the_caller
from engine.variable import Variable


class Memory(Configurable):
    """What an optimizer keeps: one list of Variables, and the places of the model's variables in it.

    `iterations` comes first, the learning rate second if it is a number, then what `build` adds.
    """

    name: str
    built: bool
    _variables: list[Variable]
    _trainable_variables: list[Variable]  # of the model
    _places: dict[int, int]  # id of a variable of the model -> its place among them

    def __init_subclass__(cls, **options: Any) -> None:
        """However often `build` is called, the memory is made once."""
        super().__init_subclass__(**options)
        own = cls.__dict__.get("build")
        if own is not None:

            @wraps(own)
            def build(self: Any, variables: Any) -> None:
                if not self.built:
                    own(self, variables)

            cls.build = build  # type: ignore[method-assign]

    def __setattr__(self, name: str, value: Any) -> None:
        """A Variable that a subclass keeps in an attribute is one of `variables`."""
        if isinstance(value, Variable) and all(value is not known for known in self._variables):
            self._variables.append(value)
        object.__setattr__(self, name, value)

    @property
    def variables(self) -> list[Variable]:
        """Everything the optimizer remembers between steps, in Keras's order."""
        return list(self._variables)

    def build(self, variables: Sequence[Variable]) -> None:
        """Notes the variables of the model; subclasses make memory for each."""
        self._trainable_variables = list(variables)
        self._places = {id(v): place for place, v in enumerate(self._trainable_variables)}
        self.built = True

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = None,
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A new variable of the optimizer. `aggregation` and `layout` are accepted."""
        start = initializers.get(initializer)
        made = Variable(
            lambda: start(tuple(shape), dtype or settings.floatx()),
            trainable=False,
            name=f"{self.name}/{name or 'variable'}",
            dtype=dtype,
        )
        self._variables.append(made)
        return made

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A variable of the optimizer with the shape and dtype of one of the model."""
        path = getattr(reference_variable, "path", None) or reference_variable.name
        path = path.partition(":")[0].replace("/", "_")
        shape = reference_variable.shape.as_list()
        return self.add_variable(
            shape, initializer, reference_variable.dtype, name=f"{path}_{name or 'var'}"
        )

    def add_optimizer_variables(
        self, trainable_variables: Iterable[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """For each variable of the model one of the optimizer.

        With a list of names (and perhaps of initializers) that many for each; a tuple of lists is returned.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        starts = list(initializer) if several else [initializer] * len(names)
        if len(starts) != len(names):
            raise ValueError(f"There are {len(names)} names, but {len(starts)} initializers.")
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for kept, own, start in zip(made, names, starts, strict=True):
                kept.append(self.add_variable_from_reference(variable, own, start))
        return made[0] if isinstance(name, str) else made

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable in the list that the optimizer was built with."""
        place = self._places.get(id(variable))
        if place is None:
            raise ValueError(
                f"Optimizer {self.name!r} was built for other variables and does not know {variable.name!r}. "
                "Make a new optimizer for a new set of variables, or build it with all of them: "
                "optimizer.build(variables)."
            )
        return place

    def assign(self, variable: Variable, value: Any) -> None:
        """`variable.assign(value)`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """`variable.assign_add(value)`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """`variable.assign_sub(value)`."""
        variable.assign_sub(value)

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assigns arrays to `variables`, in order."""
        if not self.built:
            raise ValueError(
                f"Optimizer {self.name!r} has no memory yet: call optimizer.build(variables) first."
            )
        if len(weights) != len(self.variables):
            raise ValueError(
                f"Optimizer {self.name!r} has {len(self.variables)} variables, but got {len(weights)} "
                "arrays."
            )
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(np.asarray(value).astype(variable.dtype.as_numpy_dtype))

    def save_own_variables(self, store: Any) -> None:
        """Puts the variables into a dict, as '0', '1', ..., as Keras's files have them."""
        for place, variable in enumerate(self.variables):
            store[str(place)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes them from there; warns, and loads nothing, when their number differs."""
        own = self.variables
        if len(store.keys()) != len(own):
            warn_the_caller(
                f"Optimizer {self.name!r} has {len(own)} variables, but the saved one has "
                f"{len(store.keys())}: its state is not loaded."
                + (
                    ""
                    if self.built
                    else " It is not built yet: call optimizer.build(variables) first."
                ),
                UserWarning,
            )
            return
        for place, variable in enumerate(own):
            value = np.asarray(store[str(place)])
            variable.assign(value.astype(variable.dtype.as_numpy_dtype))
