"""What was expected and what was got: the worst element, two shapes, as text and as HTML."""

import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from graders import tasks
from graders.beside import COLUMNS, ROWS, Shapes, Table, beside, in_words, shapes
from graders.check import Effort, grade
from graders.pictures import picture
from graders.report import Failure, Report
from graders.tasks.base import Check, Task

EFFORT = Effort(seed=1, times=1, call_seconds=5.0, total_seconds=60.0)


class Parts(HTMLParser):
    """The elements of a report, and what they hold; everything that is opened is closed."""

    VOID = ("br", "rect")

    def __init__(self, html):
        super().__init__()
        self.open, self.found, self.words = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append((tag, len(self.words)))

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        opened, start = self.open.pop()
        assert opened == tag
        if tag == "td":
            self.found.append(("text of td", "".join(self.words[start:])))

    def handle_data(self, data):
        self.words.append(data)

    def having(self, name):
        return [(tag, attrs) for tag, attrs in self.found
                if isinstance(attrs, dict) and name in attrs.get("class", "").split()]  # fmt: skip


def report_of(expected, got, tolerance=1e-5):
    failure = Failure(
        "tables", "f()", "expected", "got", "", compared=beside(expected, got, tolerance)
    )
    return Report("00.t", "f", "asks", "wrong", 0, 1, failure=failure)


def test_the_worst_element_and_the_others_that_are_wrong_are_marked():
    expected = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    got = expected + np.array([[0, 0, 0.5], [0, -3, 0]], np.float32)
    table = beside(expected, got, 1e-5)
    assert table.worst == (1, 1) and table.wrong == {(0, 2), (1, 1)}
    assert table.says == (
        "the worst element, [1, 1]: expected 5, got 2, difference -3; 2 of 6 are wrong."
    )
    text = report_of(expected, got).text()
    assert re.search(r"1 +2 +3 +1 +2 +\*3\.5\*\n +4 +5 +6 +4 +>2< +6", text), text
    assert "> < marks the worst element, * * the others that are wrong" in " ".join(text.split())
    html = report_of(expected, got)._repr_html_()
    parts = Parts(html)
    assert len(parts.having("tx-worst")) == len(parts.having("tx-off")) == 1
    cells = [words for tag, words in parts.found if tag == "text of td"]
    assert cells == ["1", "2", "3", "4", "5", "6", "1", "2", "✗ 3.5", "4", "▶ 2", "6"]
    assert "difference -3" in html


