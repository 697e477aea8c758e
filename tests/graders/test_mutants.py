"""Mutants of every reference solution are rejected, but for those that are as right as it is."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

import mutants
from mutation_operators import changes, identity

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TASKS = sorted(mutants.solutions())
SEED = "mutants"
SAMPLE = 15
"""How many mutants of each task every test run tries; the slow test tries all."""


def states(task, diffs):
    return {got.change.diff: got.state for got in mutants.verdicts(task, SEED, set(diffs))}


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_of_mutants_is_rejected(task):
    known = mutants.equivalent().get(task, {})
    other = [change.diff for change in mutants.mutants(task) if change.diff not in known]
    sample = random.Random(task).sample(other, min(SAMPLE, len(other)))
    survived = [diff for diff, state in states(task, sample).items() if state == "survived"]
    assert not survived, "the inputs of the task are too weak for these"


@pytest.mark.parametrize("task", sorted(mutants.equivalent()))
def test_every_mutant_that_is_called_equivalent_is_one_and_survives(task):
    known = mutants.equivalent()[task]
    assert known.keys() <= {change.diff for change in mutants.mutants(task)}, "no such mutant"
    assert all(len(why) > 20 for why in known.values()), "without a reason"
    rejected = {diff for diff, state in states(task, known).items() if state != "survived"}
    assert not rejected, "these are not equivalent"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chapter", sorted({task[:2] for task in TASKS}))
def test_of_all_mutants_of_an_exercise_95_percent_are_rejected_and_no_wrong_one_is_missed(chapter):
    total = mutants.Row(chapter)
    for task in TASKS:
        if task.startswith(chapter):
            row = mutants.row(task, "every mutant")
            print(mutants.HEAD, row, sep="\n")
            assert not row.missed, [change.diff for change in row.missed]
            assert row.score >= mutants.TARGET
            total.add(row)
    assert total.mutants > 200 and total.rate >= mutants.TARGET


@pytest.mark.parametrize("task", TASKS)
def test_the_mutants_of_a_task_are_different_programs(task):
    made = mutants.mutants(task)
    assert len(made) >= 20
    assert len({identity(change.code) for change in made}) == len(made)
    assert len({change.diff for change in made}) == len(made)
    operators = {change.operator for change in made}
    assert {"SDL", "SVR"} <= operators and len(operators) >= 6


@pytest.mark.parametrize(
    ("source", "operator", "diff"),
    [
        ("x = a + b", "AOR", "1: x = a + b -> x = a - b"),
        ("x = -a", "AOD", "1: x = -a -> x = a"),
        ("x += 1", "ASR", "1: x += 1 -> x -= 1"),
        ("x = 0 <= a < b", "ROR", "1: x = 0 <= a < b -> x = 0 < a < b"),
        ("x = a and b", "LCR", "1: x = a and b -> x = a or b"),
        ("x = not a", "COD", "1: x = not a -> x = a"),
        ("x = 2 if a else 3", "COI", "1: x = 2 if a else 3 -> x = 2 if not a else 3"),
        ("x = a[1:]", "SIR", "1: x = a[1:] -> x = a[:]"),
        ("x = range(n)", "RNG", "1: x = range(n) -> x = range(n - 1)"),
        ("x = sum(a, axis=0)", "CRP", "1: x = sum(a, axis=0) -> x = sum(a, axis=1)"),
        ("x = f(a, b)", "ARG", "1: x = f(a, b) -> x = f(b, a)"),
        ("x = min(a)", "CALL", "1: x = min(a) -> x = max(a)"),
        ("x = any(a)", "CALL", "1: x = any(a) -> x = all(a)"),
        ("x = (rows, columns)", "SEQ", "1: x = (rows, columns) -> x = (columns, rows)"),
        ("for i in a:\n    f(i)", "ZIL", "1: for i in a: -> for i in []:"),
        ("def f(a=1):\n    return a", "CRP", "1: def f(a=1): -> def f(a=2):"),
        ("def f(a):\n    return a", "RET", ""),
        ("def f(a, b):\n    return a", "SVR", "2: return a -> return b"),
        ("raise ValueError('no')", "EXC", "1: raise ValueError('no') -> raise ValueError()"),
    ],
)
def test_an_operator_makes_this_mutant(source, operator, diff):
    made = [(change.operator, change.diff) for change in changes(source)]
    if operator == "RET":  # its program is that of the removed statement, which came first
        operator, diff = "SDL", "2: return a -> pass"
    assert (operator, diff) in made, made


def test_a_mutant_with_the_code_of_the_original_or_of_another_is_left_out():
    made = [change.diff for change in changes("x = 0 if a else 0")]
    assert len(made) == len(set(made))
    assert all("not a" not in diff or "else" in diff for diff in made)
    programs = [change.code.co_code for change in changes("x = 1 + 2")]
    assert all(programs)
    assert [change.diff for change in changes("pass")] == []


def test_a_weak_task_lets_mutants_survive_and_the_command_says_so(monkeypatch, capsys):
    """The same solution, checked on two inputs only: more than one mutant gets through."""
    from dataclasses import replace

    from graders.tasks.base import Check

    strong = mutants.solutions()["01.rank.flat_index"]
    weak = replace(
        strong.task, points=1, checks=(Check("two", lambda draw: [((2, 3), (0, 0)), ((3,), (1,))]),)
    )
    monkeypatch.setattr(mutants, "solutions", lambda: {weak.id: replace(strong, task=weak)})
    mutants.mutants.cache_clear()
    assert mutants.main(["--seed", "1"]) == 1
    said = capsys.readouterr().out
    assert "missed: [SDL]" in said and "exercise 01" in said
    mutants.mutants.cache_clear()


def test_the_command_runs_as_it_is_written():
    done = subprocess.run(
        [sys.executable, "-m", "graders.instructor.mutants", "01.rank.size_of", "--seed", "2"],
        cwd=ROOT, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "01.rank.size_of" in done.stdout and "rejected" in done.stdout
    assert "A product does not depend on the order of its factors." in done.stdout
