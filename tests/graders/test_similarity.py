"""Answers that are alike: copies are found under other names, and honest work is left alone."""

import csv
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from graders import cli, similarity
from graders.course import CONFIG, Course, CourseError
from graders.release import BEGIN, END

ASSIGNMENT = "01-rank-and-shape"

OBVIOUS = """
    result = 1
    for entry in shape:
        result = result * entry
    return result
"""
ODD = """
    table = {index: value for index, value in enumerate(shape)}
    running = [1]
    while table:
        last = max(table)
        running.append(running[-1] * table.pop(last))
        if running[-1] == 0:
            break
    return running[-1]
"""
DISGUISED = """
    # I thought of this by myself
    d = {k: v for k, v in enumerate(shape)}   # a table

    out = [1]
    while d:
        top = max(d)
        out.append(out[-1] * d.pop(top))
        if out[-1] == 0:
            break
    return out[-1]
"""
OTHERS = [
    "\n    import math\n    return math.prod(shape)\n",
    "\n    from functools import reduce\n    return reduce(lambda a, b: a * b, shape, 1)\n",
    "\n    if not shape:\n        return 1\n    return shape[0] * size_of(shape[1:])\n",
    "\n    total = 1\n    i = 0\n    while i < len(shape):\n        total *= shape[i]\n"
    "        i += 1\n    return total\n",
]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A course with its exercises, and nobody in it."""
    root = tmp_path_factory.mktemp("bare")
    here = Course()
    shutil.copy(here.root / CONFIG, root / CONFIG)
    for step in ("source", "release"):
        name = here.folder(step).name
        shutil.copytree(here.folder(step) / ASSIGNMENT, root / name / ASSIGNMENT)
    return root


@pytest.fixture
def course(bare, tmp_path):
    shutil.copytree(bare, tmp_path / "course")
    return Course(tmp_path / "course")


def hand_in(course, student, size_of, **more):
    """The released notebook with an answer to one task, and to others by name."""
    [released] = (course.folder("release") / ASSIGNMENT).glob("*.ipynb")
    notebook = nbformat.read(released, as_version=4)
    for cell in notebook.cells:
        name = cell.id.removeprefix("answer-").replace("-", "_")
        body = size_of if name == "size_of" else more.get(name)
        if cell.id.startswith("answer-") and body:
            cell.source = cell.source.split("    # YOUR CODE")[0].rstrip() + body
    file = course.folder("submitted") / student / ASSIGNMENT / released.name
    file.parent.mkdir(parents=True)
    nbformat.write(notebook, file)
    return file


def a_class(course, *odd):
    """Twelve honest students, eight of them with what everybody writes, and more with odd ideas."""
    for number in range(8):
        hand_in(course, f"obvious{number}", OBVIOUS)
    for number, body in enumerate(OTHERS):
        hand_in(course, f"other{number}", body)
    for number, body in enumerate(odd):
        hand_in(course, f"odd{number}", body)


def test_a_copy_is_found_under_other_names_and_comments(course):
    a_class(course, ODD, DISGUISED)
    pairs, unread = similarity.compare(course, ASSIGNMENT)
    assert unread == []
    assert [(p.first.student, p.second.student) for p in pairs] == [("odd0", "odd1")]
    [pair] = pairs
    assert pair.share > 0.9 and pair.cells == ["answer-size-of"]
    left, right = ([each.lines[n].strip() for n in lines]
                   for each, lines in zip((pair.first, pair.second), pair.lines, strict=True))  # fmt: skip
    assert "running.append(running[-1] * table.pop(last))" in left
    assert "out.append(out[-1] * d.pop(top))" in right
    assert "# I thought of this by myself" not in right


def test_honest_answers_that_many_write_are_no_pair(course):
    a_class(course)
    assert similarity.compare(course, ASSIGNMENT) == ([], [])


def test_what_the_assignment_gave_is_not_compared(course):
    for number in range(3):
        hand_in(course, f"blank{number}", "")
    assert similarity.compare(course, ASSIGNMENT)[0] == []
    file = hand_in(course, "moved", "")
    notebook = nbformat.read(file, as_version=4)
    notebook.cells.reverse()
    nbformat.write(notebook, file)
    assert similarity.compare(course, ASSIGNMENT)[0] == []


def test_a_copied_part_of_a_larger_answer_is_found(course):
    """Half of what each wrote is the other's: 'least' decides whether it is listed."""
    own = "\n    seen = []\n    for one in nested:\n        seen += [one, len(seen), str(one)]\n" \
        "    print(seen, sorted(map(str, seen)), sep=';')\n    return len(seen) - 3\n"  # fmt: skip
    a_class(course, ODD)
    hand_in(course, "partly", DISGUISED, rank_of=own, shape_of=own.replace("len", "max"))
    [pair] = similarity.compare(course, ASSIGNMENT)[0]
    assert pair.cells == ["answer-size-of"]
    assert similarity.compare(course, ASSIGNMENT, least=1.01)[0] == []


