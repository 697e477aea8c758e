"""Optimizers that divide the gradient by its typical size: RMSprop, Adagrad, Adadelta, and Ftrl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.keras import initializers
from engine.keras.optimizers.base import Optimizer
from engine.ops.elementwise import clip_by_value, pow, sqrt, square
from engine.tensor import Tensor
from engine.variable import Variable


class RMSprop(Optimizer):
    """w <- w - learning_rate * g / sqrt(v + epsilon), with a running mean v of g**2 (Hinton 2012).

    Args:
      rho: how much of the mean stays from step to step.
      momentum: above 0, the steps themselves are gathered: s <- momentum * s + step, w <- w - s.
      epsilon: keeps the root away from 0.
      centered: divide by the standard deviation: v minus the square of the mean gradient.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def build(self, variables: Sequence[Variable]) -> None:
        """One mean a variable, and one more each for momentum and centered."""
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step of about the same size everywhere."""
        place = self._get_variable_index(variable)
        velocity = self._velocities[place]
        size = self.rho * velocity + (1 - self.rho) * square(gradient)
        velocity.assign(size)
        if self.centered:
            average = self._average_gradients[place]
            mean = self.rho * average + (1 - self.rho) * gradient
            average.assign(mean)
            size = size - square(mean)
        step = learning_rate * gradient / sqrt(size + self.epsilon)
        if self.momentum > 0:
            gathered = self._momentums[place]
            step = self.momentum * gathered + step
            gathered.assign(step)
        variable.assign_sub(step)


class Adagrad(Optimizer):
    """w <- w - learning_rate * g / sqrt(a + epsilon), with the sum a of all g**2 (Duchi et al. 2011).

    Args:
      initial_accumulator_value: what the sums start with.
      epsilon: keeps the root away from 0.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        """One sum a variable."""
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        self._accumulators = self.add_optimizer_variables(variables, "accumulator", start)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step, the smaller the more there were."""
        accumulator = self._accumulators[self._get_variable_index(variable)]
        total = accumulator + square(gradient)
        accumulator.assign(total)
        variable.assign_sub(learning_rate * gradient / sqrt(total + self.epsilon))


class Adadelta(Optimizer):
    """Steps in the unit of the variable: g times the ratio of typical steps to typical gradients.

    s = g * sqrt(d + epsilon) / sqrt(a + epsilon), w <- w - learning_rate * s, with running means a of g**2
    and d of s**2 (Zeiler 2012, algorithm 1, where the learning rate is 1).

    Args:
      rho: how much of the means stays from step to step.
      epsilon: keeps the roots away from 0, and starts the first step.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon = rho, epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        """Two means a variable."""
        super().build(variables)
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step in the unit of the variable."""
        place = self._get_variable_index(variable)
        of_gradients, of_steps = self._accumulated_grads[place], self._accumulated_delta_vars[place]
        size = self.rho * of_gradients + (1 - self.rho) * square(gradient)
        step = sqrt(of_steps + self.epsilon) * gradient / sqrt(size + self.epsilon)
        of_gradients.assign(size)
        of_steps.assign(self.rho * of_steps + (1 - self.rho) * square(step))
        variable.assign_sub(learning_rate * step)


class Ftrl(Optimizer):
    """Follow the regularized leader: with an l1 penalty, weights become exactly 0 (McMahan et al. 2013).

    n' = n + g**2, z <- z + g - (n'**p - n**p) / learning_rate * w, then
    w <- (clip(z, -l1, l1) - z) / (n'**p / learning_rate + 2 * l2 + beta / learning_rate), with
    p = -learning_rate_power.

    Args:
      learning_rate_power: at most 0; 0 keeps the learning rate the same throughout.
      initial_accumulator_value: what n starts with.
      l1_regularization_strength, l2_regularization_strength: penalties on what w is.
      l2_shrinkage_regularization_strength: adds twice this times w to the gradient that z sees.
      beta: the beta of the paper.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Any,
    ):
        for name, value in {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }.items():
            if value < 0:
                raise ValueError(f"Ftrl: {name} must be 0 or more, not {value}.")
        if learning_rate_power > 0:
            raise ValueError(
                f"Ftrl: learning_rate_power must be 0 or less, not {learning_rate_power}."
            )
        super().__init__(learning_rate, **options)
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def build(self, variables: Sequence[Variable]) -> None:
        """The sums n and z for each variable."""
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [start, "zeros"]
        )

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """The minimum of all gradients so far, taken as planes, with the penalties."""
        place = self._get_variable_index(variable)
        accumulator, linear = self._accumulators[place], self._linears[place]
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        total = accumulator + square(gradient)
        power, before = (self._root(n) / learning_rate for n in (total, accumulator.value()))
        pull: Any = gradient
        if self.l2_shrinkage_regularization_strength:
            pull = gradient + 2 * self.l2_shrinkage_regularization_strength * variable
        z = linear + pull - (power - before) * variable
        curvature = power + (2 * l2 + self.beta / learning_rate)
        linear.assign(z)
        accumulator.assign(total)
        variable.assign((clip_by_value(z, -l1, l1) - z) / curvature)

    def _root(self, n: Tensor) -> Tensor:
        return sqrt(n) if self.learning_rate_power == -0.5 else pow(n, -self.learning_rate_power)
