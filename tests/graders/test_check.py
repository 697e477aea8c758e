"""`check` survives whatever a learner writes, says what is wrong, and returns the points."""

import itertools
import re
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser

import numpy as np
import pytest

import engine as tf
from graders import check, hint, store, tasks
from graders.check import Effort, grade
from graders.tasks.base import Draw

RANK, SIZE, MSE = "01.rank.rank_of", "01.rank.size_of", "09.keras.mse"
GOOD = {RANK: np.ndim, SIZE: lambda shape: int(np.prod(shape))}


def text(capsys):
    return capsys.readouterr().out


def test_a_right_answer_is_told_so_with_the_honest_total(capsys):
    report = check(RANK, np.ndim)
    assert (repr(report), report.status) == ("2", "passed")
    said = text(capsys)
    inputs = {times: sum(len(list(each.cases(Draw(0, times)))) for each in tasks.find(RANK).checks)
              for times in (1, 4)}  # fmt: skip
    assert (
        f"4/4 checks here, on {inputs[1]} inputs; at submission the same task runs on fresh inputs, "
        f"{inputs[4]} of them." in " ".join(said.split())
    )
    assert "passed, 2 of 2 points" in said and "hint(" not in said


def test_a_wrong_answer_gets_the_smallest_input_and_both_values_side_by_side(capsys):
    report = check(RANK, lambda nested: 0)
    said = text(capsys)
    assert repr(report) == "0"
    assert "rank_of([4])" in said
    assert re.search(r"expected +got\n +1 +0\n", said)
    assert 'hint("01.rank.rank_of")' in said and "how many axes" in said


def test_partial_credit_is_the_number_that_nbgrader_reads():
    def no_empty(nested):
        return 1 + no_empty(nested[0]) if isinstance(nested, list) else 0

    report = check(RANK, no_empty)
    assert (repr(report), report.points, report.status) == ("1", 1, "partly")
    assert float(repr(report)) == 1.0


def test_the_core_comes_first():
    """Whoever gets only the extra part right has not solved the task."""
    report = check("01.rank.shape_of", lambda nested: (_ for _ in ()).throw(ValueError("ragged")))
    assert report.points == 0
    assert [line.state for line in report.lines][-1] == "passed"


def test_the_worst_element_of_an_array_is_named():
    def off(x, w, b):
        result = (x @ w + b).numpy()
        result.flat[-1] += 5
        return result

    report = check("09.keras.dense_forward", off)
    assert "the worst element, [0, 0], is 5.0, expected 0.0; 1 of 1 are wrong" in report.text()


def test_another_dtype_and_another_shape_are_named():
    report = check("09.keras.dense_forward", lambda x, w, b: (x @ w + b).numpy().astype("float64"))
    assert "dtype float32 is expected, not float64" in report.text()
    report = check("09.keras.dense_forward", lambda x, w, b: (x @ w + b)[..., None])
    said = " ".join(report.text().split())
    assert "so Expected (1, 1), 1 row of 1; got (1, 1, 1), 1 sheet of 1 row of 1." in said
    assert "The rank is 3, not 2." in said


