"""`model.summary()`: the layers as a table, as Keras prints it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from engine import nest
from engine.keras.functional import is_functional
from engine.keras.layers.input import InputLayer
from engine.keras.symbolic import KerasTensor

_CORNERS = {
    k: tuple(v) for k, v in {"top": "┏┳┓", "head": "┡╇┩", "row": "├┼┤", "end": "└┴┘"}.items()
}


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Prints one row a layer: name and class, output shape, number of parameters.

    A model that is not one chain of layers gets a fourth column, with the layers each is connected to.

    Args:
      model: a built model.
      line_length: the width in characters. By default 88, with a fourth column 108, with show_trainable 12
        more, but no more than the terminal has.
      positions: the end of each column as a part of the width, `[0.45, 0.8, 1.0]`, or in characters.
      print_fn: called with the text instead of printing it.
      expand_nested: shows the layers of models inside the model.
      show_trainable: adds a column that says whether the layer is trained.
      layer_range: two names; only the layers from the first to the second are shown.

    Raises:
      ValueError: when the model is not built.
    """
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} is not built: the shape of its input is unknown. Give its first "
            "layer an input_shape, start with tf.keras.Input(shape), or call the model on data."
        )
    head = ["Layer (type)", "Output Shape", "Param #"]
    connected = is_functional(model) and not _is_chain(model)
    if connected:
        head.append("Connected to")
    if show_trainable:
        head.append("Trainable")
    rows = _rows(
        model, model._network if connected else None, show_trainable, expand_nested, layer_range
    )
    widths = _widths(connected, show_trainable, line_length, positions)
    adjust = "<<><^" if connected else "<<>^"
    lines = [f'Model: "{model.name}"', _rule(widths, "top", "━"), *_row(head, widths, adjust, "┃")]
    lines.append(_rule(widths, "head", "━"))
    for number, row in enumerate(rows):
        if number:
            lines.append(_rule(widths, "row", "─"))
        lines += _row(row, widths, adjust, "│")
    lines.append(_rule(widths, "end", "─"))
    (print_fn or print)("\n".join([*lines, *_totals(model)]))


def _totals(model: Any) -> list[str]:
    optimizer = getattr(model, "optimizer", None)
    state = list(optimizer.variables) if optimizer is not None and optimizer.built else []
    parts = {
        "Trainable params": model.trainable_weights,
        "Non-trainable params": model.non_trainable_weights,
        **({"Optimizer params": state} if state else {}),
    }
    everything = [v for variables in parts.values() for v in variables]
    return [
        f" {what}: {_amount(found)}"
        for what, found in ({"Total params": everything} | parts).items()
    ]


def _amount(variables: list[Any]) -> str:
    counts = [v.shape.num_elements() or 0 for v in variables]
    size = float(sum(n * v.dtype.size for n, v in zip(counts, variables, strict=True)))
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{sum(counts):,} ({size:.2f} {unit})"
        size /= 1024
    return f"{sum(counts):,} ({size:.2f} GB)"


def _is_chain(model: Any) -> bool:
    """Whether every layer takes the output of the one before, and nothing else."""
    nodes = model._network.nodes
    if len(model._network.flat_inputs) != 1 or len({id(n.operation) for n in nodes}) != len(nodes):
        return False
    return all(
        len(node.tensors) == 1 and node.tensors[0]._keras_history[0] is before.operation
        for before, node in pairwise(nodes)
    )


def _rows(
    model: Any,
    network: Any,
    show_trainable: bool,
    expand: bool,
    layer_range: Any,
    depth: int = 0,
) -> list[list[str]]:
    rows = []
    for layer in _chosen(_operations(model) if not depth else model.layers, layer_range):
        cells = [
            f"{'   ' * depth}{'└ ' if depth else ''}{layer.name} ({type(layer).__name__})",
            _output_shape(layer),
            _parameters(layer),
        ]
        if network is not None:
            cells.append(_sources(network, layer))
        if show_trainable:
            weights = getattr(layer, "weights", [])
            cells.append("-" if not weights else "Y" if layer.trainable else "N")
        rows.append(cells)
        if expand and hasattr(layer, "layers"):
            rows += _rows(layer, network, show_trainable, expand, None, depth + 1)
    return rows


