"""GradientTape: reverse-mode differentiation over the log of what happened.

While a tape is open, `dispatch.apply` writes a log. `gradient` walks that log backwards from the
target and asks each primitive for its vjp (vector-Jacobian product). Those are ordinary operations:
with another tape open they are logged too, which is all that a second derivative needs. The walk
itself is in `engine.backward`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import devices, nest
from engine.backward import fit, walk_arrays, walk_tensors
from engine.batching import vectorize
from engine.dispatch import Log, context
from engine.ops.complexes import conj
from engine.ops.creation import convert
from engine.ops.elementwise import ones_like, zeros_like
from engine.spec import compatible
from engine.tensor import Tensor, describe
from engine.variable import Variable


class UnconnectedGradients:
    """What `gradient` returns for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


class GradientTape:
    """Records operations for differentiation.

    Args:
      persistent: allow more than one call of `gradient`. The log is then kept until the tape is deleted.
      watch_accessed_variables: watch every trainable variable that is read.

    >>> import engine as tf
    >>> x = tf.constant(3.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = x * x
    >>> tape.gradient(y, x).numpy().item()
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = bool(persistent)
        self.watches_variables = bool(watch_accessed_variables)
        self._log: Log | None = None
        self._asked: Log | None = None  # what a plain tape answered None from, kept for why_none
        self._recording = False
        self._used = False
        self._start_over()

    def _start_over(self) -> None:
        self._leaves: dict[int, tuple[int, Any]] = {}  # id of what is watched -> (position, object)
        self._spans: list[tuple[int, int]] = []  # finished stretches of recording
        self._since = 0

    # --- recording ------------------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError("This tape is recording already; a tape is entered once at a time.")
        self._push()
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._recording:
            self._pop()

    def _push(self) -> None:
        if context.log is None:
            # A tape that is resumed after the outermost one closed goes on in its own log.
            context.log = self._log if self._log is not None else Log()
        if self._log is not None and self._log is not context.log:
            raise ValueError("A tape cannot be resumed inside another tape that was opened later.")
        self._log = context.log
        self._log.tapes.append(self)
        self._log.tapes_seen += 1
        self._since = len(self._log.entries)
        self._recording = True

    def _pop(self) -> None:
        log = self._log
        assert log is not None
        log.tapes.remove(self)
        self._spans.append((self._since, len(log.entries)))
        self._recording = False
        if not log.tapes and context.log is log:
            context.log = None

    def watch(self, tensor: Any) -> None:
        """Records what is computed from these tensors or variables. Needed for constants."""
        if self._log is None:
            raise ValueError("watch: open the tape first, with `with tf.GradientTape() as tape:`.")
        for item in nest.flatten(tensor):
            if id(item) in self._leaves:
                continue
            if isinstance(item, Variable):
                position = self._log.variable_leaf(item)
            elif isinstance(item, Tensor):
                position = self._log.leaf(item)
            else:
                raise ValueError(
                    f"watch: a tensor or variable was expected, but {describe(item)} was given. "
                    "Convert it with tf.constant first, and compute with that constant."
                )
            self._leaves[id(item)] = (position, item)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables watched so far, in the order of their creation."""
        found = [item for _, item in self._leaves.values() if isinstance(item, Variable)]
        return tuple(sorted(found, key=lambda variable: variable._order))

    def stop_recording(self) -> _Pause:
        """A `with` block in which nothing is recorded by this tape."""
        if not self._recording:
            raise ValueError("stop_recording: this tape is not recording.")
        return _Pause(self)

    def reset(self) -> None:
        """Forgets everything recorded and watched so far."""
        recording = self._recording
        if recording:
            self._pop()
        self._log = self._asked = None
        self._used = False
        self._start_over()
        if recording:
            self._push()

    # --- differentiation ------------------------------------------------------------------------

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of the sum of all `target` elements with respect to each source.

        Args:
          target: a tensor, or a structure of tensors whose gradients are added.
          sources: a structure of tensors and variables; the result is nested alike.
          output_gradients: cotangents for the targets, ones by default.
          unconnected_gradients: 'none' gives None for a source without influence, 'zero' zeros.

        Returns:
          For each source a tensor of its shape, or None.

        Raises:
          RuntimeError: at the second call on a tape that is not persistent.
        """
        self._check_usable("gradient")
        if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
            raise ValueError(
                f"unconnected_gradients must be 'none' or 'zero', not {unconnected_gradients!r}."
            )
        if self._recording and not self._persistent:
            self._pop()  # what follows is not part of what this tape differentiates
        targets = nest.flatten(target)
        seeds = _cotangents(output_gradients, targets)
        leaves = nest.flatten(sources)
        self._used = True
        found = self._backward(targets, seeds, leaves)
        if unconnected_gradients == UnconnectedGradients.ZERO:
            found = [
                zeros_like(source) if g is None else g
                for g, source in zip(found, leaves, strict=True)
            ]
        if not self._persistent:
            # The log, and all it holds, dies here unless another tape shares it or an answer is None.
            self._asked = self._log if any([g is None for g in found]) else None
            self._log = None
        return nest.pack_sequence_as(sources, found) if nest.is_nested(sources) else found[0]

    def why_none(self, target: Any, source: Any) -> str:
        """A sentence that says why the gradient of `target` by `source` is None, or that there is one.

        `engine.why_none` has the causes and an example.
        """
        from engine.why_none import why_none

        return why_none(self, target, source)

    def _check_usable(self, what: str) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                f"{what}: a tape that is not persistent gives one gradient, and it was asked before. "
                "Ask for all sources in one call, or open it with tf.GradientTape(persistent=True)."
            )
        if self._log is None:
            raise RuntimeError(
                f"{what}: this tape recorded nothing; compute the target inside `with`."
            )

    def _position(self, item: Any) -> int:
        assert self._log is not None
        watched = self._leaves.get(id(item))
        if watched is not None:
            return watched[0]
        if isinstance(item, Variable):
            return -1
        if not isinstance(item, Tensor):
            raise TypeError(
                f"gradient: a source must be a tensor or a variable, but {describe(item)} was given. "
                "Make it a tf.constant or tf.Variable, watch it, and compute with that."
            )
        position = self._log.position(item)
        if position >= 0 and self._log.entries[position] is None and self._log.tapes_seen > 1:
            return -1 if not self._is_output(position) else position
        return position

    def _root(self, target: Any) -> int:
        """Where a target stands in the log; -1 for one that cannot have a gradient."""
        if isinstance(target, (Tensor, Variable)):
            return self._position(target) if target.dtype.is_differentiable else -1
        convert(target)  # raises for what is no tensor at all; a plain number depends on nothing
        return -1

    def _is_output(self, position: int) -> bool:
        """Whether a position without entry belongs to an operation with several outputs."""
        return self._entry_of(position) >= 0

    def _entry_of(self, position: int) -> int:
        """Where the entry stands that made the tensor at a position; -1 for a leaf, which has none.

        That of an operation with several outputs stands at the last of them.
        """
        assert self._log is not None
        entries = self._log.entries
        for place in range(position, len(entries)):
            if entries[place] is not None:
                output = entries[place][4]
                count = len(output) if type(output) is tuple else 1
                return place if place - count < position else -1
        return -1

    def _depends(self, sources: set[int], end: int) -> list[bool]:
        """For each position up to `end`: does it depend on one of the sources, as this tape saw it?

        One place more, at the end, is False: it answers for -1, the position of what is not in the log.
        """
        assert self._log is not None
        entries = self._log.entries
        spans = [*self._spans, (self._since, end)] if self._recording else self._spans
        depends = [False] * (end + 1)
        for position in sources:
            if position < end:
                depends[position] = True
        for start, stop in spans:
            for position in range(start, min(stop, end)):
                entry = entries[position]
                if entry is None or depends[position]:
                    continue
                for source in entry[2]:
                    if depends[source]:
                        depends[position] = True
                        if type(entry[4]) is tuple:
                            first = position - len(entry[4]) + 1
                            depends[first:position] = [True] * (len(entry[4]) - 1)
                        break
        return depends

    def _backward(self, targets: list[Any], seeds: list[Any], sources: list[Any]) -> list[Any]:
        log = self._log
        assert log is not None
        entries = log.entries
        wanted = [self._position(source) for source in sources]
        keep = {position for position in wanted if position >= 0}
        roots, end = [self._root(target) for target in targets], 0
        for root in roots:
            if root >= 0:
                end = max(end, root + 1, self._entry_of(root) + 1)
        depends = self._depends(keep, end)
        leaves = {position for position, _ in self._leaves.values()}
        if log.tapes_seen > 1 and not keep <= leaves:
            # Another tape's leaves are in this log too, and a source may depend on them: keep to our own.
            ours = self._depends(leaves, end)
            depends = [a and b for a, b in zip(depends, ours, strict=True)]
        # With nobody recording, cotangents are bare arrays; else tensors, so that the log sees them.
        bare = context.builder is None and context.log is None
        cotangents: list[Any] = [None] * end  # one an entry; what is done with is let go
        for target, seed, root in zip(targets, seeds, roots, strict=True):
            if root >= 0 and depends[root]:
                seed = _ones(target) if seed is None else fit(conj(seed), target)
                seed, before = seed._array if bare else seed, cotangents[root]
                cotangents[root] = seed if before is None else before + seed
        stops = min(keep, default=end)
        positions = range(end - 1, stops - 1, -1)
        if bare:
            with np.errstate(all="ignore"):
                walk_arrays(entries, positions, depends, cotangents, keep)
        else:
            walk_tensors(entries, positions, depends, cotangents, keep)
        found: list[Any] = []
        for position in wanted:
            g = cotangents[position] if 0 <= position < end else None
            if g is not None:
                g = Tensor(g) if bare else g
                g = conj(g) if g.dtype.is_complex else g
            found.append(g)
        return found

    # --- jacobians ------------------------------------------------------------------------------

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """All first derivatives: for each source a tensor of shape `target.shape + source.shape`.

        Computed in one walk for all elements of the target. The last two arguments make no difference.

        >>> import engine as tf
        >>> x = tf.constant([1.0, 2.0])
        >>> with tf.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.jacobian(y, x).numpy().tolist()
        [[2.0, 0.0], [0.0, 4.0]]
        """
        return vectorize.jacobian(self, target, sources, unconnected_gradients)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The jacobian of each example on its own: `(b, n...)` and `(b, m...)` give `(b, n..., m...)`.

        Example i of the target must depend on example i of the source only. Without any dependence the
        result is zeros, whatever `unconnected_gradients` says, as in TensorFlow.
        """
        return vectorize.batch_jacobian(self, target, source, unconnected_gradients)


