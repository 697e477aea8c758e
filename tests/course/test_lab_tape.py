"""The tape viewer: its walk against the engine's own gradients, its picture against the log."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import engine as tf
from course.lab import TapeView
from course.lab.tape_steps import MOST_LINES, shown, walk

SVG = "{http://www.w3.org/2000/svg}"


def twice() -> tuple[Any, Any, Any, Any]:
    a = tf.Variable(3.0, name="a")
    with tf.GradientTape(persistent=True) as tape:
        b = a + a
        c = b + b
    return tape, a, b, c


def random_program(seed: int) -> tuple[Any, Any, list[Any]]:
    """A tape with numbers, vectors that broadcast, constants, and lines that lead nowhere."""
    rng = random.Random(seed)
    sources = [tf.Variable(rng.uniform(0.5, 1.5)), tf.Variable([0.5, -1.0, 2.0])]
    sources.append(tf.Variable([[rng.uniform(-1, 1)], [1.0]]))
    with tf.GradientTape(persistent=True) as tape:
        values: list[Any] = list(sources)
        for _ in range(rng.randint(3, 8)):
            left, right = rng.choice(values), rng.choice([*values, 2.0])
            operation = rng.choice([tf.add, tf.subtract, tf.multiply])
            values.append(operation(left, right))
        target = tf.reduce_sum(tf.tanh(values[-1]) * values[0])
    return tape, target, sources


@pytest.mark.parametrize("seed", range(10))
def test_the_walk_ends_with_the_gradients_of_the_engine(seed: int) -> None:
    tape, target, sources = random_program(seed)
    found = walk(tape, target, {})
    for source, expected in zip(sources, tape.gradient(target, sources), strict=True):
        got = found.gradients.get(tape._position(source))
        assert (got is None) == (expected is None)
        if expected is not None:
            np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_what_is_handed_to_a_node_adds_up_to_what_stands_there(seed: int) -> None:
    tape, target, _ = random_program(seed)
    view = TapeView(tape, target)
    by_id = {node["id"]: node for node in view.nodes}
    got: dict[int, float] = {}
    for step in view.steps:
        for place, text in step["hands"]:
            if "numbers" not in text and "[" not in text:
                at = by_id[step["node"]]["reads"][place]
                got[at] = got.get(at, 0.0) + float(text)
    last = {at: text for step in view.steps for at, text in step["totals"]}
    assert got
    for at, total in got.items():
        if "[" not in last[at] and "numbers" not in last[at]:
            assert float(last[at]) == pytest.approx(total, rel=0.02, abs=0.02)


def test_the_steps_of_two_doublings() -> None:
    tape, _, b, c = twice()
    view = TapeView(tape, c, b=b, c=c)
    assert [line["text"] for line in view.lines] == ["b = a + a", "c = b + b"]
    assert [step["phase"] for step in view.steps] == ["forward"] * 2 + ["seed"] + ["backward"] * 2
    assert [[text for _, text in step["hands"]] for step in view.steps[3:]] == [
        ["1", "1"],
        ["2", "2"],
    ]
    assert "So far `b` has 1 + 1 = **2**." in view.steps[3]["saying"]
    assert view.steps[4]["saying"].endswith("The walk is over: `a` has 4.")


def test_the_picture_has_every_value_and_every_use() -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    w, b = tf.Variable([[1.0], [0.5]], name="w"), tf.Variable([0.5], name="b")
    with tf.GradientTape() as tape:
        y = tf.reduce_sum((x @ w + b) * 2.0)
    view = TapeView(tape, y, x=x, y=y)
    root = ElementTree.fromstring(view.svg)
    groups = [g for g in root.iter(f"{SVG}g")]
    nodes = {int(g.attrib["data-id"]) for g in groups if "data-id" in g.attrib}
    links = sorted(
        (int(g.attrib["data-to"]), int(g.attrib["data-place"]))
        for g in groups
        if g.attrib["class"] == "link"
    )
    assert nodes == {node["id"] for node in view.nodes}
    assert links == sorted((n["id"], at) for n in view.nodes for at in range(len(n["reads"])))
    names = {node["name"]: node["kind"] for node in view.nodes}
    assert names["x"] == names["2"] == "constant"
    assert names["w"] == names["b"] == "source" and names["y"] == "target"
    assert any("summed from shape (2, 1) because `b` was copied" in s["saying"] for s in view.steps)
    assert any("A constant gets nothing" in step["saying"] for step in view.steps)
    assert tape.gradient(y, [w, b])[1].numpy().tolist() == [4.0]  # the tape has still its answer


def test_a_value_without_a_way_keeps_none() -> None:
    a, alone = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="alone")
    with tf.GradientTape(persistent=True) as tape:
        beside = alone * 3.0
        y = a * a
    view = TapeView(tape, y, y=y, beside=beside)
    assert "Nothing has arrived at `beside`: it is passed over." in view.steps[-1]["saying"]
    assert "`alone` has None" in view.steps[-1]["saying"]
    assert "alone" in view._static()["text/plain"] and "gradient None" in view.svg


def test_a_part_that_does_not_lead_to_the_target_stands_apart_on_the_right() -> None:
    p, a = tf.Variable(2.0, name="p"), tf.Variable(3.0, name="a")
    with tf.GradientTape(persistent=True) as tape:
        r = p * 5.0
        y = a * a
        s = r + p
        z = y + 1.0
    root = ElementTree.fromstring(TapeView(tape, z, r=r, y=y, s=s, z=z).svg)
    reach, names = [], []
    for part in root.findall(f"{SVG}g[@class='part']"):
        shift = float(re.findall(r"[\d.]+", part.attrib["transform"])[0])
        boxes = [rect.attrib for rect in part.iter(f"{SVG}rect")]
        left = min(float(box["x"]) for box in boxes) + shift
        reach.append((left, max(float(box["x"]) + float(box["width"]) for box in boxes) + shift))
        names.append({text.text for text in part.findall(f".//{SVG}text[@class='name']")})
    assert names == [{"a", "y", "1", "z"}, {"p", "5", "r", "s"}]
    assert reach[0][0] > 0 and reach[0][1] + 20 < reach[1][0]
    assert reach[1][1] < float(root.attrib["width"])
    assert [note.text for note in root.iter(f"{SVG}text") if note.get("class") == "note"] == [
        "does not lead to z"
    ]


def bezier(path: str) -> list[tuple[float, float]]:
    """Places on a curve of cubic pieces, by de Casteljau's construction."""
    x, y, *rest = map(float, re.findall(r"-?[\d.]+", path))
    found, start = [], (x, y)
    for i in range(0, len(rest), 6):
        corners = [start, *((rest[i + k], rest[i + k + 1]) for k in (0, 2, 4))]
        for k in range(41):
            points = corners
            while len(points) > 1:
                points = [
                    (p[0] + (q[0] - p[0]) * k / 40, p[1] + (q[1] - p[1]) * k / 40)
                    for p, q in pairwise(points)
                ]
            found += points
        start = corners[-1]
    return found


