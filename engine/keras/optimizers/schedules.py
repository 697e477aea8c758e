"""Learning rates that follow a plan: functions of the number of the step, counted from 0.

They compute with tensor operations, so a compiled training step evaluates them itself.
"""

from __future__ import annotations

import math
from typing import Any

from engine.keras.configurable import Configurable
from engine.ops.creation import convert
from engine.ops.elementwise import cast, ceil, cos, equal, floor, log, minimum, pow, where
from engine.tensor import Tensor

__all__ = [
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule",
    "PiecewiseConstantDecay", "PolynomialDecay", "deserialize", "serialize",
]  # fmt: skip


class LearningRateSchedule(Configurable):
    """The base of schedules: define `__call__(step)`, which takes an integer scalar.

    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.5 ** (cast(step, "float32") + 1.0)
    >>> Halving()(2).numpy().item()
    0.125
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"Schedule {type(self).__name__} must define __call__(step).")


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if value <= 0:
            raise ValueError(f"{name} is a number of steps above 0, not {value}.")


def _number(value: Any) -> Tensor:
    """A setting as a floating-point tensor."""
    tensor = convert(value)
    return tensor if tensor.dtype.is_floating else cast(tensor, "float32")


class _Decay(LearningRateSchedule):
    """What ExponentialDecay and InverseTimeDecay share: `step / decay_steps`, whole with `staircase`."""

    initial_learning_rate: float
    decay_steps: float
    staircase: bool

    def _progress(self, step: Any, start: Any) -> Any:
        progress = cast(step, start.dtype) / float(self.decay_steps)
        return floor(progress) if self.staircase else progress


class ExponentialDecay(_Decay):
    """initial_learning_rate * decay_rate ** (step / decay_steps).

    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)(20).numpy().round(4).item()
    0.02500000037252903
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        _check(decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Any:
        start = _number(self.initial_learning_rate)
        return start * pow(float(self.decay_rate), self._progress(step, start))


class InverseTimeDecay(_Decay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps)."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        _check(decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def __call__(self, step: Any) -> Any:
        start = _number(self.initial_learning_rate)
        return start / (1.0 + float(self.decay_rate) * self._progress(step, start))


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and including step boundaries[0], then values[1], ...

    >>> steps = PiecewiseConstantDecay([3, 5], [1.0, 0.5, 0.1])
    >>> [steps(step).numpy().round(1).item() for step in (3, 4, 6)]
    [1.0, 0.5, 0.10000000149011612]
    """

    def __init__(self, boundaries: Any, values: Any, name: str = "PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "There is one value more than there are boundaries, but got "
                f"{len(values)} values and {len(boundaries)} boundaries."
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        now = convert(step)
        rate = _number(self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = where(now > cast(boundary, now.dtype), cast(value, rate.dtype), rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """(initial - end) * (1 - step / decay_steps) ** power + end, and `end` afterwards.

    With `cycle` there is no afterwards: when `decay_steps` are over, they become twice as many, then three
    times, and so on.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        _check(decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power = end_learning_rate, power
        self.cycle, self.name = cycle, name

    def __call__(self, step: Any) -> Any:
        start = _number(self.initial_learning_rate)
        end, steps = float(self.end_learning_rate), float(self.decay_steps)
        now = cast(step, start.dtype)
        length: Any = steps
        if self.cycle:
            length = steps * where(equal(now, 0), 1.0, ceil(now / steps))
        else:
            now = minimum(now, steps)
        return (start - end) * pow(1.0 - now / length, float(self.power)) + end


class CosineDecay(LearningRateSchedule):
    """Half a cosine, from the initial rate down to `alpha` times it (Loshchilov and Hutter 2017).

    With `warmup_target` the rate first rises in a line, for `warmup_steps`, from the initial rate to the
    target, and then falls from there.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ):
        _check(decay_steps=decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        start = _number(self.initial_learning_rate)
        now = cast(step, start.dtype)
        if self.warmup_target is None:
            return self._falling(now, start)
        target, warm = cast(self.warmup_target, start.dtype), float(self.warmup_steps)
        falling = self._falling(now - warm, target)
        if not self.warmup_steps:
            return falling
        return where(now < warm, (target - start) * (now / warm) + start, falling)

    def _falling(self, now: Any, start: Any) -> Any:
        steps = float(self.decay_steps)
        cosine = 0.5 * (1.0 + cos(math.pi * (minimum(now, steps) / steps)))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """`CosineDecay` that starts over: SGDR (Loshchilov and Hutter 2017).

    Each period is `t_mul` times as long as the one before, and its first rate `m_mul` times as high.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        _check(first_decay_steps=first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = (
            initial_learning_rate,
            first_decay_steps,
        )
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step: Any) -> Any:
        start = _number(self.initial_learning_rate)
        passed = cast(step, start.dtype) / float(self.first_decay_steps)
        longer = float(self.t_mul)
        if longer == 1.0:
            restarts = floor(passed)
            passed = passed - restarts
        else:  # n periods take 1 + t_mul + ... + t_mul**(n-1) = (1 - t_mul**n) / (1 - t_mul)
            restarts = floor(log(1.0 - passed * (1.0 - longer)) / math.log(longer))
            length = pow(longer, restarts)
            passed = (passed - (1.0 - length) / (1.0 - longer)) / length
        cosine = 0.5 * pow(float(self.m_mul), restarts) * (1.0 + cos(math.pi * passed))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """A schedule as a config."""
    from engine.keras.serialization import serialize_keras_object

    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """A schedule from its config."""
    from engine.keras.serialization import deserialize_keras_object

    return deserialize_keras_object(
        config,
        custom_objects=custom_objects,
        module_objects={name: globals()[name] for name in __all__},
    )