def test_an_exception_shows_the_learners_own_line(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text("def size_of(shape):\n    total = 1\n    return total * lenn(shape)\n")
    namespace = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    report = check(SIZE, namespace["size_of"])
    assert "line 3 of size_of: return total * lenn(shape)" in report.text()
    assert "NameError: name 'lenn' is not defined" in report.text()


def test_the_line_is_the_learners_even_when_a_library_raised(tmp_path):
    file = tmp_path / "cell.py"
    file.write_text("import engine as tf\ndef rank_of(x):\n    return tf.reshape(x, [0, 7])\n")
    namespace = {}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    assert (
        "line 3 of rank_of: return tf.reshape(x, [0, 7])"
        in check(RANK, namespace["rank_of"]).text()
    )


def endless(nested):
    while True:
        pass


def endless_with_bare_except(nested):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            continue


def endless_and_returns(nested):
    try:
        while True:
            pass
    except BaseException:
        return 0


def endless_printing(nested):
    while True:
        print("x" * 1000)


def endless_generator(nested):
    return sum(itertools.count())


QUICK = Effort(seed=1, times=1, call_seconds=0.3, total_seconds=0.5)


@pytest.mark.parametrize("function", [endless, endless_with_bare_except, endless_and_returns,
                                      endless_printing])  # fmt: skip
def test_an_endless_loop_is_stopped_and_said_so(function):
    began = time.monotonic()
    report = grade(tasks.find(RANK), function, QUICK)
    assert time.monotonic() - began < 5
    assert (report.points, report.status, report.key) == (0, "wrong", "endless")
    assert "no answer after 0.3 s" in report.text()
    assert [line.state for line in report.lines] == ["wrong", "not run", "not run", "not run"]
    assert sys.gettrace() is None or "coverage" in repr(sys.gettrace())


def test_in_the_notebook_an_endless_loop_costs_about_a_second():
    began = time.monotonic()
    report = check(RANK, endless)
    assert 0.9 < time.monotonic() - began < 3
    assert "no answer after 1 s" in report.text()


def test_an_endless_loop_is_stopped_in_another_thread_too():
    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(grade(tasks.find(RANK), endless, QUICK))
    )
    thread.start()
    thread.join(20)
    assert not thread.is_alive() and reports[0].key == "endless"


def test_a_thread_that_was_stopped_leaves_an_interpreter_that_can_be_profiled():
    """CPython 3.11 hangs under a profiler when an asynchronous exception was sent and taken back."""
    script = """if True:
        import sys, threading
        from graders.guard import run
        def endless():
            while True: pass
        ran = []
        thread = threading.Thread(target=lambda: ran.append(run(endless, (), 0.05)))
        thread.start()
        thread.join()
        calls = []
        sys.setprofile(lambda frame, event, arg: calls.append(event))
        (lambda: None)()
        sys.setprofile(None)
        print(ran[0].timed_out, "call" in calls)
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["True", "True"]


def test_a_slow_answer_is_still_tried_on_every_class_of_inputs():
    def slow(shape):
        time.sleep(0.15)
        return int(np.prod(shape))

    report = grade(tasks.find(SIZE), slow, QUICK)
    assert report.status == "passed" and all(line.tried for line in report.lines)
    assert any("slow" in note for note in report.notes)


def test_endless_recursion_is_an_answer_like_any_other():
    def deeper(nested):
        return deeper(nested) + 1

    report = check(RANK, deeper)
    assert report.key == "endless" and "RecursionError" in report.text()


def test_megabytes_of_output_are_kept_out_of_the_report(capsys):
    def chatty(nested):
        print("spam " * 1_000_000)
        print("more", file=sys.stderr)
        return -1

    report = check(RANK, chatty)
    captured = capsys.readouterr()
    assert captured.err == ""
    assert len(captured.out) < 6000 and len(report._repr_html_()) < 12_000
    assert "spam" in captured.out and "more characters" in captured.out


def test_nothing_reaches_standard_error():
    """nbgrader gives 0 points when anything is on standard error: a warning is enough."""
    program = """
import sys, warnings
from graders import check
def size_of(shape):
    warnings.warn("careful")
    print("spam", file=sys.stderr)
    return 1
check("01.rank.size_of")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "careful" in done.stdout and "spam" in done.stdout


def test_a_changed_input_is_said_and_does_not_spoil_the_other_cases():
    def destructive(nested):
        rank = 0
        while isinstance(nested, list):
            rank += 1
            inner = nested[0] if nested else None
            nested.clear()
            nested = inner
        return rank

    report = check(RANK, destructive)
    assert report.status == "passed"
    assert any("changed the input" in note for note in report.notes)


