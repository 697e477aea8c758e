"""`check("01.rank.shape_of", shape_of)`: is it right, and if not, why not?

It runs in the learner's kernel, and so it is for learning; what it returns is also what nbgrader
reads when a submission is graded.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import os
import sys
import textwrap
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from graders import diagnose, tasks
from graders.beside import beside, shapes
from graders.compare import a, differs
from graders.guard import Ran, Stopped, time_limit
from graders.guard import run as guarded
from graders.report import Failure, Line, Report
from graders.show import clean, show
from graders.tasks.base import Case, Check, Complaint, Draw, Raises, Task

MISSING = object()
"""In place of what a learner was to write: it is not there yet."""
GRADED_TIMES = 4
"""How many times as many random inputs a submission is tried on."""
NEVER_DONE = "that is never done being compared"
Runner = Callable[[Callable[..., Any], tuple[Any, ...], float], Ran]


@dataclass(frozen=True)
class Effort:
    """How much is tried, and for how long."""

    seed: int
    times: int
    call_seconds: float
    total_seconds: float
    graded: bool = False

    @property
    def shrink_seconds(self) -> float:
        """How long a smaller failing input is looked for: not while a class waits for its grades."""
        return 0.0 if self.graded else self.total_seconds / 2


class Drawn(Case):
    """A case whose truth the task's oracle gave: it can give one for a smaller input as well."""


def effort_for(task: Task) -> Effort:
    """In the notebook: the same inputs every time, within a second. At submission, where the grade
    command sets GRADERS_SEED: fresh inputs, more of them, and time for a busy machine."""
    name = zlib.crc32(task.id.encode())
    graded = os.environ.get("GRADERS_SEED")
    if graded:
        return Effort(zlib.crc32(graded.encode(), name), GRADED_TIMES, 5.0, 15.0, graded=True)
    return Effort(name, 1, 1.0, 1.0)


def check(task_id: str, obj: Any = MISSING) -> Report:
    """Check what the learner wrote, and show a report.

    Without `obj`, the name that the task asks for is looked up where `check` was called; a name
    that is not there yet is "not started", not an error.

    >>> check("01.rank.rank_of")            # doctest: +SKIP
    >>> check("01.rank.rank_of", my_second_try)  # doctest: +SKIP
    """
    task = tasks.find(task_id)
    if obj is MISSING:
        obj = sys._getframe(1).f_globals.get(task.name, MISSING)
    report = grade(task, obj, effort_for(task), keep=True)
    if not _shows_html():
        print(report.text())
        return report
    return replace(report, button=_button(task, obj))


def grade(
    task: Task,
    obj: Any,
    effort: Effort | None = None,
    keep: bool = False,
    run: Runner = guarded,
) -> Report:
    """The report for one object. `keep` also records it in the progress store; `run` makes each call, which
    for a submission is one into a sandbox."""
    effort = effort or effort_for(task)
    if obj is MISSING:
        report = _not_started(task, f"`{task.name}` is not defined: run the cell that defines it.")
    elif not callable(obj):
        report = _not_started(task, f"`{task.name}` is {a(obj)}, not something to call.")
    else:
        report = _graded(task, obj, effort, run)
    if keep and "NBGRADER_EXECUTION" not in os.environ:
        report = _recorded(report)
    return report


