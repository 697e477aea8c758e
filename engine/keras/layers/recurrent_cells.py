"""The cells of recurrent layers: what happens at one step. `rnn` repeats them along a sequence.

A cell has a `state_size` and `call(inputs, states)`, which returns the output and the new states. Those
here are split in two, so that a layer can do the first half for all steps at once: `project` is what
depends on the inputs alone, `advance` what depends on the states too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import nest
from engine.dtypes import as_dtype
from engine.keras import activations, initializers, random
from engine.keras.layer import Layer, _signature
from engine.keras.layers.core import known_size
from engine.keras.weights import constraint_of, regularizer_of
from engine.ops.creation import convert, ones, zeros
from engine.ops.elementwise import cast, ones_like
from engine.ops.joining import concat, split
from engine.ops.layout import reshape, sizes
from engine.ops.linalg import matmul
from engine.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]


class DropoutRNNCell:
    """Dropout for a cell: the same places are dropped at every step of a sequence.

    The masks are drawn at the first step and kept until they are reset, as a layer does after each call.
    """

    dropout: float
    recurrent_dropout: float
    seed_generator: random.SeedGenerator
    dropout_mask_count = 1  # as many as there are gates where each gate drops for itself
    _dropout_mask: list[Tensor] | None = None
    _recurrent_dropout_mask: list[Tensor] | None = None

    def _draw(self, like: Tensor, rate: float) -> list[Tensor]:
        whole = ones_like(like)
        return [
            random.dropout(whole, rate, seed=self.seed_generator)
            for _ in range(self.dropout_mask_count)
        ]

    def get_dropout_mask(self, step_input: Tensor) -> Any:
        """What inputs are multiplied with: a mask, a list of one a gate, or None without dropout."""
        if self._dropout_mask is None and self.dropout > 0:
            self._dropout_mask = self._draw(step_input, self.dropout)
        return self._as_given(self._dropout_mask)

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Any:
        """The same for states."""
        if self._recurrent_dropout_mask is None and self.recurrent_dropout > 0:
            self._recurrent_dropout_mask = self._draw(step_input, self.recurrent_dropout)
        return self._as_given(self._recurrent_dropout_mask)

    def _as_given(self, masks: list[Tensor] | None) -> Any:
        return masks[0] if masks is not None and self.dropout_mask_count == 1 else masks

    def reset_dropout_mask(self) -> None:
        """Forgets the mask, so that the next call draws another."""
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        """The same for states."""
        self._recurrent_dropout_mask = None


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


# What becomes of an argument before it is kept.
_NORMAL = {
    **dict.fromkeys(("activation", "recurrent_activation"), activations.get),
    **dict.fromkeys(
        ("kernel_initializer", "recurrent_initializer", "bias_initializer"), initializers.get
    ),
    **dict.fromkeys(
        ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"), regularizer_of
    ),
    **dict.fromkeys(
        ("kernel_constraint", "recurrent_constraint", "bias_constraint"), constraint_of
    ),
    **dict.fromkeys(("dropout", "recurrent_dropout"), _share),
}


class GatedCell(DropoutRNNCell, Layer):
    """The base of the three cells: kernels for one or more gates, side by side.

    kernel: `(features, gates * units)`; recurrent_kernel: `(units, gates * units)`.
    """

    gates = 1
    size_name = "units"
    inner = 1  # how many axes one example has
    # What `_settle` and `build` set.
    units: int
    state_size: Any
    use_bias: bool
    unit_forget_bias: bool
    reset_after: bool
    activation: Callable[[Tensor], Tensor]
    recurrent_activation: Callable[[Tensor], Tensor]
    bias_initializer: Callable[..., Tensor]
    kernel: Any
    recurrent_kernel: Any
    bias: Any

    def _settle(self, given: dict[str, Any], kwargs: dict[str, Any]) -> None:
        """Keeps the arguments of `__init__`, those of `Layer` aside."""
        size = given[self.size_name]
        if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
            raise ValueError(
                f"{type(self).__name__}: {self.size_name} must be a positive integer, not {size!r}."
            )
        implementation = kwargs.pop("implementation", 2)
        Layer.__init__(self, **kwargs)
        for name, value in given.items():
            if name not in ("self", "kwargs", "__class__"):
                setattr(self, name, _NORMAL[name](value) if name in _NORMAL else value)
        self.seed_generator = random.SeedGenerator(given["seed"])
        # Keras draws one mask a gate when the recurrent one is asked for.
        apart = self.recurrent_dropout != 0 or implementation == 1
        self.dropout_mask_count = self.gates if apart else 1
        self.units = self.state_size = self.output_size = size

    def build(self, input_shape: Any) -> None:
        """Makes the kernels and the bias."""
        features, wide = known_size(self, input_shape, -1), self.gates * self.units
        self._make_weights((features, wide), (self.units, wide))

    def _make_weights(self, kernel: tuple[int, ...], recurrent_kernel: tuple[int, ...]) -> None:
        for name, shape in (
            ("kernel", kernel),
            ("recurrent_kernel", recurrent_kernel),
            ("bias", self._bias_shape()),
        ):
            kind = name.partition("_")[0]  # kernel, recurrent or bias
            made = None
            if name != "bias" or self.use_bias:
                made = self.add_weight(
                    shape,
                    self._bias_start if name == "bias" else getattr(self, f"{kind}_initializer"),
                    regularizer=getattr(self, f"{kind}_regularizer"),
                    constraint=getattr(self, f"{kind}_constraint"),
                    name=name,
                )
            setattr(self, name, made)

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _bias_start(self, shape: Any, dtype: Any) -> Tensor:
        return self.bias_initializer(shape, dtype)

    def _biases(self) -> tuple[Any, Any]:
        """What is added to the projected inputs, and to the projected states."""
        return self.bias, None

    def _by_gate(self, weight: Any) -> list[Tensor]:
        """The parts of a weight, one a gate, in the dtype of computation."""
        tensor = cast(convert(weight), as_dtype(self.compute_dtype))
        return split(tensor, self.gates, axis=-1) if self.gates > 1 else [tensor]

    def project(self, inputs: Tensor, training: Any = False, mask: Any = None) -> list[Tensor]:
        """inputs @ kernel + bias for each gate, of `(..., features)`: of one step, or of all at once."""
        drops = [None]
        if training and 0 < self.dropout < 1:
            found = self.get_dropout_mask(inputs) if mask is None else mask
            drops = found if isinstance(found, list) else [found]
        lead = sizes(inputs)[: -self.inner]  # (batch,), or (steps, batch)
        flat = [inputs if drop is None else inputs * drop for drop in drops]
        if len(lead) > 1:
            flat = [reshape(x, [-1, *sizes(x)[-self.inner :]]) for x in flat]
        kernels = self._by_gate(self.kernel)
        biases = self._by_gate(self._biases()[0]) if self.use_bias else [None] * self.gates
        made = [
            self._projected(flat[gate % len(flat)], kernel, bias)
            for gate, (kernel, bias) in enumerate(zip(kernels, biases, strict=True))
        ]
        return made if len(lead) == 1 else [reshape(x, [*lead, *sizes(x)[1:]]) for x in made]

    def _projected(self, inputs: Tensor, kernel: Tensor, bias: Any) -> Tensor:
        """What one gate makes of its inputs."""
        gated = matmul(inputs, kernel)
        return gated if bias is None else gated + bias

    def _gated(self, h: Tensor, kernel: Tensor) -> Tensor:
        """What one gate makes of the state."""
        return matmul(h, kernel)

    def constants(self, training: Any = False, like: Any = None) -> dict[str, list[Tensor]]:
        """What `advance` needs at every step: the recurrent kernels, biases and dropout masks."""
        found = {"kernels": self._by_gate(self.recurrent_kernel)}
        _, bias = self._biases() if self.use_bias else (None, None)
        if bias is not None:
            found["biases"] = self._by_gate(bias)
        if training and 0 < self.recurrent_dropout < 1:
            masks = self.get_recurrent_dropout_mask(like)
            found["masks"] = masks if isinstance(masks, list) else [masks]
        return found

    def _remembered(self, h: Tensor, constants: dict[str, list[Tensor]], gate: int) -> Tensor:
        """h @ recurrent_kernel + bias of one gate."""
        masks = constants.get("masks")
        gated = self._gated(h if masks is None else h * masks[gate], constants["kernels"][gate])
        return gated + constants["biases"][gate] if "biases" in constants else gated

    def step_settings(self) -> tuple[Any, ...]:
        """All that `advance` depends on besides its arguments and the class."""
        return (
            self.activation,
            getattr(self, "recurrent_activation", None),
            getattr(self, "reset_after", None),
        )

    def advance(
        self, inputs: list[Tensor], states: list[Tensor], constants: dict[str, list[Tensor]]
    ) -> list[Tensor]:
        """The new states, of which the first is the output."""
        raise NotImplementedError

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> tuple[Tensor, Any]:
        """One step: the output and the new states."""
        before = nest.flatten(states)
        made = self.advance(
            self.project(inputs, training), before, self.constants(training, before[0])
        )
        return made[0], made if nest.is_nested(states) else made[0]

    def get_initial_state(self, batch_size: Any = None) -> list[Tensor]:
        """Zeros, `(batch_size, units)` for each state."""
        return [
            zeros([batch_size, size], self.compute_dtype) for size in nest.flatten(self.state_size)
        ]


class SimpleRNNCell(GatedCell):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias), Elman (1990).

    Args:
      units: the size of the state h, which is the output.
      activation: 'tanh' by default; None is linear.
      dropout, recurrent_dropout: the share of inputs, and of states, dropped in training.
      seed: of the dropout.

    Called with inputs `(batch, features)` and a list of one state `(batch, units)`.

    >>> import engine as tf
    >>> cell = tf.keras.layers.SimpleRNNCell(3)
    >>> output, states = cell(tf.ones([2, 4]), [tf.zeros([2, 3])])
    >>> output.shape, len(states)
    (TensorShape([2, 3]), 1)
    """

    def __init__(
        self, units: int, activation: Any = "tanh", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros", kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._settle(locals(), kwargs)

    def advance(
        self, inputs: list[Tensor], states: list[Tensor], constants: dict[str, list[Tensor]]
    ) -> list[Tensor]:
        """The new state."""
        return [self.activation(inputs[0] + self._remembered(states[0], constants, 0))]


class LSTMCell(GatedCell):
    """Hochreiter and Schmidhuber, Long Short-Term Memory (1997), with a forget gate.

    With [i, f, g, o] = x @ kernel + h @ recurrent_kernel + bias, in the order the weights have:

        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    Args:
      units: the size of the states h and c; h is the output.
      activation: for g and c'. recurrent_activation: for the gates i, f and o.
      unit_forget_bias: start with a bias of 1 for f, so that at first the cell remembers.
      dropout, recurrent_dropout, seed: see SimpleRNNCell.

    >>> import engine as tf
    >>> output, (h, c) = tf.keras.layers.LSTMCell(3)(tf.ones([2, 4]), [tf.zeros([2, 3])] * 2)
    >>> bool((output.numpy() == h.numpy()).all())
    True
    """

    gates = 4

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True, kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None, bias_regularizer: Any = None,
        kernel_constraint: Any = None, recurrent_constraint: Any = None,
        bias_constraint: Any = None, dropout: float = 0.0, recurrent_dropout: float = 0.0,
        seed: int | None = None, **kwargs: Any,
    ):  # fmt: skip
        self._settle(locals(), kwargs)
        self.state_size = [self.units, self.units]

    def _bias_start(self, shape: Any, dtype: Any) -> Tensor:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype)
        n = self.units
        one, two = self.bias_initializer((n,), dtype), self.bias_initializer((2 * n,), dtype)
        return concat([one, ones([n], dtype), two], 0)

    def advance(
        self, inputs: list[Tensor], states: list[Tensor], constants: dict[str, list[Tensor]]
    ) -> list[Tensor]:
        """The new h and c."""
        h, c = states
        i, f, g, o = (x + self._remembered(h, constants, k) for k, x in enumerate(inputs))
        gate, squash = self.recurrent_activation, self.activation
        c = gate(f) * c + gate(i) * squash(g)
        return [gate(o) * squash(c), c]