def test_what_is_handed_on_is_written_where_no_arrow_runs() -> None:
    a = tf.Variable(3.0, name="a")
    with tf.GradientTape(persistent=True) as tape:
        b = a * a
        c = b * b
        d = c + b
    root = ElementTree.fromstring(TapeView(tape, d, b=b, c=c, d=d).svg)
    links = [group for group in root.iter(f"{SVG}g") if group.attrib["class"] == "link"]
    curves = [point for link in links for point in bezier(link[0].attrib["d"])]
    labels = [text for link in links for text in link.findall(f"{SVG}text")]
    assert len(labels) == 6
    for label in labels:
        half = 3.5 * len(label.text or "")
        x, y = float(label.attrib["x"]), float(label.attrib["y"])
        assert not [p for p in curves if abs(p[0] - x) < half and y - 9 < p[1] < y]


def test_looking_leaves_no_trace_on_a_tape() -> None:
    a = tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(a)
        y = a * a
        TapeView(tape, y, a=a)
        lines = len(tape._log.entries)
        TapeView(tape, y, a=a)
        assert len(tape._log.entries) == lines
    assert tape.gradient(y, a).numpy() == 4.0


def test_what_cannot_be_drawn_is_refused_with_the_fix() -> None:
    a = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = a * a
    tape.gradient(y, a)
    with pytest.raises(ValueError, match="persistent=True"):
        TapeView(tape, y)
    with tf.GradientTape() as tape:
        y = a * a
    for other in (a, tf.constant(1.0), 3.0):
        with pytest.raises(ValueError, match="compute it inside the `with` block"):
            TapeView(tape, other)
    with tf.GradientTape() as tape:
        y = a * 1.0
        for _ in range(MOST_LINES):
            y = y + 1.0
    with pytest.raises(
        ValueError, match=f"up to {MOST_LINES} lines; this tape has {MOST_LINES + 1}"
    ):
        TapeView(tape, y)
    matrix = tf.Variable([[2.0, 0.0], [0.0, 1.0]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.linalg.qr(matrix)[1])
    with pytest.raises(ValueError, match="one result each"):
        TapeView(tape, y)


def test_names_cannot_add_markup() -> None:
    tape, _, b, c = twice()
    view = TapeView(tape, c, **{"<b>": b, 'c"': c})
    assert "<b>" not in view.svg
    ElementTree.fromstring(view.svg)


def test_the_twin_tells_lines_values_and_gradients() -> None:
    tape, _, b, c = twice()
    twin = TapeView(tape, c, b=b, c=c)._static()
    rows = [line.split() for line in twin["text/plain"].splitlines()]
    assert ["b", "=", "a", "+", "a", "value", "6", "gradient", "2"] in rows
    assert ["a", "value", "3", "gradient", "4"] in rows
    assert twin["text/html"].startswith("<figure") and "<script" not in twin["text/html"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(np.float32(-0.0), "0"), (np.int32(7), "7"), (np.zeros((2, 2)), "[[0, 0], [0, 0]]"),
     (np.zeros(30), "30 numbers"), (np.full((2, 3), 0.12345), "2×3 numbers")],
)  # fmt: skip
def test_values_are_short(value: Any, text: str) -> None:
    assert shown(value) == text