@pytest.mark.parametrize("shape", [(2,), (40,), (3, 50), (50, 3), (2, 3, 4), (2, 2, 30, 30)])
def test_whatever_the_size_the_worst_element_is_in_what_is_shown(shape):
    random = np.random.default_rng(len(shape))
    for place in [
        tuple(0 for _ in shape),
        tuple(n - 1 for n in shape),
        tuple(n // 2 for n in shape),
    ]:
        expected = random.normal(size=shape).round(3)
        got = expected.copy()
        got[place] += 7.0
        table = beside(expected, got, 1e-5)
        row, column = table.worst
        assert len(table.got) <= ROWS and len(table.got[0]) <= COLUMNS
        assert table.got[row][column] == f"{got[place]:.6g}"
        assert table.expected[row][column] == f"{expected[place]:.6g}"
        assert table.wrong == {table.worst}
        assert f"[{', '.join(map(str, place))}]: expected" in table.says
        assert f"shape {shape}, float64" in table.kind
        assert Parts(report_of(expected, got)._repr_html_())
        assert all(len(line) <= 100 for line in report_of(expected, got).text().split("\n"))


def test_the_second_array_of_a_pair_is_found_and_one_that_is_right_is_passed_over():
    right = np.ones((2, 2), np.float32)
    table = beside((right, right), (right, right * 2), 1e-5)
    assert table.kind.startswith("at [1]; shape (2, 2), float32")
    table = beside([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.5, 4.0], 1e-5)
    assert table.says.startswith("the worst element, [2]: expected 3, got 3.5, difference +0.5")
    assert beside([1.0, 2.0], [1.0, 3.0], 1e-5) is None, "short enough to be read as it is"


def test_values_that_are_no_numbers_have_no_difference():
    table = beside(np.array([1.0, 2.0]), np.array([1.0, np.nan]), 1e-5)
    assert table.says == (
        "the worst element, [1]: expected 2, got nan, no finite distance; 1 of 2 are wrong."
    )
    table = beside(np.array([True, False]), np.array([True, True]), 1e-5)
    assert table.says == "the worst element, [1]: expected False, got True; 1 of 2 are wrong."


@pytest.mark.parametrize(
    "got",
    [
        np.zeros(3, np.int64),
        np.zeros(3, "U4"),
        np.array([None] * 3),
        [0.0] * 3,
        None,
        "text",
        Ellipsis,
    ],
    ids=repr,
)
def test_what_cannot_be_laid_beside_an_array_is_not(got):
    assert beside(np.ones(3, np.float32), got, 1e-5) is None


@pytest.mark.parametrize(
    "shape", [(), (3,), (2, 3), (2, 1, 4), (2, 3, 1, 2), (0,), (2, 0), (900, 12)]
)
def test_every_shape_up_to_rank_4_is_drawn_and_said(shape):
    html = picture(Shapes(shape, (5, 4)))
    drawings = [attrs for tag, attrs in Parts(html).found if tag == "svg"]
    assert [each["role"] for each in drawings] == ["img", "img"]
    assert drawings[0]["aria-label"] == f"expected {in_words(shape)}"
    assert all(float(each["width"]) < 800 and float(each["height"]) < 800 for each in drawings)
    assert f"got {in_words((5, 4))}" in html


def test_a_picture_has_a_box_for_every_element_as_far_as_they_fit():
    for shape in itertools.product((1, 2, 3), repeat=3):
        svg = re.search("<svg.*?</svg>", picture(Shapes(shape, ())))[0]
        cells = [each for each in re.findall("<rect[^>]*>", svg) if "class" not in each]
        assert len(cells) == np.prod(shape)


def test_shapes_are_said_in_words():
    assert in_words(()) == "(), one number"
    assert in_words((3,)) == "(3,), 3 in a row"
    assert in_words((1, 3)) == "(1, 3), 1 row of 3"
    assert in_words((2, 1, 4)) == "(2, 1, 4), 2 sheets of 1 row of 4"
    assert in_words((2, 2, 3, 4)) == "(2, 2, 3, 4), 2 stacks of 2 sheets of 3 rows of 4"
    assert shapes((2, 3), (3, 2)).says.endswith("Axis 0 is 3, not 2, axis 1 is 2, not 3.")
    assert shapes((2, 3), (2,)).says.endswith("The rank is 1, not 2.")


@pytest.mark.parametrize(
    "got", [(2, 3), (1, 2, 3, 4, 5), ("2", 3), (-1, 2), (10**12,), None, 7, [True]]
)
def test_what_is_no_other_shape_is_not_drawn(got):
    assert shapes((2, 3), got) is None


def shape_task(answer):
    return Task(
        id="00.test.shape", name="shape_of", points=1, asks="The shape.",
        checks=(Check("nested", lambda draw: [(answer,)]),), misconceptions=(),
        hints=("", "", ""), oracle=np.shape, answer_is_shape=True,
    )  # fmt: skip


def test_a_wrong_shape_is_drawn_beside_the_right_one_in_the_report():
    report = grade(
        shape_task([[1, 2], [3, 4], [5, 6]]), lambda nested: np.shape(nested)[::-1], EFFORT
    )
    assert isinstance(report.failure.compared, Shapes)
    html = report._repr_html_()
    assert html.count("<svg") == 2 and 'class="tx-shapes"' in html
    assert re.search(
        r"so +Expected \(1, 2\), 1 row of 2; got \(2, 1\), 2 rows of 1\.", report.text()
    )
    report = grade(tasks.find("09.keras.dense_forward"), lambda x, w, b: (x @ w + b)[0], EFFORT)
    assert isinstance(report.failure.compared, Shapes)
    assert "The rank is 1, not 2." in " ".join(report.text().split())


ATTACK = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"


class Evil(str):
    """A string that is an attack wherever it is shown."""

    def __repr__(self):
        return ATTACK

    __str__ = __format__ = lambda self, *spec: ATTACK


class EvilNumber(float):
    __repr__ = __str__ = lambda self: ATTACK

    def __format__(self, spec):
        return ATTACK


class EvilSize(int):
    __repr__ = __str__ = lambda self: ATTACK


class EvilArray(np.ndarray):
    def tolist(self):
        return [[ATTACK, ATTACK], [ATTACK, ATTACK]]

    def __repr__(self):
        return ATTACK

    __str__ = __repr__


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, w, b: Evil("x"),
        lambda x, w, b: [EvilNumber(1)] * 9,
        lambda x, w, b: np.array([[ATTACK]]),
        lambda x, w, b: np.array([[Evil("x")]], dtype=object),
        lambda x, w, b: ((x @ w + b).numpy() + 1).view(EvilArray),
        lambda x, w, b: (_ for _ in ()).throw(ValueError(ATTACK)),
        lambda x, w, b: print(ATTACK),
        lambda x, w, b: type(ATTACK, (), {})(),
        lambda x, w, b: (_ for _ in ()).throw(type(ATTACK, (Exception,), {})()),
    ],
)  # fmt: skip
def test_nothing_that_comes_from_the_learner_becomes_an_element(answer):
    report = grade(tasks.find("09.keras.dense_forward"), answer, EFFORT)
    assert report.status == "wrong"
    known = {"style", "div", "span", "strong", "code", "p", "ul", "li", "em", "pre", "table", "thead",
             "tr", "th", "tbody", "td", "br", "caption", "figure", "figcaption", "svg", "rect", "text",
             "text of td"}  # fmt: skip
    parts = Parts(report._repr_html_())
    assert {tag for tag, _ in parts.found} <= known
    assert not any(name.startswith("on") for _, attrs in parts.found if isinstance(attrs, dict)
                   for name in attrs)  # fmt: skip


def test_sizes_that_are_no_plain_numbers_are_not_drawn():
    report = grade(shape_task([[1], [2]]), lambda nested: (EvilSize(1), EvilSize(2)), EFFORT)
    assert report.failure.compared is None and "<script" not in report._repr_html_()
    assert isinstance(Table, type)