def test_the_solution_of_the_course_is_no_copy_of_itself(course):
    """Two who found the very solution, in a class where many did: nothing to look at."""
    source = next((course.folder("source") / ASSIGNMENT).glob("*.ipynb"))
    cells = {cell.id: cell.source for cell in nbformat.read(source, as_version=4).cells}
    bodies = {
        name.removeprefix("answer-").replace("-", "_"): "\n" + text.split(BEGIN)[1].split(END)[0]
        for name, text in cells.items()
        if BEGIN in text
    }
    for number in range(5):
        hand_in(course, f"s{number}", **bodies)
    assert similarity.compare(course, ASSIGNMENT)[0] == []
    assert similarity.compare(course, ASSIGNMENT, common=1.0)[0], "without that rule they are"


def test_a_notebook_that_cannot_be_read_is_told_and_stops_nothing(course, tmp_path):
    a_class(course, ODD, DISGUISED)
    for student, content in (("torn", "{"), ("list", "[]"), ("odd", '{"cells": [{"source": 5}]}'),
                             ("deep", "[" * 100_000)):  # fmt: skip
        hand_in(course, student, OBVIOUS).write_text(content)
    link = hand_in(course, "linked", OBVIOUS)
    link.unlink()
    link.symlink_to(tmp_path / "course" / "nbgrader_config.py")
    hand_in(course, "syntax", "\n    return ((((\n")
    pairs, unread = similarity.compare(course, ASSIGNMENT)
    assert len(pairs) == 1
    assert sorted(unread) == ["deep", "linked", "list", "odd", "torn"]


def test_the_report_shows_the_lines_and_accuses_nobody(course):
    evil = DISGUISED + "    '<script>alert(1)</script><img src=x onerror=alert(1)>'\n"
    a_class(course, ODD, evil)
    pairs, _ = similarity.compare(course, ASSIGNMENT)
    folder = similarity.write(course, pairs, [ASSIGNMENT])
    page = (folder / f"{ASSIGNMENT}.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<img" not in page and "default-src 'none'" in page
    text = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert "Look at these." in text and "odd0 and odd1" in text
    assert "<mark>    while table:</mark>" in page
    for accusing in ("plagiar", "cheat", "copied", "copy", "guilty", "fraud", "suspic"):
        assert accusing not in text.lower()
    with (folder / "pairs.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["student"], row["other"], row["cells"]) == ("odd0", "odd1", "answer-size-of")


def test_the_result_does_not_depend_on_the_order_of_the_students(course, tmp_path):
    a_class(course, ODD, DISGUISED)
    [pair] = similarity.compare(course, ASSIGNMENT)[0]
    submitted = course.folder("submitted")
    (submitted / "odd0").rename(submitted / "zzz")
    [swapped] = similarity.compare(course, ASSIGNMENT)[0]
    assert (swapped.first.student, swapped.second.student) == ("odd1", "zzz")
    assert swapped.share == pytest.approx(pair.share)
    assert swapped.lines == pair.lines[::-1]


def test_the_command_lists_pairs(course, monkeypatch):
    a_class(course, ODD, DISGUISED)
    monkeypatch.chdir(course.root)
    runner = CliRunner(env={"COLUMNS": "150"})
    done = runner.invoke(cli.app, ["similarity", "01"])
    assert done.exit_code == 0, done.output
    assert "odd0" in done.output and "1 pairs: grading/similarity/" in done.output
    assert "Look at these." in done.output
    done = runner.invoke(cli.app, ["similarity", "--common", "0", "--least", "1"])
    assert done.exit_code == 0 and "odd1" in done.output
    hand_in(course, "torn", OBVIOUS).write_text("{")
    done = runner.invoke(cli.app, ["similarity"])
    assert done.exit_code == cli.FAILED and f"torn, {ASSIGNMENT}: no notebook" in done.output
    assert runner.invoke(cli.app, ["similarity", "77"]).exit_code == cli.UNUSABLE


def test_without_copydetect_the_command_says_what_to_do(course, monkeypatch):
    monkeypatch.setitem(sys.modules, "copydetect", None)
    with pytest.raises(CourseError, match="make similarity"):
        similarity.compare(course, ASSIGNMENT)


def test_the_command_runs_as_a_process(course):
    a_class(course, ODD, DISGUISED)
    done = subprocess.run(
        [sys.executable, "-m", "graders.cli", "similarity"],
        cwd=course.root, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (course.grading / "similarity" / f"{ASSIGNMENT}.html").exists()
