"""A check lives through whatever the learner's code does, and leaves the program as it was."""

import gc
import io
import os
import random
import resource
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import engine as tf
from graders import check, memory, state, tasks
from graders.check import Effort, grade
from graders.guard import TimeIsUp, TooMuchMemory, run, time_limit

SIZE = "01.rank.size_of"
EFFORT = Effort(seed=1, times=1, call_seconds=20.0, total_seconds=60.0)
QUICK = Effort(seed=1, times=1, call_seconds=0.3, total_seconds=0.5)
MIB = 2**20
ROOT = Path(__file__).resolve().parents[2]


def right(shape):
    return int(np.prod(shape))


def graded(answer, effort=EFFORT, task=SIZE):
    return grade(tasks.find(task), answer, effort)


# --- memory ---------------------------------------------------------------------------------------


def huge(shape):
    return np.ones((10**6, 10**6))


def huge_list(shape):
    return [0] * 10**12


def growing(shape):
    kept = []
    while True:
        kept.append(bytearray(10 * MIB))


def growing_and_catching(shape):
    kept = []
    while True:
        try:
            kept.append(bytearray(10 * MIB))
        except Exception:
            kept.append(bytearray(MIB))


def growing_text(shape):
    text = "x" * MIB
    while True:
        text += text


def huge_tensor(shape):
    return tf.ones((10**6, 10**6))


ANSWERS = [huge, huge_list, huge_tensor, growing, growing_and_catching, growing_text]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_allocation_far_beyond_the_task_is_stopped_and_said_so(answer):
    before = memory.in_use()
    report = graded(answer)
    assert (report.status, report.points, report.key) == ("wrong", 0, "memory"), report.text()
    assert "MemoryError" in report.text() and "far more memory" in report.text()
    assert [line.state for line in report.lines] == ["wrong", "not run", "not run"]
    assert memory.in_use() - before < memory.MOST / 2, "what filled the memory is let go"
    assert graded(right).status == "passed"


