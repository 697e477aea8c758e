"""Recurrent layers: RNN runs any cell along a sequence; SimpleRNN, GRU and LSTM make their own.

What the steps of a cell of `recurrent_cells` have in common is done once, for all of them; the rest is one
`scan` (see `engine.graph.scan`). Eagerly too: the step of such a cell is traced once for given shapes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from engine import nest
from engine.dispatch import context, init_scope
from engine.dtypes import as_dtype, bool_
from engine.graph.scan import scan, scan_program, traced_scan
from engine.keras.input_spec import InputSpec
from engine.keras.layer import Layer
from engine.keras.layers.recurrent_cells import (
    GatedCell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    check_cell,
    initial_state_of,
    step_of,
)
from engine.keras.lookup import snake_case
from engine.ops.creation import convert
from engine.ops.elementwise import cast, where, zeros_like
from engine.ops.joining import reverse, stack, unstack
from engine.ops.layout import expand_dims, sizes, transpose
from engine.ops.reduce import reduce_any
from engine.ops.slicing import getitem
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable

__all__ = ["GRU", "LSTM", "RNN", "SimpleRNN"]

KEPT = 64  # programs of steps, one for each cell's settings and shapes
_programs: dict[Any, Any] = {}


class _States:
    """Variables that a layer keeps from call to call, and that are none of its weights."""

    def __init__(self, variables: Any):
        self.structure = variables


class RNN(Layer):
    """Runs a cell along the second axis of its input, `(batch, steps, features)`.

    Args:
      cell: an object with `call(inputs, states)`, which returns the output and the new states, and with
        `state_size`; or a list of cells, one on top of the other.
      return_sequences: give the outputs of all steps, `(batch, steps, units)`, not the last one alone.
      return_state: give the last states too: (output, state, ...).
      go_backwards: begin with the last step; outputs come in that order.
      stateful: begin with the states in which the last batch ended; `reset_state` forgets them.
      unroll: write every step into the graph, instead of a loop: faster for few steps, slow to trace.
      zero_output_for_mask: give zeros, not the output of the step before, where the mask is False.

    Called with `initial_state`, the states to begin with, else zeros; `mask`, `(batch, steps)`, where False
    leaves the states of that step as they were; and `training`, which is for the cell.

    Raises:
      ValueError: for a cell without `call` or `state_size`, a stateful layer whose batch changes its size,
        or `unroll` of an unknown number of steps.

    >>> import engine as tf
    >>> layer = tf.keras.layers.RNN(tf.keras.layers.LSTMCell(3), return_state=True)
    >>> [part.shape.as_list() for part in layer(tf.ones([2, 5, 4]))]
    [[2, 3], [2, 3], [2, 3]]
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        check_cell(self.cell)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        size = self.cell.state_size
        self.state_size = list(size) if isinstance(size, (list, tuple)) else [size]
        self._kept: _States | None = None

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds the cell for the shape of one step."""
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))

    # --- states -------------------------------------------------------------------------------------

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """What the cell begins with, one tensor (or structure) a state."""
        found = initial_state_of(self.cell, batch_size, self.compute_dtype)
        return list(found) if nest.is_nested(found) else [found]

    @property
    def states(self) -> Any:
        """The Variables of a stateful layer, once it was called."""
        return None if self._kept is None else self._kept.structure

    def reset_state(self) -> None:
        """Makes the states of a stateful layer zeros."""
        for variable in nest.flatten(self.states or []):
            variable.assign(zeros_like(variable))

    reset_states = reset_state

    def _states_now(self, sequences: Tensor) -> Any:
        batch = sequences.shape[0]
        if self._kept is None:
            if batch is None:
                raise ValueError(
                    f"Layer {self.name!r} is stateful, so it needs to know the size of the batch: give it "
                    "with Input(batch_size=...) or Input(batch_shape=...)."
                )
            with init_scope():
                dtype = as_dtype(self.variable_dtype)
                self._kept = _States(
                    nest.map_structure(
                        lambda state: Variable(
                            cast(state, dtype), trainable=False, name="rnn_state"
                        ),
                        self.get_initial_state(batch),
                    )
                )
        expected = nest.flatten(self._kept.structure)[0].shape[0]
        if batch is not None and batch != expected:
            raise ValueError(
                f"Layer {self.name!r} is stateful and keeps the states of {expected} sequences, but a batch "
                f"of {batch} was given. Use batches of one size."
            )
        return nest.map_structure(lambda variable: variable.value(), self._kept.structure)

    # --- running ------------------------------------------------------------------------------------

    def call(
        self, sequences: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
    ) -> Any:
        """The last output, or all of them; with `return_state` the states too."""
        if self.unroll and sequences.shape[1] is None:
            raise ValueError(
                f"Layer {self.name!r} cannot be unrolled: the number of steps is not known. Give it with "
                "Input((steps, features)), or leave out unroll=True."
            )
        if initial_state is not None:
            start = initial_state
        elif self.stateful:
            start = self._states_now(sequences)
        else:
            start = self.get_initial_state(sizes(sequences)[0])
        start = list(start) if isinstance(start, (list, tuple)) else [start]
        inner = as_dtype(getattr(self.cell, "compute_dtype", self.compute_dtype))
        start = nest.map_structure(lambda state: cast(convert(state), inner), start)
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        last, outputs, states = self.inner_loop(sequences, start, mask, training)
        if self.stateful:
            self._states_now(sequences)
            for variable, state in zip(
                nest.flatten(self.states), nest.flatten(states), strict=True
            ):
                variable.assign(cast(state, variable.dtype))
        dtype = as_dtype(self.compute_dtype)
        output = cast(outputs if self.return_sequences else last, dtype)
        if self.return_state:
            return (output, *nest.map_structure(lambda state: cast(state, dtype), states))
        return output

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Any, training: Any) -> Any:
        """The steps: the last output, all outputs (None unless they are returned), the last states."""
        run = _Run(self, initial_state, mask, training)
        try:
            return run(sequences)
        finally:
            _forget_masks(self.cell)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the input for a sequence; states and a last output have none."""
        given = nest.flatten(mask)[0] if isinstance(mask, (list, tuple)) else mask
        own = given if self.return_sequences else None
        return [own, *[None] * len(self.state_size)] if self.return_state else own