def test_where_the_input_is_only_to_be_read_an_answer_that_changes_it_is_wrong():
    def in_place(w, b, xs):
        xs[:] = [w * x + b for x in xs]
        return xs

    report = check("00.win.predict_line", in_place)
    assert (report.status, report.key, report.points) == ("wrong", "changed", 0)
    assert report.failure.expected == report.failure.got, "the numbers themselves are right"
    assert report.failure.what == "it changed a list that it was given."
    assert report.notes == ()  # it is said once
    assert check("00.win.predict_line", lambda w, b, xs: in_place(w, b, [*xs])).status == "passed"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda shape: None, "Nothing is returned"),
        (lambda shape: (yield 1), "It is a generator"),
        (lambda shape: np.prod, "returns a function"),
        (lambda shape: str(np.prod(shape)), "a whole number is expected, not a string"),
        (lambda shape: float(np.prod(shape)), "a whole number is expected, not a float"),
        (lambda shape: True, "a whole number is expected, not a bool"),
        (lambda shape: tf.constant(6), "a whole number is expected, not a"),
        (lambda: 1, "another number of arguments"),
        (lambda shape: (_ for _ in ()).throw(SystemExit(1)), "SystemExit"),
    ],
)
def test_a_wrong_type_is_named(answer, says):
    report = check(SIZE, answer)
    assert report.points == 0 and says in " ".join(report.text().split()), report.text()


class Nasty:
    """An answer that claims to equal everything, and fails whenever it is looked at."""

    def __eq__(self, other):
        return True

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("no")

    def numpy(self):
        raise RuntimeError("no")


def test_an_answer_that_lies_about_itself_is_wrong():
    for value in (Nasty(), [Nasty()], (Nasty(),)):
        for task in (RANK, "01.rank.shape_of", "09.keras.mse", "09.keras.sgd_step"):
            report = check(task, lambda *args, value=value: value)
            assert report.points == 0 and report.status == "wrong"
            assert report._repr_html_() and report.text()


