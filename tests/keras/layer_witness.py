"""One check for every layer: made in both packages from the same arguments, it is the same layer.

`check_layer(("Dense", {"units": 3}), x)` makes the layer here and in Keras, and compares configs, weights,
outputs, losses, changed state, gradients (Keras's by jax.grad), symbolic shapes and a copy made from the
config that Keras writes. What a layer adds to that, its own test says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import engine as tf
from engine.keras.lookup import clear_names
from engine.keras.serialization import deserialize_keras_object
from tests.keras.witness import as_json, close, jax, keras, same_config

jnp = jax.numpy

__all__ = ["check_layer", "floats", "make_both", "tree", "weight_name"]

Maker = tuple[str, dict[str, Any]] | Callable[[Any], Any]


def floats(*shape: int, seed: int = 0, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Uniform float32 numbers; the same for the same arguments."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def tree(function: Callable[[Any], Any], structure: Any) -> Any:
    """The function of every leaf of a structure of lists, tuples and dicts; None stays."""
    if isinstance(structure, dict):
        return {key: tree(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(tree(function, value) for value in structure)
    return None if structure is None else function(structure)


def leaves(structure: Any) -> list[Any]:
    """The leaves that are not None, in order."""
    found: list[Any] = []
    tree(found.append, structure)
    return found


def weight_name(variable: Any) -> str:
    """'kernel' for 'dense/kernel:0' as for 'kernel'."""
    return str(variable.name).split(":")[0].split("/")[-1]


def make_both(make: Maker) -> tuple[Any, Any]:
    """The layer here and in Keras, under the same automatic name.

    `make` is a name and arguments, or a function of the keras namespace of either package.
    """
    keras.src.utils.naming.reset_uids()
    clear_names()
    if callable(make):
        return make(tf.keras), make(keras)
    name, arguments = make
    return getattr(tf.keras.layers, name)(**arguments), getattr(keras.layers, name)(**arguments)


def _waves(array: Any, namespace: Any) -> Any:
    """A fixed cotangent that is different for every element."""
    count = int(np.prod(array.shape))
    return namespace.cos(np.arange(count, dtype=np.float32) + 1.0).reshape(array.shape)


def _is_number(array: Any) -> bool:
    return np.asarray(array).ndim > 0 and np.asarray(array).dtype.kind in "biuf"


def _is_float(array: Any) -> bool:
    return np.issubdtype(np.asarray(array).dtype, np.floating)


class _Theirs:
    """Output, losses, new state and gradients of the layer of Keras."""

    def __init__(self, layer: Any, call: dict[str, Any]):
        self.layer, self.call = layer, call

    def __call__(self, inputs: tuple[Any, ...]) -> Any:
        layer = self.layer
        trained = [v.value for v in layer.trainable_variables]
        state = [v.value for v in layer.non_trainable_variables]
        places = [i for i, leaf in enumerate(leaves(inputs)) if _is_float(leaf)]

        def run(trained: Any, moving: Any) -> Any:
            remaining = list(leaves(inputs))
            for place, value in zip(places, moving, strict=True):
                remaining[place] = value
            feed = iter(remaining)
            args = tree(lambda _: jnp.asarray(next(feed)), inputs)
            # As stateless_call does, but through __call__, which adds the activity regularizer.
            values = zip(
                [*layer.trainable_variables, *layer.non_trainable_variables],
                [*trained, *state],
                strict=True,
            )
            with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
                out, losses = layer(*args, **self.call), layer.losses
                new = [scope.get_current_value(v) for v in layer.non_trainable_variables]
            total = sum((jnp.sum(o * _waves(o, np)) for o in leaves(out) if _is_traced(o)), 0.0)
            return total + sum(losses, 0.0), (out, losses, new)

        moving = [leaves(inputs)[place] for place in places]
        differentiate = jax.value_and_grad(run, argnums=(0, 1), has_aux=True)
        (_, aux), (by_weight, by_input) = jax.jit(differentiate)(trained, moving)
        kept = {id(v) for v in layer.weights}  # without the states of random generators
        after = zip(layer.non_trainable_variables, aux[2], strict=True)
        new = [value for variable, value in after if id(variable) in kept]
        return aux[0], aux[1], new, by_weight, by_input


def _is_traced(value: Any) -> bool:
    return jnp.issubdtype(value.dtype, jnp.floating)


def _ours(layer: Any, inputs: tuple[Any, ...], call: dict[str, Any]) -> Any:
    """The same of the layer here: output, losses and gradients."""
    tensors = tree(tf.constant, inputs)
    moving = [t for t in leaves(tensors) if t.dtype.is_floating]
    with tf.GradientTape() as tape:
        for tensor in moving:
            tape.watch(tensor)
        out = layer(*tensors, **call)
        losses = list(layer.losses)
        parts = [tf.reduce_sum(o * _waves(o, np)) for o in leaves(out) if o.dtype.is_floating]
        total = tf.add_n([*parts, *losses, tf.constant(0.0)])
    sources = list(layer.trainable_variables) + moving
    found = tape.gradient(total, sources, unconnected_gradients="zero")
    count = len(layer.trainable_variables)
    return out, losses, found[:count], found[count:]


def _same_weights(ours: Any, theirs: Any) -> None:
    def facts(layer: Any) -> list[Any]:
        return [(weight_name(w), tuple(w.shape), bool(w.trainable)) for w in layer.weights]

    assert facts(ours) == facts(theirs)
    trained = [[weight_name(w) for w in layer.trainable_weights] for layer in (ours, theirs)]
    assert trained[0] == trained[1]


def _shift_weights(layer: Any) -> None:
    """Positive, different numbers added to the weights, so that ones and zeros do not hide anything."""
    rng = np.random.default_rng(7)
    layer.set_weights(
        [
            w + rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) if _is_float(w) else w
            for w in (np.asarray(weight.value) for weight in layer.weights)
        ]
    )


def _symbols(namespace: Any, inputs: tuple[Any, ...], whole: bool = False) -> Any:
    """Symbolic inputs; their batch size is known in those of the `whole` shape."""

    def symbol(array: Any) -> Any:
        size = array.shape[0] if whole else None
        dtype = np.asarray(array).dtype.name
        return namespace.Input(shape=array.shape[1:], batch_size=size, dtype=dtype)

    return tree(symbol, inputs)


def _same_shapes(ours: Any, theirs: Any, inputs: tuple[Any, ...]) -> None:
    """Shapes and dtypes for symbolic inputs whose batch size is unknown."""

    def facts(out: Any) -> Any:
        return [[str(getattr(o.dtype, "name", o.dtype)), *o.shape] for o in leaves(out)]

    own, other = ours(*_symbols(tf.keras, inputs)), theirs(*_symbols(keras, inputs))
    for found, expected in zip(facts(own), facts(other), strict=True):
        # Here a size may be known that Keras leaves open.
        merged = [a if b is None else b for a, b in zip(found, expected, strict=True)]
        assert found == merged, (found, expected)


def check_layer(
    make: Maker,
    *inputs: Any,
    call: dict[str, Any] | None = None,
    training: Sequence[bool | None] = (None,),
    gradients: bool = True,
    symbolic: bool = True,
    shift: bool = True,
    tolerance: float = 2e-5,
) -> tuple[Any, Any]:
    """Asserts all of the above, and returns both layers.

    Args:
      make: (name, arguments), or a function of `tf.keras` or `keras` that returns the layer.
      inputs: NumPy arrays, the positional arguments of the call; each may be a list or a dict of arrays.
      call: keyword arguments of the call, none of them differentiated.
      training: the values of `training` to call with; None leaves it out. Only where nothing is random.
      gradients: whether gradients are compared, by trainable weights and float inputs.
      symbolic: whether shapes for a batch of unknown size are compared.
      shift: whether the weights are moved away from their first values.
      tolerance: relative and absolute.
    """
    given = dict(call or {})
    arrays = {key: value for key, value in given.items() if isinstance(value, np.ndarray)}
    own_given = {**given, **tree(tf.constant, arrays)}
    their_given = {**given, **tree(jnp.asarray, arrays)}
    ours, theirs = make_both(make)
    same_config(ours, theirs)
    if given or not all(_is_number(leaf) for leaf in leaves(inputs)):
        theirs(*tree(jnp.asarray, inputs), **their_given)
    else:  # builds it without compiling one operation after the other
        theirs(*_symbols(keras, inputs, whole=True))
    ours(*tree(tf.constant, inputs), **own_given)
    same_config(ours, theirs)  # now with the shape they were built for
    _same_weights(ours, theirs)
    if shift:
        _shift_weights(theirs)
    start = [np.asarray(w.value) for w in theirs.weights]
    compiled = tf.function(lambda *args, **options: _ours(ours, args, options))
    for mode in training:
        extra = {} if mode is None else {"training": mode}
        oracle = _Theirs(theirs, {**their_given, **extra})
        expected, their_losses, new, by_weight, by_input = oracle(inputs)
        for run in (lambda *a, **o: _ours(ours, a, o), compiled):
            ours.set_weights(start)
            out, losses, own_by_weight, own_by_input = run(
                *tree(tf.constant, inputs), **own_given, **extra
            )
            close(out, expected, tolerance)
            close(losses, their_losses, tolerance)
            close([w for w in ours.weights if not w.trainable], new, tolerance)
            if gradients:
                close(own_by_weight, by_weight, tolerance)
                close(own_by_input, by_input, tolerance)
    ours.set_weights(start)
    if symbolic:
        _same_shapes(ours, theirs, inputs)
    _same_copy(ours, theirs, inputs, own_given, start, tolerance)
    return ours, theirs


def _same_copy(
    ours: Any, theirs: Any, inputs: Any, call: dict[str, Any], start: Any, tolerance: float
) -> None:
    """The config that Keras writes makes an equal layer here, and so does our own."""
    wire = json.loads(json.dumps(keras.saving.serialize_keras_object(theirs)))
    copy = deserialize_keras_object(wire)
    assert type(copy) is type(ours)
    own = as_json(ours.get_config())
    assert as_json(copy.get_config()) == own
    assert as_json(type(ours).from_config(ours.get_config()).get_config()) == own
    tensors = tree(tf.constant, inputs)
    copy(*tensors, **call)
    copy.set_weights(start)
    close(copy(*tensors, **call), ours(*tensors, **call), tolerance)
