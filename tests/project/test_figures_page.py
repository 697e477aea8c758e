"""docs/figures.md: its head, its exceptions, and how figures are found.

What it says of a lesson is compared by the test of that lesson, which runs it (tests/course/lesson.py).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from docs import figures
from docs.figure_reasons import EXCEPTIONS, RULES, TO_MEND, Exempt
from docs.figures import PAGE, Lesson, changing, in_source, numbers, page, sections, split

WRITTEN = PAGE.read_text(encoding="utf-8")


def values(text: str) -> list[str]:
    return [f"{number.value:f}" for number in numbers(text)]


def test_head_and_exceptions_are_up_to_date_and_every_lesson_is_there():
    assert list(sections(WRITTEN)) == list(figures.notebooks())
    assert page(sections(WRITTEN)) == WRITTEN, f"run `{figures.COMMAND}`"
    assert "**no cell**" not in WRITTEN


def test_exceptions_are_told_once_each_with_a_figure_and_a_reason():
    assert len({(one.lesson, one.cell, one.words) for one in EXCEPTIONS}) == len(EXCEPTIONS)
    for one in EXCEPTIONS:
        assert list(numbers(one.words)) and len(one.reason) > 20, one
    assert all(len(rule.reason) > 10 for rule in RULES.values())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("18.98 of 1,000,000 and 16_777_217.", ["18.98", "1000000", "16777217"]),
        ("from 94% to 0.6 %", ["94", "0.6"]),
        ("1e-8, 10^-8 and $10^{-8}$", ["0.00000001"] * 3),
        ("shape (32, 28, 1), x[4:24]", ["32", "28", "1", "4", "24"]),
        ("-15.5 or 2 ** 24; 1.2.3 is a version", ["15.5", "2", "24"]),
        ("float32, 2x - v6, 0x7f, 3rd, `fused_1`, e = 2.71828...", ["2.71828"]),
    ],
)
def test_numbers(text: str, found: list[str]):
    assert values(text) == found


def test_a_number_before_a_unit_of_time_is_measured():
    text = "3 ms, 12 seconds, 40 times as fast, 5 µs (2 s), but 4 times, 7 MB, 3 steps"
    assert [number.text for number in numbers(text) if number.timed] == ["3", "12", "40", "5", "2"]


@pytest.mark.parametrize(
    ("short", "exact", "rounds"),
    [
        ("18.98", "18.981417", True),
        ("18.3", "18.36", False),
        ("0.00004", "4.057e-05", True),
        ("0.125", "0.125", True),
        ("0.12", "0.125", True),
        ("0.13", "0.125", True),
        ("0.02", "0.001", False),
        ("16", "16.06", False),
    ],
)
def test_rounding(short: str, exact: str, rounds: bool):
    (figure,) = numbers(short)
    assert figure.rounds(Decimal(exact)) == rounds


def test_sentences():
    text = (
        '## 3. Rates\n\nA step of `0.1` is safe. [Larger](../x.py#line=12) ones **grow.** "Why?" Look.\n\n'
        "| a | 1.5 |\n|---|---|\n| b | 2 |\n\n- one\n- two of 3\n\n> **Time** 30 minutes."
    )
    assert [sentence for sentence in split(text) if sentence.strip("-| ")] == [
        "## 3. Rates",
        "A step of `0.1` is safe.",
        "[Larger] ones **grow.**",
        '"Why?"',
        "Look.",
        "a | 1.5",
        "b | 2",
        "one",
        "two of 3",
        "**Time** 30 minutes.",
    ]


def test_a_program_shows_its_numbers_and_not_its_comments_or_widths():
    source = (
        'x = 1_000 + 2.50  # not 77\nprint(f"after 12 steps {x:9.3f}", True)\nPredict("08.ten")'
    )
    assert sorted(in_source(source)) == [Decimal("2.5"), 12, 1000]


def test_cells_that_measure_and_those_that_call_them_are_known():
    cells = [
        new_code_cell("def seconds(f):\n    return time.perf_counter()", id="clock"),
        new_code_cell("print(seconds(f))", id="caller"),
        new_code_cell("print(1)", id="other"),
    ]
    assert changing(cells) == {"clock", "caller"}


def made(text: str, output: str, source: str = "pass", later: str = "") -> Lesson:
    """A lesson of one sentence and one cell with this output."""

    def code(name: str, program: str, said: str) -> Any:
        return new_code_cell(program, id=name, outputs=[new_output("stream", text=said)])

    return Lesson(
        "99",
        new_notebook(
            cells=[
                new_markdown_cell("# 99 · Made up", id="title"),
                new_markdown_cell(text, id="text"),
                code("cell", source, output),
                *(code(f"far-{i}", "pass", "") for i in range(figures.NEAR)),
                code("end", "pass", later),
                code("quiz", 'Quiz("99")', ""),
            ]
        ),
    )


@pytest.mark.parametrize(
    ("text", "output", "source", "by"),
    [
        ("It is 18.98.", "18.98", "pass", "`cell`"),
        ("It is 18.98.", "18.981417", "pass", "`cell` *(rounded)*"),
        ("It is 18.98.", "", "x = 18.98", "`cell` *(source)*"),
        ("It is 18.98.", "", "x = 18.981417", ""),
        ("It is 18.98.", "18.98 ms", "pass", ""),
        ("It is 18.98.", "18.98", "time.perf_counter()", ""),
        ("It took 18 ms.", "18", "x = 18", ""),
        ("It is 7.", "", "x = 7", "`cell`" + " *(source)*"),
    ],
)
def test_what_shows_a_figure(text: str, output: str, source: str, by: str):
    lesson = made(text, output, source)
    ((_, (claim,)),) = lesson.rows
    assert claim.by == by
    assert bool(lesson.open) == (by == "")


def test_a_single_digit_is_shown_near_by_and_none_in_code_is_asked_for():
    assert made("It is 7.", "", later="7").open == ["99 text: 7 in: It is 7."]
    assert made("It is 77.", "", later="77").open == []
    assert made("See `x[7]` and chapters 07 and 08.", "").rows == []


def test_an_exception_excuses_its_words_alone_and_must_be_needed(monkeypatch):
    one = Exempt("99", "text", "of 41", "A reason.")
    monkeypatch.setattr(figures, "EXCEPTIONS", (one,))
    assert made("It is 40 of 41.", "").open == ["99 text: 40 in: It is 40 of 41."]
    assert "exception: 41" in made("It is 40 of 41.", "").section()
    assert made("Nothing.", "").open == [
        "99 text: no sentence has 'of 41', an exception without need"
    ]


def test_an_exception_that_is_mended_has_to_go(monkeypatch):
    one = Exempt("99", "text", "of 41", TO_MEND)
    monkeypatch.setattr(figures, "EXCEPTIONS", (one,))
    assert made("It is one of 41.", "").open == []
    (idle,) = made("It is one of 41.", "41").open
    assert idle.endswith("an exception without need")