def _graded(task: Task, obj: Callable[..., Any], effort: Effort, run: Runner) -> Report:
    devices, device_note = _devices(task)
    outcomes: list[diagnose.Outcome] = []
    lines: list[Line] = []
    notes = [device_note] if device_note else []
    began = time.perf_counter()
    for device in devices:
        for check_ in task.checks:
            label = f"{check_.label} on {device}" if device else check_.label
            tried: list[diagnose.Outcome] = []
            stopped = any(_ends_it(outcome, effort) for outcome in outcomes)
            draw = Draw(zlib.crc32(check_.label.encode(), effort.seed), effort.times)
            cases = _kept_cases if effort.graded else _cases
            for case in () if stopped else cases(task, check_, draw):
                over = time.perf_counter() - began > effort.total_seconds
                if over and tried:
                    break  # at least one input of every class is tried, however slow the code
                tried.append(_try(task, obj, check_.label, case, device, effort, run))
                if _ends_it(tried[-1], effort):
                    break
            outcomes += tried
            wrong = any(outcome.wrong for outcome in tried)
            state = "not run" if stopped else "wrong" if wrong else "passed"
            lines.append(Line(label, state, len(tried), check_.points))
    if outcomes and all(isinstance(o.ran.error, NotImplementedError) for o in outcomes):
        return _not_started(task, "")
    seconds = time.perf_counter() - began
    timed_out = any(outcome.ran.timed_out for outcome in outcomes)
    if seconds > effort.total_seconds and not effort.graded and not timed_out:
        notes.append(f"It is slow: after {effort.total_seconds:g} s only one input of each class.")
    if not task.reads_only and any(outcome.ran.mutated for outcome in outcomes):
        notes.append("It changed the input it was given; whoever called it may still need that.")
    changed = dict.fromkeys(what for outcome in outcomes for what in outcome.ran.changed)
    if changed:
        notes.append(f"It changed {', '.join(changed)} of the whole program: put back.")
    likely, first = None, None
    if any(outcome.wrong for outcome in outcomes):
        likely = _likely(task, tuple(outcomes), effort)
        left = effort.total_seconds - (time.perf_counter() - began)
        first = _smallest(task, obj, tuple(outcomes), likely, effort, left, run)
    return _report(task, first, likely, tuple(lines), notes, effort)


def _ends_it(outcome: diagnose.Outcome, effort: Effort) -> bool:
    """Is the rest not worth trying: would every input take as long, or, where the learner waits, as
    much memory?"""
    full = isinstance(outcome.ran.error, MemoryError) and not effort.graded
    return outcome.ran.timed_out or full or NEVER_DONE in str(outcome.wrong)


def _likely(
    task: Task, outcomes: tuple[diagnose.Outcome, ...], effort: Effort
) -> diagnose.Misconception | None:
    if NEVER_DONE in str(diagnose.Seen(outcomes).first.wrong):
        return None
    try:
        with _bounded(effort, 3):
            seconds = math.inf if effort.graded else effort.total_seconds / 4
            return diagnose.diagnose(task, outcomes, seconds)
    except Stopped:  # what was returned cannot be looked at and done with
        return None


def _bounded(effort: Effort, times: int = 1) -> contextlib.AbstractContextManager[None]:
    """A limit for looking at what the learner's code returned, whose own methods then run. When a
    submission is graded they do not: values come as plain data."""
    return contextlib.nullcontext() if effort.graded else time_limit(times * effort.call_seconds)


def _smallest(
    task: Task,
    obj: Any,
    outcomes: tuple[diagnose.Outcome, ...],
    likely: diagnose.Misconception | None,
    effort: Effort,
    left: float,
    run: Runner,
) -> diagnose.Outcome:
    """The smallest input that fails in the same way as the smallest drawn one: made smaller where
    the oracle gives a truth for that, as long as there is time."""
    first = diagnose.Seen(outcomes).first
    seconds = min(left, effort.shrink_seconds)
    if not isinstance(first.case, Drawn) or _ends_it(first, effort) or seconds <= 0.05:
        return first
    quick = replace(effort, call_seconds=min(effort.call_seconds, seconds))
    shows = likely is not None and _shows(likely, first)

    def fails(args: tuple[Any, ...]) -> diagnose.Outcome | None:
        try:
            if task.valid is not None and not task.valid(*args):
                return None
            assert task.oracle is not None
            case = Drawn(args, task.oracle(*args))
        except Exception:  # not an input of this task
            return None
        outcome = _try(task, obj, first.label, case, first.device, quick, run)
        alike = outcome.wrong and type(outcome.ran.error) is type(first.ran.error)
        if not alike or _ends_it(outcome, effort):
            return None
        return outcome if not shows or (likely and _shows(likely, outcome)) else None

    try:
        from graders.shrink import smallest

        return smallest(first.case.args, fails, seconds, task.valid is not None) or first
    except ImportError:  # without Hypothesis, the smallest of those that were drawn
        return first