class GRUCell(GatedCell):
    """Cho et al., Learning Phrase Representations (2014), eqs. 5 to 8.

    With the parts of kernel and recurrent_kernel in the order z, r, h:

        z = sigmoid(x @ Wz + h @ Uz),  r = sigmoid(x @ Wr + h @ Ur)
        h' = z * h + (1 - z) * tanh(x @ Wh + r * (h @ Uh))

    Args:
      units: the size of the state h, which is the output.
      activation: for the candidate. recurrent_activation: for the gates z and r.
      reset_after: r multiplies h @ Uh, as above, and there is a second bias, for the states; else it
        multiplies h, as in the paper.
      dropout, recurrent_dropout, seed: see SimpleRNNCell.

    >>> import engine as tf
    >>> output, states = tf.keras.layers.GRUCell(3)(tf.ones([2, 4]), [tf.zeros([2, 3])])
    >>> output.shape
    TensorShape([2, 3])
    """

    gates = 3

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal", bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, recurrent_regularizer: Any = None,
        bias_regularizer: Any = None, kernel_constraint: Any = None,
        recurrent_constraint: Any = None, bias_constraint: Any = None, dropout: float = 0.0,
        recurrent_dropout: float = 0.0, reset_after: bool = True, seed: int | None = None,
        **kwargs: Any,
    ):  # fmt: skip
        self._settle(locals(), kwargs)

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _biases(self) -> tuple[Any, Any]:
        return (self.bias[0], self.bias[1]) if self.reset_after else (self.bias, None)

    def advance(
        self, inputs: list[Tensor], states: list[Tensor], constants: dict[str, list[Tensor]]
    ) -> list[Tensor]:
        """The new state."""
        h, gate = states[0], self.recurrent_activation
        z = gate(inputs[0] + self._remembered(h, constants, 0))
        r = gate(inputs[1] + self._remembered(h, constants, 1))
        if self.reset_after:
            remembered = r * self._remembered(h, constants, 2)
        else:
            remembered = self._remembered(r * h, constants, 2)
        candidate = self.activation(inputs[2] + remembered)
        return [z * h + (1 - z) * candidate]


