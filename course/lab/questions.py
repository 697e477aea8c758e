"""Reads course/quizzes/NN.toml: the questions of a quiz, and the predictions of a lesson.

What learners get is sealed (course/sealed.py), and no file in it shows an answer.

Answers and reasons stay in this process. What goes to the browser is made by `Quiz` and
`Predict`, and holds an answer only after the learner has given theirs.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course import sealed

QUIZZES = Path(__file__).resolve().parents[1] / "quizzes"
KINDS = ("number", "text", "choice")


@dataclass(frozen=True)
class Option:
    """One answer to choose, whether it is right, and the reason shown to who chooses it."""

    text: str
    correct: bool
    why: str


@dataclass(frozen=True)
class Question:
    """A question with its options; `many` when more than one of them is right."""

    ask: str
    options: tuple[Option, ...]

    @property
    def right(self) -> set[int]:
        return {i for i, option in enumerate(self.options) if option.correct}

    @property
    def many(self) -> bool:
        return len(self.right) > 1


@dataclass(frozen=True)
class Prediction:
    """A question asked before a cell is run. It is never graded."""

    id: str
    ask: str
    answer: str | float
    why: str
    kind: str = "text"
    options: tuple[str, ...] = ()
    tolerance: float = 0.0

    def holds(self, given: str) -> bool:
        """Whether a given answer is right; text is compared without case and spaces."""
        if self.kind == "number":
            return abs(float(given) - float(self.answer)) <= self.tolerance
        return _plain(given) == _plain(str(self.answer))


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


class QuizFileError(ValueError):
    """A quiz file says something that cannot be shown; the message names the place."""


def _read(chapter: str) -> dict[str, Any]:
    file = QUIZZES / f"{chapter}.toml"
    if file.exists():
        return tomllib.loads(file.read_text(encoding="utf-8"))
    file = file.with_suffix(sealed.SUFFIX)
    if file.exists():
        return tomllib.loads(sealed.unseal(file.read_bytes()))
    there = ", ".join(chapters())
    raise QuizFileError(f"there is no quiz for chapter {chapter!r}; there are {there}")


def chapters() -> list[str]:
    """The chapters that have a quiz."""
    found = [*QUIZZES.glob("*.toml"), *QUIZZES.glob(f"*{sealed.SUFFIX}")]
    return sorted({path.stem for path in found})


def questions(chapter: str) -> list[Question]:
    """The quiz of a chapter, checked: two options or more, a right one, a reason for each."""
    found = []
    for number, entry in enumerate(_read(chapter).get("question", []), 1):
        where = f"{chapter}.toml, question {number}"
        try:
            options = tuple(Option(**option) for option in entry["option"])
            question = Question(entry["ask"], options)
        except (KeyError, TypeError) as error:
            raise QuizFileError(
                f"{where}: needs `ask` and options with text, correct and why ({error})"
            ) from None
        if len(options) < 2 or not question.right or len(question.right) == len(options):
            raise QuizFileError(f"{where}: needs a right option and a wrong one")
        if any(not option.why.strip() for option in options):
            raise QuizFileError(f"{where}: every option needs a reason in `why`")
        found.append(question)
    if not found:
        raise QuizFileError(f"{chapter}.toml has no [[question]]")
    return found


def title(chapter: str) -> str:
    """The title the quiz file gives itself, or nothing."""
    return str(_read(chapter).get("title", ""))


def predictions(chapter: str) -> dict[str, Prediction]:
    """The predictions of a chapter by id, checked."""
    found: dict[str, Prediction] = {}
    for number, entry in enumerate(_read(chapter).get("prediction", []), 1):
        where = f"{chapter}.toml, prediction {number}"
        try:
            one = Prediction(**{**entry, "options": tuple(entry.get("options", ()))})
        except TypeError as error:
            raise QuizFileError(f"{where}: needs id, ask, answer and why ({error})") from None
        if one.kind not in KINDS:
            raise QuizFileError(f"{where}: kind is one of {', '.join(KINDS)}; got {one.kind!r}")
        if (one.kind == "choice") != bool(one.options):
            raise QuizFileError(f"{where}: options go with kind = 'choice', and only with it")
        if one.options and one.answer not in one.options:
            raise QuizFileError(f"{where}: the answer is not one of the options")
        if one.kind == "number" and not isinstance(one.answer, (int, float)):
            raise QuizFileError(f"{where}: kind = 'number' needs a number as answer")
        if one.id in found:
            raise QuizFileError(f"{where}: the id {one.id!r} is used twice")
        found[one.id] = one
    return found
