"""MemoryRow and BroadcastAlign: what they draw is what NumPy and the engine say."""

from __future__ import annotations

import itertools
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import engine as tf
from course.lab import BroadcastAlign, MemoryRow
from course.lab.broadcast_align import EXAMPLES, MOST_CELLS, align
from course.lab.memory_row import LARGEST

SVG = "{http://www.w3.org/2000/svg}"
SIZES = [()] + [
    shape for rank in (1, 2, 3) for shape in itertools.product((0, 1, 2, 3), repeat=rank)
]


def cells(svg: str, **having: str) -> list[dict[str, str]]:
    """The attributes of the drawn cells, with their text."""
    found = []
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if "place" in group.attrib.get("class", "").split():
            about = {**group.attrib, "text": group.find(f"{SVG}text").text or ""}
            if all(about.get(f"data-{name}") == value for name, value in having.items()):
                found.append(about)
    return found


def tell(widget: Any, **message: Any) -> None:
    widget._on_message(widget, message, [])


# --- BroadcastAlign -------------------------------------------------------------------------------


@pytest.mark.parametrize("a", SIZES)
def test_the_rule_that_is_drawn_is_the_engines_and_numpys(a):
    for b in SIZES:
        columns = align(a, b)
        clashes = [column.axis for column in columns if column.result is None]
        try:
            told = tuple(tf.broadcast_static_shape(tf.TensorShape(a), tf.TensorShape(b)))
        except ValueError as error:
            assert clashes and f"axis {clashes[-1]} has" in str(error)
            with pytest.raises(ValueError, match="broadcast"):
                np.broadcast_shapes(a, b)
        else:
            assert tuple(column.result for column in columns) == told == np.broadcast_shapes(a, b)


def test_columns_are_aligned_at_the_right_and_missing_axes_count_as_one():
    first, last = align((4,), (3, 1))
    assert (first.axis, first.a, first.sizes, first.verdict) == (-2, None, (1, 3), "a is stretched")
    assert (last.axis, last.b, last.sizes, last.verdict) == (-1, 1, (4, 1), "b is stretched")
    assert first.words == "axis -2: a has no axis, so 1; b has 3. So a is stretched to 3"
    assert align((), ()) == []


@pytest.mark.parametrize("pair", [*EXAMPLES, ((), ()), ((0, 3), (3,)), ((450, 8, 8), (8, 1))])
def test_every_axis_of_the_result_is_a_cell_that_speaks(pair):
    widget = BroadcastAlign(*pair)
    speaking = cells(widget.svg, group="axes")
    assert [cell["data-say"] for cell in speaking] == [column.words for column in align(*pair)]
    told = [str(c.result) if c.result is not None else "\N{BALLOT X}" for c in align(*pair)]
    assert [cell["text"] for cell in speaking] == told
    assert widget.clash == ("do not fit" in widget.answer)


@pytest.mark.parametrize("pair", [((3,), (3, 1)), ((3, 4), (4,)), ((2, 1), (1, 5)), ((4,), ())])
def test_a_small_result_shows_which_two_numbers_meet(pair):
    a, b = (np.arange(np.prod(shape, dtype=int)).reshape(shape) for shape in pair)
    met = cells(BroadcastAlign(*pair).svg, group="meet")
    shape = np.broadcast_shapes(*pair)
    assert len(met) == np.prod(shape)
    for cell, one, two in zip(met, *(x.ravel() for x in np.broadcast_arrays(a, b)), strict=True):
        assert cell["text"] == f"a{one} b{two}"
        assert {f"a{one}", f"b{two}"} < set(cell["data-lights"].split())


def test_a_number_that_is_read_again_is_drawn_as_no_number_of_its_own():
    svg = BroadcastAlign((3, 1), (3,)).svg
    for name, size in (("a", 3), ("b", 3)):
        drawn = [
            cell["class"].split() for cell in cells(svg) if re.fullmatch(rf"{name}\d", cell["text"])
        ]
        assert len(drawn) == 9 and sum("copy" not in kind for kind in drawn) == size


@pytest.mark.parametrize(
    ("pair", "note"),
    [
        (((3,), (3, 1)), "Both are stretched: everything in a meets everything in b"),
        (((3, 4), (4,)), "Only b is stretched; the other keeps its shape."),
        (((1, 1), (4,)), "Only a is stretched."),
        (((2, 3), (2, 3)), "Nothing is stretched."),
        (((2, 3), (2,)), ""),
    ],
)
def test_the_note_says_who_is_stretched(pair, note):
    assert BroadcastAlign(*pair).note.startswith(note)
    assert bool(BroadcastAlign(*pair).note) == bool(note)


def test_shapes_can_be_typed_and_a_wrong_one_says_why():
    widget = BroadcastAlign()
    tell(widget, do="shapes", a="(450, 8, 8)", b="8, 1")
    assert (widget.a_text, widget.b_text) == ("450, 8, 8", "8, 1")
    assert "give (450, 8, 8): 28,800 numbers and 8 numbers make 28,800 numbers" in widget.answer
    before = widget.svg
    tell(widget, do="shapes", a="3, x", b="3")
    assert widget.problem.startswith("'x' is not a size") and widget.svg == before
    tell(widget, do="shapes", a="2, 3", b="2")
    assert widget.problem == "" and widget.clash
    assert "on axis -1, 3 meets 2, and neither is 1" in widget.answer


