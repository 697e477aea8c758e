"""`tf.keras.utils.plot_model`: the layers of a model as an SVG drawing.

Layers stand in rows, each below all that it needs. An arrow over several rows goes through a point in each
of them, so that it passes between boxes (Sugiyama, Tagawa and Toda 1981).
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from engine import nest
from engine.keras.layers.input import InputLayer

_INPUT, _WEIGHTS, _OTHER = "#56b4e9", "#f0e442", "#e8e8e8"  # Okabe and Ito's palette
_LETTER, _LINE, _PAD = 7.4, 18, 12  # of the text, in pixels
_GAP_ROW, _GAP_COLUMN, _GAP_POINT = 44, 28, 18


class Picture:
    """An SVG drawing. A notebook shows it."""

    def __init__(self, svg: str):
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<SVG drawing of {len(self.svg):,} characters>"


@dataclass(eq=False)
class _Item:
    """A box, or a point that an arrow passes through; `size` is across the rows, `depth` along them."""

    lines: list[str] = field(default_factory=list)
    fill: str = _OTHER
    group: str = ""
    before: list[_Item] = field(default_factory=list)
    row: int = 0
    size: float = _GAP_POINT
    deep: float = 0.0
    at: float = 0.0  # the middle, across the rows
    output: bool = False


def plot_model(
    model: Any,
    to_file: Any = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Picture:
    """Draws a model made of inputs and outputs.

    Differs from Keras: the drawing is SVG, made without Graphviz; `dpi` has no meaning for it.

    Args:
      model: a Functional, or a Sequential that knows its input.
      to_file: where to write it, a name that ends in .svg; None writes nothing.
      show_shapes: the shape of what each layer gives.
      show_dtype: and its dtype.
      show_layer_names: names beside classes.
      rankdir: 'TB' from top to bottom, 'LR' from left to right.
      expand_nested: models inside the model with their layers, in a frame.
      show_layer_activations: the activation of layers that have one.
      show_trainable: whether training changes the weights.

    Returns:
      A drawing that a notebook shows.

    Raises:
      ValueError: for a model that has no layers to draw, or another ending.
    """
    kwargs.pop("subgraph", None)
    if kwargs:
        raise ValueError(f"plot_model does not take {', '.join(map(repr, kwargs))}.")
    if rankdir not in ("TB", "LR"):
        raise ValueError(f"plot_model: rankdir is 'TB' or 'LR', not {rankdir!r}.")
    if to_file is not None and not str(to_file).endswith(".svg"):
        raise ValueError(
            f"plot_model draws SVG, so that to_file ends in .svg, not {to_file!r}; or to_file=None."
        )
    if getattr(model, "_network", None) is None:
        raise ValueError(
            f"Model {model.name!r} cannot be drawn: only models made of inputs and outputs, and Sequential "
            "models that know the shape of their input, say which layer feeds which. model.summary() lists "
            "the layers of any built model."
        )
    show = {
        "names": show_layer_names,
        "shapes": show_shapes,
        "dtype": show_dtype,
        "activations": show_layer_activations,
        "trainable": show_trainable,
    }
    items, _ = _items(model, show, expand_nested)
    rows = _arranged(items)
    svg = _svg(model.name, rows, across=rankdir == "LR")
    if to_file is not None:
        Path(to_file).write_text(svg)
    return Picture(svg)


def model_to_dot(*args: Any, **kwargs: Any) -> NoReturn:
    """Not there: the engine draws without Graphviz, whose language dot is.

    Raises:
      NotImplementedError: always, naming `plot_model`.
    """
    raise NotImplementedError(
        "The engine draws models itself, without Graphviz: use tf.keras.utils.plot_model(model), which "
        "writes an SVG file and shows it in a notebook."
    )


# --- what is drawn --------------------------------------------------------------------------------------


def _items(
    model: Any, show: dict[str, bool], expand: bool, path: str = ""
) -> tuple[list[_Item], dict[int, _Item]]:
    """The boxes of a model, in the order of its calls; and which gives which KerasTensor."""
    items: list[_Item] = []
    gives: dict[int, _Item] = {}
    drawn: dict[int, _Item] = {}
    for node in model._network.nodes:
        operation = node.operation
        sources = list(dict.fromkeys(gives[id(t)] for t in node.tensors))
        inner = getattr(operation, "_network", None)
        if expand and inner is not None:
            group = f"{path}/{operation.name}"
            parts, inside = _items(operation, show, expand, group)
            heads = [part for part in parts if not part.before]
            for head, tensor in zip(heads, node.tensors, strict=False):
                head.before = [gives[id(tensor)]]
            ends = [inside[id(t)] for t in nest.flatten(inner.outputs)]
            items += parts
            gives |= {id(t): e for t, e in zip(nest.flatten(node.outputs), ends, strict=True)}
            continue
        item = drawn.get(id(operation))
        if item is None or item in sources:  # a layer that feeds itself needs a second box
            item = _box(operation, node, show, path)
            drawn[id(operation)] = item
            items.append(item)
        item.before = list(dict.fromkeys([*item.before, *sources]))
        gives |= {id(t): item for t in nest.flatten(node.outputs)}
    if not path:
        for tensor in nest.flatten(model._network.outputs):
            gives[id(tensor)].output = True
    return _in_order(items), gives


def _in_order(items: list[_Item]) -> list[_Item]:
    """Each after those it needs: a shared layer may have been met before its second input."""
    order: list[_Item] = []
    waiting, own = list(items), set(items)
    while waiting:
        ready = [i for i in waiting if all(b in order or b not in own for b in i.before)]
        if not ready:  # a shared layer that needs itself by way of others
            ready = waiting[:1]
            ready[0].before = [b for b in ready[0].before if b in order or b not in own]
        order += ready
        waiting = [item for item in waiting if item not in ready]
    return order


def _box(operation: Any, node: Any, show: dict[str, bool], group: str) -> _Item:
    kind = type(operation).__name__
    lines = [f"{operation.name} ({kind})" if show["names"] else kind]
    activation = getattr(operation, "activation", None)
    if show["activations"] and activation is not None:
        lines.append(f"activation: {getattr(activation, '__name__', type(activation).__name__)}")
    outputs = nest.flatten(node.outputs)
    if show["shapes"]:
        lines.append("output: " + ", ".join(str(t.shape) for t in outputs))
    if show["dtype"]:
        lines.append("dtype: " + ", ".join(t.dtype.name for t in outputs))
    if show["trainable"] and getattr(operation, "weights", None):
        lines.append("trained" if operation.trainable else "frozen")
    fill = _OTHER
    if isinstance(operation, InputLayer):
        fill = _INPUT
    elif getattr(operation, "weights", None):
        fill = _WEIGHTS
    return _Item(lines, fill, group)


# --- where it stands ------------------------------------------------------------------------------------


def _arranged(items: list[_Item]) -> list[list[_Item]]:
    """Rows of boxes and points, with their places across the rows."""
    for item in items:
        item.row = 1 + max((before.row for before in item.before), default=-1)
    rows: list[list[_Item]] = [[] for _ in range(1 + max(item.row for item in items))]
    for item in items:
        rows[item.row].append(item)
        for number, before in enumerate(item.before):
            last = before
            for between in range(before.row + 1, item.row):
                last = _Item(before=[last], row=between)
                rows[between].append(last)
            item.before[number] = last
    for _ in range(3):  # each sweep puts an item nearer to the middle of those it is connected to
        for above, row in pairwise(rows):
            place = {id(item): k for k, item in enumerate(above)}
            row.sort(key=lambda item: _mean([place[id(b)] for b in item.before]))
        after: dict[int, list[_Item]] = {}
        for item in (item for row in rows for item in row):
            for before in item.before:
                after.setdefault(id(before), []).append(item)
        for row, below in reversed(list(pairwise(rows))):
            place = {id(item): k for k, item in enumerate(below)}
            row.sort(key=lambda item: _mean([place[id(a)] for a in after.get(id(item), [])]))
    return rows


def _mean(values: list[Any]) -> float:
    return sum(values) / len(values) if values else 0.0


def _spread(rows: list[list[_Item]]) -> None:
    """Gives every item its place across the rows: under the middle of what it needs, if there is room."""
    for row in rows:
        free = -1e9
        for item in row:
            wanted = _mean([b.at for b in item.before])
            item.at = max(wanted, free + item.size / 2)
            free = item.at + item.size / 2 + _GAP_COLUMN
        # What was pushed aside is shared out to both sides.
        shift = _mean([_mean([b.at for b in i.before]) - i.at for i in row])
        for item in row:
            item.at += shift
    for row in rows[:1]:
        middle = _mean([item.at for item in row])
        for item in row:
            item.at -= middle


# --- drawing --------------------------------------------------------------------------------------------


def _svg(name: str, rows: list[list[_Item]], across: bool) -> str:
    for item in (item for row in rows for item in row):
        if item.lines:
            wide = max(map(len, item.lines)) * _LETTER + 2 * _PAD
            tall = len(item.lines) * _LINE + _PAD
            item.size, item.deep = (tall, wide) if across else (wide, tall)
    _spread(rows)
    starts, along = [], float(_PAD * 2)
    depths = [max(item.deep for item in row) for row in rows]
    for item in (item for row in rows for item in row if not item.lines):
        item.deep = depths[item.row]  # an arrow passes its row straight
    for deep in depths:
        starts.append(along)
        along += deep + _GAP_ROW
    along += 2 * _PAD - _GAP_ROW
    low = min(i.at - i.size / 2 for row in rows for i in row) - 2 * _PAD
    full = max(i.at + i.size / 2 for row in rows for i in row) + 2 * _PAD - low

    def point(item: _Item, side: float) -> tuple[float, float]:
        """The middle of a side of an item: 0 where arrows come in, 1 where they go out."""
        start = starts[item.row] + (depths[item.row] - item.deep) * 0.5
        found = (item.at - low, start + item.deep * side)
        return (found[1], found[0]) if across else found

    width, height = (along, full) if across else (full, along)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" role="img" aria-label="Model {html.escape(name)}" font-family="sans-serif" '
        'font-size="13" style="max-width:100%;height:auto;background:#fff;border-radius:6px">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
    ]
    parts += _frames(rows, point, across)
    for item in (item for row in rows for item in row if item.lines):
        parts += (_arrow(way, point, across) for way in _ways(item))
    for item in (item for row in rows for item in row if item.lines):
        parts.append(_rectangle(item, point(item, 0.5), across))
    return "".join(parts) + "</svg>"


def _ways(item: _Item) -> Iterator[list[_Item]]:
    """The arrows that end at a box: the box they begin at, the points between, and the box."""
    for before in item.before:
        way = [item, before]
        while not way[-1].lines:
            way.append(way[-1].before[0])
        yield way[::-1]


def _arrow(way: list[_Item], point: Any, across: bool) -> str:
    x, y = point(way[0], 1.0)
    path = f"M{x:.0f} {y:.0f}"
    for item in way[1:]:
        nx, ny = point(item, 0.0)
        if item.lines:
            nx, ny = (nx - 2, ny) if across else (nx, ny - 2)
        if across:
            path += f"C{(x + nx) / 2:.0f} {y:.0f} {(x + nx) / 2:.0f} {ny:.0f} {nx:.0f} {ny:.0f}"
        else:
            path += f"C{x:.0f} {(y + ny) / 2:.0f} {nx:.0f} {(y + ny) / 2:.0f} {nx:.0f} {ny:.0f}"
        x, y = nx, ny
        if not item.lines:
            x, y = point(item, 1.0)
            path += f"L{x:.0f} {y:.0f}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#tip)"/>'


def _rectangle(item: _Item, middle: tuple[float, float], across: bool) -> str:
    wide, tall = (item.deep, item.size) if across else (item.size, item.deep)
    x, y = middle
    ring = ' stroke-width="3" stroke="#d55e00"' if item.output else ' stroke="#555"'
    top = y - len(item.lines) * _LINE / 2
    text = "".join(
        f'<text x="{x:.0f}" y="{top + 13.5 + k * _LINE:.0f}" text-anchor="middle" fill="#000" '
        f'font-weight="{"normal" if k else "bold"}">{html.escape(line)}</text>'
        for k, line in enumerate(item.lines)
    )
    return (
        f'<g><rect x="{x - wide / 2:.0f}" y="{y - tall / 2:.0f}" width="{wide:.0f}" height="{tall:.0f}" '
        f'rx="8" fill="{item.fill}"{ring}/>{text}</g>'
    )


def _frames(rows: list[list[_Item]], point: Any, across: bool) -> list[str]:
    """A frame around the layers of each model inside the model, the outer ones first."""
    members: dict[str, list[_Item]] = {}
    for item in (item for row in rows for item in row):
        parts = item.group.split("/")[1:] if item.lines else []
        for k in range(len(parts)):
            members.setdefault("/".join(parts[: k + 1]), []).append(item)
    drawn = []
    for name in sorted(members, key=lambda name: name.count("/")):
        pad = 14 - 4 * name.count("/")
        corners = []
        for item in members[name]:
            for x, y in (point(item, 0.0), point(item, 1.0)):
                half = item.size / 2
                corners += (
                    [(x, y - half), (x, y + half)] if across else [(x - half, y), (x + half, y)]
                )
        left, right = min(x for x, _ in corners) - pad, max(x for x, _ in corners) + pad
        top, bottom = min(y for _, y in corners) - pad - 4, max(y for _, y in corners) + pad
        drawn.append(
            f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{bottom - top:.0f}" '
            'rx="10" fill="#f6f6f6" stroke="#888" stroke-dasharray="5 4"/>'
            f'<text x="{left + 8:.0f}" y="{top + 11:.0f}" font-size="11" fill="#333">'
            f"{html.escape(name.split('/')[-1])}</text>"
        )
    return drawn
