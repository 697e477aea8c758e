"""`model.summary()`: the layers as a table, as Keras prints it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from engine import nest
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
      line_length: the width in characters; as much as the rows need by default.
      positions: the end of each column as a part of the width.
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
    connected = model._network is not None and not _is_chain(model)
    if connected:
        head.append("Connected to")
    if show_trainable:
        head.append("Trainable")
    rows = _rows(model, connected, show_trainable, expand_nested, layer_range)
    widths = _widths([head, *rows], line_length, positions)
    lines = [f'Model: "{model.name}"', _rule(widths, "top", "━"), *_row(head, widths, "┃")]
    lines.append(_rule(widths, "head", "━"))
    for number, row in enumerate(rows):
        if number:
            lines.append(_rule(widths, "row", "─"))
        lines += _row(row, widths, "│")
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
    connected: bool,
    show_trainable: bool,
    expand: bool,
    layer_range: Any,
    depth: int = 0,
) -> list[list[str]]:
    rows = []
    for layer in _chosen(model.layers, layer_range):
        cells = [
            f"{'└ ' * depth}{layer.name} ({type(layer).__name__})",
            _output_shape(layer),
            f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
        ]
        if connected:
            cells.append(_sources(model, layer))
        if show_trainable:
            cells.append("-" if not layer.weights else "Y" if layer.trainable else "N")
        rows.append(cells)
        if expand and hasattr(layer, "layers"):
            rows += _rows(layer, connected, show_trainable, expand, None, depth + 1)
    return rows


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
    if not layer._inbound_nodes:
        return "?"
    shapes = [str(t.shape) for t in nest.flatten(layer._inbound_nodes[0].outputs)]
    if isinstance(layer, InputLayer) or len(shapes) == 1:
        return shapes[0]
    return f"[{', '.join(shapes)}]"


def _sources(model: Any, layer: Any) -> str:
    found = []
    for node in model._network.nodes:
        if node.operation is layer and not isinstance(layer, InputLayer):
            for tensor in node.tensors:
                found.append(_source(tensor))
    return ", ".join(found) or "-"


def _source(tensor: KerasTensor) -> str:
    history: Any = tensor._keras_history
    operation, number, output = history
    return f"{operation.name}[{number}][{output}]"


def _widths(rows: list[list[str]], line_length: int | None, positions: Any) -> list[int]:
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
    widths = [min(width, 60) for width in widths]
    if line_length:
        room = line_length - len(widths) - 1
        if positions:
            ends = [round(room * (p if p <= 1 else p / line_length)) for p in positions]
            widths = [b - a for a, b in zip([0, *ends], ends, strict=False)]
        else:
            shares = [width / sum(widths) for width in widths]
            widths = [max(6, round(room * share)) for share in shares]
    return widths


def _rule(widths: list[int], where: str, line: str) -> str:
    left, middle, right = _CORNERS[where]
    return left + middle.join(line * width for width in widths) + right


def _row(cells: list[str], widths: list[int], bar: str) -> list[str]:
    """The lines of a row: what is too long for its column goes on below."""
    pieces = [
        [cell[i : i + width - 2] for i in range(0, len(cell), width - 2)] or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, pieces))):
        padded = []
        for column, (parts, width) in enumerate(zip(pieces, widths, strict=True)):
            text = parts[number] if number < len(parts) else ""
            padded.append(f"{text:>{width - 1}} " if column == 2 else f" {text:<{width - 1}}")
        lines.append(bar + bar.join(padded) + bar)
    return lines
