"""tf.random.Generator: random numbers from a state of one's own, apart from `tf.random.set_seed`."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import dtypes
from engine.ops import draws
from engine.ops.creation import convert
from engine.ops.layout import reshape, transpose
from engine.tensor import Tensor
from engine.variable import Variable


class Generator:
    """A source of random numbers. Its state is a Variable: draws in a graph are fresh at each call.

    The state holds two int64 numbers, seed and counter, where TensorFlow's Philox has three; `alg` is
    accepted, and it is always Philox.

    >>> a, b = Generator.from_seed(7), Generator.from_seed(7)
    >>> bool((a.normal([3]).numpy() == b.normal([3]).numpy()).all())
    True
    """

    def __init__(self, copy_from: Generator | None = None, state: Any = None, alg: Any = None):
        if (copy_from is None) == (state is None):
            raise ValueError("Generator: use Generator.from_seed(seed), or give copy_from or state.")
        values = copy_from.state if copy_from is not None else state
        start = reshape(convert(values, hint=dtypes.int64), [-1]).numpy().astype(np.int64)
        if start.shape != (2,):
            raise ValueError(f"Generator: the state is [seed, counter], but shape {start.shape} was given.")
        self._state = Variable(start, trainable=False, name="generator_state")

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """A generator whose numbers are a function of `seed`."""
        return cls(state=[_small(seed), 0])

    @classmethod
    def from_state(cls, state: Any, alg: Any = None) -> Generator:
        """A generator that goes on from another one's `.state`."""
        return cls(state=state)

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator seeded by the operating system."""
        import secrets  # not at the top: it brings hashlib and hmac, a tenth of the start

        return cls(state=[secrets.randbits(62), 0])

    @property
    def state(self) -> Variable:
        """The Variable that holds (seed, counter)."""
        return self._state

    @property
    def key(self) -> Tensor:
        """The seed."""
        return self._state[0]  # type: ignore[index]

    @property
    def algorithm(self) -> int:
        """1: Philox."""
        return 1

    def reset(self, state: Any) -> None:
        """Goes on from this state."""
        self._state.assign(convert(state, hint=dtypes.int64))

    def reset_from_seed(self, seed: Any) -> None:
        """Starts over from this seed."""
        self.reset([_small(seed), 0])

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Starts over from this seed, at this place in its sequence."""
        self.reset([_small(key), int(counter)])

    def skip(self, delta: int) -> Tensor:
        """Leaves out `delta` draws; returns the state before."""
        before = self._state.value()
        self._state.assign(before + convert([0, int(delta)], dtypes.int64))
        return before

    def _trackable_children(self) -> dict[str, Any]:
        """What tf.train.Checkpoint saves, under TensorFlow's name."""
        return {"_state_var": self._state}

    def _next(self) -> Tensor:
        return draws.next_key(self._state)

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:  # fmt: skip
        """Numbers drawn evenly from [minval, maxval)."""
        return draws.uniform(self._next(), shape, minval, maxval, dtype)

    def uniform_full_int(self, shape: Any, dtype: Any = dtypes.uint64, name: str | None = None) -> Tensor:
        """Integers drawn evenly from all that the dtype holds."""
        return draws.full_int(self._next(), shape, dtype)

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:  # fmt: skip
        """Normal numbers."""
        return draws.normal(self._next(), shape, mean, stddev, dtype)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32,
        name: str | None = None,
    ) -> Tensor:  # fmt: skip
        """Normal numbers, none further than two standard deviations from the mean."""
        return draws.truncated_normal(self._next(), shape, mean, stddev, dtype)

    def binomial(
        self, shape: Any, counts: Any, probs: Any, dtype: Any = dtypes.int32, name: str | None = None
    ) -> Tensor:
        """How many of `counts` trials succeed, each with probability `probs`."""
        return draws.binomial(self._next(), shape, counts, probs, dtype)

    def make_seeds(self, count: int = 1) -> Tensor:
        """Seeds for `count` stateless draws, shape (2, count)."""
        return transpose(draws.full_int(self._next(), [int(count), 2], dtypes.int64))

    def split(self, count: int = 1) -> list[Generator]:
        """`count` generators, independent of each other and of this one."""
        seeds = self.make_seeds(count).numpy()
        return [Generator(state=[int(seeds[0, i]), 0]) for i in range(count)]

    def __repr__(self) -> str:
        return f"<tf.random.Generator state={self._state.numpy().tolist()}>"


def _small(seed: Any) -> int:
    """Any integer as one that fits the state."""
    return int(seed) & (2**62 - 1)
