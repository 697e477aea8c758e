"""The checks of chapter N pass with only the chapters up to N importable.

What "importable" means here. The chapter map is course/chapters.toml. Of the chapters after N, these
are taken away, in a fresh process, before anything of the course is imported:

- the tasks: the modules `graders.tasks.chMM_*` that `graders.tasks.CHAPTERS` gives to them;
- the lessons' helpers: the modules `course.*` that a later lesson imports, and none up to N;
- the parts of the engine that they introduce (INTRODUCED, held against the chapters' titles): to
  import such a module raises, and so does asking `tf` for such a name.

The engine's own modules still import each other: `tf.Variable` is a later chapter's word, and a
line of what runs below `tf.constant` all the same; and chapter 00 trains a model, long before chapter
09 says how (SHOWN). Nothing of the instructor's is on the path.
What is run is what a learner runs: every cell of the exercise with the solutions in it, once as in
the notebook and once as at submission.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course.chapters import load
from graders import tasks
from graders.release import BEGIN, END

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = {chapter.number: chapter for part in load() for chapter in part.chapters}
INTRODUCED = {
    # chapter: its title, and the names below `tf` that are its matter
    "03": ("Variables and derivatives", ("Variable",)),
    "04": ("The gradient tape", ("GradientTape", "custom_gradient", "stop_gradient")),
    "05": ("Tracing", ("function", "autograph")),
    "06": ("Retracing and signatures", ("TensorSpec",)),
    "09": ("The Keras way", ("keras",)),
    "12": ("Beyond fit", ("while_loop", "vectorized_map")),
    "13": ("Data pipelines", ("data", "strings")),
    "14": ("Debugging clinic", ("debugging",)),
    "16": ("Save, serve, ship", ("train",)),
}
SHOWN = {"00": ("keras",)}
"""What a chapter shows at work, and a later one explains."""

CHILD = '''
import json, os, sys
from importlib.abc import MetaPathFinder

closed, names, cells = json.load(sys.stdin)

class Closed(MetaPathFinder):
    """Refuses the modules of later chapters; those of the engine not to itself and the lessons."""
    def find_spec(self, module, path=None, target=None):
        if any(module == name or module.startswith(name + ".") for name in closed):
            frame = sys._getframe(1)
            while "importlib" in frame.f_code.co_filename:
                frame = frame.f_back
            folders = frame.f_code.co_filename.split(os.sep)
            own = "engine" in folders or "course" in folders
            if not (own and module.startswith("engine.")):
                raise ImportError(f"{module} is of a later chapter")
        return None

sys.meta_path.insert(0, Closed())
import engine

for name in names:
    if name in vars(engine):
        delattr(engine, name)
before = engine.__getattr__

def asked(name):
    if name in names:
        raise AttributeError(f"tf.{name} is of a later chapter")
    return before(name)

engine.__getattr__ = asked
space, reports = {"__name__": "__main__"}, []
for source, graded in cells:
    if graded:
        reports.append(eval(source, space))
    else:
        exec(source, space)
loaded = sorted(m for m in sys.modules if m.startswith(("graders.", "course.")))
print("\\n" + json.dumps({"loaded": loaded, "reports": [
    [r.task, r.status, r.points, r.text()] for r in reports]}))
'''


def later(number):
    """The modules and the names that the chapters after this one bring."""
    modules = [
        f"graders.tasks.{name}"
        for other, names in tasks.CHAPTERS.items()
        for name in names
        if other > number
    ]
    helpers = helpers_up_to(max(CHAPTERS)) - helpers_up_to(number)
    shown = SHOWN.get(number, ())
    names = [
        name
        for other, (_, names) in INTRODUCED.items()
        for name in names
        if other > number and name not in shown
    ]
    return modules + sorted(helpers) + [f"engine.{name}" for name in names], names


def helpers_up_to(number):
    """The modules of the course that a lesson up to this chapter imports, with what they import."""
    lessons = [ROOT / c.lesson for c in CHAPTERS.values() if c.lesson and c.number <= number]
    texts = [cell.source for path in lessons for cell in nbformat.read(path, as_version=4).cells]
    found, waiting = set(), imported("\n".join(texts))
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            file = ROOT / (module.replace(".", "/") + ".py")
            waiting |= imported(
                (file if file.exists() else file.with_suffix("") / "__init__.py").read_text()
            )
    return found


def imported(text):
    return set(re.findall(r"^\s*(?:from|import) (course[\w.]*)", text, re.MULTILINE))


def run(number, cells, graded_seed=""):
    """Run cells in a fresh process from which the later chapters are gone."""
    environment = {key: value for key, value in os.environ.items() if key != "GRADERS_SEED"}
    environment |= {"PYTHONPATH": str(ROOT), "NBGRADER_EXECUTION": "autograde"}
    if graded_seed:
        environment["GRADERS_SEED"] = graded_seed
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps([*later(number), cells]), env=environment,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def cells_of(number):
    """The cells of a chapter's exercise, solved, as (source, is it a check?)."""
    [path] = (ROOT / "solutions").glob(f"{number}-*/*.ipynb")
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip() not in (BEGIN, END)]
            yield "\n".join(lines), bool(cell.metadata.get("nbgrader", {}).get("grade"))