def _shows(misconception: diagnose.Misconception, outcome: diagnose.Outcome) -> bool:
    """Is the misconception to be seen in this one outcome?"""
    try:
        return bool(misconception.when(diagnose.Seen((outcome,))))
    except Exception:
        return False


def _cases(task: Task, check_: Any, draw: Draw) -> Iterator[Case]:
    for case in check_.cases(draw):
        if isinstance(case, Case):
            yield case
        else:
            assert task.oracle is not None, f"{task.id}: a case without a truth"
            yield Drawn(case, task.oracle(*case))


def _kept_cases(task: Task, check_: Check, draw: Draw) -> Iterator[Case]:
    """The same, made once for a whole class: all of it gets the same inputs, and the truth takes longer than
    a learner's answer. They are copied before anybody's code sees them."""
    kept = _case_lists(task, check_, draw.seed, draw.times)
    for number in itertools.count():
        while number >= len(kept.made):
            try:
                case = next(kept.more, None)
            except BaseException:  # or else the next one would be tried on fewer inputs
                _case_lists.cache_clear()
                raise
            if case is None:
                return
            kept.made.append(case)
        yield kept.made[number]


@dataclass
class _Kept:
    made: list[Case]
    more: Iterator[Case]


@functools.lru_cache(maxsize=1_000)
def _case_lists(task: Task, check_: Check, seed: int, times: int) -> _Kept:
    return _Kept([], _cases(task, check_, Draw(seed, times)))


def _try(
    task: Task, obj: Any, label: str, case: Case, device: str, effort: Effort, run: Runner
) -> diagnose.Outcome:
    def call(*args: Any) -> Any:
        from graders.devices import placed

        with placed(args, device, task.tensors) as ready:
            return task.use(obj, *ready) if task.use else obj(*ready)

    ran = run(call, case.args, effort.call_seconds)
    try:
        with _bounded(effort):
            wrong = _judged(task, case, ran, effort)
    except Stopped:
        wrong = f"{a(ran.value)} {NEVER_DONE}"
    except Exception as error:  # what was returned cannot even be looked at
        wrong = f"{a(ran.value)} that raises {type(error).__name__} when it is compared"
    return diagnose.Outcome(label, case, ran, wrong, device)


def _judged(task: Task, case: Case, ran: Ran, effort: Effort) -> str | None:
    expected = case.expected
    if ran.timed_out:
        return f"no answer after {effort.call_seconds:g} s"
    if isinstance(ran.error, Complaint):
        return str(ran.error)
    if not isinstance(expected, Raises):
        if ran.error is not None:
            return f"it raised {type(ran.error).__name__}"
        changed = "it changed a list that it was given" if task.reads_only and ran.mutated else None
        return differs(expected, ran.value, task.tolerance) or changed
    if ran.error is None:
        return f"{expected.type.__name__} should have been raised"
    if not isinstance(ran.error, expected.type):
        return f"{expected.type.__name__} is expected, not {type(ran.error).__name__}"
    missing = expected.missing(str(ran.error))
    return f'its message does not say "{missing[0]}"' if missing else None


def _report(
    task: Task,
    first: diagnose.Outcome | None,
    likely: diagnose.Misconception | None,
    lines: tuple[Line, ...],
    notes: list[str],
    effort: Effort,
) -> Report:
    right = sum(line.state == "passed" for line in lines)
    core = all(line.state == "passed" for line in lines if not line.points)
    points = task.points
    if not core:
        points = 0
    elif right < len(lines):
        failed = {line.label.split(" on GPU")[0] for line in lines if line.state != "passed"}
        points -= sum(check_.points for check_ in task.checks if check_.label in failed)
    status = "passed" if right == len(lines) else "partly" if points else "wrong"
    where = "on fresh inputs" if effort.graded else "here"
    total = f"{right}/{len(lines)} checks {where}"
    if not effort.graded:
        tried, more = sum(line.tried for line in lines), _at_submission(task)
        total += f", on {tried} input{'s' * (tried != 1)}"
        total += f"; at submission the same task runs on fresh inputs, {more} of them"
    return Report(
        task=task.id,
        name=task.name,
        asks=task.asks,
        status=status,
        points=points,
        max_points=task.points,
        lines=lines,
        failure=_failure(task, first, effort) if first else None,
        likely=likely.says if likely else "",
        key=likely.key if likely else "",
        total=f"{total}.",
        notes=tuple(notes),
    )