class _Pause:
    def __init__(self, tape: GradientTape):
        self._tape = tape

    def __enter__(self) -> None:
        self._tape._pop()

    def __exit__(self, *exception: Any) -> None:
        self._tape._push()


def _cotangents(given: Any, targets: list[Any]) -> list[Any]:
    """One cotangent a target, checked against it; None stands for ones, as in what is given."""
    if given is None:
        return [None] * len(targets)
    seeds = nest.flatten(given)
    if len(seeds) != len(targets):
        raise ValueError(f"{len(seeds)} output_gradients were given for {len(targets)} targets.")
    checked: list[Any] = []
    for seed, target in zip(seeds, targets, strict=True):
        if seed is not None:
            to = convert(target)
            seed = convert(seed, hint=to.dtype)
            if seed.dtype is not to.dtype or not compatible(seed._dims, to._dims):
                raise ValueError(
                    f"output_gradients: {describe(seed)} was given for a target that is a "
                    f"{describe(to)}. A cotangent has the dtype and shape of its target."
                )
        checked.append(seed)
    return checked


def _ones(target: Any) -> Tensor:
    """The cotangent a target has by default."""
    if type(target) is not Tensor:
        return ones_like(target)
    array = target._array
    ones = devices.namespace(array).empty(array.shape, array.dtype)
    ones.fill(1)
    return Tensor(ones)
