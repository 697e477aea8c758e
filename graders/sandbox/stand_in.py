"""What `from graders import check` gives in a sandbox: checks that say nothing. The grader asks by itself."""

from __future__ import annotations

from typing import Any


class _Later:
    def __repr__(self) -> str:
        return "checked at submission"


def check(task_id: str, obj: Any = None) -> _Later:
    """Nothing here: what you wrote is checked from outside."""
    return _Later()


def hint(task_id: str, *_: Any, **__: Any) -> None:
    """Nothing here."""
