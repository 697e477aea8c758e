"""Grading that is cut off: whatever the moment, the next run ends where an uninterrupted one does.

The first half cuts it off at chosen moments: between two changes of a file, or before a transaction of the
gradebook ends, of the very process that grades, with SIGKILL. The workers' answers are kept from one run,
which makes so many moments affordable. The second half kills the real command, with its workers.
"""

import itertools
import os
import select
import shutil
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError, ProgrammingError
from test_gradebook import COMMENTS, ROWS

import classroom
from graders import grade, work
from graders.gradebook import Book
from graders.workers import Processes

ASSIGNMENT = "01-rank-and-shape"
SEED = "the same inputs"
CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod"}
"""The audit events of Python that come before a change in a folder."""

pytestmark = pytest.mark.usefixtures("unsafe_where_there_is_no_sandbox")


class Recorded:
    """A crew whose answers are known: those that processes gave once."""

    room, elsewhere = 3, False

    def __init__(self, answers):
        self.answers, self.waiting, self.asked = answers, deque(), []

    def submit(self, task):
        self.waiting.append(task)

    def next(self):
        task = self.waiting.popleft()
        if task.function is work.graded and isinstance(task.about, tuple):
            self.asked.append(str(task.about[0]))
        key = self.key(task)
        if key not in self.answers:
            self.answers[key] = task.function(task.argument)
        return task, self.answers[key]

    def close(self):
        pass

    @staticmethod
    def key(task):
        asked = task.argument
        if task.function is work.page:
            return asked.name, asked.graded, repr(asked.scores)
        return asked.assignment, repr(asked.handed_in)


def state(course):
    """All that is left of a grading, and that may not depend on how often it was cut off."""
    with Gradebook(course.directory.db_url) as gradebook:
        found = [sorted(map(tuple, gradebook.db.execute(text(sql)))) for sql in (ROWS, COMMENTS)]
        for table in ("grading_runs", "grading_open", "grading_journal", "submitted_assignment"):
            count = gradebook.db.execute(text(f"select count(*) from {table}")).scalar()
            found.append([(table, count)])
        gradebook.engine.dispose()
    for step in ("intake", "autograded", "feedback"):
        folder = course.folder(step)
        found.append(
            sorted((str(f.relative_to(folder)), f.read_bytes()) for f in folder.rglob("*.*"))
        )
    found.append((course.grading / "problems.csv").read_text())
    return found


@pytest.fixture(scope="module")
def course(tmp_path_factory, unsafe_where_there_is_no_sandbox):
    return prepared(classroom.new_course(tmp_path_factory.mktemp("course"), (ASSIGNMENT,)))


def prepared(course):
    """Four students, one with a file that is refused, and one who was graded before, by hand too."""
    classroom.hand_in(course, "cleo", ASSIGNMENT, "blank")
    grade.grade_class(course, grade.submissions(course), seed=SEED)
    with Gradebook(course.directory.db_url) as gradebook:
        mark = gradebook.find_grade("check-rank-of", "rank-and-shape", ASSIGNMENT, "cleo")
        mark.manual_score, mark.needs_manual_grade = 1.5, False
        gradebook.db.commit()
        gradebook.engine.dispose()
    classroom.hand_in(course, "ada", ASSIGNMENT, "solved")
    classroom.hand_in(course, "ben", ASSIGNMENT, "half wrong")
    classroom.hand_in(course, "torn", ASSIGNMENT, "solved").write_text("{")
    return course


@pytest.fixture(scope="module")
def whole(course, tmp_path_factory):
    return uninterrupted(course, tmp_path_factory.mktemp("whole"), copied)


def uninterrupted(course, folder, copied):
    """The answers of the workers, the state after an uninterrupted run, and how many moments it has."""
    answers, moments = {}, folder / "moments"
    fresh = copied(course, folder / "fresh")
    grade.grade_class(fresh, grade.submissions(fresh), seed=SEED, crew=Recorded(answers))
    counted = copied(course, folder / "counted")
    cut_off(counted, answers, 0, moments)
    assert state(counted) == state(fresh)
    return answers, state(fresh), int(moments.read_text())


def copied(course, to):
    shutil.copytree(course.root, to, dirs_exist_ok=True, symlinks=True)
    return grade.Course(to)


def cut_off(course, answers, moment, moments=None):
    """Grade in a process of its own, which ends itself with SIGKILL at a moment; 0 is never."""
    child = os.fork()
    if not child:
        try:
            reached = _watch(course, moment)
            grade.grade_class(course, grade.submissions(course), seed=SEED, crew=Recorded(answers))
            if moments:
                moments.write_text(str(reached[0]))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) == bool(moment)


def _watch(course, moment):
    root, reached = str(course.grading), [0]

    def passed():
        reached[0] += 1
        if reached[0] == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(what, args):
        if what in CHANGES and args and str(args[0]).startswith(root):
            reads = what == "open" and not (isinstance(args[1], str) and set(args[1]) & set("wax+"))
            if not reads:
                passed()

    sys.addaudithook(audit)
    event.listen(Engine, "commit", lambda connection: passed())
    return reached


