"""Adam and its kin: steps along a mean gradient, divided by its typical size, element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.dtypes import DType
from engine.keras import config as settings
from engine.keras.optimizers.base import Optimizer, rest
from engine.ops.elementwise import abs as absolute
from engine.ops.elementwise import cast, maximum, sqrt, square, where
from engine.ops.reduce import reduce_sum
from engine.tensor import Tensor
from engine.variable import Variable


class _Moments(Optimizer):
    """Keeps two running means for each variable: of the gradient, and of its square."""

    _second = "velocity"

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Sequence[Variable]) -> None:
        """Two means a variable."""
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", self._second]
        )

    def _slots(self, variable: Variable) -> tuple[Variable, Variable]:
        place = self._get_variable_index(variable)
        return self._momentums[place], self._velocities[place]

    def _new_shares(self, dtype: DType) -> tuple[float, float]:
        """What is new in the means: 1 - beta_1 and 1 - beta_2."""
        return 1 - self.beta_1, 1 - self.beta_2

    def _follow(self, gradient: Tensor, variable: Variable) -> tuple[Tensor, Tensor]:
        """m <- m + (1 - beta_1) * (g - m), v <- v + (1 - beta_2) * (g**2 - v); both are returned."""
        m, v = self._slots(variable)
        new_m, new_v = self._new_shares(variable.dtype)
        mean = m + (gradient - m) * new_m
        size = v + (square(gradient) - v) * new_v
        m.assign(mean)
        v.assign(size)
        return mean, size


class Adam(_Moments):
    """w <- w - alpha * m / (sqrt(v) + epsilon), with running means m of the gradient and v of its square.

    alpha = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t) makes up for means that start at 0
    (Kingma and Ba 2015, end of section 2, where epsilon is called epsilon hat).

    Args:
      beta_1, beta_2: how much of the means stays from step to step.
      epsilon: keeps the divisor away from 0.
      amsgrad: divide by the largest v so far (Reddi et al. 2018).
      options: those of every `Optimizer`.

    >>> import engine as tf
    >>> w = tf.Variable([1.0, 1.0])
    >>> Adam(0.1).apply([tf.constant([5.0, 0.001])], [w])
    >>> w.numpy().round(3).tolist()  # the first step has the same length, whatever the gradient
    [0.8999999761581421, 0.8999999761581421]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = amsgrad

    def build(self, variables: Sequence[Variable]) -> None:
        """Two means a variable; with amsgrad the largest size too."""
        super().build(variables)
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def _alpha(self, dtype: DType, rate: Tensor) -> Any:
        step = self.step_number(dtype)
        return rate * sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step along the mean gradient."""
        alpha = self.once(self._alpha, variable.dtype, learning_rate)
        mean, size = self._follow(gradient, variable)
        if self.amsgrad:
            largest = self._velocity_hats[self._get_variable_index(variable)]
            size = maximum(largest, size)
            largest.assign(size)
        variable.assign_sub(mean * alpha / (sqrt(size) + self.epsilon))


class AdamW(Adam):
    """Adam with weights that decay apart from the gradient's means (Loshchilov and Hutter 2019).

    Before each step, w <- w - learning_rate * weight_decay * w. Arguments as of `Adam`, with `weight_decay`
    in the second place.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number. Without it, use Adam.")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options
        )


class Nadam(_Moments):
    """Adam that looks ahead as Nesterov's momentum does (Dozat 2016, algorithm 2).

    The share of the mean at step t is u(t) = beta_1 * (1 - 0.5 * 0.96**t). Arguments as of `Adam`.
    """

    def build(self, variables: Sequence[Variable]) -> None:
        """Two means a variable, and the product of all u so far."""
        super().build(variables)
        dtype = variables[0].dtype if variables else settings.floatx()
        self._u_product = self.add_variable((), "ones", dtype, name="u_product")

    def _new_shares(self, dtype: DType) -> tuple[float, float]:
        """As Keras has them here: 1 - 0.999 in float32 is 0.0010000467."""
        return rest(self.beta_1, dtype), rest(self.beta_2, dtype)

    def _u(self, dtype: DType, ahead: int) -> Any:
        return self.beta_1 * (1.0 - 0.5 * 0.96 ** self.step_number(dtype, ahead))

    def _update_steps(self, grads: list[Tensor], variables: list[Variable], rate: Tensor) -> None:
        self._u_product.assign(self._u_product * self._u(self._u_product.dtype, 1))
        super()._update_steps(grads, variables, rate)

    def _shares(self, dtype: DType, rate: Tensor) -> tuple[Any, Any, Any]:
        """Factors of the mean and of the gradient in the step, and what makes up for a v that starts at 0."""
        product, now, next_u = cast(self._u_product, dtype), self._u(dtype, 1), self._u(dtype, 2)
        mean, fresh = next_u / (1.0 - product * next_u), (1.0 - now) / (1.0 - product)
        return rate * mean, rate * fresh, 1.0 - self.beta_2 ** self.step_number(dtype)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step along the mean gradient of the next step."""
        of_mean, of_gradient, started = self.once(self._shares, variable.dtype, learning_rate)
        mean, size = self._follow(gradient, variable)
        step = of_mean * mean + of_gradient * gradient
        variable.assign_sub(step / (sqrt(size / started) + self.epsilon))


class Adamax(_Moments):
    """Adam that divides by the largest recent gradient (Kingma and Ba 2015, algorithm 2).

    u <- max(beta_2 * u, |g|), w <- w - learning_rate / (1 - beta_1**t) * m / (u + epsilon).
    Arguments as of `Adam`.
    """

    _second = "norm"

    def _alpha(self, dtype: DType, rate: Tensor) -> Any:
        return rate / (1.0 - self.beta_1 ** self.step_number(dtype))

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step along the mean gradient."""
        alpha = self.once(self._alpha, variable.dtype, learning_rate)
        m, u = self._slots(variable)
        mean = m + (gradient - m) * (1 - self.beta_1)
        largest = maximum(self.beta_2 * u, absolute(gradient))
        m.assign(mean)
        u.assign(largest)
        variable.assign_sub(alpha * mean / (largest + self.epsilon))


class Lamb(_Moments):
    """Adam whose step is as long, in proportion to the variable, as the learning rate says.

    w <- w - learning_rate * |w| / |s| * s, where s is Adam's step (You et al. 2020, algorithm 2); the
    ratio is 1 where either length is 0. Made for very large batches. Arguments as of `Adam`.
    """

    def _started(self, dtype: DType) -> tuple[Tensor, Tensor]:
        step = self.step_number(dtype)
        return 1.0 - self.beta_1**step, 1.0 - self.beta_2**step

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step in proportion to the variable."""
        of_mean, of_size = self.once(self._started, variable.dtype)
        mean, size = self._follow(gradient, variable)
        step = mean / of_mean / (sqrt(size / of_size) + self.epsilon)
        length, reach = (sqrt(reduce_sum(square(part))) for part in (variable.value(), step))
        both = (length > 0) & (reach > 0)
        ratio = where(both, length / where(both, reach, 1.0), 1.0)
        variable.assign_sub(ratio * learning_rate * step)
