"""The search of what learners get: it finds every kind of leak, and nothing where there is none."""

import ast
import json

import nbformat
import pytest

from course import sealed
from graders import leaks
from graders.course import Course

ROOT = Course().root
LESSON, EXERCISE = (
    "course/00-five-minute-win.ipynb",
    "exercises/01-rank-and-shape/rank-and-shape.ipynb",
)
MODULE, TASKS, QUIZ = "engine/spec.py", "graders/tasks/ch01_rank.py", "course/quizzes/00.quiz"
SHAPE_LINE = "nested = nested[0] if nested else None"


@pytest.fixture(scope="module")
def secret():
    return leaks.secrets(ROOT)


def solutions():
    """(assignment, cell id, source) of every solution cell, without the markers."""
    for file in sorted((ROOT / "solutions").glob("*/*.ipynb")):
        for cell in nbformat.read(file, as_version=4).cells:
            if leaks.BEGIN in cell.source:
                kept = [line for line in cell.source.splitlines() if "### " not in line]
                yield file.parent.name, cell.id, "\n".join(kept)


def answers():
    """(name, source without decorators) of every answer of the instructor."""
    for file in sorted((ROOT / "graders" / "instructor" / "answers").glob("ch*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
                node.decorator_list = []
                yield f"{file.stem}-{node.name}", ast.unparse(node)


def renamed(source):
    """The same program under other names: functions, arguments and variables."""
    tree = ast.parse(source)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    own |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    own |= {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    own -= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        for key in ("id", "arg", "name"):
            if getattr(node, key, None) in own:
                setattr(node, key, f"other_{getattr(node, key)}")
    return ast.unparse(tree)


def text(name):
    return (ROOT / name.replace(".quiz", ".toml")).read_text(encoding="utf-8")


def appended(name, addition):
    spoilt = text(name) + addition
    return name, sealed.seal(spoilt) if name == QUIZ else spoilt.encode()


def changed(name, change):
    """A notebook of the course, spoilt by `change`."""
    notebook = json.loads(text(name))
    change(notebook, {cell["id"]: cell for cell in notebook["cells"]})
    return name, json.dumps(notebook).encode()


def cell(name, source, kind="code"):
    """A notebook of the course with one more cell."""
    more = {"cell_type": kind, "id": "more", "metadata": {}, "source": source}
    if kind == "code":
        more |= {"outputs": [], "execution_count": None}
    return changed(name, lambda notebook, _: notebook["cells"].append(more))


def outputs(name, **what):
    def change(notebook, cells):
        first = next(each for each in notebook["cells"] if each["cell_type"] == "code")
        first.update(what)

    return changed(name, change)


STREAM = [{"output_type": "stream", "name": "stdout", "text": ["4\n"]}]
FORMS = {
    "a solution line in an exercise": (cell(EXERCISE, SHAPE_LINE), "is from 01-rank"),
    "in its text": (cell(EXERCISE, f"Try `{SHAPE_LINE}`.", "markdown"), "is from 01-rank"),
    "in a comment of a lesson": (cell(LESSON, f"x = 1\n# {SHAPE_LINE}"), "is from 01-rank"),
    "as a doctest": (cell(LESSON, f"    >>> {SHAPE_LINE}", "markdown"), "is from 01-rank"),
    "quoted in a quiz": (appended(QUIZ, f'\nnote = "{SHAPE_LINE}"\n'), "is from 01-rank"),
    "in the metadata": (
        changed(EXERCISE, lambda notebook, _: notebook["metadata"].update(note=SHAPE_LINE)),
        "is from 01-rank",
    ),
    "two lines in an engine module": (
        appended(MODULE, f'\nX = """\n            rank += 1\n\n      {SHAPE_LINE}\n"""\n'),
        "is from",
    ),
    "a begin mark": (cell(EXERCISE, "### BEGIN SOLUTION"), "the mark"),
    "an end mark": (cell(EXERCISE, "###end  solution", "markdown"), "the mark"),
    "hidden tests": (cell(EXERCISE, "### BEGIN HIDDEN TESTS"), "the mark"),
    "a mark scheme": (cell(LESSON, "=== BEGIN MARK SCHEME ===", "markdown"), "the mark"),
    "an autotest": (cell(EXERCISE, "### AUTOTEST rank_of(3)"), "the mark"),
    "an import of the answers": (appended(TASKS, "\nfrom answers import WRONG\n"), "instructors'"),
    "a marked wrong answer": (appended(TASKS, '\n@wrong("01", "x")\ndef f(): ...\n'), "instructors'"),
    "outputs": (outputs(LESSON, outputs=STREAM), "it has outputs"),
    "an execution count": (outputs(EXERCISE, execution_count=3), "it has outputs"),
    "saved widgets": (
        changed(LESSON, lambda notebook, _: notebook["metadata"].update(widgets={"state": {}})),
        "the metadata widgets",
    ),
    "execution times": (
        outputs(LESSON, metadata={"execution": {"iopub.status.busy": "2026-01-01"}}),
        "the metadata execution",
    ),
    "attachments": (
        changed(LESSON, lambda notebook, _: notebook["cells"][0].update(attachments={"a": {}})),
        "attachments",
    ),
    "an answered exercise": (
        changed(
            EXERCISE, lambda _, cells: cells["answer-rank-of"].update(source="def rank_of(n): return 0")
        ),
        "nothing was taken out",
    ),
    "a graded cell in a lesson": (
        outputs(LESSON, metadata={"nbgrader": {"grade": True, "solution": False}}),
        "outside exercises/",
    ),
    "this course's folder": (appended(MODULE, f"\n# see {ROOT}/engine\n"), "of one machine"),
    "a home folder": (appended(MODULE, "\nDATA = '/home/ada/data.npy'\n"), "of one machine"),
    "a Mac's home folder": (cell(LESSON, "open('/Users/ada/x.csv')"), "of one machine"),
    "a Windows home folder": (cell(LESSON, "open('C:\\\\Users\\\\ada')"), "of one machine"),
    "Python that cannot be read": (appended(MODULE, "\ndef broken(:\n"), "cannot be searched"),
    "no notebook": ((LESSON, b"{}"), "it is no notebook"),
    "no text": ((MODULE, b"\xff\xfe\x00"), "it is not text"),
}  # fmt: skip
NAMES = {
    ".git/config": "a hidden file",
    "engine/__pycache__/spec.cpython-311.pyc": "a cache",
    "course/.ipynb_checkpoints/00.ipynb": "a hidden file",
    ".progress/attempts.jsonl": "a hidden file",
    "two_x_minus_one.egg-info/PKG-INFO": "a cache",
    "solutions/01-rank-and-shape/rank-and-shape.ipynb": "nothing of solutions/",
    "tests/graders/test_check.py": "nothing of tests/",
    "grading/gradebook.db": "nothing of grading/",
    "graders/instructor/answers/ch01.py": "the instructors'",
    "engine/spec.so": "files of this kind",
    "course/notes.docx": "files of this kind",
    "../outside.py": "out of the folder",
    "/etc/outside.py": "out of the folder",
}


def test_there_is_something_to_search_for(secret):
    assert len(secret.lines) > 80 and len(secret.runs) > 200
    assert len(secret.solved) > 20 and len(secret.accepted) > 30 and len(secret.wrong) > 80


@pytest.mark.parametrize("name", [LESSON, EXERCISE, MODULE, TASKS, QUIZ])
def test_the_files_that_are_spoilt_below_are_clean(name, secret):
    assert leaks.search(dict([appended(name, "")]), secret) == []


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_leak_is_found(form, secret):
    (name, data), says = FORMS[form]
    problems = leaks.search({name: data}, secret)
    assert any(says in problem for problem in problems), problems
    assert all(problem.startswith(name) for problem in problems)


@pytest.mark.parametrize("name", NAMES)
def test_every_forbidden_name_is_found(name, secret):
    problems = leaks.search({name: b""}, secret)
    assert any(NAMES[name] in problem for problem in problems), problems


@pytest.mark.parametrize(("assignment", "cell_id", "source"), list(solutions()))
def test_every_solution_is_found_in_every_kind_of_place(assignment, cell_id, source, secret):
    quoted = f"\nHELP = {source!r}\n"
    for name, data in (
        cell(EXERCISE, source),
        cell(EXERCISE, f"```python\n{source}\n```", "markdown"),
        appended(TASKS, f"\n{source}\n"),
        appended(TASKS, quoted),
    ):
        problems = leaks.search({name: data}, secret)
        assert any(assignment in problem for problem in problems), (name, problems)


@pytest.mark.parametrize("kind", ["solution", "answer"])
def test_a_function_under_other_names_and_in_another_layout_is_found(kind, secret):
    """All but the smallest, which are one expression that many would write."""
    every = [(c, s) for _, c, s in solutions()] if kind == "solution" else list(answers())
    searched = 0
    for label, source in every:
        sizes = [leaks.size(function) for function in leaks.functions(source)]
        if max(sizes, default=0) < leaks.LARGE:
            continue
        other = renamed(source)
        assert kind == "answer" or other != source
        problems = leaks.search({"engine/other.py": other.encode()}, secret)
        assert problems, f"{label}:\n{other}"
        searched += 1
    assert searched > {"solution": 10, "answer": 60}[kind]


def test_one_line_of_a_solution_is_enough_where_nobody_else_writes_it(secret):
    for line in secret.lines:
        for name, source in (
            ("graders/tasks/new.py", f"# {line}"),
            ("course/quizzes/02.quiz", line),
        ):
            quiz = name.endswith(sealed.SUFFIX)
            assert leaks.search({name: sealed.seal(source) if quiz else source.encode()}, secret)


def test_a_quiz_in_the_clear_is_a_leak_and_a_damaged_one_is_no_text(secret):
    [problem] = leaks.search({"course/quizzes/02.toml": b"answer = 1"}, secret)
    assert problem.endswith("the answers of a quiz, in the clear")
    [problem] = leaks.search({"course/quizzes/02.quiz": b'" \\ "'}, secret)
    assert problem.endswith("it is not text")


def test_a_search_for_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="to search for"):
        leaks.secrets(tmp_path)
    (tmp_path / "solutions").symlink_to(ROOT / "solutions")
    with pytest.raises(ValueError, match="to search for"):
        leaks.secrets(tmp_path)


def test_the_shape_of_a_function_tells_other_programs_apart():
    def shape(source):
        return leaks.shape(ast.parse(source).body[0])

    base = shape("def f(a, b):\n    return a - b")
    assert base == shape("def g(x: int, y: int) -> int:\n    'Less.'\n    return x - y")
    for other in ("return b - a", "return a + b", "return len(a) - b", "return a - 1", "return a"):
        assert base != shape(f"def f(a, b):\n    {other}"), other
    assert shape("def f(a): return a.size") != shape("def f(a): return a.shape")


def test_paths_are_paths_and_not_addresses_or_divisions():
    for text in ("/home/ada/x", "see /tmp/work", "'/mnt/data.csv'", r"C:\Users\ada"):
        assert leaks.PATHS.search(text), text
    for text in ("https://example.org/home/page", "a/home/b", "../tmp/x", "x /work", "1/root"):
        assert not leaks.PATHS.search(text), text
