"""`hint("01.rank.shape_of")`: help in steps. Where to look, then the idea, then an outline."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from graders import tasks
from graders.report import WIDTH, _prose, _row
from graders.style import CSS

STEPS = ("where to look", "the idea", "an outline")
_asked: Counter[str] = Counter()


@dataclass(frozen=True, repr=False)
class Hint:
    """One step of help."""

    task: str
    step: int
    text: str

    @property
    def head(self) -> str:
        return f"Hint {self.step} of {len(STEPS)}, {STEPS[self.step - 1]}"

    @property
    def more(self) -> str:
        if self.step < len(STEPS):
            return f'Another step: hint("{self.task}") again.'
        return f'That was the last step. The first one: hint("{self.task}", 1).'

    def __repr__(self) -> str:
        rows = [f"{self.head}.", *(row for part in self.text.split("\n") for row in _row("", part))]
        return "\n".join(row[:WIDTH].rstrip() for row in (*rows, self.more))

    def _repr_html_(self) -> str:
        text = "".join(f"<p>{_prose(part)}</p>" for part in self.text.split("\n"))
        return (
            f'<style>{CSS}</style><div class="tx-report tx-partly"><strong>{escape(self.head)}'
            f'</strong>{text}<p class="tx-small">{escape(self.more)}</p></div>'
        )


def hint(task_id: str, step: int | None = None) -> Hint:
    """The next step of help for a task, or the given one (1, 2 or 3). Never the answer."""
    task = tasks.find(task_id)
    if step is None:
        step = min(_asked[task_id] + 1, len(STEPS))
        _asked[task_id] = step
    if not 1 <= step <= len(STEPS):
        raise ValueError(f"there are {len(STEPS)} steps, 1 to {len(STEPS)}; {step} is none")
    return Hint(task_id, step, task.hints[step - 1])
