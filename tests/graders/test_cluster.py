"""A class graded by a Dask cluster: a scheduler and workers that are processes of their own, one killed."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest
from distributed import Client
from test_killed import state
from typer.testing import CliRunner

import classroom
from graders import cli, grade, work
from graders.cluster import Cluster
from graders.course import CourseError
from graders.workers import Failed, Task, WorkerDied, work_off

ASSIGNMENT = "01-rank-and-shape"
SEED = "the same inputs"
KINDS = ("solved", "half wrong", "blank")

pytestmark = pytest.mark.usefixtures("unsafe_where_there_is_no_sandbox")


@contextmanager
def scheduler():
    """A Dask scheduler; its address."""
    with _process("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1") as process:
        for line in process.stderr:
            if "Scheduler at:" in line:
                break
        yield line.split("Scheduler at:")[1].strip()


@contextmanager
def worker(address):
    """A worker of one thread, without the nanny that would start it again."""
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", "/tmp")
    with _process("worker", address, *options) as process:
        yield process


@contextmanager
def _process(kind, *arguments):
    command = [sys.executable, "-m", "dask", kind, *arguments]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def cluster():
    """The scheduler's address, and two workers that have answered."""
    with ExitStack() as stack:
        address = stack.enter_context(scheduler())
        workers = [stack.enter_context(worker(address)) for _ in range(2)]
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = classroom.new_course(tmp_path_factory.mktemp("course"), (ASSIGNMENT, "05-tracing"))
    for number in range(6):
        for name in (ASSIGNMENT, "05-tracing"):
            classroom.hand_in(course, f"student {number}", name, KINDS[number % 3])
    classroom.hand_in(course, "torn", ASSIGNMENT, "solved").write_text("{")
    return course


@pytest.fixture(scope="module")
def here(course, unsafe_where_there_is_no_sandbox):
    """What this machine's own processes make of the class."""
    grades = grade.grade_class(course, grade.submissions(course), seed=SEED)
    return grades, state(course)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_class_is_graded_by_two_workers_one_of_which_is_killed(course, here, cluster, tmp_path):
    """The same points, notebooks and pages as without a cluster; nobody notices."""
    address, workers = cluster
    done = []

    def step(what, count):
        done.append(count)
        if count == 3 and workers[0].poll() is None:
            os.kill(workers[0].pid, signal.SIGKILL)
            workers[0].wait()

    grades = grade.grade_class(
        course, grade.submissions(course), seed=SEED, step=step, crew=Cluster(address)
    )
    assert workers[0].returncode == -signal.SIGKILL and workers[1].poll() is None
    assert done[-1] == 13
    assert grades == here[0]
    assert [row for row in state(course) if row[0][0] != "grading_runs"] == [
        row for row in here[1] if row[0][0] != "grading_runs"
    ]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_without_workers_it_ends_and_can_be_gone_on_with(course, here, cluster):
    address, workers = cluster

    def step(what, count):
        if count == 4:
            for each in workers:
                if each.poll() is None:
                    os.kill(each.pid, signal.SIGKILL)
                    each.wait()

    todo = grade.submissions(course)
    with pytest.raises(CourseError, match="has had no worker for 1 seconds"):
        grade.grade_class(course, todo, seed=SEED, step=step, crew=Cluster(address, 1))
    told = []
    assert grade.grade_class(course, todo, seed=SEED, tell=told.append) == here[0]
    [line] = told
    assert int(line.split("broken off: ")[1].split()[0]) >= 4


@pytest.mark.timeout(240)
def test_tasks_and_errors_on_a_cluster(cluster, monkeypatch, course):
    address, _ = cluster
    crew, results = Cluster(address), {}
    tasks = [Task(int, str(n), n) for n in range(20)]
    tasks += [Task(int, "no number", "error"), Task(os._exit, 1, "deadly")]
    assert crew.room == 4
    work_off(crew, iter(tasks[:-1]), lambda task, result: results.update({task.about: result}))
    assert {n: results[n] for n in range(20)} == {n: n for n in range(20)}
    assert isinstance(results["error"], Failed) and "no number" in str(results["error"].error)
    crew.close()
    monkeypatch.setattr(work, "version", lambda: "another")
    with pytest.raises(CourseError, match="is asked for another"):
        grade.grade_class(course, grade.submissions(course), crew=Cluster(address))


@pytest.mark.timeout(240)
def test_a_task_that_ends_its_workers_fails_and_a_scheduler_that_is_gone_is_named():
    with ExitStack() as stack:
        with scheduler() as address:
            workers = [stack.enter_context(worker(address)) for _ in range(4)]
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(4, timeout=60)
            crew, results = Cluster(address, alone_seconds=60), []
            work_off(crew, iter([Task(os._exit, 1)]), lambda task, result: results.append(result))
            assert isinstance(results[0].error, WorkerDied)
            assert sorted(each.wait(30) for each in workers) == [1, 1, 1, 1]
            crew.submit(Task(int, "1"))
        with pytest.raises(CourseError, match="does not answer any more"):
            crew.next()
        crew.close()


def test_an_address_where_nobody_answers_is_named(monkeypatch, course):
    monkeypatch.setattr("graders.cluster.CONNECT_SECONDS", 1)
    monkeypatch.chdir(course.root)
    done = CliRunner().invoke(cli.app, ["grade", "--scheduler", "tcp://127.0.0.1:9"])
    assert done.exit_code == cli.UNUSABLE
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.output
