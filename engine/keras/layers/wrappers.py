"""Layers around layers: TimeDistributed applies one to every step, Bidirectional reads both ways."""

from __future__ import annotations

import copy
from typing import Any

from engine import nest
from engine.dispatch import context
from engine.dtypes import as_dtype
from engine.graph.scan import traced_scan
from engine.keras.layer import Layer
from engine.keras.layers.core import Wrapper
from engine.keras.layers.recurrent_cells import takes_mask, takes_training
from engine.keras.serialization import deserialize_keras_object, serialize_keras_object
from engine.ops.elementwise import cast
from engine.ops.joining import concat, reverse, stack, unstack
from engine.ops.layout import transpose
from engine.tensor import Tensor

__all__ = ["Bidirectional", "TimeDistributed"]

FEW = 4  # steps that are written one after the other into a graph; more of them are a loop


class TimeDistributed(Wrapper):
    """One layer, with one set of weights, applied to every step of `(batch, steps, ...)`.

    Args:
      layer: what is applied to each `(batch, ...)`.

    A mask `(batch, steps)` is handed to the layer step by step, if it takes one.

    >>> import engine as tf
    >>> tf.keras.layers.TimeDistributed(tf.keras.layers.Dense(2))(tf.ones([4, 7, 3])).shape
    TensorShape([4, 7, 2])
    """

    def __init__(self, layer: Any, **kwargs: Any):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer for one step."""
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                f"TimeDistributed expects an input of rank 3 or more, (batch, steps, ...), but its shape is "
                f"{input_shape}."
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Tensor, training: Any = None, mask: Any = None) -> Tensor:
        """The layer's outputs, stacked along axis 1."""
        columns = [_steps_first(inputs)]
        if mask is not None:
            self._check_mask(inputs, mask)
            if takes_mask(self.layer):
                columns.append(_steps_first(mask))

        def step(values: list[Tensor]) -> Tensor:
            options: dict[str, Any] = {}
            if takes_training(self.layer):
                options["training"] = training
            if len(values) > 1:
                options["mask"] = values[1]
            return self.layer.call(values[0], **options)

        steps = inputs.shape[1]
        if not context.tracing or (steps is not None and steps <= FEW):
            rows = zip(*map(unstack, columns), strict=True)
            return _steps_first(stack([step(list(row)) for row in rows]))
        _, outputs = traced_scan(lambda _, values, __: ([], [step(values)]), [], columns)
        return _steps_first(outputs[0])

    def _check_mask(self, inputs: Tensor, mask: Tensor) -> None:
        given, wanted = mask.shape.as_list()[:2], inputs.shape.as_list()[:2]
        fits = len(given) == 2 and all(
            a is None or b is None or a == b for a, b in zip(given, wanted, strict=True)
        )
        if not fits:
            raise ValueError(
                f"TimeDistributed: the mask must begin with the axes (batch, steps) of the inputs, but it "
                f"has shape {mask.shape} and the inputs have shape {inputs.shape}."
            )


def _steps_first(x: Tensor) -> Tensor:
    """Axes 0 and 1 change places."""
    return transpose(x, [1, 0, *range(2, x.ndim)])


_MERGE = {
    "concat": lambda a, b: concat([a, b], -1),
    "sum": lambda a, b: a + b,
    "ave": lambda a, b: (a + b) / 2,
    "mul": lambda a, b: a * b,
    None: lambda a, b: (a, b),
}


