"""What a layer holds: how weights are made, and how those of the layers inside it are found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine import dtypes
from engine.dispatch import init_scope
from engine.keras import initializers
from engine.keras.calls import call
from engine.ops.elementwise import cast
from engine.spec import TensorShape
from engine.tensor import Tensor
from engine.variable import Variable


class AutocastVariable(Variable):
    """Kept in one dtype and read in another while a layer computes: float32 and float16, say.

    Gradients come back through the cast, so that an optimizer sees the dtype in which it is kept.
    """

    def value(self) -> Tensor:
        """The value, in the compute dtype of the layer that is being called."""
        kept = super().value()
        wanted = call.compute_dtype
        if wanted is None or wanted is self.dtype or not self.dtype.is_floating:
            return kept
        return cast(kept, wanted)

    def assign_add(self, delta: Any, *args: Any, **kwargs: Any) -> Variable:
        """Adds `delta` to the value, in the dtype in which it is kept."""
        return self._store(super().value() + cast(delta, self.dtype), "assign_add")

    def assign_sub(self, delta: Any, *args: Any, **kwargs: Any) -> Variable:
        """Subtracts `delta` from the value, in the dtype in which it is kept."""
        return self._store(super().value() - cast(delta, self.dtype), "assign_sub")


# Attributes whose layers and variables are not the layer's own.
NOT_OWN = {
    "_call",
    "_losses",
    "_inbound_nodes",
    "_weights",
    "_build_shapes",
    "optimizer",
    "_network",
}


def regularizer_of(identifier: Any) -> Any:
    """A regularizer by name, config or as it is; None for None."""
    if identifier is None:
        return None
    from engine.keras import regularizers

    return regularizers.get(identifier)


def constraint_of(identifier: Any) -> Any:
    """The same for constraints."""
    if identifier is None:
        return None
    from engine.keras import constraints

    return constraints.get(identifier)


class WeightHolder:
    """The part of a layer that has to do with its weights."""

    name: str
    built: bool
    dtype_policy: Any
    _trainable: bool
    _weights: list[Variable]

    @property
    def trainable(self) -> bool:
        """Whether gradients update the weights. Setting it sets it for everything inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._born_trainable():
            variable.trainable = self._trainable
        for layer in self.sublayers:
            layer.trainable = value

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes a variable of the layer.

        Differs from Keras: `aggregation` and `overwrite_with_gradient` are there for its callers only.

        Args:
          shape: a tuple; a single number by default.
          initializer: a name, an Initializer or a function of shape and dtype; glorot_uniform for
            floating numbers and zeros for others by default.
          dtype: the layer's `variable_dtype` by default.
          trainable: whether gradients change it.
          autocast: whether it is read in the layer's compute dtype.
          regularizer: a loss of its value, added to those of the layer.
          constraint: what an optimizer applies to it after each step.
          name: 'variable' by default.
        """
        found = dtypes.as_dtype(self.dtype_policy.variable_dtype if dtype is None else dtype)
        default = "glorot_uniform" if found.is_floating else "zeros"
        start = initializers.get(default if initializer is None else initializer)
        sizes = tuple(TensorShape(() if shape is None else shape).as_list())
        if None in sizes:
            raise ValueError(
                f"Layer {self.name!r}: a weight needs a shape that is known, not {sizes}. Build the layer "
                "with sizes for all axes but the batch."
            )
        mixed = (
            autocast
            and self.dtype_policy.compute_dtype != self.dtype_policy.variable_dtype
            and found.is_floating
        )
        kind = AutocastVariable if mixed else Variable
        with init_scope():
            made = kind(
                lambda: start(sizes, found), trainable, f"{self.name}/{name or 'variable'}", found
            )
        made.path = f"{self.name}/{name or 'variable'}"  # type: ignore[attr-defined]
        made.regularizer = regularizer_of(regularizer)  # type: ignore[attr-defined]
        made.constraint = constraint_of(constraint)  # type: ignore[attr-defined]
        made.born_trainable = trainable  # type: ignore[attr-defined]
        if trainable and not self._trainable:
            made.trainable = False
        self._weights.append(made)
        return made

    add_variable = add_weight

    def _held(self) -> Iterator[Any]:
        """The variables and objects with variables in the attributes, in the order they were first set."""
        yield from self._weights
        for name, value in vars(self).items():
            if name not in NOT_OWN:
                yield from _parts(value)

    def _own_variables(self) -> list[Variable]:
        found = {id(v): v for v in self._held() if isinstance(v, Variable)}
        born = {id(v) for v in self._born_trainable(list(found.values()))}
        return sorted(found.values(), key=lambda v: id(v) not in born)  # the trainable ones first

    def _born_trainable(self, variables: list[Variable] | None = None) -> list[Variable]:
        held = variables if variables is not None else self._own_variables()
        return [v for v in held if getattr(v, "born_trainable", v.trainable)]

    def _trackable_children(self) -> dict[str, Any]:
        """What tf.train.Checkpoint looks through for variables: every attribute."""
        return {
            name: value for name, value in vars(self).items() if name not in NOT_OWN - {"optimizer"}
        }

    @property
    def sublayers(self) -> list[Any]:
        """The layers set as attributes, in that order."""
        return list({id(v): v for v in self._held() if isinstance(v, WeightHolder)}.values())

    def _flatten_layers(self) -> list[Any]:
        """The layer itself and all inside it, each once."""
        found: dict[int, Any] = {}
        waiting: list[Any] = [self]
        while waiting:
            layer = waiting.pop(0)
            if id(layer) not in found:
                found[id(layer)] = layer
                waiting = [*layer.sublayers, *waiting]
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """The weights of this layer, those that can be trained first, then those of the layers inside."""
        return list(
            {id(v): v for layer in self._flatten_layers() for v in layer._own_variables()}.values()
        )

    @property
    def variables(self) -> list[Variable]:
        """The weights, and the state of random generators and metrics."""
        found = {id(v): v for v in self.weights}
        for layer in self._flatten_layers():
            for part in layer._held():
                if not isinstance(part, (Variable, WeightHolder)):
                    found |= {id(v): v for v in part.variables}
        return list(found.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        frozen = {
            id(v) for layer in self._flatten_layers() if not layer.trainable for v in layer.weights
        }
        return [v for v in self.weights if v.trainable and id(v) not in frozen]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trained]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Those of `variables` that training leaves alone."""
        trained = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trained]

    def get_weights(self) -> list[Any]:
        """The values of `weights` as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Assigns arrays to `weights`, in order; ValueError when number or shapes differ."""
        own = self.weights
        if len(weights) != len(own):
            raise ValueError(
                f"Layer {self.name!r} has {len(own)} weights, but {len(weights)} arrays were given."
                + ("" if self.built else " It is not built yet: call it on data first.")
            )
        for variable, value in zip(own, weights, strict=True):
            variable.assign(np.asarray(value))

    def count_params(self) -> int:
        """The number of numbers in all weights."""
        return sum(variable.shape.num_elements() or 0 for variable in self.weights)

    def save_own_variables(self, store: Any) -> None:
        """Writes the weights of this layer, without those of layers inside it, as arrays '0', '1', ..."""
        for number, variable in enumerate(self._own_variables()):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote."""
        own = self._own_variables()
        if len(store.keys()) != len(own):
            hint = (
                ""
                if self.built
                else " The layer is not built: call it on data, or build it, first."
            )
            raise ValueError(
                f"Layer {self.name!r} has {len(own)} weights, but the file holds {len(store.keys())} for "
                f"it.{hint}"
            )
        for number, variable in enumerate(own):
            variable.assign(np.asarray(store[str(number)], variable.dtype.as_numpy_dtype))


def _parts(value: Any) -> Iterator[Any]:
    """What holds variables in the value of an attribute: in lists, tuples and dicts too."""
    if isinstance(value, (Variable, WeightHolder)):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _parts(part)
    elif not isinstance(value, type) and hasattr(type(value), "__keras_state__"):
        yield value
