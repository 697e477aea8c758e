"""Places the nodes of a directed acyclic graph in layers, top to bottom. Geometry only.

The four steps of Sugiyama, Tagawa and Toda (1981): layers by longest path; a dummy node wherever
an edge crosses a layer; orders that reduce crossings, by barycentres; x positions that keep edges
straight, by least squares with a minimum distance (the pool-adjacent-violators algorithm).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 12
GAP_X = 26.0


class _Dummy(NamedTuple):
    """Where an edge passes through a layer."""

    source: Hashable
    target: Hashable
    number: int
    level: int


@dataclass
class Layout:
    """Where everything is: centres in x, layer numbers for y."""

    x: dict[Hashable, float] = field(default_factory=dict)
    layer: dict[Hashable, int] = field(default_factory=dict)
    order: list[list[Hashable]] = field(default_factory=list)
    # For each edge (source, target, input number): the dummy nodes it passes through.
    route: dict[tuple[Hashable, Hashable, int], list[Hashable]] = field(default_factory=dict)


def layers_of(
    inputs: Mapping[Hashable, Sequence[Hashable]], near_use: set[Hashable]
) -> dict[Hashable, int]:
    """The longest path to each node; those in `near_use` move down to just above their first use.

    Expects `inputs` in topological order: each node after what it reads.
    """
    layer: dict[Hashable, int] = {}
    for node, sources in inputs.items():
        unknown = [source for source in sources if source not in layer]
        if unknown:
            raise ValueError(f"node {node!r} reads {unknown[0]!r}, which does not come before it")
        layer[node] = max((layer[source] + 1 for source in sources), default=0)
    for node in near_use:
        users = [layer[user] for user, sources in inputs.items() if node in sources]
        if users:
            layer[node] = min(users) - 1
    return layer


def connected(inputs: Mapping[Hashable, Sequence[Hashable]]) -> list[list[Hashable]]:
    """The parts of a graph between which no edge runs, each in the order of `inputs`.

    >>> connected({"a": [], "p": [], "b": ["a"], "q": ["p"]})
    [['a', 'b'], ['p', 'q']]
    """
    part: dict[Hashable, set[Hashable]] = {}
    for node, sources in inputs.items():
        joined = {node}.union(*(part[source] for source in sources))
        part.update(dict.fromkeys(joined, joined))
    parts = {id(members): members for members in part.values()}.values()
    return [[node for node in inputs if node in members] for members in parts]


def place(
    inputs: Mapping[Hashable, Sequence[Hashable]],
    width: Mapping[Hashable, float],
    near_use: set[Hashable] = frozenset(),  # type: ignore[assignment]
) -> Layout:
    """Lay a graph out. `inputs` maps each node, in topological order, to the nodes it reads."""
    layout = Layout(layer=layers_of(inputs, near_use))
    layout.order = [[] for _ in range(max(layout.layer.values(), default=-1) + 1)]
    for node in inputs:
        layout.order[layout.layer[node]].append(node)
    above: dict[Hashable, list[Hashable]] = {node: [] for node in inputs}
    for target, sources in inputs.items():
        for number, source in enumerate(sources):
            before: Hashable = source
            dummies: list[Hashable] = []
            for level in range(layout.layer[source] + 1, layout.layer[target]):
                dummy = _Dummy(source, target, number, level)
                layout.order[level].append(dummy)
                above[dummy] = [before]
                dummies.append(dummy)
                before = dummy
            above[target].append(before)
            layout.route[source, target, number] = dummies
    below: dict[Hashable, list[Hashable]] = {node: [] for node in above}
    for node, sources in above.items():
        for source in sources:
            below[source].append(node)
    _reduce_crossings(layout, above, below)
    _assign_x(layout, above, below, width)
    return layout


Links = Mapping[Hashable, Sequence[Hashable]]


def crossings(order: Sequence[Sequence[Hashable]], below: Links) -> int:
    """How many pairs of edges cross between neighbouring layers."""
    total = 0
    for upper, lower in pairwise(order):
        position = {node: i for i, node in enumerate(lower)}
        ends = [sorted(position[target] for target in below[node]) for node in upper]
        flat = [end for group in ends for end in group]
        total += sum(flat[i] > flat[j] for i in range(len(flat)) for j in range(i + 1, len(flat)))
    return total


def _reduce_crossings(layout: Layout, above: Links, below: Links) -> None:
    best = [list(row) for row in layout.order]
    fewest = crossings(best, below)
    order = [list(row) for row in best]
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        rows = range(1, len(order)) if down else range(len(order) - 2, -1, -1)
        for i in rows:
            fixed = {node: at for at, node in enumerate(order[i - 1 if down else i + 1])}
            links = above if down else below
            now = {node: at for at, node in enumerate(order[i])}

            def barycentre(
                node: Hashable,
                fixed: dict[Hashable, int] = fixed,
                links: Links = links,
                now: dict[Hashable, int] = now,
            ) -> tuple[float, int]:
                ends = [fixed[end] for end in links[node]]
                return (sum(ends) / len(ends) if ends else now[node], now[node])

            order[i].sort(key=barycentre)
        count = crossings(order, below)
        if count < fewest:
            best, fewest = [list(row) for row in order], count
    layout.order = best


def _assign_x(layout: Layout, above: Links, below: Links, width: Mapping[Hashable, float]) -> None:
    for row in layout.order:
        layout.x.update(zip(row, _spread([0.0] * len(row), row, width), strict=True))
    last = len(layout.order) - 1
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for i in range(last + 1) if down else range(last, -1, -1):
            row = layout.order[i]
            wanted = []
            for node in row:
                ends = [(_pull(node, end), end) for end in (*above[node], *below[node])]
                pulls = sum(pull for pull, _ in ends)
                sums = sum(pull * layout.x[end] for pull, end in ends)
                wanted.append(sums / pulls if ends else layout.x[node])
            layout.x.update(zip(row, _spread(wanted, row, width), strict=True))
    left = min((layout.x[n] - width.get(n, 0) / 2 for n in layout.x), default=0.0)
    layout.x = {node: x - left for node, x in layout.x.items()}


def _pull(one: Hashable, other: Hashable) -> int:
    """How much an edge wants to be straight: a long one most (Gansner et al., 1993)."""
    return (1, 2, 8)[isinstance(one, _Dummy) + isinstance(other, _Dummy)]


def _spread(
    wanted: Sequence[float], row: Sequence[Hashable], width: Mapping[Hashable, float]
) -> list[float]:
    """The positions nearest to `wanted` (least squares) that keep the order and the distance."""
    offset, offsets = 0.0, []
    for i, node in enumerate(row):
        if i:
            offset += (width.get(row[i - 1], 0) + width.get(node, 0)) / 2 + GAP_X
        offsets.append(offset)
    # Isotonic regression of (wanted - offset): neighbours in the wrong order share their mean.
    blocks: list[tuple[float, int]] = []
    for target, shift in zip(wanted, offsets, strict=True):
        mean, count = target - shift, 1
        while blocks and blocks[-1][0] > mean:
            other, n = blocks.pop()
            mean, count = (mean * count + other * n) / (count + n), count + n
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    return [mean + shift for mean, shift in zip(means, offsets, strict=True)]
