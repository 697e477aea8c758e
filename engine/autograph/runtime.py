"""What rewritten functions know as `ag__`."""

from __future__ import annotations

from typing import Any

from engine.autograph.branches import and_, assert_stmt, compared, if_exp, if_stmt, not_, or_
from engine.autograph.convert import convert
from engine.autograph.iterables import builtin
from engine.autograph.loops import for_stmt, while_stmt
from engine.autograph.values import forget, has_value, look, no_value, result, undefined
from engine.dispatch import context

__all__ = [
    "and_", "assert_stmt", "builtin", "called", "compared", "for_stmt", "forget", "has_value", "if_exp",
    "if_stmt", "look", "no_value", "not_", "or_", "result", "undefined", "while_stmt",
]  # fmt: skip


def called(function: Any) -> Any:
    """What to call instead of a function: its rewritten form, where it has one."""
    return convert(function) if context.tracing else function
