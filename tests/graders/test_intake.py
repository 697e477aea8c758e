"""Ways to break a submission, each through the gate: the score it deserves, the reason, the notes.

The score is that of the clean notebook, run here: the assignment's points for every function that
does what its docstring promises. That is an oracle of its own, without the course's checks.
"""

import re
from types import SimpleNamespace

import nbformat
import pytest
import surgery
from broken import CASES, NOTEBOOK, Handed
from nbconvert.filters import markdown2html

import classroom
from graders import intake, rebuild, work
from graders.intake import Gate
from graders.rebuild import Notes, Refused
from graders.release import generate

ASSIGNMENT = "01-rank-and-shape"
UNREAD = {"answer_of_megabytes": {"check-size-of"}, "answer_is_a_number": {"check-rank-of"}}
"""Checks with an answer that is there and cannot be read."""
ORACLE = {
    "01.rank.rank_of": lambda made: made["rank_of"]([[1, 2], [3, 4]]) == 2,
    "01.rank.shape_of": lambda made: made["shape_of"]([[1, 2, 3], [4, 5, 6]]) == (2, 3),
    "01.rank.size_of": lambda made: made["size_of"]((2, 3)) == 6,
    "01.rank.dtype_of": lambda made: made["dtype_of"]([[1, 2], [3, 4.5]]) == "float32",
    "01.rank.flat_index": lambda made: made["flat_index"]((2, 3), (1, 0)) == 3,
    "01.rank.shape_gate": lambda made: made["shape_gate"]((None, 2), (5, 2)) == (5, 2),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose assignments are released for grading, as `make grade` does it."""
    course = classroom.new_course(tmp_path_factory.mktemp("course"))
    (course.grading / "release").mkdir(parents=True)
    generate(course, course.grading / "release")
    return course


def taken(course, student):
    """What the gate says, and the clean notebook if there is one."""
    gate, notes, clean = Gate(course), Notes(), {}
    released = gate.released(ASSIGNMENT)
    handed = gate.read(student, ASSIGNMENT, list(released))
    problem = handed.problem
    if not problem:
        try:
            text = work.clean(released[NOTEBOOK], handed.files[NOTEBOOK], NOTEBOOK, notes)
            clean = {NOTEBOOK: text}
        except Refused as refused:
            problem = rebuild.one_line(str(refused), 300)
    gate.write(student, ASSIGNMENT, clean, problem)
    file = course.folder("intake") / student / ASSIGNMENT / NOTEBOOK
    what = SimpleNamespace(
        problem=problem, notes=(*handed.notes, *notes.all()), unread=notes.unread
    )
    return what, nbformat.read(file, as_version=4) if file.exists() else None


def score(notebook):
    """Run the clean notebook here, with the oracle for checks; a cell that fails, fails alone."""
    earned, made = 0.0, {}
    for cell in notebook.cells:
        facts = cell.metadata.get("nbgrader", {})
        if facts.get("grade"):
            task = cell.source.removeprefix('check("').removesuffix('")')
            try:
                earned += facts["points"] * bool(ORACLE[task](made))
            except Exception:  # no such function, or one that is wrong
                continue
        elif cell.cell_type == "code" and cell.id != "setup":
            try:
                exec(cell.source, made)
            except Exception:
                continue
    return earned


def test_there_are_sixty_distinct_ways():
    inside = [case for case in CASES if case.name in vars(surgery)]
    assert len({case.name for case in CASES}) == len(CASES) >= 60 <= 2 * len(inside)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_of_it(course, case, tmp_path):
    student = case.name[:60]
    file = classroom.hand_in(course, student, ASSIGNMENT, "solved")
    case.how(Handed(file, tmp_path))
    what, notebook = taken(course, student)
    if case.points is None:
        [reason] = case.says
        assert reason in what.problem
        assert notebook is None
        told = course.folder("intake") / student / ASSIGNMENT / intake.PROBLEM
        assert told.read_text() == what.problem + "\n"
        return
    assert (what.problem, score(notebook)) == ("", case.points)
    notes = list(what.notes)
    assert what.unread == UNREAD.get(case.name, set())
    for said in case.says:
        assert [note for note in notes if said in note], f"no note says {said!r}: {notes}"
    if not case.says:
        assert notes == []
    assert all(note.isprintable() and len(note) <= 310 for note in notes)
    as_the_assignment(course, notebook)


def as_the_assignment(course, notebook):
    """Everything but the text of answers and of the learner's own cells is the released notebook's."""
    [released] = (course.grading / "release" / ASSIGNMENT).glob("*.ipynb")
    released = nbformat.read(released, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == released.metadata
    given = [cell for cell in notebook.cells if not cell.id.startswith("own-")]
    assert [cell.id for cell in given] == [cell.id for cell in released.cells]
    for cell, own_cell in zip(given, released.cells, strict=True):
        assert cell.metadata == own_cell.metadata and cell.cell_type == own_cell.cell_type
        if not own_cell.metadata.get("nbgrader", {}).get("solution"):
            assert cell == own_cell
    for cell in notebook.cells:
        assert "attachments" not in cell
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
        if cell.id.startswith("own-"):
            assert cell.metadata == {}


def test_a_submission_that_is_refused_leaves_nothing_of_the_one_before(course):
    file = classroom.hand_in(course, "again", ASSIGNMENT, "solved")
    assert taken(course, "again")[1] is not None
    for step in ("autograded", "feedback"):
        (course.folder(step) / "again" / ASSIGNMENT).mkdir(parents=True)
    file.write_text("{}")
    assert taken(course, "again")[1] is None
    assert not (course.folder("feedback") / "again" / ASSIGNMENT).exists()
    assert not (course.folder("autograded") / "again" / ASSIGNMENT).exists()


def test_a_clean_notebook_stays_as_it_is(course):
    """formgrader's Autograde button sends it through the second half of the gate once more."""
    file = classroom.hand_in(course, "twice", ASSIGNMENT, "solved")
    notebook = nbformat.read(file, as_version=4)
    added = [surgery.own("a = 1"), {"cell_type": "markdown", "metadata": {}, "source": "<b>b</b>"}]
    notebook.cells[5:5] = [nbformat.from_dict(cell) for cell in added]
    nbformat.write(notebook, file)
    _, clean = taken(course, "twice")
    [released] = (course.grading / "release" / ASSIGNMENT).glob("*.ipynb")
    own = nbformat.read(released, as_version=4)
    notes = rebuild.Notes()
    again = rebuild.rebuild(nbformat.writes(clean).encode(), own, notes)
    assert (again, notes.all()) == (clean, ())


@pytest.mark.parametrize("error", [RecursionError("deep"), MemoryError(), OSError(28, "no room")])
def test_an_error_that_nobody_thought_of_is_a_reason_too(course, monkeypatch, error):
    def fails(*_):
        raise error

    file = classroom.hand_in(course, "odd", ASSIGNMENT, "solved")
    released = Gate(course).released(ASSIGNMENT)
    monkeypatch.setattr(work, "rebuild", fails)
    job = work.Job(ASSIGNMENT, released, {NOTEBOOK: file.read_bytes()}, "seed")
    outcome = work.graded(job)
    assert outcome.problem.startswith(f"{type(error).__name__}") and not outcome.notebooks
    monkeypatch.setattr(intake, "read_folder", fails)
    what, notebook = taken(course, "odd")
    assert what.problem.startswith(f"cannot be taken in: {type(error).__name__}")
    assert notebook is None


def test_the_gate_changes_nothing_of_what_was_handed_in(course):
    file = classroom.hand_in(course, "kept", ASSIGNMENT, "half wrong")
    (file.parent / "more.txt").write_text("more")
    before = {path: path.read_bytes() for path in file.parent.iterdir()}
    taken(course, "kept")
    assert {path: path.read_bytes() for path in file.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("student", "kept_as"),
    [
        ("weird[1]", "weird[1]"),
        ("*", "*"),
        ("<img src=x onerror=alert(1)>", "%3Cimg src%3Dx onerror%3Dalert%281%29%3E"),
        ('";alert(1);"', "%22%3Balert%281%29%3B%22"),
        ("=cmd", "%3Dcmd"),
        (".hidden", ".hidden"),
        ("..", ".."),
        ("ada ", "ada "),
        ("a\nb\x1b[31m", "a%0Ab%1B[31m"),
        ("a\u202eb", "a%E2%80%AEb"),
        ("100%", "100%25"),
        ("a" * 101, "a" * 60 + "%"),
        ("x\udcff", "x%FF"),
    ],
)
def test_a_name_that_is_more_than_a_name_is_refused(course, student, kept_as):
    what, _ = taken(course, student)
    assert "the student's folder has " in what.problem
    assert intake.gradebook_name(student).startswith(kept_as)
    assert len(intake.gradebook_name(student)) <= intake.MAX_NAME


@pytest.mark.parametrize("student", ["ada", "Zoë Müller", "O'Neil, Pat (2)", "a.b+c@d-e_f", "李雷"])
def test_a_name_that_is_a_name_is_kept(student):
    intake.check_name(student)
    assert intake.gradebook_name(student) == student


def test_the_time_is_the_servers_and_not_the_students(course):
    file = classroom.hand_in(course, "late", ASSIGNMENT, "solved")
    (file.parent / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")
    stamp = course.folder("intake") / "late" / ASSIGNMENT / "timestamp.txt"
    taken(course, "late")
    assert not stamp.exists()
    rows = ("student,assignment,timestamp", f"late,{ASSIGNMENT},2026-12-01T10:00:00+00:00",
            f"late,{ASSIGNMENT},2026-12-02T10:00:00+01:00", f"ada,{ASSIGNMENT},2020-01-01 00:00")  # fmt: skip
    (course.grading / "received.csv").write_text("\n".join(rows) + "\n")
    taken(course, "late")
    assert stamp.read_text() == "2026-12-02 09:00:00.000000 UTC\n"


def test_notes_are_few_and_short():
    notes = rebuild.Notes()
    for number in range(100):
        notes.add(f"{number} " + "long " * 1_000)
        notes.add("once\nonly\x1b[31m")
    assert len(notes.all()) == rebuild.MAX_NOTES + 1
    assert notes.all()[-1] == "and 81 more"
    assert notes.all()[1] == "once only"
    assert max(map(len, notes.all())) < 310


@pytest.mark.parametrize("text", ["", "plain", "```\nfence\n```", "`" * 50, "a\n````\n<b>", "~~~"])
def test_text_in_a_fence_stays_text(text):
    fence, *inside, end = rebuild.fenced(text).split("\n")
    assert text in ("\n".join(inside), "\n".join([fence, *inside, end]))
    assert fence == end and set(fence) == {"`"} and len(fence) >= 3
    assert not [line for line in inside if fence in line]
    assert rebuild.fenced(rebuild.fenced(text)) == rebuild.fenced(text)


@pytest.mark.parametrize(
    "text",
    [
        "<script>1</script>",
        "<img src=x onerror=1> <svg onload=1>",
        "```\n</code></pre><script>1</script>\n```\n<script>2</script>",
        "~~~\n<script>1</script>\n~~~",
        "[a](javascript:1) ![b](javascript:1) <javascript:1>",
        "$$x$$ <script>1</script> $$y$$",
        "\\begin{a}<script>1</script>\\end{a}",
        "\u2028```\u2029```\x0b<script>1</script>\x0c```\r<script>2</script>",
        "\n\n\t```\n<!-- --><b>\n&lt;script>",
    ],
)
def test_no_text_in_a_fence_becomes_html(text):
    """nbgrader's pages are made with this filter of nbconvert's."""
    html = markdown2html(rebuild.fenced(text))
    tags = re.findall(r"<[^>]*>?", html)
    assert tags == ["<pre>", "<code>", "</code>", "</pre>"]
