"""From wrong answers to the likely misconception behind them.

The strongest evidence is a wrong model that predicts what the learner's code returned: "the axes
are reversed" is right when reversing the axes gives exactly what was got.
"""

from __future__ import annotations

import math
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graders.compare import differs, weight
from graders.guard import Ran, run
from graders.tasks.base import Case, Misconception, Raises, Task

Test = Callable[["Seen"], bool]


@dataclass(frozen=True)
class Outcome:
    """One case, what came of it, and what is wrong with that (None: it is right)."""

    label: str
    case: Case
    ran: Ran
    wrong: str | None
    device: str = ""


@dataclass(frozen=True)
class Seen:
    """Everything a misconception may look at. `first` is the smallest wrong outcome of the first
    class of inputs that fails."""

    outcomes: tuple[Outcome, ...]
    up_to_first: bool = False
    """Need a model explain only the classes up to the first that fails, and not all of them?"""
    until: float = math.inf
    """When, by `time.perf_counter`, a model that has explained all it was asked is believed."""

    @property
    def wrong(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.wrong]

    @property
    def first(self) -> Outcome:
        label = self.wrong[0].label
        return min(
            (outcome for outcome in self.wrong if outcome.label == label),
            key=lambda outcome: weight(outcome.case.args),
        )


def predicts(model: Callable[..., Any]) -> Test:
    """True when this wrong model explains every answer, the right ones among them.

    The model gets the case's arguments. It is not asked where an exception is the right answer.
    """

    def test(seen: Seen) -> bool:
        return _explains(model, seen)

    test.is_model = True  # type: ignore[attr-defined]
    return test


def _explains(model: Callable[..., Any], seen: Seen) -> bool:
    labels = list(dict.fromkeys(outcome.label for outcome in seen.outcomes))
    if seen.up_to_first:
        labels = labels[: labels.index(seen.first.label) + 1]
    explained = False
    for outcome in sorted(seen.outcomes, key=lambda outcome: weight(outcome.case.args)):
        if explained and time.perf_counter() > seen.until:
            break
        if outcome.label not in labels or isinstance(outcome.case.expected, Raises):
            continue
        said = run(model, outcome.case.args, seconds=10.0)  # the course's own code: it ends
        if said.error is not None or outcome.ran.error is not None:
            if said.error is None or outcome.ran.error is None:
                return False
        elif differs(said.value, outcome.ran.value) is not None:
            return False
        else:
            explained = explained or outcome.wrong is not None
    return explained


def raised(*kinds: type[BaseException], says: str = "") -> Test:
    """True when the smallest wrong outcome is an exception of one of these types."""

    def test(seen: Seen) -> bool:
        error = seen.first.ran.error
        return isinstance(error, kinds) and says in str(error)

    return test


def returned(test_value: Callable[..., bool]) -> Test:
    """True when the smallest wrong outcome returned a value for which the test, called with that
    value and the case's arguments, is true."""

    def test(seen: Seen) -> bool:
        ran = seen.first.ran
        return ran.error is None and bool(test_value(ran.value, *seen.first.case.args))

    return test


def not_raised(seen: Seen) -> bool:
    """True when an exception was asked for, and something was returned instead."""
    outcome = seen.first
    return isinstance(outcome.case.expected, Raises) and outcome.ran.error is None


def in_check(label: str, test: Test | None = None) -> Test:
    """True when the first class of inputs that fails is this one, and the test agrees."""

    def both(seen: Seen) -> bool:
        return seen.first.label == label and (test is None or test(seen))

    return both


ENDLESS = Misconception(
    "endless",
    "It does not come to an end. Which line makes the problem smaller at every turn?",
    lambda seen: seen.first.ran.timed_out or isinstance(seen.first.ran.error, RecursionError),
)
GENERAL = (
    Misconception(
        "nothing_returned",
        "Nothing is returned. Does it print the answer, or is `return` missing on one of its "
        "paths?",
        lambda seen: (
            seen.first.ran.error is None
            and seen.first.ran.value is None
            and seen.first.case.expected is not None
            and not isinstance(seen.first.case.expected, Raises)
        ),
    ),
    ENDLESS,
    Misconception(
        "memory",
        "It asks for far more memory than the task needs. How large is what it builds, and does "
        "a list grow at every turn?",
        raised(MemoryError),
    ),
    Misconception(
        "generator",
        "It is a generator: with `yield`, a call only prepares the work. Use `return`.",
        returned(lambda value, *args: isinstance(value, types.GeneratorType)),
    ),
    Misconception(
        "not_called",
        "It returns a function instead of what the function gives: are parentheses missing?",
        returned(lambda value, *args: callable(value)),
    ),
    Misconception(
        "argument_count",
        "It takes another number of arguments than the task asks for: compare its first line.",
        lambda seen: (
            isinstance(seen.first.ran.error, TypeError)
            and "positional argument" in str(seen.first.ran.error)
            and not seen.first.ran.line
        ),
    ),
)
"""Tried after a task's own misconceptions."""


def diagnose(
    task: Task, outcomes: tuple[Outcome, ...], seconds: float = math.inf
) -> Misconception | None:
    """The misconception that fits best: a model that explains every answer, or else the first one
    whose test holds, the task's own before the general ones. After that many seconds a model that
    explains the smallest wrong answers is believed about the others."""
    until = time.perf_counter() + seconds
    seen = Seen(outcomes, until=until)
    if not seen.wrong:
        return None
    if seen.first.ran.timed_out:
        return ENDLESS
    models = [m for m in task.misconceptions if getattr(m.when, "is_model", False)]
    attempts = [(misconception, seen) for misconception in models]
    near = Seen(outcomes, up_to_first=True, until=until)
    attempts += [(misconception, near) for misconception in (*task.misconceptions, *GENERAL)]
    for misconception, evidence in attempts:
        try:
            if misconception.when(evidence):
                return misconception
        except Exception:  # a test that cannot cope with what was returned does not fit it
            continue
    return None
