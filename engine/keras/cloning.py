"""Models like other models: made of their configs, with new weights."""

from __future__ import annotations

import json
from typing import Any

from engine import nest
from engine.keras import lambdas
from engine.keras.layer import Layer
from engine.keras.layers.input import Input, InputLayer
from engine.keras.sequential import Sequential
from engine.keras.serialization import deserialize_keras_object
from engine.keras.symbolic import KerasTensor


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A model with new weights from what `model.to_json()` gave."""
    return deserialize_keras_object(json.loads(json_string), custom_objects)


def clone_model(model: Any, input_tensors: Any = None, clone_function: Any = None) -> Any:
    """A model of the same layers with new weights.

    Args:
      model: Sequential or made of inputs and outputs; others are made again from `get_config`.
      input_tensors: a KerasTensor, or a list of them, to take the place of the inputs.
      clone_function: makes the new layer from an old one; from its config by default.
    """
    with lambdas.in_memory():
        return _clone(model, input_tensors, clone_function)


def _clone(model: Any, input_tensors: Any, clone_function: Any) -> Any:
    copy = clone_function or (lambda layer: type(layer).from_config(layer.get_config()))
    if isinstance(model, Sequential):
        layers = [copy(layer) for layer in model.layers]
        declared = input_tensors
        if declared is None and model._declared is not None:
            declared = Input(batch_shape=model._declared.shape, dtype=model._declared.dtype)
        return type(model)([*([] if declared is None else [declared]), *layers], name=model.name)
    if model._network is None:
        return type(model).from_config(model.get_config())
    return _clone_network(model, input_tensors, copy)


def _clone_network(model: Any, input_tensors: Any, copy: Any) -> Any:
    network = model.network
    known: dict[int, Any] = {}
    new_inputs = (
        nest.flatten(input_tensors)
        if input_tensors is not None
        else [Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in network.flat_inputs]
    )
    known = {id(old): new for old, new in zip(network.flat_inputs, new_inputs, strict=True)}
    copies: dict[int, Any] = {}
    for node in network.nodes:
        operation = node.operation
        if isinstance(operation, InputLayer):
            continue
        if id(operation) not in copies:
            copies[id(operation)] = (
                copy(operation)
                if isinstance(operation, Layer)
                else type(operation).from_config(operation.get_config())
            )
        args, kwargs = nest.map_structure(
            lambda part: known[id(part)] if isinstance(part, KerasTensor) else part,
            (node.args, node.kwargs),
        )
        outputs = copies[id(operation)](*args, **kwargs)
        for old, new in zip(nest.flatten(node.outputs), nest.flatten(outputs), strict=True):
            known[id(old)] = new
    inputs, outputs = nest.map_structure(lambda t: known[id(t)], (network.inputs, network.outputs))
    return type(model)(inputs=inputs, outputs=outputs, name=model.name)
