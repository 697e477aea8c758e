"""LossScaleOptimizer: float16 gradients that neither vanish nor overflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.control_flow import cond
from engine.keras import initializers
from engine.keras.optimizers.base import OPTIONS, Optimizer
from engine.keras.serialization import serialize_keras_object
from engine.ops.creation import convert
from engine.ops.elementwise import equal, is_finite
from engine.ops.joining import stack
from engine.ops.reduce import reduce_all
from engine.tensor import Tensor
from engine.variable import Variable

_UNUSED: dict[str, Any] = {**dict.fromkeys(OPTIONS), "use_ema": False, "ema_momentum": 0.99}


class LossScaleOptimizer(Optimizer):
    """Another optimizer, with a loss scale that adapts itself (Micikevicius et al. 2018, section 3.2).

    When a gradient is not finite, the step is left out and the scale halved. After
    `dynamic_growth_steps` steps without that, the scale is doubled. A model compiled under the policy
    'mixed_float16' wraps its optimizer in one.

    Args:
      inner_optimizer: what moves the variables, with gradients divided by the scale.
      initial_scale: the scale at first.
      dynamic_growth_steps: after how many good steps it is doubled.
      name: by default 'loss_scale_optimizer'.

    >>> import engine as tf
    >>> from engine.keras.optimizers import SGD
    >>> w, optimizer = tf.Variable(1.0), LossScaleOptimizer(SGD(0.5), initial_scale=8.0)
    >>> optimizer.apply([tf.constant(float("inf"))], [w])
    >>> float(w), float(optimizer.dynamic_scale)
    (1.0, 4.0)
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ):
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer is always dynamic. For a fixed scale, give the optimizer itself "
                "loss_scale_factor=..."
            )
        for option, value in kwargs.items():
            if value == _UNUSED.get(option, option):
                continue  # older files list the options of every optimizer
            raise ValueError(
                f"LossScaleOptimizer has no argument {option!r}; if the inner optimizer has, set it there."
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer, self.initial_scale = inner_optimizer, initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        inner_optimizer.loss_scale_factor = None  # gradients would be divided twice

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        """Those of the inner optimizer: steps that were left out do not count."""
        return self.inner_optimizer.iterations

    @property
    def variables(self) -> list[Variable]:
        """Its own, then those of the inner optimizer."""
        return [*self._variables, *self.inner_optimizer.variables]

    def build(self, variables: Sequence[Variable]) -> None:
        """The scale and a counter, and the memory of the inner optimizer."""
        scale = initializers.Constant(self.initial_scale)
        self.step_counter = self.add_variable((), "zeros", "int64", name="step_counter")
        self.dynamic_scale = self.add_variable((), scale, "float32", name="dynamic_scale")
        self.inner_optimizer.build(variables)
        super().build(variables)

    def apply(
        self,
        grads: Sequence[Tensor | None],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """One step of the inner optimizer, unless a gradient is not finite."""
        grads = [None if gradient is None else convert(gradient) for gradient in grads]
        known = [gradient for gradient in grads if gradient is not None]
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
        if not known:
            self.inner_optimizer.apply(grads, trainable_variables)  # which says what is wrong
            return
        finite = reduce_all(stack([reduce_all(is_finite(gradient)) for gradient in known]))
        cond(finite, lambda: self._step_with(grads, trainable_variables), self._leave_out)

    def _step_with(self, grads: list[Tensor | None], variables: Any) -> None:
        scale = self.dynamic_scale.value()
        own = [None if gradient is None else gradient / scale for gradient in grads]
        self.inner_optimizer.apply(own, variables)
        cond(equal(self.step_counter, self.dynamic_growth_steps - 1), self._double, self._count)

    def _leave_out(self) -> None:
        self.step_counter.assign(0)
        self.dynamic_scale.assign(self.dynamic_scale * 0.5)

    def _double(self) -> None:
        self.step_counter.assign(0)
        self.dynamic_scale.assign(self.dynamic_scale * 2.0)

    def _count(self) -> None:
        self.step_counter.assign_add(1)

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the scale."""
        return loss * (self.dynamic_scale if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """As the inner optimizer does."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