def test_a_large_result_is_told_and_not_drawn_cell_by_cell():
    assert cells(BroadcastAlign((MOST_CELLS,), (MOST_CELLS, 1)).svg, group="meet")
    for pair in (((MOST_CELLS + 1,), ()), ((2, 2, 2), ()), ((0,), (1,)), ((2,), (3,))):
        assert not cells(BroadcastAlign(*pair).svg, group="meet")


# --- MemoryRow ------------------------------------------------------------------------------------

M = 10 * np.arange(12).reshape(3, 4)
VIEWS = {
    "m": M,
    "reshape": M.reshape(2, 6),
    "m.T": M.T,
    "slice": M[:, 1:3],
    "backwards": M[::-1, ::2],
    "row": M[1],
    "stretched": np.broadcast_to(M[0], (3, 4)),
    "copy": M[[2, 0]],
}


@pytest.mark.parametrize("name", VIEWS)
def test_each_cell_of_a_view_is_found_at_the_place_that_is_written_out(name):
    widget = MemoryRow(M, VIEWS)
    tell(widget, do="choose", name=name)
    row = [int(cell["text"]) for cell in cells(widget.svg, group="row")]
    view = VIEWS[name] if VIEWS[name].ndim == 2 else VIEWS[name][None]
    drawn = cells(widget.svg, group="view")
    assert len(drawn) == view.size
    for cell in drawn:
        at = int(cell["data-row"]), int(cell["data-column"])
        found = re.search(r"at place ([-\d +·]+) = \*\*(\d+)\*\*; it holds (\d+)", cell["data-say"])
        place = int(found[2])
        assert eval(found[1].replace("·", "*")) == place
        assert row[place] == int(found[3]) == int(cell["text"]) == view[at]
        assert cell["data-key"] == f"p{place}"


def test_what_is_said_of_a_rule_is_what_numpy_says():
    widget = MemoryRow(M, VIEWS)
    assert widget.chosen == "m" and widget.rule == "start 0, shape (3, 4), strides (4, 1)"
    for name, rule in [
        ("m.T", "start 0, shape (4, 3), strides (1, 4)"),
        ("backwards", "start 8, shape (3, 2), strides (-4, 2)"),
        ("stretched", "start 0, shape (3, 4), strides (0, 1)"),
        ("row", "start 4, shape (4,), strides (1,)"),
        ("copy", "a copy, with a row of its own: start 0, shape (2, 4), strides (4, 1)"),
    ]:
        tell(widget, do="choose", name=name)
        assert widget.rule == rule
    tell(widget, do="choose", name="no such view")
    assert widget.chosen == "copy"


def test_a_place_says_who_reads_it_and_a_place_that_nobody_reads_is_marked():
    widget = MemoryRow(M, VIEWS)
    tell(widget, do="choose", name="stretched")
    places = cells(widget.svg, group="row")
    assert places[2]["data-say"] == "place 2 holds 20; it is read as `[0, 2]`, `[1, 2]`, `[2, 2]`"
    assert places[5]["data-say"] == "place 5 holds 50; no element of the view reads it"
    assert [("unused" in place["class"]) for place in places] == [False] * 4 + [True] * 8


@pytest.mark.parametrize(
    ("memory", "views", "says"),
    [
        (M.T, {"m": M}, "contiguous"),
        (np.zeros(LARGEST + 1), {"m": M}, "contiguous"),
        (M, {}, "at least one view"),
        (M, {"cube": M.reshape(3, 2, 2)}, "cube has shape"),
        (M, {"none": M[:0]}, "none has shape"),
    ],
)
def test_what_cannot_be_drawn_is_refused(memory, views, says):
    with pytest.raises(ValueError, match=says):
        MemoryRow(memory, views)


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("widget", [BroadcastAlign((3,), (3, 1)), MemoryRow(M, VIEWS)])
def test_no_two_cells_overlap_and_all_lie_inside_the_picture(widget):
    root = ElementTree.fromstring(widget.svg)
    boxes = [
        [float(rect.attrib[key]) for key in ("x", "y", "width", "height")]
        for rect in root.iter(f"{SVG}rect")
    ]
    x, y, width, height = np.array(boxes).T
    apart = (
        (x[:, None] + width[:, None] <= x + 1e-6)
        | (x[:, None] >= x + width - 1e-6)
        | (y[:, None] + height[:, None] <= y + 1e-6)
        | (y[:, None] >= y + height - 1e-6)
    )
    np.fill_diagonal(apart, True)
    assert len(boxes) > 10 and apart.all()
    view = [float(number) for number in root.attrib["viewBox"].split()]
    assert (x + width).max() <= view[2] and (y + height).max() <= view[3]


def test_the_twins_for_copies_without_a_kernel_are_pictures_with_words():
    aligned = BroadcastAlign((3,), (3, 1))._static()
    assert aligned["text/plain"].startswith(
        "BroadcastAlign: (3,) and (3, 1) give (3, 3): 3 numbers"
    )
    assert re.search(
        r'<img src="data:image/svg\+xml;base64,[\w+/=]+" alt="\(3,\)', aligned["text/html"]
    )
    row = MemoryRow(M, VIEWS)._static()
    assert row["text/html"].count("<img ") == len(VIEWS)
    assert "m.T: start 0, shape (4, 3), strides (1, 4)" in row["text/plain"]


def test_the_name_of_a_view_cannot_add_markup():
    widget = MemoryRow(M, {"<script>&": M})
    assert "<script>" not in widget.svg
    assert "<script>" not in widget._static()["text/html"]
