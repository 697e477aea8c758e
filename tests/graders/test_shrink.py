"""The smallest failing input: Hypothesis takes away what the failure does not need, and no more."""

import gc
import os
import random
import subprocess
import sys
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders import shrink, tasks
from graders.check import Drawn, Effort, grade
from graders.shrink import measure, smallest
from graders.tasks.base import Case, Check, Draw, Task

SECONDS = 20.0  # the tries are bounded, so that a busy machine finds what a fast one finds


def shrunk(args, wrong, **more):
    """The smallest arguments for which `wrong` holds, or the given ones."""
    found = smallest(args, lambda given: given if wrong(*given) else None, SECONDS, **more)
    return args if found is None else found


def test_nested_lists_lose_axes_and_entries():
    value = [[[3, 8, 1], [4, 5, 9]], [[2, 7, 7], [6, 5, 4]]]
    (least,) = shrunk((value,), lambda nested: np.shape(nested) != np.shape(nested)[::-1])
    assert np.shape(least) in ((1, 2), (2, 1)) and not np.any(least)
    (least,) = shrunk((value,), lambda nested: np.ndim(nested) > 2)
    assert least == [[[0]]]
    (least,) = shrunk((value,), lambda nested: True)
    assert least == [0], "a list stays a list"


def test_a_number_that_matters_is_kept_and_its_neighbours_are_not():
    (least,) = shrunk(([5, 99, 4, 2],), lambda values: max(values) >= 37)
    assert least == [37]
    (least,) = shrunk(([3, -8, 6],), lambda values: min(values) < 0)
    assert least == [-1]


def test_an_input_that_is_as_small_as_it_can_be_is_left_as_it_was_written():
    """[0] would be no easier to read than [4], which an author chose."""
    assert smallest(([4],), lambda args: args, SECONDS) is None
    assert smallest((7,), lambda args: args, SECONDS) is None
    assert smallest((), lambda args: args, SECONDS) is None


def test_nothing_becomes_empty_and_sizes_and_settings_do_not_become_zero():
    tried = []

    def fails(args):
        tried.append(args)
        return args

    shape, index = smallest(((4, 5, 3), (2, 4, 0)), fails, SECONDS)
    assert (shape, index) == ((1,), (1,)) or len(shape) == len(index) == 1
    assert all(min(shape) >= 1 and len(shape) == len(index) for shape, index in tried)
    tried.clear()
    smallest(([1.5, 2.5], 12, 0.25), fails, SECONDS)
    assert all(values and epochs >= 1 and rate > 0 for values, epochs, rate in tried)


def test_arrays_that_belong_together_stay_in_step():
    random = np.random.default_rng(3)
    x, w, b = (random.normal(size=shape).astype(np.float32) for shape in ((7, 3), (3, 5), (5,)))
    seen = []

    def wrong(x, w, b):
        seen.append((x.shape, w.shape, b.shape))
        return w.shape[1] > 1

    x, w, b = shrunk((x, w, b), wrong)
    assert (x.shape, w.shape, b.shape) == ((1, 1), (1, 2), (2,))
    assert x.dtype == w.dtype == np.float32
    assert not x.any() and not w.any() and not b.any()
    assert all(x[1] == w[0] and w[1] == b[0] and len(x) == len(w) == 2 for x, w, b in seen)


def test_large_arrays_get_small_as_well():
    random = np.random.default_rng(5)
    args = tuple(random.normal(size=shape) for shape in ((200, 30), (30, 20), (20,)))
    x, w, b = shrunk(args, lambda x, w, b: len(x) > 32)
    assert (x.shape, w.shape, b.shape) == ((33, 1), (1, 1), (1,)) and not x.any()


def test_arrays_lose_axes_only_where_somebody_knows_that_they_may():
    array = np.ones((3, 4, 2), np.float32)
    (least,) = shrunk((array,), lambda value: value.ndim >= 2, any_rank=True)
    assert least.shape == (1, 1)
    (least,) = shrunk((array,), lambda value: value.ndim >= 2)
    assert least.shape == (1, 1, 1)


def test_an_array_with_gaps_between_its_elements_keeps_them():
    array = np.arange(24.0).reshape(4, 6)[:, ::2]
    (least,) = shrunk((array,), lambda value: not value.flags.c_contiguous)
    assert least.size < array.size and not least.flags.c_contiguous


def test_an_array_that_lies_by_columns_stays_so():
    array = np.arange(20.0).reshape(4, 5).T
    (least,) = shrunk((array,), lambda v: v.ravel("K").tolist() != v.ravel().tolist())
    assert least.shape == (2, 2) and least.flags.f_contiguous


