"""Quiz and Predict: questions after a lesson, graded; and before a cell is run, not graded.

The right answers never travel to the notebook beforehand: a click sends the chosen options here,
and only the reasons for those come back.
"""

from __future__ import annotations

import math
import random
from html import escape
from typing import Any

import traitlets

from course.lab.base import LabWidget, module, rich_html
from course.lab.questions import Question, predictions, questions, title
from graders import store


class Quiz(LabWidget):
    """The quiz of a chapter: `Quiz("01")`.

    The first answer to each question counts; the other options can be tried afterwards, to read
    their reasons. The score is recorded when every question has been answered; the best of all
    attempts is kept.
    """

    _esm = module("quiz.js")
    title = traitlets.Unicode().tag(sync=True)
    attempt = traitlets.Int(0).tag(sync=True)
    asked: traitlets.List = traitlets.List().tag(sync=True)
    feedback = traitlets.Dict().tag(sync=True)
    score = traitlets.Unicode().tag(sync=True)

    def __init__(self, chapter: str) -> None:
        self._questions = questions(chapter)
        super().__init__()
        self.chapter = chapter
        self.title = f"Quiz {chapter}: {title(chapter)}".removesuffix(": ")
        self._shuffle()
        self.on_msg(self._on_message)

    def _shuffle(self) -> None:
        """Another order of the options for each attempt, so that positions teach nothing."""
        order = random.Random(f"{self.chapter}.{self.attempt}")
        self._order = [
            order.sample(range(len(question.options)), len(question.options))
            for question in self._questions
        ]
        self._points: dict[int, bool] = {}
        self.feedback, self.score = {}, ""
        self.asked = [
            {
                "ask": question.ask,
                "many": question.many,
                "options": [question.options[i].text for i in self._order[number]],
            }
            for number, question in enumerate(self._questions)
        ]

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["do"] == "again":
            self.attempt += 1
            self._shuffle()
        elif content["do"] == "answer":
            self.answer(int(content["question"]), [int(i) for i in content["chosen"]])

    def answer(self, number: int, chosen: list[int]) -> bool:
        """Grade the options at the shown positions `chosen`; returns whether that is right."""
        question = self._questions[number]
        picked = {self._order[number][i] for i in chosen}
        right = picked == question.right
        first = number not in self._points
        if first:
            self._points[number] = right
        reasons = [
            {
                "at": i,
                "correct": question.options[self._order[number][i]].correct,
                "why": question.options[self._order[number][i]].why,
            }
            for i in chosen
        ]
        self.feedback = {
            **self.feedback,
            str(number): {
                "right": right,
                "counted": self._points[number],
                "reasons": reasons,
                "hint": _missing(question, picked),
            },
        }
        if first and len(self._points) == len(self._questions):
            points, total = sum(self._points.values()), len(self._questions)
            self.score = f"{points} of {total} right at the first answer"
            store.record(f"{self.chapter}.quiz", points, total)
        return right

    def _static(self) -> dict[str, str]:
        lines, items = [f"{self.title} (run this cell to answer)"], []
        for number, entry in enumerate(self.asked, 1):
            lines.append(f"{number}. {entry['ask']}")
            lines += [f"   - {text}" for text in entry["options"]]
            options = "".join(f"<li>{rich_html(text)}</li>" for text in entry["options"])
            items.append(f"<li>{rich_html(entry['ask'])}<ul>{options}</ul></li>")
        html = f"<p><strong>{escape(lines[0])}</strong></p><ol>{''.join(items)}</ol>"
        return {"text/plain": "\n".join(lines), "text/html": html}


def _missing(question: Question, picked: set[int]) -> str:
    """What to say when every chosen option is right, and some are not chosen yet."""
    left = len(question.right - picked)
    if left and picked <= question.right:
        return f"Right so far; {left} more {'belongs' if left == 1 else 'belong'} to the answer."
    return ""


class Predict(LabWidget):
    """A prediction asked before a cell is run: `Predict("00.untrained")`. It is never graded."""

    _esm = module("predict.js")
    ask = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Unicode().tag(sync=True)
    options: traitlets.List = traitlets.List().tag(sync=True)
    reply = traitlets.Dict().tag(sync=True)

    def __init__(self, name: str) -> None:
        chapter, _, key = name.partition(".")
        known = predictions(chapter)
        if key not in known:
            there = ", ".join(f"{chapter}.{one}" for one in known) or "none"
            raise KeyError(f"no prediction {name!r}; in chapter {chapter} there are: {there}")
        self._prediction = known[key]
        super().__init__(
            ask=self._prediction.ask,
            kind=self._prediction.kind,
            options=list(self._prediction.options),
        )
        self.on_msg(self._on_message)

    def _on_message(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["do"] == "predict":
            self.predict(str(content["text"]))

    def predict(self, text: str) -> None:
        """Take the learner's prediction and reveal the answer."""
        one = self._prediction
        if one.kind == "number":
            try:
                if not math.isfinite(float(text)):
                    raise ValueError(text)
            except ValueError:
                self.reply = {"problem": f"{text!r} is not a number. Type one, such as 6 or 0.5."}
                return
        if not text.strip():
            self.reply = {"problem": "Type a prediction first: a guess is enough."}
            return
        self.reply = {
            "given": text.strip(),
            "right": one.holds(text),
            "answer": f"{one.answer:g}" if isinstance(one.answer, (int, float)) else one.answer,
            "why": one.why,
        }

    def _static(self) -> dict[str, str]:
        lead = "Predict first (run this cell to answer): "
        choice = "".join(f"\n  - {text}" for text in self.options)
        items = "".join(f"<li>{rich_html(text)}</li>" for text in self.options)
        return {
            "text/plain": f"{lead}{self.ask}{choice}",
            "text/html": f"<p><strong>{lead}</strong>{rich_html(self.ask)}</p><ul>{items}</ul>",
        }