def test_equal_to_everything_by_subclassing_is_wrong():
    class Lies(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class LyingArray(np.ndarray):
        def __ne__(self, other):
            return np.zeros(self.shape, bool)

    assert check(SIZE, lambda shape: Lies(5)).points == 0
    wrong = np.zeros((1, 1), np.float32).view(LyingArray)
    assert check("09.keras.dense_forward", lambda x, w, b: wrong).points == 0


def test_a_name_that_is_not_there_is_not_started(capsys):
    report = check(RANK)
    assert (report.status, repr(report)) == ("not started", "0")
    assert "rank_of is not defined" in text(capsys)


def test_without_an_object_the_name_is_looked_up_where_check_was_called():
    namespace = {"check": check, "size_of": GOOD[SIZE]}
    assert eval(f'check("{SIZE}")', namespace).status == "passed"
    assert eval(f'check("{RANK}")', namespace).status == "not started"
    namespace["rank_of"] = 3
    assert "rank_of is an int, not something to call" in eval(f'check("{RANK}")', namespace).text()


def test_a_function_that_is_half_started_is_wrong_and_not_blank():
    def half(nested):
        if isinstance(nested, list):
            raise NotImplementedError
        return 0

    assert check(RANK, half).status == "wrong"


def test_stopping_the_kernel_by_hand_stops_the_check():
    def stopped(nested):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(RANK, stopped)


class Tags(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.open, self.seen = [], set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_everything_from_the_learner_is_escaped():
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\ud800&"

    def prints(nested):
        print(attack)
        raise ValueError(attack)

    class Shown:
        def __repr__(self):
            return attack

    for answer in (prints, lambda nested: attack, lambda nested: Shown(), lambda nested: [attack]):
        report = check(RANK, answer)
        html = report._repr_html_()
        tags = Tags(html)
        assert not tags.open and not {"script", "img"} & tags.seen
        assert "&lt;script&gt;" in html and "\x1b" not in html
        html.encode("utf-8")
        report.text().encode("utf-8")


def test_the_report_is_well_formed_in_every_state():
    for answer in (np.ndim, lambda nested: 0, endless_and_returns):
        tags = Tags(grade(tasks.find(RANK), answer, QUICK)._repr_html_())
        assert not tags.open


def test_progress_is_recorded_and_a_full_disk_does_not_stop_the_check(monkeypatch, tmp_path):
    check(SIZE, GOOD[SIZE])
    check(SIZE, lambda shape: 1)
    assert (store.read()[SIZE].points, store.read()[SIZE].attempts) == (1, 2)
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("COURSE_PROGRESS_FILE", str(blocked / "attempts.jsonl"))
    report = check(SIZE, GOOD[SIZE])
    assert report.points == 1 and any("Progress not saved" in note for note in report.notes)


def test_a_check_works_where_no_button_can_be_made(monkeypatch):
    monkeypatch.setitem(check.__globals__, "_shows_html", lambda: True)
    assert 'class="tx-again"' in check(SIZE, GOOD[SIZE])._repr_html_()
    monkeypatch.setitem(sys.modules, "course.lab.check_button", None)
    report = check(SIZE, GOOD[SIZE])
    assert report.points == 1 and 'class="tx-again"' not in report._repr_html_()
    monkeypatch.delitem(sys.modules, "course.lab.check_button")
    assert 'class="tx-again"' in check(SIZE, GOOD[SIZE])._repr_html_()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert 'class="tx-again"' not in check(SIZE, GOOD[SIZE])._repr_html_()


def test_grading_records_no_progress(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    check(SIZE, GOOD[SIZE])
    assert store.read() == {}


def test_at_submission_the_inputs_are_fresh_and_more(monkeypatch):
    def inputs():
        seen = []
        check(SIZE, lambda shape: seen.append(shape) or int(np.prod(shape)))
        return seen

    local = inputs()
    assert local == inputs()
    monkeypatch.setenv("GRADERS_SEED", "one run")
    graded = inputs()
    assert len(graded) > len(local) and graded == inputs()
    assert "on fresh inputs." in check(SIZE, GOOD[SIZE]).text()
    monkeypatch.setenv("GRADERS_SEED", "another run")
    assert inputs() != graded


def test_a_task_that_takes_tensors_says_when_no_gpu_was_checked(monkeypatch):
    assert not tasks.find(RANK).tensors and "GPU" not in check(RANK, np.ndim).text()
    monkeypatch.setattr("graders.devices.gpu", lambda: "")
    loss = tf.keras.losses.MeanSquaredError()
    assert "GPU not checked: none here." in check(MSE, lambda t, p: loss(t, p)).text()


@pytest.mark.gpu
def test_a_task_that_takes_tensors_is_checked_on_the_gpu_too():
    report = check("09.keras.sgd_step", lambda params, grads, rate: [
        p - rate * g for p, g in zip(params, grads, strict=True)
    ])  # fmt: skip
    assert report.status == "passed"
    assert [line.label for line in report.lines if line.label.endswith("on GPU:0")]


@pytest.mark.parametrize("task", tasks.all_tasks().values(), ids=lambda task: task.id)
def test_a_check_answers_within_a_second(task):
    """The checks of the blank and of a wrong answer; the solutions' are timed with the notebooks."""

    def wrong(*args):
        return 0

    began = time.monotonic()
    check(task.id, wrong)
    assert time.monotonic() - began < 1.5  # a second, and room for a busy machine


def test_hints_go_one_step_further_each_time_and_give_nothing_away():
    first, second, third, again = (hint(SIZE) for _ in range(4))
    assert [h.step for h in (first, second, third, again)] == [1, 2, 3, 3]
    assert "where to look" in repr(first) and "the idea" in repr(second)
    assert "an outline" in repr(third) and repr(third) == repr(again)
    assert hint(SIZE, 1).text == first.text
    Tags(first._repr_html_())
    with pytest.raises(ValueError, match="1 to 3"):
        hint(SIZE, 4)
    with pytest.raises(tasks.NoSuchTask):
        hint("01.rank.none")
