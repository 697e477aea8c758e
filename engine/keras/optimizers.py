"""How weights move, given their gradients. An optimizer defines one method: the step of one variable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from engine.keras.lookup import find, snake_case
from engine.ops.creation import zeros
from engine.ops.elementwise import cast
from engine.tensor import Tensor
from engine.variable import Variable


class Optimizer:
    """Base of all optimizers.

    `learning_rate` and `iterations` are Variables: a compiled training step reads them at each call,
    so that `optimizer.learning_rate = 0.1` takes effect at once, even while `fit` runs.
    """

    def __init__(self, learning_rate: float = 0.001, name: str | None = None):
        self.name = name or snake_case(type(self).__name__)
        self.iterations = Variable(
            0, trainable=False, name=f"{self.name}/iterations", dtype="int64"
        )
        self._learning_rate = Variable(
            float(learning_rate), trainable=False, name=f"{self.name}/learning_rate"
        )
        self.slots: list[Variable] = []
        self._built_for: dict[int, int] = {}
        self._kept: list[Variable] = []  # holds the variables, so that their ids stay taken

    @property
    def learning_rate(self) -> Variable:
        """The step size. Assign a number to change it."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._learning_rate.assign(value if isinstance(value, Tensor) else float(value))

    @property
    def variables(self) -> list[Variable]:
        """Everything the optimizer remembers between steps."""
        return [self.iterations, self._learning_rate, *self.slots]

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the memory for these variables. Called before the first step, outside any trace."""
        for variable in variables:
            if id(variable) not in self._built_for:
                self._built_for[id(variable)] = len(self._kept)
                self._kept.append(variable)
                self.add_slots(variable)

    def add_slots(self, variable: Variable) -> None:
        """Override to keep state for each variable, with `add_slot`."""

    def add_slot(self, variable: Variable, name: str) -> Variable:
        """A variable of the same shape, zero at first."""
        slot = Variable(
            lambda: zeros(variable.shape.as_list(), variable.dtype),
            trainable=False,
            name=f"{self.name}/{variable.name[:-2]}_{name}",
        )
        self.slots.append(slot)
        return slot

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Moves one variable."""
        raise NotImplementedError(f"{type(self).__name__} must define update_step.")

    def index_of(self, variable: Variable) -> int:
        """The place of a variable in the order in which they were built."""
        return self._built_for[id(variable)]

    def apply(
        self, grads: Sequence[Tensor | None], trainable_variables: Sequence[Variable]
    ) -> None:
        """One step for all variables. A None gradient leaves its variable where it is.

        Raises:
          ValueError: when every gradient is None.
        """
        pairs = [(g, v) for g, v in zip(grads, trainable_variables, strict=True) if g is not None]
        if not pairs:
            names = ", ".join(variable.name for variable in trainable_variables)
            raise ValueError(
                f"No gradient for any variable ({names}). The loss must be computed from them, inside "
                "the GradientTape block, by tensor operations."
            )
        self.build([variable for _, variable in pairs])
        rate = self._learning_rate.value()
        for gradient, variable in pairs:
            own = rate if rate.dtype is variable.dtype else cast(rate, variable.dtype)
            self.update_step(gradient, variable, own)
        self.iterations.assign_add(1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """The same for (gradient, variable) pairs, such as `zip(gradients, variables)`."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])


class SGD(Optimizer):
    """Gradient descent: w <- w - learning_rate * g; with momentum, a velocity is kept.

    v <- momentum * v - learning_rate * g, then w <- w + v, or with `nesterov`
    w <- w + momentum * v - learning_rate * g (Sutskever et al. 2013).
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str = "SGD",
    ):
        if not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum must be between 0 and 1, not {momentum}.")
        super().__init__(learning_rate, name)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)
        self._velocities: list[Variable] = []

    def add_slots(self, variable: Variable) -> None:
        """One velocity a variable, if there is momentum."""
        if self.momentum:
            self._velocities.append(self.add_slot(variable, "momentum"))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step downhill."""
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign_sub(step)
            return
        velocity = self._velocities[self.index_of(variable)]
        velocity.assign(velocity * self.momentum - step)
        variable.assign_add(velocity * self.momentum - step if self.nesterov else velocity.value())


def get(identifier: Any) -> Optimizer:
    """The optimizer with this name, with its default settings, or the object itself."""
    found = find("optimizer", identifier, {"sgd": SGD}, Optimizer)
    if not isinstance(found, Optimizer):
        raise TypeError(f"An optimizer is given by its name or an instance, not by {identifier!r}.")
    return found
