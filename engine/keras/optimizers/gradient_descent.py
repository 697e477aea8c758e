"""SGD and Lion: steps along the gradient, or along its signs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.keras.optimizers.base import Optimizer, rest
from engine.ops.elementwise import sign
from engine.tensor import Tensor
from engine.variable import Variable


class SGD(Optimizer):
    """Gradient descent: w <- w - learning_rate * g; with momentum, a velocity is kept.

    v <- momentum * v - learning_rate * g, then w <- w + v, or with `nesterov`
    w <- w + momentum * v - learning_rate * g (Sutskever et al. 2013).

    Args:
      momentum: how much of the velocity stays from step to step, from 0 to 1.
      nesterov: look ahead along the velocity.
      options: those of every `Optimizer`.

    >>> import engine as tf
    >>> w = tf.Variable(1.0)
    >>> SGD(0.1).apply([tf.constant(2.0)], [w])
    >>> round(float(w), 6)
    0.8
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ):
        if not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
            raise ValueError(f"SGD: momentum must be between 0 and 1, not {momentum}.")
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = float(momentum), bool(nesterov)

    def build(self, variables: Sequence[Variable]) -> None:
        """One velocity a variable, if there is momentum."""
        super().build(variables)
        self.momentums: list[Variable] = []
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step downhill."""
        step = gradient * learning_rate
        if not self.momentum:
            variable.assign_sub(step)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        speed = velocity * self.momentum - step
        velocity.assign(speed)
        variable.assign_add(speed * self.momentum - step if self.nesterov else speed)


class Lion(Optimizer):
    """Every element moves by the learning rate, up or down: only the sign of the mean gradient counts.

    w <- w - learning_rate * sign(beta_1 * m + (1 - beta_1) * g), m <- beta_2 * m + (1 - beta_2) * g
    (Chen et al. 2023, algorithm 2). Its learning rate is best three to ten times smaller than Adam's.

    Args:
      beta_1: the share of the mean in the step, above 0.
      beta_2: how much of the mean stays from step to step.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Any,
    ):
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Lion: beta_1 must be above 0 and at most 1, not {beta_1}.")
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables: Sequence[Variable]) -> None:
        """One mean gradient a variable."""
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step by signs."""
        kept = self._momentums[self._get_variable_index(variable)]
        mean = kept.value()
        mixed = mean * self.beta_1 + gradient * rest(self.beta_1, variable.dtype)
        variable.assign_sub(learning_rate * sign(mixed))
        kept.assign(mean * self.beta_2 + gradient * rest(self.beta_2, variable.dtype))
