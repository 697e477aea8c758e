"""Optimizer: what all optimizers share. One of them defines `update_step`, the step of one variable.

The state is in Variables (`memory`), so the same lines run eagerly and in a compiled training step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np

from engine.control_flow import cond
from engine.dtypes import DType, bfloat16, float16, float32, float64
from engine.keras import config as settings
from engine.keras import initializers
from engine.keras.lookup import nearest, snake_case, unique_name
from engine.keras.optimizers.memory import Memory
from engine.keras.optimizers.schedules import LearningRateSchedule
from engine.keras.serialization import custom_object_scope, serialize_keras_object
from engine.nest import map_structure
from engine.ops.creation import convert, zeros
from engine.ops.elementwise import (
    cast,
    clip_by_value,
    equal,
    floordiv,
    floormod,
    not_equal,
    where,
)
from engine.ops.norms import clip_by_global_norm, clip_by_norm
from engine.retracing import warn_the_caller
from engine.tensor import Tensor
from engine.variable import Variable


class Optimizer(Memory):
    """Base of all optimizers.

    A step is: gradients are divided by the loss scale, gathered if they accumulate, clipped; weights decay;
    `update_step` moves each variable; averages follow; constraints are applied; `iterations` counts on.

    `learning_rate` and `iterations` are Variables: a compiled training step reads them at each call,
    so that `optimizer.learning_rate = 0.1` takes effect at once, even while `fit` runs.

    Differs from Keras: an int will do as the learning rate, and what stands after the arguments of an
    optimizer's own is given by name. `iterations` is int64, as in Keras on TensorFlow.

    Args:
      learning_rate: a number, a schedule, or a function without arguments that is asked at each step
        (in a compiled step: when it is traced).
      weight_decay: each step takes `learning_rate * weight_decay` times the variable off it.
      clipnorm: a gradient longer than this is shortened to it.
      clipvalue: elements of gradients are kept between -clipvalue and clipvalue.
      global_clipnorm: if all gradients together are longer than this, one factor shortens all.
      use_ema: keep a moving average of each variable, that `finalize_variable_values` puts in its place.
      ema_momentum: average <- ema_momentum * average + (1 - ema_momentum) * variable.
      ema_overwrite_frequency: put the averages in the variables' places every so many steps.
      loss_scale_factor: what `scale_loss` multiplies the loss by; gradients are divided by it.
      gradient_accumulation_steps: variables move every so many steps, by the mean of the gradients.
      name: by default made of the class name: 'adam', 'adam_1', ...

    Raises:
      ValueError: for an unknown argument, two kinds of clipping at once, or a number out of its range.

    >>> import engine as tf
    >>> class Signs(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, learning_rate * tf.sign(gradient))
    >>> w = tf.Variable([1.0, 2.0])
    >>> Signs(0.5).apply([tf.constant([0.1, -9.0])], [w])
    >>> w.numpy().tolist()
    [0.5, 2.5]
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        self._variables = []
        self.name = name or unique_name(snake_case(type(self).__name__))
        _no_more(type(self).__name__, kwargs)
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in given.values()) > 1:
            raise ValueError(
                f"Only one of clipnorm, clipvalue and global_clipnorm can be set: {given}."
            )
        if gradient_accumulation_steps and gradient_accumulation_steps < 2:
            raise ValueError(
                "gradient_accumulation_steps is an integer of 2 or more, or None, not "
                f"{gradient_accumulation_steps}."
            )
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"ema_momentum is between 0 and 1, not {ema_momentum}.")
        often = ema_overwrite_frequency
        if use_ema and often and (not isinstance(often, int) or often < 1):
            raise ValueError(
                f"ema_overwrite_frequency is an integer of 1 or more, or None, not {often!r}."
            )
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._trainable_variables, self._places = [], {}
        self._without_decay: tuple[frozenset[int], str | None] = (frozenset(), None)
        self._step: dict[Any, Any] | None = None  # what `once` has computed in this step
        self._iterations = self.add_variable((), dtype="int64", name="iteration")
        self._learning_rate = self._as_rate(learning_rate)

    # --- learning rate and iterations ------------------------------------------------------------------

    def _as_rate(self, rate: Any) -> Any:
        if callable(rate):  # schedules are
            return rate
        if not isinstance(rate, (int, float, np.number)) or isinstance(rate, bool):
            raise ValueError(
                "learning_rate is a number, a LearningRateSchedule, or a function without arguments "
                f"that returns a number; got {rate!r}."
            )
        constant = initializers.Constant(float(rate))
        return self.add_variable((), constant, settings.floatx(), name="learning_rate")

    @property
    def learning_rate(self) -> Any:
        """The step size. Assign a number to change it; a schedule or function can be put in its place.

        A Variable, or for a schedule or a function what it says for this step. Where a schedule is put in the
        place of a number, a compiled step that has already been traced does not see it: trace it again
        (`model.compile` does).

        Raises:
          TypeError: on assigning a number when the learning rate is a schedule or a function.
        """
        rate = self._learning_rate
        if isinstance(rate, LearningRateSchedule):
            return rate(self._iterations.value())
        return rate() if callable(rate) else rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        own = self._learning_rate
        if callable(value):
            self._variables = [variable for variable in self._variables if variable is not own]
            self._learning_rate = value
        elif isinstance(own, Variable):
            own.assign(value if isinstance(value, (Tensor, Variable)) else float(value))
        else:
            raise TypeError(
                f"The learning rate of {self.name!r} is computed by {own!r}: a number cannot be set. "
                "Make the optimizer with a number as learning_rate to set it later."
            )

    @property
    def iterations(self) -> Any:
        """How many steps there were; those in which gradients only gathered do not count."""
        if self.gradient_accumulation_steps:
            return floordiv(self._iterations.value(), self.gradient_accumulation_steps)
        return self._iterations

    # --- memory ----------------------------------------------------------------------------------------

    def build(self, variables: Sequence[Variable]) -> None:
        """Makes the memory for these variables. Called before the first step."""
        super().build(variables)
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._gathered = self.add_optimizer_variables(variables, "gradient_accumulator")

    # --- one step --------------------------------------------------------------------------------------

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Moves one variable. Gradient and learning rate have its dtype."""
        raise NotImplementedError(
            f"{type(self).__name__} must define update_step(gradient, variable, learning_rate)."
        )

    def once(self, compute: Callable[..., Any], dtype: DType, *values: Any) -> Any:
        """`compute(dtype, *values)`, the same for all variables of a dtype, so computed once in a step.

        Scalars for float16 and bfloat16 are computed in float32: in bfloat16 0.999 is 1, and Adam, there in
        Keras, never moves.
        """
        steps = {} if self._step is None else self._step  # None: update_step was called by hand
        key = (compute, dtype)
        if key not in steps:
            wide = float32 if dtype in (float16, bfloat16) else dtype
            made = compute(wide, *(cast(value, wide) for value in values))
            steps[key] = map_structure(lambda part: cast(part, dtype), made)
        return steps[key]

    def step_number(self, dtype: DType, ahead: int = 1) -> Tensor:
        """The number of this step, counted from 1 (or from `ahead`), as a floating-point scalar."""
        return cast(self.iterations + ahead, dtype)

    def apply(
        self,
        grads: Sequence[Tensor | None],
        trainable_variables: Sequence[Variable] | None = None,
    ) -> None:
        """One step for all variables. A None gradient leaves its variable where it is.

        Args:
          grads: one gradient for each variable.
          trainable_variables: by default those the optimizer was built with. The first call builds it.

        Raises:
          ValueError: when every gradient is None, their number or a shape is wrong, or a variable is unknown.
        """
        grads = list(grads)
        if not grads:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"Optimizer {self.name!r} does not know which variables these gradients belong to: pass "
                    "apply(grads, variables), or call optimizer.build(variables) first."
                )
            trainable_variables = self._trainable_variables
        variables = list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(f"{len(grads)} gradients were given for {len(variables)} variables.")
        self.build(variables)
        for variable in variables:
            self._get_variable_index(variable)
        known, variables = _with_gradient(grads, variables)
        known = [_like(g, v) for g, v in zip(known, variables, strict=True)]
        if self.loss_scale_factor is not None:
            known = [gradient / self.loss_scale_factor for gradient in known]
        if self.gradient_accumulation_steps:
            self._gather(known, variables)
        else:
            self._move(known, variables)
        if self.use_ema:
            self._average()
        for variable in variables:
            constraint = getattr(variable, "constraint", None)
            if constraint is not None:
                variable.assign(constraint(variable.value()))
        self._iterations.assign_add(1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """The same for (gradient, variable) pairs, such as `zip(gradients, variables)`."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self._iterations

    def _move(self, grads: list[Any], variables: list[Variable]) -> None:
        """Clipping, weight decay, and the update of each variable."""
        self._step = {}
        try:
            rate = convert(self.learning_rate)
            grads = self._clip(grads)
            self._decay(variables, rate)
            self._update_steps(grads, variables, rate)
        finally:
            self._step = None

    def _update_steps(self, grads: list[Tensor], variables: list[Variable], rate: Tensor) -> None:
        for gradient, variable in zip(grads, variables, strict=True):
            self.update_step(gradient, variable, self.once(_cast_rate, variable.dtype, rate))

    def _clip(self, grads: list[Tensor]) -> list[Tensor]:
        if self.clipnorm and self.clipnorm > 0:
            return [clip_by_norm(gradient, self.clipnorm) for gradient in grads]
        if self.global_clipnorm and self.global_clipnorm > 0:
            return clip_by_global_norm(grads, self.global_clipnorm)[0]
        if self.clipvalue and self.clipvalue > 0:
            return [clip_by_value(gradient, -self.clipvalue, self.clipvalue) for gradient in grads]
        return grads

    def _decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a variable, or None."""
        return self.weight_decay if self._use_weight_decay(variable) else None

    def _decay(self, variables: list[Variable], rate: Tensor) -> None:
        for variable in variables:
            decay = self._decay_of(variable)
            if decay is not None:
                own = self.once(_cast_rate, variable.dtype, rate)
                variable.assign_sub(variable * (own * decay))

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Says which variables do not decay; call it before the optimizer is built.

        Args:
          var_list: a list of variables.
          var_names: a list of texts; a variable with one of them (a regular expression) in its own name, the
            part after the last '/', does not decay.
        """
        if self.built:
            raise ValueError(
                f"Optimizer {self.name!r} is built: a compiled step would not hear of it any more. Call "
                "exclude_from_weight_decay before the first step."
            )
        listed = frozenset(id(variable) for variable in var_list or ())
        self._excluded = list(var_list or ())  # kept, so that their ids stay taken
        self._without_decay = (listed, "|".join(var_names) if var_names else None)

    def _use_weight_decay(self, variable: Variable) -> bool:
        listed, pattern = self._without_decay
        own = variable.name.partition(":")[0].rpartition("/")[2]
        return id(variable) not in listed and not (pattern and re.search(pattern, own))

    def _gather(self, grads: list[Any], variables: list[Variable]) -> None:
        """Adds the gradients up; when there are enough, moves by their mean and starts over."""
        steps = self.gradient_accumulation_steps
        kept = [self._gathered[self._get_variable_index(variable)] for variable in variables]
        sums = [own + gradient for own, gradient in zip(kept, grads, strict=True)]

        def move() -> None:
            self._move([total / steps for total in sums], variables)
            for own in self._gathered:
                own.assign(zeros(own.shape.as_list(), own.dtype))

        def wait() -> None:
            for own, total in zip(kept, sums, strict=True):
                own.assign(total)

        cond(equal(floormod(self._iterations + 1, steps), 0), move, wait)

    # --- averages --------------------------------------------------------------------------------------

    def _average(self) -> None:
        """Moves the averages; every `ema_overwrite_frequency` steps variables become their averages."""
        done, often = self.iterations, self.ema_overwrite_frequency
        # Before the first step the averages are 0 and mean nothing.
        momentum = where(not_equal(done, 0), float(self.ema_momentum), 0.0)
        now = equal(floormod(done + 1, often), 0) if often else None
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            old = cast(momentum, variable.dtype)
            value = old * average + (1.0 - old) * variable
            average.assign(value)
            if now is not None:
                variable.assign(where(now, value, variable))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """With `use_ema`, variables become their averages. `fit` calls it when it ends."""
        if not self.use_ema:
            return
        if len(var_list) != len(self._trainable_variables):
            raise ValueError(
                f"{len(var_list)} variables were given, but the optimizer keeps averages of "
                f"{len(self._trainable_variables)}: those it was built with."
            )
        for variable, average in zip(var_list, self._averages, strict=True):
            variable.assign(average)

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the loss scale: gradients too small for float16 become large enough."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # --- configs ---------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an optimizer like this one; the learning rate as it is now."""
        config = super().get_config()
        config.update({key: getattr(self, key) for key in config if key in OPTIONS})
        rate = self._learning_rate
        if "learning_rate" in config:
            number = isinstance(rate, Variable)
            config["learning_rate"] = float(rate) if number else serialize_keras_object(rate)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """An optimizer made with these arguments."""
        with custom_object_scope(custom_objects or {}):
            return super().from_config(config)