def survives(course, answers, whole, moment, folder, copied=copied):
    """Cut it off at this moment; then again, as a person would: the end is the same, nothing twice."""
    cut = copied(course, folder)
    cut_off(cut, answers, moment)
    with Book(cut) as book:
        kept = {f"{student}, {name}" for (student, name), done in book.journal().items()}
    crew, told = Recorded(answers), []
    grades = grade.grade_class(cut, grade.submissions(cut), seed=SEED, crew=crew, tell=told.append)
    assert [each.submission.student for each in grades] == ["ada", "ben", "cleo", "torn"]
    assert not kept & set(crew.asked), "nothing that was kept is graded again"
    graded = {
        "ada, " + ASSIGNMENT,
        "ben, " + ASSIGNMENT,
        "cleo, " + ASSIGNMENT,
        "torn, " + ASSIGNMENT,
    }
    assert kept | set(crew.asked) == graded
    assert len(crew.asked) == len(set(crew.asked))
    after = state(cut)
    assert after == whole, moment
    shutil.rmtree(folder)
    return len(kept)


def test_a_run_has_many_moments(whole):
    assert whole[2] > 60


@pytest.mark.parametrize("part", range(8))
def test_cut_off_at_some_moments(course, whole, part, tmp_path):
    """One moment of each eighth of the run."""
    answers, end, moments = whole
    survives(course, answers, end, 1 + (2 * part + 1) * (moments - 1) // 16, tmp_path / "cut")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_cut_off_at_every_moment(course, whole, tmp_path):
    answers, end, moments = whole
    kept = [survives(course, answers, end, n, tmp_path / "cut") for n in range(1, moments + 1)]
    assert kept == sorted(kept) and set(kept) == {0, 1, 2, 3, 4}
    print(f"cut off at each of {moments} moments; submissions kept: {kept}")


def test_what_is_handed_in_anew_meanwhile_is_graded(course, whole, tmp_path):
    answers, _, moments = whole
    cut = copied(course, tmp_path / "cut")
    cut_off(cut, answers, moments - 2)
    classroom.hand_in(cut, "ada", ASSIGNMENT, "blank")
    crew = Recorded(dict(answers))
    grades = grade.grade_class(cut, grade.submissions(cut), seed=SEED, crew=crew)
    assert crew.asked == ["ada, " + ASSIGNMENT] and grades[0].total == 0


def test_another_seed_or_again_begins_anew(course, whole, tmp_path):
    answers, _, moments = whole
    for seed, again in (("another", False), ("", True)):
        cut = copied(course, tmp_path / f"cut{again}")
        cut_off(cut, answers, moments - 2)
        crew = Recorded(dict(answers))
        grade.grade_class(cut, grade.submissions(cut), seed=seed, again=again, crew=crew)
        assert len(crew.asked) == 4


# --- the real command ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_of_the_command_with_its_workers(tmp_path):
    courses = []
    for name in ("cut", "whole"):
        (tmp_path / name).mkdir()
        courses.append(classroom.new_course(tmp_path / name, (ASSIGNMENT, "05-tracing")))
    kill_the_command(*courses, {}, {})


def kill_the_command(course, whole, *environments):
    """Kill it three times; then to the end: it has to be what an uninterrupted command leaves."""
    for each, number, name in itertools.product(
        (course, whole), range(8), (ASSIGNMENT, "05-tracing")
    ):
        classroom.hand_in(
            each, f"student {number}", name, ("solved", "half wrong", "blank")[number % 3]
        )
    log = []
    for least in (1, 5, 11):
        with _command(course, environments[0]) as running:
            kept = _wait_for(course, running, least)
            family = _descendants(running.pid)
            running.kill()
        _wait_for_end(family)
        log.append(f"killed with {kept} of 16 in the journal and {len(family)} processes, all gone")
        assert kept >= least
    with _command(course, environments[0]) as running:
        said, _ = running.communicate()
        assert running.returncode == 0, said
        assert "Going on with the run of " in said
    log += [line for line in said.splitlines() if line.startswith("Going on")]
    with _command(whole, environments[1]) as running:
        said, _ = running.communicate()
        assert running.returncode == 0 and "Going on" not in said
    for each in (course, whole):
        (each.grading / "problems.csv").touch()
    assert state(course) == state(whole)
    exported = [(each.grading / "grades.csv").read_bytes() for each in (course, whole)]
    assert exported[0] == exported[1] and exported[0].count(b"student ") == 16
    log.append("gradebook, notebooks, pages and grades.csv are those of an uninterrupted run")
    print("\n".join(log))


def _command(course, environment):
    kept = ("PATH", "HOME", "GRADERS_UNSAFE")
    return subprocess.Popen(
        [sys.executable, "-m", "graders.cli", "grade", "--seed", SEED],
        cwd=course.root,
        env={name: os.environ[name] for name in kept if name in os.environ} | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def _wait_for(course, running, least):
    """How many submissions are in the journal, as soon as there are at least so many."""
    engine = create_engine(course.directory.db_url, poolclass=NullPool)
    handle = os.pidfd_open(running.pid)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while not poll.poll(50):  # it has not ended
        found = _count(engine)
        if found >= least:
            os.close(handle)
            return found
    raise AssertionError("it ended before it could be killed")


def _count(engine):
    try:
        with engine.connect() as connection:
            return connection.execute(text("select count(*) from grading_journal")).scalar()
    except (OperationalError, ProgrammingError):  # the tables are not made yet
        return -1


def _descendants(pid):
    """The processes below one, as handles that never mean another process."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                folder.joinpath("stat").read_text().rsplit(")")[-1].split()[1]
            )
        except (OSError, ValueError):
            continue
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    handles = []
    for each in found - {pid}:
        try:
            handles.append(os.pidfd_open(each))
        except ProcessLookupError:
            continue
    return handles


def _wait_for_end(handles):
    assert len(handles) >= 3
    for handle in handles:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        assert poll.poll(30_000), "a process outlived the command"
        os.close(handle)


def test_the_processes_of_this_machine_are_as_many_as_its_processors():
    assert Processes().count == len(os.sched_getaffinity(0))
