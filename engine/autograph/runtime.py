"""What rewritten functions know as `ag__`."""

from __future__ import annotations

from typing import Any

from engine.autograph.branches import and_, assert_stmt, if_exp, if_stmt, not_, or_
from engine.autograph.convert import convert
from engine.autograph.loops import for_stmt, range_of, while_stmt
from engine.autograph.values import no_value, result, undefined
from engine.dispatch import context

__all__ = [
    "and_", "assert_stmt", "called", "for_stmt", "if_exp", "if_stmt", "no_value", "not_", "or_",
    "range_of", "result", "undefined", "while_stmt",
]  # fmt: skip


def called(function: Any) -> Any:
    """What to call instead of a function: its rewritten form, where it has one."""
    return convert(function) if context.tracing else function