OPTIONS = (
    "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum",
    "ema_overwrite_frequency", "loss_scale_factor", "gradient_accumulation_steps",
)  # fmt: skip


def rest(beta: float, dtype: DType) -> float:
    """1 - beta as arithmetic in a dtype gives it: 1 - 0.999 is 0.0010000467 in float32.

    Some of Keras's optimizers compute with this, some with the exact difference; so do those here.
    """
    if dtype not in (float32, float64):
        return 1 - beta
    kind = dtype.as_numpy_dtype.type
    return float(kind(1) - kind(beta))


def _no_more(owner: str, left: dict[str, Any]) -> None:
    """Raises for arguments that nobody knows."""
    if left.pop("decay", None) is not None:
        warn_the_caller(
            "decay is ignored; use a schedule as learning_rate, such as InverseTimeDecay.",
            UserWarning,
        )
    for name in left:
        known = ("learning_rate", "name", *OPTIONS)
        raise ValueError(f"{owner} has no argument {name!r}.{nearest(name, known)}")


def _like(gradient: Any, variable: Variable) -> Tensor:
    """The gradient in the dtype of its variable; another shape would be broadcast without a word."""
    tensor = convert(gradient, hint=variable.dtype)
    if not variable.shape.is_compatible_with(tensor.shape):
        raise ValueError(
            f"The gradient for {variable.name!r} has shape {tensor.shape}, but the variable has shape "
            f"{variable.shape}. Are the gradients in the order of the variables?"
        )
    return cast(tensor, variable.dtype)


def _cast_rate(dtype: DType, rate: Tensor) -> Tensor:
    return cast(rate, dtype)


def _with_gradient(
    grads: Sequence[Any], variables: Sequence[Variable]
) -> tuple[list[Any], list[Variable]]:
    """The pairs that have a gradient; a warning names the variables without."""
    names = [v.name for g, v in zip(grads, variables, strict=True) if g is None]
    if len(names) == len(variables):
        raise ValueError(
            f"No gradient for any variable ({', '.join(names)}). The loss must be computed from them, inside "
            "the GradientTape block, by tensor operations."
        )
    if names:
        warn_the_caller(
            f"There is no gradient for {', '.join(names)}: the loss does not depend on them, and this step "
            "leaves them where they are.",
            UserWarning,
        )
    kept = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    return [g for g, _ in kept], [v for _, v in kept]
