"""Lessons 01 and 05: they run, they keep the chapter form, and what they say is true.

Predictions and quiz answers are computed here a second time, from the engine and not from the
lesson, so that neither can drift away from what the learner will see.
"""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import engine as tf
from course import links
from course.lab.questions import predictions, questions

ROOT = Path(__file__).resolve().parents[2]
LESSONS = {"01": "course/01-rank-and-shape.ipynb", "05": "course/05-tracing.ipynb"}
each_lesson = pytest.mark.parametrize("number", LESSONS)


def read(number: str) -> Any:
    return nbformat.read(ROOT / LESSONS[number], as_version=4)


def code(number: str) -> list[Any]:
    return [cell for cell in read(number).cells if cell.cell_type == "code"]


def prose(number: str) -> str:
    return "\n\n".join(c.source for c in read(number).cells if c.cell_type == "markdown")


def used(number: str, widget: str) -> list[str]:
    """The ids a widget is called with, in the order of the lesson."""
    calls = re.compile(rf'^{widget}\("([^"]+)"\)$', re.M)
    return [name for cell in code(number) for name in calls.findall(cell.source)]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Runs a lesson once, headless, and returns the notebook with its outputs."""
    done: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_PROGRESS_FILE", str(tmp_path_factory.mktemp("p") / "attempts.jsonl"))

        def run(number: str) -> Any:
            if number not in done:
                notebook = read(number)
                where = {"metadata": {"path": str(ROOT / "course")}}
                NotebookClient(notebook, timeout=60, resources=where).execute()
                done[number] = notebook
            return done[number]

        yield run


def printed(notebook: Any, cell_id: str) -> str:
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


@each_lesson
def test_the_lesson_runs_without_an_error_and_without_a_warning(executed, number):
    for cell in executed(number).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", f"{cell.id}: {output.text}"


def test_what_lesson_01_shows(executed):
    notebook = executed("01")
    assert "matrix: rank 2, shape (3, 2), size 6" in printed(notebook, "three-tensors")
    assert printed(notebook, "no-batch").endswith("first number: 0.0\n")
    assert printed(notebook, "gate").startswith("ValueError: images: shape (batch,")
    assert "stored: 16777216" in printed(notebook, "id")


def test_what_lesson_05_shows(executed):
    notebook = executed("05")
    assert printed(notebook, "print-once") == "Python is running\n15\n28\n10\n"
    assert printed(notebook, "trace-run").count("Python is running") == 1
    assert printed(notebook, "run-program") == "15\n28\n"
    assert printed(notebook, "print-op") == "value: 1\nvalue: 2\nvalue: 3\n"
    assert "v1 * v0" in printed(notebook, "source-print")
    assert printed(notebook, "clock").strip().endswith("True")
    assert printed(notebook, "clock-repair").strip().endswith("False")
    assert re.search(r"1 numbers: .* eager/graph \d+\.\d", printed(notebook, "speed-run"))
    for cell in ("no-numpy", "no-if", "leak-run"):
        assert "Error: " in printed(notebook, cell)


# --- the chapter form -----------------------------------------------------------------------------

SECTIONS = ("What breaks in production", "Key takeaway", "Quiz", "Interview questions", "Read next")


def chapter(number: str) -> dict[str, Any]:
    listed = tomllib.loads((ROOT / "course/chapters.toml").read_text(encoding="utf-8"))["chapter"]
    return next(entry for entry in listed if entry["number"] == number)


@each_lesson
def test_the_lesson_has_the_form_of_a_chapter(number):
    text, entry = prose(number), chapter(number)
    assert text.startswith(f"# {number} · {entry['title']}\n")
    assert f"**You will be able to** {entry['able'][:20]}" in text
    assert f"**Time** {entry['minutes']} minutes" in text and "**Needs**" in text
    headings = re.findall(r"^## (.+)$", text, re.M)
    assert headings[0].startswith(("The picture", "Eager"))
    assert any(heading.startswith("The picture") for heading in headings)
    assert tuple(headings[-5:]) == SECTIONS
    takeaway = text.split("## Key takeaway\n")[1].split("##")[0]
    assert len(re.findall(r"[.!?](?=\s)", takeaway)) == 2
    answers = re.findall(r"<details><summary>.+?</summary>\n\n(.+?)\n</details>", text, re.S)
    assert len(answers) >= 4 and all(len(answer.split()) > 20 for answer in answers)


@each_lesson
def test_every_picture_is_followed_by_what_to_see(number):
    cells = read(number).cells
    pictures = [
        i for i, c in enumerate(cells) if re.search(r"^(ShapeBoxes|GraphView)\(", c.source, re.M)
    ]
    assert len(pictures) >= 2
    for i in pictures:
        assert cells[i + 1].source.startswith("*What to see.*"), cells[i].id


@each_lesson
def test_the_time_that_is_promised_is_the_time_it_takes(number):
    # 200 words a minute for text, 4 seconds a line of code, and time to think about each question.
    asked = [q.ask + " ".join(o.text for o in q.options) for q in questions(number)]
    words = len(prose(number).split()) + sum(len(text.split()) for text in asked)
    lines = sum(bool(line.strip()) for cell in code(number) for line in cell.source.splitlines())
    minutes = words / 200 + lines / 15 + 0.5 * len(predictions(number)) + 0.4 * len(asked)
    assert 20 <= minutes <= 45
    assert minutes == pytest.approx(chapter(number)["minutes"], rel=0.2)


LATER = {
    "01": r"Variable\(|GradientTape|tf\.function|reshape|expand_dims|newaxis|broadcast|keras",
    "05": r"input_signature|TensorSpec|tracing_count|reduce_retracing|keras|fit\(",
}


@each_lesson
def test_nothing_of_a_later_chapter_is_used(number):
    for cell in code(number):
        assert not re.search(LATER[number], cell.source), cell.id


@each_lesson
def test_every_figure_in_the_text_comes_from_a_cell(executed, number):
    text = re.sub(
        r"\]\([^)]*\)|[Cc]hapters? \d\d|\*\*(Time|Next chapter:)\*\*.*|^# .*", "", prose(number)
    )
    shown = ""
    for cell in executed(number).cells:
        if cell.cell_type == "code":
            shown += cell.source + "".join(out.get("text", "") for out in cell.outputs)
    known = set(re.findall(r"\d+", re.sub(r"(?<=\d)[,_](?=\d{3})", "", shown)))
    figures = set(re.findall(r"\d{2,}", re.sub(r"(?<=\d)[,_](?=\d{3})", "", text)))
    assert figures - known <= {"200", "64", "24", "1000"}  # HTTP 200, 64 and 24 bits, 1000 steps


# --- links ----------------------------------------------------------------------------------------


@each_lesson
def test_every_link_leads_to_a_file_and_to_the_line_it_names(number):
    targets = re.findall(r"\[[^\]]+\]\(([^)]+)\)", prose(number))
    for target in targets:
        assert (ROOT / "course" / unquote(target).partition("#")[0]).is_file(), target
    lines = [link for link in links.LINK.finditer(prose(number))]
    assert len(lines) == sum("#line=" in target for target in targets) >= 5
    assert list(links.stale_links(ROOT / LESSONS[number])) == [], "python -m course.links --fix"


@each_lesson
def test_exercise_and_next_chapter_are_named(number):
    text, following = prose(number), chapter(f"{int(number) + 1:02}")
    (exercise,) = re.findall(r"\*\*Exercise:\*\* \[[^\]]+\]\(\.\./(exercises/[^)]+)\)", text)
    assert exercise.split("/")[1] == Path(LESSONS[number]).stem
    last = text.split("**Next chapter:**")[1]
    assert f"{following['number']} · {following['title']}" in last
    if "lesson" in following:
        assert f"]({Path(following['lesson']).name})" in last


# --- predictions and quizzes ----------------------------------------------------------------------


@each_lesson
def test_every_prediction_is_asked_once_and_right_before_the_cell_that_tells(number):
    asked = used(number, "Predict")
    assert [name.partition(".")[0] for name in asked] == [number] * len(asked)
    assert sorted(name.partition(".")[2] for name in asked) == sorted(predictions(number))
    assert all(one.why for one in predictions(number).values())
    cells = [cell for cell in read(number).cells if cell.cell_type == "code"]
    for i, cell in enumerate(cells):
        if cell.source.startswith("Predict("):
            tells = next(c for c in cells[i + 1 :] if not c.source.startswith("Predict("))
            assert not tells.source.startswith(("Quiz", "ShapeBoxes", "GraphView")), cell.id


@each_lesson
def test_the_quiz_is_in_the_lesson_and_every_option_has_a_reason(number):
    assert used(number, "Quiz") == [number]
    assert len(questions(number)) >= 5
    for question in questions(number):
        assert all(len(option.why.split()) >= 5 for option in question.options)


def outcome(run: Callable[[], Any]) -> str:
    try:
        return str(run())
    except (tf.errors.OpError, ValueError, TypeError):
        return "an error"


def int_values(tensor: Any) -> str:
    return str(tensor.numpy().tolist())


def answers_01() -> dict[str, Any]:
    a = b = tf.constant([1, 2, 3])
    a += 1
    grey = tf.fill([4, 4], tf.constant(200, dtype=tf.uint8))
    stored = tf.cast(tf.constant(16_777_217), tf.float32)
    return {
        "long": tf.rank(tf.constant(range(1000))).numpy(),
        "one-image": str(tf.zeros([32, 28, 28, 1])[7].shape),
        "column": tf.rank([[1], [2], [3]]).numpy(),
        "mixed": tf.constant([1, 2.5]).dtype.name,
        "numpy": tf.constant(np.array([1.0, 2.5])).dtype.name,
        "half": outcome(lambda: tf.constant([1, 2]) + 0.5),
        "alias": int_values(b),
        "no-batch": len([row for row in tf.zeros([28, 28])]),
        "overflow": str(tf.reduce_sum(grey).numpy()),
        "id": f"{int(stored.numpy()):,}",
    }


def prints_in_three_calls() -> int:
    seen: list[str] = []

    @tf.function
    def simple_math(a: Any, b: Any) -> Any:
        seen.append("Python is running")
        return a + b * a

    for a, b in [(5, 2), (7, 3), (10, 0)]:
        assert simple_math(tf.constant(a), tf.constant(b)).numpy() == a + b * a
    return len(seen)


def own_tracer_with_a_number_from_outside() -> int:
    names: dict[str, Any] = {}
    (tracer,) = [cell for cell in code("05") if cell.id == "symbol"]
    exec(tracer.source, names)
    factor = 3
    program, output = names["trace"](lambda a, b: a * factor + b)
    factor = 100
    values: dict[Any, Any] = {"a": 5, "b": 2}
    for result, op, left, right in program:
        x, y = values.get(left, left), values.get(right, right)
        values[result] = {"mul": x * y, "add": x + y}[op]
    return values[output]


def noise_of_four_calls() -> str:
    noise = np.random.default_rng(0)
    traced = tf.function(lambda x: x + noise.random())
    different = {float(traced(tf.constant(0.0))) for _ in range(4)}
    return "the same number four times" if len(different) == 1 else "four different numbers"


def line_after_both_were_changed() -> int:
    factor, offset = 3, tf.Variable(10)
    line = tf.function(lambda x: x * factor + offset)
    line(tf.constant(1))
    factor = 100
    offset.assign(20)
    return line(tf.constant(1)).numpy()


def two_counters() -> tuple[int, int]:
    python_steps, steps = [], tf.Variable(0)

    @tf.function
    def train_step(x: Any) -> Any:
        python_steps.append(1)
        steps.assign_add(1)
        return x * 0.5

    for _ in range(100):
        train_step(tf.constant(1.0))
    return len(python_steps), steps.numpy()


def gain(size: int, repeats: int) -> float:
    """Eager time over graph time of forty operations, each the best of interleaved rounds."""

    def eager(x: Any) -> Any:
        for _ in range(20):
            x = x * 1.01 + 0.5
        return x

    def seconds(function: Any) -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            function(x)
        return time.perf_counter() - start

    graph, x = tf.function(eager, jit_compile=False), tf.ones([size])
    graph(x)
    rounds = [(seconds(eager), seconds(graph)) for _ in range(7)]
    return min(e for e, _ in rounds) / min(g for _, g in rounds)


def answers_05() -> dict[str, Any]:
    choose = tf.function(lambda x: x if x > 0 else -x, autograph=False)
    by_if = outcome(lambda: choose(tf.constant(-3.0)))
    return {
        "print": prints_in_three_calls(),
        "baked": own_tracer_with_a_number_from_outside(),
        "append": two_counters()[0],
        "random": noise_of_four_calls(),
        "capture": line_after_both_were_changed(),
        "count": "Python counter {}, Variable {}".format(*two_counters()),
        "if": "an error while tracing" if by_if == "an error" else by_if,
        "speed": "on one number" if gain(1, 200) > gain(1_000_000, 2) else "on a million numbers",
    }


@pytest.mark.parametrize(("number", "compute"), [("01", answers_01), ("05", answers_05)])
def test_the_answer_to_every_prediction_is_what_the_engine_says(number, compute):
    stated = {name: one.answer for name, one in predictions(number).items()}
    assert compute() == stated


def the_question(number: str, words: str) -> Any:
    (found,) = [question for question in questions(number) if words in question.ask]
    return found


def evaluated(option: Any) -> Any:
    return eval(re.fullmatch(r"`(.+)`", option.text)[1], {"tf": tf})


def test_quiz_01_marks_right_what_the_engine_says():
    for option in the_question("01", "have rank 1").options:
        assert (evaluated(option).ndim == 1) == option.correct, option.text
    for option in the_question("01", "raise an error").options:
        raised = outcome(lambda option=option: evaluated(option)) == "an error"
        assert raised == option.correct, option.text
    assert tf.zeros([16, 50, 8])[3, 10].shape == (8,)
    assert tf.reduce_sum(tf.constant([200, 100], dtype=tf.uint8)).numpy() == 44
    gate = the_question("01", "at its door").options
    checks = {
        option.text: option.correct
        for option in gate
        if option.text.startswith("`images") or "len" in option.text
    }
    images = tf.zeros([28, 28])
    for text, correct in checks.items():
        assert (not eval(text.strip("`"), {"tf": tf, "images": images, "len": len})) == correct


def test_quiz_05_shows_the_source_that_the_engine_writes():
    v = tf.Variable(1.0)
    function = tf.function(lambda x: x * x + v)
    lines = function.get_concrete_function(tf.constant(2.0)).source.splitlines()
    asked = the_question("05", "generated source").ask
    for line in lines[1:]:
        assert line.split("  #")[0].strip() in asked
    assert "(v0):" in lines[0] and "(v0):" in asked


def test_quiz_05_on_shape_branches_is_right():
    function = tf.function(lambda x: x if x.shape.rank == 2 else -x)
    assert function(tf.constant(3.0)).numpy() == -3
    assert function(tf.constant([[3.0]])).numpy() == 3