class StackedRNNCells(Layer):
    """Cells on top of one another as one cell: each is fed the output of the one before.

    Its state is a list with the state of each cell.

    Args:
      cells: a list of cells.

    >>> import engine as tf
    >>> cells = [tf.keras.layers.LSTMCell(3), tf.keras.layers.GRUCell(2)]
    >>> tf.keras.layers.RNN(tf.keras.layers.StackedRNNCells(cells))(tf.ones([1, 5, 4])).shape
    TensorShape([1, 2])
    """

    def __init__(self, cells: Any, **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of all cells' states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """The first states of all cells."""
        return [initial_state_of(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        """Builds each cell for the output of the one before."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def call(
        self, inputs: Tensor, states: Any, training: bool = False, **kwargs: Any
    ) -> tuple[Tensor, Any]:
        """One step of all cells."""
        after = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, made = step_of(cell, inputs, state, training, **kwargs)
            after.append(made)
        return inputs, after


def check_cell(cell: Any) -> None:
    """Raises ValueError for what is no cell."""
    for name, use in (("call", "method"), ("state_size", "attribute")):
        if not hasattr(cell, name):
            raise ValueError(
                f"A recurrent cell needs a `{name}` {use}, but {cell!r} has none. A cell is an object with "
                "call(inputs, states), which returns (output, new states), and state_size."
            )


def _output_size(cell: Any) -> Any:
    found = getattr(cell, "output_size", None)
    size = cell.state_size
    return found if found is not None else size[0] if isinstance(size, (list, tuple)) else size


def initial_state_of(cell: Any, batch_size: Any, dtype: str) -> Any:
    """What a cell begins with: what it says itself, or zeros."""
    own = getattr(cell, "get_initial_state", None)
    if own is not None:
        return own(batch_size=batch_size)
    return nest.map_structure(lambda size: zeros([batch_size, size], dtype), cell.state_size)


def step_of(
    cell: Any, inputs: Tensor, states: Any, training: Any, **kwargs: Any
) -> tuple[Tensor, Any]:
    """One step of any cell: its output, and its new states nested as those that went in."""
    given = list(states) if nest.is_nested(states) else [states]
    if isinstance(cell, Layer) and takes_training(cell):
        kwargs["training"] = training
    output, made = (cell if callable(cell) else cell.call)(inputs, given, **kwargs)
    return output, nest.pack_sequence_as(states, nest.flatten(made))


def takes_training(layer: Layer) -> bool:
    """Whether a layer's `call` tells training from inference."""
    return _signature(type(layer).call).training


def takes_mask(layer: Layer) -> bool:
    """Whether a layer's `call` has an argument for the mask of its input."""
    return "mask" in _signature(type(layer).call).masks
