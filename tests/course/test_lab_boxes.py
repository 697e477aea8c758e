"""The shape boxes: what is drawn for each rank, and what a learner's shape does to it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from course.lab import ShapeBoxes
from course.lab.boxes import DEEP, FLAT, draw, shown_indices
from course.lab.shape_boxes import parse_shape, short_text

SVG = "{http://www.w3.org/2000/svg}"


def cells(svg: str) -> dict[str, str]:
    """index text -> value text of every drawn cell."""
    root = ElementTree.fromstring(svg)
    return {
        group.attrib["data-index"]: group.attrib["data-value"]
        for group in root.iter(f"{SVG}g")
        if group.attrib.get("class") == "cell"
    }


@pytest.mark.parametrize("shape", [(), (3,), (3, 2), (2, 3, 4), (2, 2, 2, 3)])
def test_every_element_of_a_small_value_is_a_box_with_its_index_and_value(shape: tuple) -> None:
    value = np.arange(np.prod(shape, dtype=int)).reshape(shape) * 10
    drawn = cells(ShapeBoxes(value).svg)
    expected = {",".join(map(str, index)): str(value[index]) for index in np.ndindex(*shape)}
    assert drawn == expected


def test_boxes_of_one_drawing_never_overlap() -> None:
    root = ElementTree.fromstring(draw((3, 5, 7, 9), lambda index: "0"))
    boxes = []
    for group in root.iter(f"{SVG}g"):
        if group.attrib.get("class") == "cell":
            rect = group.find(f"{SVG}rect")
            boxes.append([float(rect.attrib[key]) for key in ("x", "y", "width", "height")])
    assert len(boxes) > 50
    x, y, width, height = np.array(boxes).T
    apart = (
        (x[:, None] + width[:, None] <= x + 1e-6)
        | (x[:, None] >= x + width - 1e-6)
        | (y[:, None] + height[:, None] <= y + 1e-6)
        | (y[:, None] >= y + height - 1e-6)
    )
    np.fill_diagonal(apart, True)
    assert apart.all()
    view = [float(n) for n in root.attrib["viewBox"].split()]
    assert (x + width).max() <= view[2] and (y + height).max() <= view[3]


@pytest.mark.parametrize("limit", [*FLAT, *DEEP])
def test_long_axes_keep_both_ends_and_lose_the_middle(limit: int) -> None:
    assert shown_indices(limit, limit) == list(range(limit))
    shown = shown_indices(1000, limit)
    assert len(shown) == limit
    assert shown[0] == 0 and shown[-1] == 999 and shown[-2] is None


def test_a_large_value_is_drawn_in_few_boxes_with_the_right_numbers() -> None:
    value = np.arange(20 * 9 * 100).reshape(20, 9, 100)
    drawn = cells(ShapeBoxes(value).svg)
    assert len(drawn) < 150
    assert drawn["19,8,99"] == str(value[19, 8, 99])


def test_the_same_number_of_elements_is_a_reshape_and_another_is_not() -> None:
    boxes = ShapeBoxes([[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]])
    boxes._on_message(boxes, {"do": "shape", "text": "(3, 2)"}, [])
    assert cells(boxes.svg)["2,0"] == "5.5"
    assert "reshape" in boxes.note and not boxes.note.startswith("Not")
    boxes._on_message(boxes, {"do": "shape", "text": "4"}, [])
    assert boxes.note.startswith("Not a reshape: the value has 6 elements, this shape needs 4")
    assert cells(boxes.svg) == {"0": "0", "1": "1", "2": "2", "3": "3"}


def test_the_rank_slider_adds_axes_in_front_and_takes_them_off_again() -> None:
    boxes = ShapeBoxes(shape=(3, 2))
    for rank, shape in [(3, "2, 3, 2"), (4, "2, 2, 3, 2"), (1, "2"), (0, ""), (2, "2, 3")]:
        boxes._on_message(boxes, {"do": "rank", "rank": rank}, [])
        assert (boxes.rank, boxes.shape_text) == (rank, shape)


@pytest.mark.parametrize(
    ("text", "shape"),
    [("2, 3", (2, 3)), ("(5,)", (5,)), ("", ()), ("()", ()), ("[2,0]", (2, 0)), (" 7 ", (7,))],
)
def test_a_shape_can_be_typed_the_way_it_is_printed(text: str, shape: tuple) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2, x", "'x' is not a size. A shape is whole numbers"),
        ("2.5", "'2.5' is not a size"),
        ("-1", "'-1' is not a size"),
        ("1,,2", "'' is not a size"),
        ("1,1,1,1,1", "rank 0 to 4; (1, 1, 1, 1, 1) has rank 5"),
        ("99999999", "between 0 and 100,000"),
    ],
)
def test_a_shape_that_cannot_be_drawn_says_why_and_keeps_the_picture(text: str, says: str) -> None:
    boxes = ShapeBoxes(shape=(3, 2))
    before = boxes.svg
    boxes._on_message(boxes, {"do": "shape", "text": text}, [])
    assert says in boxes.problem
    assert boxes.svg == before
    boxes._on_message(boxes, {"do": "shape", "text": "2"}, [])
    assert boxes.problem == ""


def test_an_axis_of_zero_says_that_there_are_no_elements() -> None:
    boxes = ShapeBoxes(shape=(0, 3))
    assert "0 elements" in boxes.count_text
    assert "no elements" in boxes.svg and not cells(boxes.svg)


def test_a_value_and_a_shape_together_or_neither_is_refused() -> None:
    with pytest.raises(TypeError, match="either a value, or shape="):
        ShapeBoxes()
    with pytest.raises(TypeError, match="either a value, or shape="):
        ShapeBoxes([1, 2], shape=(2,))


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.1 + 0.2, "0.3"), (123456789, "1.2e+08"), (True, "True"), ("<b>", "<b>")],
)
def test_a_value_fits_its_box(value: object, text: str) -> None:
    assert short_text(value) == text
    assert len(short_text(value)) <= 8


def test_text_values_cannot_add_markup() -> None:
    boxes = ShapeBoxes(np.array(["<script>", "&"]))
    assert "<script>" not in boxes.svg
    assert cells(boxes.svg)["0"] == "<script>"


def test_the_twin_for_copies_without_a_kernel_is_a_picture_with_words() -> None:
    twin = ShapeBoxes(shape=(2, 3))._static()
    assert twin["text/plain"] == "ShapeBoxes: shape (2, 3), rank 2, 2 \u00d7 3 = 6 elements"
    assert re.search(
        r'<img src="data:image/svg\+xml;base64,[\w+/=]+" alt="shape \(2, 3\)', twin["text/html"]
    )