@functools.cache
def _at_submission(task: Task) -> int:
    """On how many inputs the task is tried when it is submitted."""
    draw = Draw(0, GRADED_TIMES)
    return sum(sum(1 for _ in check_.cases(draw)) for check_ in task.checks)


def _failure(task: Task, first: diagnose.Outcome, effort: Effort) -> Failure:
    error, expected, compared = first.ran.error, show(first.case.expected), None
    if first.ran.timed_out:
        got = "nothing: it was stopped"
    elif isinstance(error, Complaint):
        got = str(error)
    elif error is not None:
        got = show_error(error)
    else:
        try:
            with _bounded(effort):
                got = show(first.ran.value)
                find = shapes if task.answer_is_shape else beside
                more = () if task.answer_is_shape else (task.tolerance,)
                compared = find(first.case.expected, first.ran.value, *more)
        except Stopped:
            got = f"{a(first.ran.value)} that is never done being shown"
        except Exception:  # whatever it is, it is not to be laid beside anything
            compared = None
    said = (got, f"{expected} is expected", f"it raised {type(error).__name__}")
    what = "" if first.wrong in said or compared else f"{first.wrong}."
    return Failure(
        label=first.label,
        input=shown_input(task, first.case),
        expected=expected,
        got=got,
        what=what,
        line=first.ran.line,
        printed=first.ran.printed,
        device=first.device,
        compared=compared,
    )


def shown_input(task: Task, case: Case) -> str:
    """The input as the call that a learner would type."""
    if task.shows:
        return task.shows(*case.args)
    if task.parameters:
        rows = [f"{task.name}({', '.join(task.parameters)}), where"]
        for name, value in zip(task.parameters, case.args, strict=True):
            rows.append(f"{name} = {show(value)}".replace("\n", "\n" + " " * (len(name) + 3)))
        return "\n".join(rows)
    return f"{task.name}({', '.join(map(show, case.args))})"


def show_error(error: BaseException) -> str:
    """An exception in one line; its own `__str__` may fail as well."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    rows = [row for line in text.splitlines() for row in textwrap.wrap(line, 80) or [""]]
    return clean("\n".join(rows), lines=6)


def _not_started(task: Task, note: str) -> Report:
    return Report(
        task=task.id,
        name=task.name,
        asks=task.asks,
        status="not started",
        points=0,
        max_points=task.points,
        total=f"0/{len(task.checks)} checks: nothing to check yet.",
        notes=(note.replace("`", ""),) if note else (),
    )


def _recorded(report: Report) -> Report:
    from graders import store

    try:
        store.record(report.task, report.points, report.max_points)
    except OSError as error:
        note = f"Progress not saved: {error.strerror or error} ({store.path()})."
        return replace(report, notes=(*report.notes, note))
    return report


def _devices(task: Task) -> tuple[list[str], str]:
    if not task.tensors:
        return [""], ""
    from graders.devices import gpu

    name = gpu()
    return (["", name], "") if name else ([""], "GPU not checked: none here.")


def _shows_html() -> bool:
    """Is there a notebook to show the HTML form of what a cell returns?"""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _button(task: Task, obj: Any) -> str:
    """The button under a report that checks again, while the kernel lives."""
    if "NBGRADER_EXECUTION" in os.environ:
        return ""
    try:
        from course.lab.check_button import button

        return button(task, None if obj is MISSING else obj)
    except Exception:  # a check works without the lessons' widgets, and in notebooks of other kinds
        return ""