def _operations(model: Any) -> list[Any]:
    """What a model is made of: operators between its tensors count with the layers."""
    return list(model._network.operations) if is_functional(model) else model.layers


def _parameters(layer: Any) -> str:
    if not hasattr(layer, "built"):
        return "0"
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def _chosen(layers: list[Any], layer_range: Any) -> list[Any]:
    if layer_range is None:
        return layers
    names = [layer.name for layer in layers]
    missing = [name for name in layer_range if name not in names]
    if missing:
        raise ValueError(f"layer_range names {missing}, but the layers are {names}.")
    first, last = sorted(names.index(name) for name in layer_range)
    return layers[first : last + 1]


def _output_shape(layer: Any) -> str:
    """The shape of what a layer gives; what it would give for the shape it was built for."""
    if layer._inbound_nodes:
        shapes = nest.map_structure(lambda t: str(t.shape), layer._inbound_nodes[-1].outputs)
        shapes = list(shapes) if isinstance(shapes, tuple) else shapes
    elif (built_for := layer.get_build_config()) and "input_shape" in built_for:
        try:
            shapes = str(layer.compute_output_shape(built_for["input_shape"]))
        except (NotImplementedError, TypeError, ValueError):
            return "?"
    else:
        return "?"
    flat = nest.flatten(shapes)
    return flat[0] if len(flat) == 1 else str(shapes).replace("'", "")


def _sources(network: Any, layer: Any) -> str:
    """Where the inputs of a layer come from; "-" for one that the network has inside another model."""
    found = []
    for node in network.nodes:
        if node.operation is layer and not isinstance(layer, InputLayer):
            for tensor in node.tensors:
                found.append(_source(tensor))
    return ", ".join(found) or "-"


def _source(tensor: KerasTensor) -> str:
    history: Any = tensor._keras_history
    operation, number, output = history
    return f"{operation.name}[{number}][{output}]"


def _widths(
    connected: bool, show_trainable: bool, line_length: int | None, positions: Any
) -> list[int]:
    """The widths of the columns between their bars: parts of the line, and all give way to the bars."""
    default = (108 if connected else 88) + (12 if show_trainable else 0)
    line_length = line_length or min(default, shutil.get_terminal_size().columns - 4)
    positions = positions or ([0.3, 0.56, 0.74, 1.0] if connected else [0.45, 0.8, 1.0])
    if show_trainable:
        positions = [p * 0.9 for p in positions] + [1.0]
    ends = [int(p * line_length) if p <= 1 else int(p) for p in positions]
    widths = [end - begin + 2 for begin, end in zip([0, *ends], ends, strict=False)]
    excess = sum(widths) - (line_length - len(widths) - 1)
    for i in range(len(widths)):
        share = round(excess / (len(widths) - i))
        widths[i] -= share
        excess -= share
    if min(widths) < 4:
        raise ValueError(
            f"line_length={line_length} leaves no room for the {len(widths)} columns of the summary."
        )
    return widths


def _rule(widths: list[int], where: str, line: str) -> str:
    left, middle, right = _CORNERS[where]
    return left + middle.join(line * width for width in widths) + right


def _row(cells: list[str], widths: list[int], adjust: str, bar: str) -> list[str]:
    """The lines of a row: what is too long for its column goes on below."""
    parts = [_wrapped(cell, width - 2) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, parts))):
        texts = [lines_of[number] if number < len(lines_of) else "" for lines_of in parts]
        padded = [
            f" {text:{side}{width - 2}} "
            for text, side, width in zip(texts, adjust, widths, strict=False)
        ]
        lines.append(bar + bar.join(padded) + bar)
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Text in lines, broken between words; of a word that is too long the beginning."""
    lines = [""]
    for word in re.findall(r"\s*\S+", text):
        if len(lines[-1]) + len(word) <= width:
            lines[-1] += word
        else:
            lines = [*filter(None, lines), word.lstrip() if lines[-1] else word]
    return [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