class Bidirectional(Layer):
    """A recurrent layer that reads a sequence from the front, and a twin that reads it from the end.

    Schuster and Paliwal, Bidirectional Recurrent Neural Networks (1997).

    Args:
      layer: an RNN such as LSTM; it is copied, not used itself.
      merge_mode: what becomes of the two outputs: 'concat', 'sum', 'mul', 'ave', or None for both.
      backward_layer: the one that goes backwards, by default a copy of `layer` that does.
      weights: what the weights begin with, those of the forward layer first.

    With `return_state` of the layer: (output, forward states..., backward states...).

    Raises:
      ValueError: for another merge mode, or layers that do not fit together.

    >>> import engine as tf
    >>> layer = tf.keras.layers.Bidirectional(tf.keras.layers.GRU(3, return_sequences=True))
    >>> layer(tf.ones([2, 5, 4])).shape
    TensorShape([2, 5, 6])
    """

    _not_in_config = ("autocast", "activity_regularizer", "weights")

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        for given in (layer, backward_layer or layer):
            if not isinstance(given, Layer):
                raise ValueError(f"Bidirectional: a recurrent layer was expected, not {given!r}.")
        if merge_mode not in _MERGE:
            names = ", ".join(repr(name) for name in _MERGE)
            raise ValueError(f"Bidirectional: merge_mode is one of {names}, not {merge_mode!r}.")
        super().__init__(**kwargs)
        self.forward_layer = _twin(layer, "forward_")
        self.backward_layer = backward_layer or _twin(layer, "backward_", go_backwards=True)
        self._check_twins()
        for twin in (self.forward_layer, self.backward_layer):
            if hasattr(
                twin, "zero_output_for_mask"
            ):  # else the state would be merged where nothing is
                twin.zero_output_for_mask = twin.return_sequences
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self._first_weights = weights

    def _check_twins(self) -> None:
        one, other = self.forward_layer, self.backward_layer
        if one.go_backwards == other.go_backwards:
            raise ValueError(
                "Bidirectional: of its two layers one goes backwards, but both have "
                f"go_backwards={one.go_backwards}. Give backward_layer go_backwards=True."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(one, name) != getattr(other, name):
                raise ValueError(
                    f"Bidirectional: both layers need the same {name}, but the forward layer has "
                    f"{getattr(one, name)} and the backward layer {getattr(other, name)}."
                )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make a layer like this one."""
        config = {k: v for k, v in super().get_config().items() if k != "layer"}
        config["layer"] = serialize_keras_object(self.forward_layer)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer with these settings and new weights."""
        config = copy.deepcopy(config)
        for name in ("layer", "backward_layer"):
            if isinstance(config.get(name), dict):
                config[name] = deserialize_keras_object(config[name])
        return super().from_config(config)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Builds both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights:
            half = len(self._first_weights) // 2
            self.forward_layer.set_weights(self._first_weights[:half])
            self.backward_layer.set_weights(self._first_weights[half:])
            self._first_weights = None

    def call(
        self, sequences: Tensor, initial_state: Any = None, mask: Any = None, training: Any = None
    ) -> Any:
        """Both outputs, merged, and the states if they are returned."""
        states = [None, None]
        if initial_state is not None:
            half = len(initial_state) // 2
            states = [initial_state[:half], initial_state[half:]]
        made = []
        for layer, state in zip((self.forward_layer, self.backward_layer), states, strict=True):
            options = {"training": training} if takes_training(layer) else {}
            if takes_mask(layer):
                options["mask"] = mask
            made.append(layer(sequences, initial_state=state, **options))
        after: tuple[Any, ...] = ()
        if self.return_state:
            after = tuple(part for output in made for part in output[1:])
            made = [output[0] for output in made]
        dtype = as_dtype(self.compute_dtype)
        y, y_back = (cast(output, dtype) for output in made)
        if self.return_sequences:
            y_back = reverse(y_back, [1])
        output = _MERGE[self.merge_mode](y, y_back)
        if not self.return_state:
            return output
        return (*output, *after) if self.merge_mode is None else (output, *after)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the input for sequences; states and last outputs have none."""
        given = nest.flatten(mask)[0] if isinstance(mask, (list, tuple)) else mask
        own = given if self.return_sequences else None
        outputs = [own, own] if self.merge_mode is None else [own]
        if not self.return_state:
            return outputs if self.merge_mode is None else own
        count = len(nest.flatten(self.forward_layer.state_size))
        return [*outputs, *[None] * 2 * count]

    @property
    def states(self) -> Any:
        """The states of both layers, if they are kept."""
        one, other = self.forward_layer.states, self.backward_layer.states
        return (*one, *other) if one and other else None

    def reset_state(self) -> None:
        """Makes the states of both layers zeros.

        Raises:
          AttributeError: when the layer is not stateful.
        """
        if not self.stateful:
            raise AttributeError(
                f"Layer {self.name!r} keeps no states: it was made without stateful=True."
            )
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state


def _twin(layer: Layer, prefix: str, **changes: Any) -> Any:
    """A new layer like this one, built if it is, without its weights."""
    wire = serialize_keras_object(layer)
    wire["config"] |= {"name": prefix + layer.name.removeprefix(prefix), **changes}
    made = deserialize_keras_object(wire)
    if hasattr(layer, "use_cudnn"):
        made.use_cudnn = layer.use_cudnn
    return made
