"""Adafactor: Adam's division by the gradient's size, from a row and a column for each matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.dtypes import DType
from engine.keras.optimizers.base import Optimizer
from engine.ops.elementwise import maximum, minimum, pow, rsqrt, sqrt, square
from engine.ops.layout import expand_dims
from engine.ops.reduce import reduce_mean
from engine.tensor import Tensor
from engine.variable import Variable


class Adafactor(Optimizer):
    """A gradient of n x m is divided by sizes that are kept as n + m numbers (Shazeer and Stern 2018).

    Variables with fewer than two axes keep a size for each element. Keras keeps two unused integers for each
    of those, and the n x m sizes too; so does this, because saved optimizers list variables by position.

    Args:
      beta_2_decay: at step t, 1 - t**beta_2_decay of the sizes stays.
      epsilon_1: added to squares of gradients.
      epsilon_2: the least length of a variable, which steps are in proportion to.
      clip_threshold: steps whose root mean square is larger are shortened.
      relative_step: accepted; a learning rate that is a number is at most 1 / sqrt(t) in any case, as in
        Keras.
      options: those of every `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_2_decay, self.clip_threshold = beta_2_decay, clip_threshold
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.relative_step = relative_step

    def build(self, variables: Sequence[Variable]) -> None:
        """Rows, columns and sizes for each variable."""
        super().build(variables)
        self._r: list[Variable] = []
        self._c: list[Variable] = []
        self._v: list[Variable] = []
        for variable in variables:
            shape = variable.shape.as_list()
            flat = len(shape) < 2
            dtype = "int32" if flat else variable.dtype
            own = variable.name.partition(":")[0].replace("/", "_")
            for kept, axis, part in ((self._r, -1, "row"), (self._c, -2, "column")):
                rest = (
                    [] if flat else [size for i, size in enumerate(shape) if i != len(shape) + axis]
                )
                kept.append(self.add_variable(rest, "zeros", dtype, name=f"{own}_{part}"))
            self._v.append(self.add_variable_from_reference(variable, "velocity"))

    def _shares(self, dtype: DType, rate: Tensor) -> tuple[Tensor, Tensor]:
        """The relative length of the step, and how much of the sizes stays."""
        step = self.step_number(dtype)
        return minimum(rate, rsqrt(step)), 1.0 - pow(step, self.beta_2_decay)

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """One step in proportion to the variable."""
        length, stays = self.once(self._shares, variable.dtype, learning_rate)
        squares = square(gradient) + self.epsilon_1
        place = self._get_variable_index(variable)
        sizes = self._v[place]
        if variable.ndim < 2:
            size = stays * sizes + (1.0 - stays) * squares
        else:
            row, column = (
                stays * kept[place] + (1.0 - stays) * reduce_mean(squares, axis)
                for kept, axis in ((self._r, -1), (self._c, -2))
            )
            self._r[place].assign(row)
            self._c[place].assign(column)
            share = row / reduce_mean(row, -1, keepdims=True)
            size = expand_dims(share, -1) * expand_dims(column, -2)
        sizes.assign(size)
        step = gradient / sqrt(size)
        step = step / maximum(1.0, _rms(step) / self.clip_threshold)
        variable.assign_sub(maximum(self.epsilon_2, _rms(variable.value())) * length * step)


def _rms(x: Tensor) -> Tensor:
    """The root of the mean of the squares."""
    return sqrt(reduce_mean(square(x)))
