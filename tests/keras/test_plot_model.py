"""plot_model draws every layer, every arrow, and nothing over a box."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import engine as tf
from engine.keras.plotting import model_to_dot, plot_model

SVG = "{http://www.w3.org/2000/svg}"


def two_branches() -> Any:
    layers = tf.keras.layers
    a, b = tf.keras.Input((8,), name="a"), tf.keras.Input((8,), name="b")
    shared = layers.Dense(4, name="shared")
    joined = layers.Concatenate(name="joined")([shared(a), shared(b)])
    first = layers.Dense(8, name="first")(joined)
    second = layers.Dense(8, name="second")(first)
    total = layers.Add(name="total")([joined, second])
    score, kind = layers.Dense(1, name="score")(total), layers.Dense(3, name="kind")(first)
    return tf.keras.Model([a, b], [score, kind])


def drawing(model: Any, **options: Any) -> tuple[ElementTree.Element, dict[str, Any], int]:
    """The drawing, its boxes by the first line in them, and the number of arrows."""
    root = ElementTree.fromstring(plot_model(model, None, show_layer_names=True, **options).svg)
    boxes = {}
    for group in root.findall(f"{SVG}g"):
        rectangle, text = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert rectangle is not None and text is not None and text.text is not None
        sides = [float(rectangle.get(side, "")) for side in ("x", "y", "width", "height")]
        boxes[text.text.split(" ")[0]] = sides
    return root, boxes, len(root.findall(f"{SVG}path"))


@pytest.mark.parametrize("rankdir", ["TB", "LR"])
def test_every_layer_has_a_box_below_those_it_needs(rankdir: str) -> None:
    _, boxes, arrows = drawing(two_branches(), rankdir=rankdir)
    assert set(boxes) == {"a", "b", "shared", "joined", "first", "second", "total", "score", "kind"}
    assert arrows == 9  # the shared layer gives two tensors to one place: one arrow
    along = 1 if rankdir == "TB" else 0
    order = ["a", "shared", "joined", "first", "second", "total", "score"]
    places = [boxes[name][along] for name in order]
    assert places == sorted(places) and len(set(places)) == len(places)


def test_no_two_boxes_touch_and_all_are_inside() -> None:
    for rankdir in ("TB", "LR"):
        root, boxes, _ = drawing(two_branches(), rankdir=rankdir, show_shapes=True, show_dtype=True)
        _, _, width, height = map(float, root.get("viewBox", "").split())
        listed = list(boxes.values())
        for i, (x, y, w, h) in enumerate(listed):
            assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
            for ox, oy, ow, oh in listed[i + 1 :]:
                assert x + w <= ox or ox + ow <= x or y + h <= oy or oy + oh <= y


def test_an_arrow_over_several_rows_passes_between_the_boxes() -> None:
    """The one from `joined` to `total` goes by the rows of `first` and `second`."""
    root, boxes, _ = drawing(two_branches())
    for path in root.findall(f"{SVG}path"):
        numbers = [float(n) for n in re.findall(r"-?\d+", path.get("d", ""))]
        straight = re.findall(r"L(-?\d+) (-?\d+)", path.get("d", ""))
        assert len(numbers) % 2 == 0
        for text in straight:
            px, py = map(float, text)
            assert not any(x < px < x + w and y < py < y + h for x, y, w, h in boxes.values())
    assert sum("L" in path.get("d", "") for path in root.findall(f"{SVG}path")) == 1


def test_what_is_asked_for_is_shown() -> None:
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [tf.keras.Input((4,)), layers.Dense(3, activation="relu", name="hidden"), layers.Dense(1)]
    )
    model.layers[0].trainable = False
    plain = plot_model(model, None).svg
    assert "hidden" not in plain and "(None, 3)" not in plain and ">Dense<" in plain
    full = plot_model(
        model,
        None,
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
    ).svg
    for text in ("hidden (Dense)", "(None, 3)", "float32", "activation: relu", "frozen", "trained"):
        assert text in full, text


def test_a_model_inside_is_a_box_or_a_frame() -> None:
    layers = tf.keras.layers
    inner = tf.keras.Sequential([tf.keras.Input((4,)), layers.Dense(3)], name="encoder")
    x = tf.keras.Input((4,))
    model = tf.keras.Model(x, layers.Dense(1)(inner(x)))
    assert plot_model(model, None).svg.count("<g>") == 3
    expanded = plot_model(model, None, expand_nested=True).svg
    assert expanded.count("<g>") == 4 and "stroke-dasharray" in expanded and "encoder" in expanded


def test_it_is_written_and_shown_in_notebooks(tmp_path: Path) -> None:
    picture = plot_model(two_branches(), tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text() == picture._repr_svg_()
    assert tf.keras.utils.plot_model is plot_model


def test_what_cannot_be_drawn_is_said() -> None:
    class Own(tf.keras.Model):
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(ValueError, match="summary"):
        plot_model(Own())
    with pytest.raises(ValueError, match=r"\.svg"):
        plot_model(two_branches(), "model.png")
    with pytest.raises(ValueError, match="rankdir"):
        plot_model(two_branches(), None, rankdir="RL")
    with pytest.raises(NotImplementedError, match="plot_model"):
        model_to_dot(two_branches())