def test_the_line_that_took_the_memory_is_named(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text("def size_of(shape):\n    kept = []\n    while True:\n"
                    "        kept.append(bytearray(10**7))\n")  # fmt: skip
    namespace = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    assert "line 4 of size_of" in graded(namespace["size_of"]).text()


def test_an_array_that_is_only_claimed_to_be_large_is_not_looked_at():
    report = graded(lambda shape: np.broadcast_to(np.float32(1), (10**6, 10**6)))
    assert report.key == "memory" and "4,000,000,000,000 bytes" in report.text()


def test_in_another_thread_memory_is_bounded_too():
    reports = []
    thread = threading.Thread(target=lambda: reports.append(graded(growing)))
    thread.start()
    thread.join(60)
    assert not thread.is_alive() and reports[0].key == "memory"


def test_what_a_task_needs_is_there_and_the_bound_is_gone_afterwards():
    bounds = resource.getrlimit(resource.RLIMIT_AS)
    inside = []

    def some(shape):
        inside.append(resource.getrlimit(resource.RLIMIT_AS))
        return right(shape) + int(np.zeros(50 * MIB, np.uint8)[0])

    assert graded(some).status == "passed"
    assert resource.getrlimit(resource.RLIMIT_AS) == bounds
    if sys.platform == "linux" and not any(map(os.path.exists, memory.GPUS)):
        assert all(soft != resource.RLIM_INFINITY for soft, _ in inside)
        with pytest.raises(KeyboardInterrupt):
            run(lambda: (_ for _ in ()).throw(KeyboardInterrupt), (), 1.0)
        assert resource.getrlimit(resource.RLIMIT_AS) == bounds


def test_where_there_is_a_gpu_its_driver_is_not_in_the_way_of_the_bound(monkeypatch, tmp_path):
    """The driver would fail to start. Many small requests are still noticed."""
    bounds, inside = resource.getrlimit(resource.RLIMIT_AS), []
    monkeypatch.setattr(memory, "GPUS", (str(tmp_path),))
    run(lambda: inside.append(resource.getrlimit(resource.RLIMIT_AS)), (), 5.0)
    assert inside == [bounds]
    assert graded(growing).key == "memory"


def test_on_a_small_machine_less_is_allowed(monkeypatch):
    monkeypatch.setattr(memory, "_available", lambda: 300 * MIB)
    assert memory.most() == 100 * MIB

    def modest(shape):
        kept = [bytearray(40 * MIB) for _ in range(8)]
        while kept:
            pass

    assert graded(modest).key == "memory"


def test_the_kernel_lives_on_after_memory_was_refused():
    """In a process of its own, under its own threads: each answer is a report, and the last is right."""
    program = """
import threading, sys
import numpy as np
sys.path.insert(0, "tests/graders")
from graders import check
from test_guard import ANSWERS, EFFORT, graded, right
stop, turns = threading.Event(), []
def other():
    while not stop.is_set():
        turns.append(len(bytearray(10**6)))
thread = threading.Thread(target=other)
thread.start()
for answer in ANSWERS:
    print(graded(answer).key)
stop.set()
thread.join()
print(graded(right).status, len(turns) > 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          timeout=100, cwd=ROOT)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == ["memory"] * len(ANSWERS) + ["passed True"], done.stdout


# --- time -----------------------------------------------------------------------------------------


class Endless:
    """A value that is never done being looked at."""

    def __len__(self):
        while True:
            pass

    __repr__ = __str__ = __eq__ = numpy = __len__
    __hash__ = None


class EndlessTuple(tuple):
    __slots__ = ()

    def __len__(self):
        while True:
            pass

    __iter__ = __repr__ = __len__


@pytest.mark.parametrize(
    "answer", [Endless(), EndlessTuple((1,)), [Endless()]], ids=["any", "tuple", "list"]
)
@pytest.mark.parametrize("task", [SIZE, "01.rank.shape_of", "09.keras.mse"])
def test_an_answer_that_is_never_done_being_looked_at_is_wrong(answer, task):
    report = graded(lambda *args: answer, QUICK, task)
    assert report.status == "wrong" and report.text() and report._repr_html_()


def test_one_limit_may_lie_within_another():
    with pytest.raises(TimeIsUp), time_limit(0.2):
        with pytest.raises(TimeIsUp), time_limit(0.05):
            while True:
                pass
        while True:
            pass
    with time_limit(30.0):
        ran = run(lambda: "done", (), 30.0)
    assert ran.value == "done" and not ran.timed_out


def test_the_reason_of_the_first_alarm_stays():
    with pytest.raises(TooMuchMemory), time_limit(60.0, lambda: True):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue


def test_a_sleeping_call_is_woken():
    ran = run(time.sleep, (3600,), 0.1)
    assert ran.timed_out


# --- everything else ------------------------------------------------------------------------------


def changes_directory(shape):
    os.chdir("/")


def changes_environment(shape):
    os.environ["PATH"] = "nowhere"
    os.environ.pop("HOME", None)
    os.environ["NEW"] = "1"


def changes_numpy_errors(shape):
    np.seterr(all="ignore")


def changes_numpy_print(shape):
    np.set_printoptions(precision=1, suppress=True)


def changes_path(shape):
    sys.path.insert(0, "/nowhere")


def changes_recursion(shape):
    sys.setrecursionlimit(5000)


def changes_engine(shape):
    tf.config.run_functions_eagerly(True)
    tf.keras.config.set_floatx("float64")
    tf.keras.config.set_dtype_policy("mixed_float16")


def checks_numbers(shape):
    tf.debugging.enable_check_numerics()


def leaves_a_tape_open(shape):
    tf.GradientTape().__enter__()


CHANGES = {
    checks_numbers: "settings of the engine",
    leaves_a_tape_open: "settings of the engine",
    changes_directory: "the working directory",
    changes_environment: "the environment variables",
    changes_numpy_errors: "NumPy's error settings",
    changes_numpy_print: "NumPy's print options",
    changes_path: "sys.path",
    changes_recursion: "the recursion limit",
    changes_engine: "settings of the engine",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("ends", ["returns", "raises"])
def test_what_it_changes_of_the_program_is_put_back_and_noted(change, ends):
    before = [setting.read() for setting in state.SETTINGS if setting.words]

    def answer(shape):
        change(shape)
        if ends == "raises":
            raise SystemExit(3)
        return right(shape)

    report = graded(answer)
    assert [setting.read() for setting in state.SETTINGS if setting.words] == before
    assert f"It changed {CHANGES[change]} of the whole program: put back." in report.notes
    assert report.status == ("passed" if ends == "returns" else "wrong")


def test_random_numbers_go_on_where_they_were_and_nobody_is_told():
    def draws(shape):
        random.seed(1)
        np.random.seed(1)
        tf.random.set_seed(1)
        return right(shape) + 0 * random.randint(0, 9) + 0 * np.random.randint(9)

    tf.random.set_seed(8)
    ahead = (random.getstate(), np.random.get_state()[1].tolist())
    report = graded(draws)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == ahead
    after = float(tf.random.uniform([]))
    tf.random.set_seed(8)
    assert after == float(tf.random.uniform([]))
    assert report.status == "passed" and not report.notes


def test_a_directory_that_is_gone_is_no_obstacle(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert graded(right).status == "passed"


def test_closed_streams_are_open_again(capfd):
    def closes(shape):
        sys.stdout.close()
        sys.stderr.close()
        os.close(1)
        os.close(2)
        return right(shape)

    report = graded(closes)
    assert report.status == "passed" and any("standard streams" in note for note in report.notes)
    os.write(1, b"out")
    os.write(2, b"err")
    print(" and", end="", flush=True)
    assert capfd.readouterr() == ("out and", "err")


def test_other_streams_in_place_of_the_standard_ones_are_taken_out():
    before = sys.stdout, sys.stderr

    def replaces(shape):
        sys.stdout = sys.stderr = io.StringIO()
        return right(shape)

    assert graded(replaces).status == "passed" and (sys.stdout, sys.stderr) == before


def test_no_file_descriptor_is_left_open():
    def closes(shape):
        os.close(1)
        return 1

    graded(right)
    before = os.listdir("/dev/fd")
    for answer in (right, closes, huge):
        graded(answer)
    assert len(os.listdir("/dev/fd")) == len(before)


def generator(shape):
    yield 1


def mutates(shapes):
    return shapes.clear()


def prints_megabytes(shape):
    for _ in range(50):
        print("spam" * 250_000)
        sys.stderr.write("eggs" * 250_000)


def exits(shape):
    sys.exit("bye")


def exits_hard(shape):
    raise GeneratorExit


@pytest.mark.parametrize("answer", [generator, mutates, prints_megabytes, exits, exits_hard])
def test_it_lives_through(answer, capfd):
    report = graded(answer)
    assert report.status == "wrong" and capfd.readouterr() == ("", "")
    assert len(report.text()) < 6000
    assert graded(right).status == "passed"


# --- what is never left out -----------------------------------------------------------------------


@pytest.mark.parametrize("answer", [lambda t, p: 0.0, lambda t, p: 1 / 0, tf.keras.losses.MeanSquaredError()],
                         ids=["wrong", "raises", "right"])  # fmt: skip
def test_a_gpu_that_was_not_checked_is_named_in_every_report(answer, monkeypatch):
    monkeypatch.setattr("graders.devices.gpu", lambda: "")
    report = graded(lambda t, p: answer(t, p), task="09.keras.mse")
    assert "GPU not checked: none here." in report.text()
    assert "GPU not checked: none here." in report._repr_html_()


def test_the_total_counts_what_was_tried():
    tried = []
    report = check(SIZE, lambda shape: tried.append(shape) or right(shape))
    assert report.status == "passed"
    assert f"3/3 checks here, on {len(tried)} inputs; at submission" in report.total
    tried.clear()
    wrong = graded(lambda shape: 1 if 0 in shape else right(shape), replace(EFFORT, graded=True))
    assert wrong.total == "2/3 checks on fresh inputs."


@pytest.mark.parametrize("in_main_thread", [True, False])
def test_an_end_that_the_garbage_collector_swallows_comes_again_and_is_not_reported(
    monkeypatch, in_main_thread
):
    """What the collector calls takes nearly all of the time here, so the end falls into it."""
    heard = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: heard.append(unraisable.exc_type))

    def busy(phase, info):
        for _ in range(100_000):
            pass

    def forever():
        while True:
            [[] for _ in range(1000)]

    ran = []
    gc.callbacks.append(busy)
    try:
        if in_main_thread:
            ran.append(run(forever, (), 0.3))
        else:
            other = threading.Thread(target=lambda: ran.append(run(forever, (), 0.3)))
            other.start()
            other.join(30)
    finally:
        gc.callbacks.remove(busy)
    assert ran[0].timed_out and heard == []

    # What others raise there is still reported.
    class Broken:
        def __del__(self):
            raise ZeroDivisionError

    assert run(lambda: Broken() and None, (), 5.0).error is None
    assert heard == [ZeroDivisionError]