def test_an_expression_becomes_one_of_its_parts():
    (least,) = shrunk(("(x0 + x1 * 3) * (x0 - x1)",), lambda text: "-" in text)
    assert least == "x0 - x1"
    (least,) = shrunk(("some words, and more",), lambda text: "w" in text)
    assert least == "some w"


def test_lists_of_other_things_lose_elements():
    (least,) = shrunk((["f", "g", "f", "h", "f", "h"],), lambda calls: calls.count("h") > 1)
    assert least == ["h", "h"]
    (least,) = shrunk(
        ([(2.0, 3.5), (5.0, -3.5), (9.0, 1.5)],), lambda calls: any(x < 0 for _, x in calls)
    )
    assert least == [(1.0, -1.0)]
    params = [np.ones((2, 3), np.float32), np.ones(4, np.float32)]
    grads = [np.full((2, 3), 2.5, np.float32), np.ones(4, np.float32)]
    params, grads, rate = shrunk((params, grads, 0.07), lambda p, g, rate: g[0].any())
    assert [p.shape for p in params] == [g.shape for g in grads]
    assert len(params) == 1 and params[0].size == 1 and rate == 1.0


def test_the_result_is_the_least_of_all_that_fail():
    """Against a search through every input there is, for a hundred little properties."""
    numbers = random.Random(11)
    for _ in range(100):
        start = [numbers.randint(0, 4) for _ in range(numbers.randint(1, 4))]
        wanted = tuple(numbers.choices(start, k=numbers.randint(1, 2)))

        def wrong(values, wanted=wanted):
            return all(values.count(each) >= wanted.count(each) for each in wanted)

        if not wrong(start):
            continue
        (least,) = shrunk((start,), wrong)
        fewest = min(
            size for size in range(1, len(start) + 1)
            if any(wrong(list(c)) for c in product(range(5), repeat=size))
        )  # fmt: skip
        assert len(least) == fewest and wrong(least)


leaves = st.one_of(st.integers(-9, 9), st.floats(-9, 9), st.booleans())
values = st.one_of(
    leaves,
    st.lists(leaves, min_size=1, max_size=5),
    st.lists(st.tuples(leaves, leaves), min_size=1, max_size=4),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from(["x0 + 1", "text", "f"]),
)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(st.tuples(values, values), st.integers(0, 2**32))
def test_what_comes_back_fails_is_smaller_and_keeps_its_types(args, salt):
    def wrong(*given):  # some property that has nothing to do with how inputs are made smaller
        return random.Random(f"{salt}{given}").random() < 0.7 or given == args

    found = smallest(args, lambda given: given if wrong(*given) else None, SECONDS)
    if found is None:
        return
    assert wrong(*found) and measure(found) < measure(args)
    for before, after in zip(args, found, strict=True):
        assert type(before) is type(after)
        assert bool(np.size(before)) == bool(np.size(after))


def test_the_same_input_gives_the_same_result_and_changes_nothing_of_the_program():
    args = ([[3, 8, 1], [4, 5, 9]], 2.75)

    def wrong(nested, number):
        return sum(map(sum, nested)) > 6

    random.seed(4)
    state, callbacks = random.getstate(), list(gc.callbacks)
    first = shrunk(args, wrong)
    assert random.getstate() == state and gc.callbacks == callbacks
    random.seed(5)
    assert shrunk(args, wrong) == first


def test_the_number_of_tries_is_bounded():
    tried = []
    numbers = list(range(1, 60))
    smallest((numbers,), lambda args: tried.append(args) or (args if sum(args[0]) > 400 else None),
             SECONDS)  # fmt: skip
    assert 0 < len(tried) <= 2 * shrink.TRIES


def test_when_time_is_up_the_best_so_far_is_kept():
    clock = iter(range(10**6))
    tried = []

    def fails(args):
        tried.append(args)
        return args if sum(args[0]) > 100 else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: float(next(clock)))
        found = smallest((list(range(30)),), fails, 20.0)
    assert len(tried) < 30
    assert found is None or sum(found[0]) > 100


def test_a_function_that_answers_now_so_now_so_does_no_harm():
    answers = iter([True, False, True, True, False] * 1000)
    found = smallest(([1, 2, 3, 4, 5],), lambda args: args if next(answers) else None, SECONDS)
    assert found is None or len(found[0]) <= 5


# --- in a check -----------------------------------------------------------------------------------


def test_a_failing_check_shows_the_smallest_input():
    """Wrong from 37 on: no author's input says so, and no drawn one is the first of them."""
    task = Task(
        id="00.test.double", name="double", points=1, asks="Twice the number.",
        oracle=lambda number: 2 * number,
        checks=(Check("numbers", lambda draw: [(3,), (980,), (1007,)]),),
        misconceptions=(), hints=("", "", ""),
    )  # fmt: skip
    report = grade(task, lambda number: 2 * number if number < 37 else 0, GENEROUS)
    assert report.failure.input == "double(37)"
    assert (report.failure.expected, report.failure.got) == ("74", "0")


