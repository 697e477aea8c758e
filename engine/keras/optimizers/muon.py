"""Muon: steps for matrices whose singular values are all about 1; Adam for everything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from engine.dtypes import DType
from engine.keras.optimizers.base import Optimizer
from engine.ops.elementwise import sqrt, square
from engine.ops.layout import transpose
from engine.ops.linalg import matmul
from engine.ops.reduce import reduce_sum
from engine.tensor import Tensor
from engine.variable import Variable


class Muon(Optimizer):
    """Momentum whose matrix is made nearly orthogonal before each step (Jordan et al. 2024).

    A few steps of a Newton-Schulz iteration, X <- a X + b (X X') X + c (X X')^2 X, bring all singular values
    near 1, so that no direction of the matrix learns much faster than the others.

    Args:
      adam_beta_1, adam_beta_2, epsilon: of Adam, which moves what is not a matrix.
      adam_weight_decay: weight decay of what Adam moves; `weight_decay` is that of the matrices.
      exclude_layers: regular expressions; matrices with one of them in their path are moved by Adam.
      exclude_embeddings: so are those with 'embedding' in their path.
      muon_a, muon_b, muon_c: coefficients of the iteration; ns_steps: how many there are.
      adam_lr_ratio: Adam's learning rate is this times the learning rate.
      momentum: how much of the velocity stays from step to step; nesterov: look ahead along it.
      rms_rate: steps are multiplied by this times the root of the larger size; None: they are not.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        *,
        exclude_layers: Any = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **options: Any,
    ):
        super().__init__(learning_rate, weight_decay=weight_decay, **options)
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = exclude_layers or [], exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c, self.ns_steps = muon_a, muon_b, muon_c, ns_steps
        self.momentum, self.nesterov, self.rms_rate = momentum, nesterov, rms_rate

    def _is_for_adam(self, variable: Variable) -> bool:
        path = getattr(variable, "path", None) or variable.name.partition(":")[0]
        return (
            variable.ndim != 2
            or (self.exclude_embeddings and "embedding" in path.lower())
            or any(re.search(pattern, path) for pattern in self.exclude_layers)
        )

    def build(self, variables: Sequence[Variable]) -> None:
        """A velocity for each variable, and the size of the gradient for each of Adam's."""
        super().build(variables)
        self._momentums: list[Variable] = []
        self._velocities: list[Variable | None] = []
        for variable in variables:
            self._momentums.append(self.add_variable_from_reference(variable, "momentum"))
            for_adam = self._is_for_adam(variable)
            made = self.add_variable_from_reference(variable, "velocity") if for_adam else None
            self._velocities.append(made)

    def _decay_of(self, variable: Variable) -> float | None:
        if not self._use_weight_decay(variable):
            return None
        return self.adam_weight_decay if self._is_for_adam(variable) else self.weight_decay

    def _alpha(self, dtype: DType, rate: Tensor) -> Tensor:
        step = self.step_number(dtype)
        started = sqrt(1.0 - self.adam_beta_2**step) / (1.0 - self.adam_beta_1**step)
        return rate * self.adam_lr_ratio * started

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step, of either kind."""
        place = self._get_variable_index(variable)
        m, v = self._momentums[place], self._velocities[place]
        if v is None:
            speed = m * self.momentum + gradient
            m.assign(speed)
            step = gradient + self.momentum * speed if self.nesterov else speed
            scale = 1.0
            if self.rms_rate is not None:
                scale = max(size or 1 for size in variable.shape.as_list()) ** 0.5 * self.rms_rate
            variable.assign_sub(learning_rate * scale * self._orthogonal(step))
            return
        alpha = self.once(self._alpha, variable.dtype, learning_rate)
        mean = m + (gradient - m) * (1 - self.adam_beta_1)
        size = v + (square(gradient) - v) * (1 - self.adam_beta_2)
        m.assign(mean)
        v.assign(size)
        variable.assign_sub(mean * alpha / (sqrt(size) + self.epsilon))

    def _orthogonal(self, x: Any) -> Any:
        """A matrix with nearly the same singular vectors, and singular values near 1."""
        rows, columns = x.shape.as_list()
        tall = rows > columns
        if tall:  # the products below are then of the smaller size
            x = transpose(x)
        x = x / (sqrt(reduce_sum(square(x))) + 1e-7)  # no singular value is above 1
        for _ in range(self.ns_steps):
            square_x = matmul(x, x, transpose_b=True)
            mixed = self.muon_b * square_x + self.muon_c * matmul(square_x, square_x)
            x = self.muon_a * x + matmul(mixed, x)
        return transpose(x) if tall else x