@pytest.mark.parametrize("seed", ["", "chapters"])
@pytest.mark.parametrize("number", tasks.CHAPTERS)
def test_the_solution_gets_full_marks_without_the_later_chapters(number, seed):
    result = run(number, list(cells_of(number)), seed)
    points = {task.id: task.points for task in tasks.chapter(number)}
    assert {task: got for task, _, got, _ in result["reports"]} == points, result["reports"]
    assert all(status == "passed" for _, status, _, _ in result["reports"])
    mine = {f"graders.tasks.{name}" for name in tasks.CHAPTERS[number]}
    others = {module for module in result["loaded"] if module.startswith("graders.tasks.ch")} - mine
    assert not {module for module in others if module[16:18] > number}


@pytest.mark.parametrize(
    ("number", "line", "says"),
    [
        ("00", "import graders.tasks.ch01_rank", "graders.tasks.ch01_rank is of a later chapter"),
        ("00", "tf.GradientTape()", "tf.GradientTape is of a later chapter"),
        ("01", "import graders.tasks.ch05_once", "graders.tasks.ch05_once is of a later chapter"),
        ("05", "import graders.tasks.ch09_updates", "ch09_updates is of a later chapter"),
        ("01", "import engine.keras", "engine.keras is of a later chapter"),
        ("05", "tf.keras.layers", "tf.keras is of a later chapter"),
        ("01", "tf.Variable(1.0)", "tf.Variable is of a later chapter"),
        ("01", "tf.GradientTape()", "tf.GradientTape is of a later chapter"),
        ("01", "tf.function(abs)", "tf.function is of a later chapter"),
        ("05", "tf.data.Dataset.range(3)", "tf.data is of a later chapter"),
        ("05", "import course.lab.fit_steps", "course.lab.fit_steps is of a later chapter"),
    ],
)
def test_what_a_later_chapter_brings_is_really_gone(number, line, says):
    cell = (
        f"said = 'it is there'\ntry:\n    {line}\nexcept Exception as error:\n    said = str(error)"
    )
    probe = "import types; types.SimpleNamespace(task='', status='', points=0, text=lambda: said)"
    first, _, last = probe.partition("; ")
    result = run(
        number, [["import engine as tf", False], [cell, False], [first, False], [last, True]]
    )
    assert says in result["reports"][0][3]


def test_what_the_chapters_introduce_is_of_the_chapter_map():
    import engine

    for number, (title, names) in INTRODUCED.items():
        assert CHAPTERS[number].title == title
        assert all(hasattr(engine, name) for name in names), names
    assert {"keras", "data", "debugging"} <= {n for _, names in INTRODUCED.values() for n in names}
    for number in tasks.CHAPTERS:
        assert CHAPTERS[number].exercise, f"chapter {number} has tasks and no exercise"