def _forget_masks(cell: Any) -> None:
    for part in getattr(cell, "cells", [cell]):
        if hasattr(part, "reset_dropout_mask"):
            part.reset_dropout_mask()
            part.reset_recurrent_dropout_mask()


class _Run:
    """One call of a recurrent layer: its step, and what goes along with it."""

    def __init__(self, layer: RNN, states: Any, mask: Any, training: Any):
        self.layer, self.cell, self.training = layer, layer.cell, training
        self.structure, self.states = states, nest.flatten(states)
        self.mask = mask
        self.zeros = layer.zero_output_for_mask and mask is not None
        # The output of a step is most often its first state: then it need not be kept apart.
        self.all_outputs = layer.return_sequences or self.zeros
        # A cell of ours; what a subclass of somebody else's computes is not known.
        ours = type(self.cell).__module__.startswith("engine.keras.layers.")
        self.split = isinstance(self.cell, GatedCell) and ours

    def __call__(self, sequences: Tensor) -> Any:
        layer = self.layer
        by_time = transpose(sequences, [1, 0, *range(2, sequences.ndim)])
        columns = [by_time]
        constants: dict[str, list[Tensor]] = {}
        if self.split:
            columns = self._projected(by_time, sequences)
            constants = self.cell.constants(self.training, self.states[0])
        elif context.tracing:
            self._draw_masks(sequences)
        if self.mask is not None:
            columns.append(self._mask_by_time())
        if layer.unroll and context.tracing:
            states, outputs = self._step_by_step(columns, constants)
        elif self.split and _pure(self.cell):
            states, outputs = self._scanned(columns, constants)
        elif context.tracing:
            states, outputs = traced_scan(
                lambda s, e, _: self._step(s, e, constants),
                self.states,
                columns,
                layer.go_backwards,
            )
        else:
            states, outputs = self._step_by_step(columns, constants)
        made = outputs[0] if outputs else None
        if made is not None and layer.go_backwards:
            made = reverse(made, [0])
        last = states[0] if made is None else getitem(made, -1)
        if made is not None and layer.return_sequences:
            made = transpose(made, [1, 0, *range(2, made.ndim)])
        return last, made, nest.pack_sequence_as(self.structure, states)

    def _projected(self, by_time: Tensor, sequences: Tensor) -> list[Tensor]:
        mask = None
        if self.training and 0 < self.cell.dropout < 1:
            mask = self.cell.get_dropout_mask(getitem(sequences, (slice(None), 0)))
        return self.cell.project(by_time, self.training, mask)

    def _mask_by_time(self) -> Tensor:
        mask = cast(convert(self.mask), bool_)
        mask = expand_dims(mask, -1) if mask.ndim == 2 else reduce_any(mask, -1, keepdims=True)
        return transpose(mask, [1, 0, *range(2, mask.ndim)])

    def _draw_masks(self, sequences: Tensor) -> None:
        """Draws the dropout masks of a cell before a loop in a graph, which all of its steps share."""
        stacked = isinstance(self.cell, StackedRNNCells)
        cells = self.cell.cells if stacked else [self.cell]
        drops = [
            getattr(cell, "dropout", 0) or getattr(cell, "recurrent_dropout", 0) for cell in cells
        ]
        if not self.training or not any(drops):
            return
        inputs = getitem(sequences, (slice(None), 0))
        states = self.structure if stacked else [self.structure]
        for cell, state in zip(cells, states, strict=True):
            if hasattr(cell, "get_dropout_mask"):
                cell.get_dropout_mask(inputs)
                cell.get_recurrent_dropout_mask(nest.flatten(state)[0])
            if cell is not cells[-1]:
                inputs, _ = step_of(cell, inputs, state, self.training)

    # --- one step -----------------------------------------------------------------------------------

    def _step(
        self, states: list[Tensor], elements: list[Tensor], constants: dict[str, list[Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The new states, and the output where it is wanted for itself."""
        inputs = elements if self.mask is None else elements[:-1]
        if self.split:
            made = self.cell.advance(inputs, states, constants)
            output = made[0]
        else:
            structure = nest.pack_sequence_as(self.structure, states)
            output, after = step_of(self.cell, inputs[0], structure, self.training)
            made = nest.flatten(after)
        apart = output is not made[0]
        if self.mask is not None:
            keep = elements[-1]
            before = states[0]
            if isinstance(self.structure[-1], (list, tuple)):  # stacked cells: that of the last one
                before = nest.pack_sequence_as(self.structure, states)[-1][0]
            masked = [_where(keep, new, old) for new, old in zip(made, states, strict=True)]
            if self.zeros:
                output = _where(keep, output, zeros_like(output))
            else:
                output = _where(keep, output, before) if apart else masked[0]
            made = masked
        return made, [output] if self.all_outputs or apart else []

    def _step_by_step(self, columns: list[Tensor], constants: Any) -> Any:
        """Every step by itself; what comes out is as for `scan`."""
        rows = list(zip(*map(unstack, columns), strict=True))
        states, outputs = self.states, []
        for row in reversed(rows) if self.layer.go_backwards else rows:
            states, output = self._step(states, list(row), constants)
            outputs.append(output)
        if self.layer.go_backwards:
            outputs.reverse()
        return states, [stack(column) for column in zip(*outputs, strict=True)]

    def _scanned(self, columns: list[Tensor], constants: dict[str, list[Tensor]]) -> Any:
        flat = [part for parts in constants.values() for part in parts]
        layout = tuple((name, len(parts)) for name, parts in constants.items())
        states = [TensorSpec(t.spec.dims, t.dtype) for t in self.states]
        elements = [TensorSpec(_rest(t.spec.dims), t.dtype) for t in columns]
        fixed = [TensorSpec(t.spec.dims, t.dtype) for t in flat]
        shapes = [(spec.dims, spec.dtype) for spec in (*states, *elements, *fixed)]
        kind, settings = type(self.cell), self.cell.step_settings()
        options = (self.all_outputs, self.zeros, self.mask is None)
        key = (kind, *settings, *options, layout, *shapes)
        program = _programs.get(key)
        if program is None:

            def step(before: Any, row: Any, same: list[Tensor]) -> Any:
                supply = iter(same)
                given = {name: [next(supply) for _ in range(n)] for name, n in layout}
                return self._step(before, row, given)

            if len(_programs) >= KEPT:
                _programs.clear()
            program = _programs[key] = scan_program(
                step, states, elements, fixed, snake_case(kind.__name__)
            )
        return scan(program, self.states, columns, flat, self.layer.go_backwards)


def _rest(dims: Any) -> Any:
    return None if dims is None else dims[1:]


def _where(keep: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` for the examples that are kept, of states of any rank."""
    for _ in range(new.ndim - keep.ndim):
        keep = expand_dims(keep, -1)
    return where(keep, new, old)


def _pure(cell: GatedCell) -> bool:
    """Whether all that a cell calls is the engine's, so that nobody notices that it is traced."""
    functions = [cell.activation, getattr(cell, "recurrent_activation", None)]
    return all(f is None or f.__module__.startswith("engine.") for f in functions)


# --- layers that make their own cell ------------------------------------------------------------------


def _reader(name: str) -> Callable[[Any], Any]:
    return lambda layer: getattr(layer.cell, name)


def _speaks_for(kind: type) -> Callable[[type], type]:
    """Decorator: the settings of the cell can be read at the layer."""

    def add(layer: type) -> type:
        for name in list(inspect.signature(kind).parameters)[:-1]:
            own = property(_reader(name))
            own.__doc__ = f"The `{name}` of the cell."
            setattr(layer, name, own)
        return layer

    return add


class _OfCell(RNN):
    """The base of layers that are given the settings of their cell."""

    _not_in_config: tuple[str, ...] = ("autocast", "cell", "use_cudnn")
    use_cudnn: Any

    def _settle(self, kind: type, given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        """`given`: the arguments of `__init__`, some for the cell, the others for RNN."""
        given = {
            name: v for name, v in given.items() if name not in ("self", "kwargs", "__class__")
        }
        use_cudnn = given.pop("use_cudnn", "auto")
        if use_cudnn not in ("auto", True, False):
            raise ValueError(f"use_cudnn must be 'auto', True or False, not {use_cudnn!r}.")
        own = [name for name in inspect.signature(kind).parameters if name in given]
        shared: dict[str, Any] = {
            name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs
        }
        shared["implementation"] = kwargs.pop("implementation", 2)
        settings = {name: given.pop(name) for name in own}
        cell = kind(**settings, **shared, name=snake_case(kind.__name__))
        RNN.__init__(self, cell, **given, **kwargs)
        self.use_cudnn = use_cudnn
        self.input_spec = InputSpec(ndim=3)


@_speaks_for(SimpleRNNCell)
class SimpleRNN(_OfCell):
    """`SimpleRNNCell` along a sequence: `(batch, steps, features)` gives `(batch, units)`.

    See SimpleRNNCell for the settings of the cell and RNN for the others. With `return_sequences`,
    `(batch, steps, units)`.

    >>> import engine as tf
    >>> tf.keras.layers.SimpleRNN(3)(tf.ones([2, 5, 4])).shape
    TensorShape([2, 3])
    """

    _not_in_config = (*_OfCell._not_in_config, "seed")  # Keras leaves it out here, and here alone

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._settle(SimpleRNNCell, locals(), kwargs)


@_speaks_for(LSTMCell)
class LSTM(_OfCell):
    """`LSTMCell` along a sequence: `(batch, steps, features)` gives `(batch, units)`.

    See LSTMCell for the settings of the cell and RNN for the others. With `return_sequences`,
    `(batch, steps, units)`; the states are h and c. `use_cudnn` is accepted.

    >>> import engine as tf
    >>> outputs, h, c = tf.keras.layers.LSTM(3, return_sequences=True, return_state=True)(tf.ones([2, 5, 4]))
    >>> outputs.shape, bool((outputs[:, -1] == h).numpy().all())
    (TensorShape([2, 5, 3]), True)
    """

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, seed: int | None = None, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False,
        unroll: bool = False, use_cudnn: Any = "auto", **kwargs: Any,
    ):  # fmt: skip
        self._settle(LSTMCell, locals(), kwargs)


@_speaks_for(GRUCell)
class GRU(_OfCell):
    """`GRUCell` along a sequence: `(batch, steps, features)` gives `(batch, units)`.

    See GRUCell for the settings of the cell and RNN for the others. With `return_sequences`,
    `(batch, steps, units)`. `use_cudnn` is accepted.

    >>> import engine as tf
    >>> tf.keras.layers.GRU(3, return_sequences=True)(tf.ones([2, 5, 4])).shape
    TensorShape([2, 5, 3])
    """

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None,
        bias_regularizer: Any = None, activity_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        seed: int | None = None, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, unroll: bool = False,
        reset_after: bool = True, use_cudnn: Any = "auto", **kwargs: Any,
    ):  # fmt: skip
        self._settle(GRUCell, locals(), kwargs)