GENEROUS = Effort(seed=1, times=1, call_seconds=5.0, total_seconds=60.0)


def test_a_shrunk_input_fails_in_the_same_way_and_gets_the_same_hint():
    def reversed_shape(nested):
        return np.shape(nested)[::-1]

    report = grade(tasks.find("01.rank.shape_of"), reversed_shape, GENEROUS)
    assert report.key == "reversed"
    namespace = {"shape_of": reversed_shape}
    assert str(eval(report.failure.input, namespace)) == report.failure.got
    assert report.failure.got == str(eval(report.failure.expected)[::-1])

    def falls(x, w, b):
        raise KeyError("w") if x.shape[0] > 2 else ValueError("x")

    report = grade(tasks.find("09.keras.dense_forward"), falls, GENEROUS)
    assert report.failure.got in ("ValueError: x", "KeyError: 'w'")


def test_an_input_whose_truth_was_given_with_it_is_not_changed():
    """There is no oracle that knows what a made-up ragged list should raise."""
    seen = []

    def never_raises(nested):
        seen.append(nested)
        return np.shape(nested) if len(np.shape(nested)) < 9 else ()

    task = tasks.find("01.rank.shape_of")
    [ragged] = [check for check in task.checks if check.label == "ragged lists"]
    drawn = [case.args[0] for case in ragged.cases(Draw(0))]
    assert all(type(case) is Case for case in ragged.cases(Draw(0)))

    def first_only(nested):
        return (
            (len(nested), *first_only(nested[0] if nested else 0))
            if isinstance(nested, list)
            else ()
        )

    report = grade(task, first_only, GENEROUS)
    assert report.failure.label == "ragged lists"
    assert eval(report.failure.input, {"shape_of": lambda nested: nested}) in drawn


def test_only_what_the_task_calls_valid_is_tried():
    seen = []

    def even(number):
        seen.append(number)
        return -1

    task = Task(
        id="00.test.even", name="even", points=1, asks="An even number.",
        oracle=lambda number: number, valid=lambda number: number % 2 == 0 and number >= 10,
        checks=(Check("numbers", lambda draw: [(1234,)]),), misconceptions=(), hints=("", "", ""),
    )  # fmt: skip
    report = grade(task, even, GENEROUS)
    assert set(seen) <= set(range(10, 1235, 2)) and report.failure.input == "even(10)"


def test_an_argument_for_which_the_oracle_raises_is_no_input():
    def oracle(number):
        if number < 20:
            raise ValueError("too small for this task")
        return number

    task = Task(
        id="00.test.least", name="least", points=1, asks="A number of at least 20.", oracle=oracle,
        checks=(Check("numbers", lambda draw: [(4321,)]),), misconceptions=(), hints=("", "", ""),
    )  # fmt: skip
    assert grade(task, lambda number: 0, GENEROUS).failure.input == "least(20)"


def test_a_submission_is_not_held_up_by_it():
    calls = []
    task = tasks.find("01.rank.size_of")
    effort = Effort(seed=1, times=1, call_seconds=1.0, total_seconds=60.0, graded=True)
    grade(task, lambda shape: calls.append(shape) or -1, effort)
    inputs = sum(len(list(check.cases(Draw(0)))) for check in task.checks)
    assert len(calls) == inputs


def test_without_hypothesis_the_smallest_drawn_input_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.setitem(sys.modules, "hypothesis.internal.conjecture", None)
    report = grade(tasks.find("01.rank.flat_index"), lambda shape, index: -1, GENEROUS)
    assert report.failure.input == "flat_index((3,), (0,))"


def test_nothing_is_written_and_nothing_is_printed(tmp_path):
    """In a folder of its own, with modules of one's own: Hypothesis would keep what it finds there."""
    (tmp_path / "mine.py").write_text("NUMBER = 123456\n")
    program = """
import sys; sys.path.insert(0, ".")
import mine
from graders.check import grade
from graders import tasks
report = grade(tasks.find("01.rank.shape_of"), lambda nested: (9, 9), keep=False)
assert report.failure and "hypothesis" in sys.modules
"""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environment = os.environ | {"PYTHONPATH": root, "HOME": str(tmp_path)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = {path.name for path in tmp_path.iterdir()}
    done = subprocess.run([sys.executable, "-B", "-c", program], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_drawn_cases_are_those_with_an_oracles_truth():
    assert issubclass(Drawn, Case) and Drawn((1,), 2) != Case((1,), 2)
