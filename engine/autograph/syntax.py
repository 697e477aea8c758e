"""Python's text to its syntax tree, one thread at a time."""

from __future__ import annotations

import ast
import threading
from typing import Any

# In CPython 3.11 `ast.parse` counts the depth of a tree in one number for all threads. When another thread
# gets its turn in the middle, both find it changed: "SystemError: AST constructor recursion depth mismatch".
# An RLock, since a finalizer that runs meanwhile may parse, too, and ends before the outer one goes on.
_turn = threading.RLock()


def parse(text: str, mode: str = "exec") -> Any:
    """`ast.parse` that threads may call at the same time.

    Args:
        text: Python source.
        mode: "exec"; with "eval" the result's `body` is an expression.

    Raises:
        SyntaxError: as ast.parse does.

    >>> ast.unparse(parse("a=b*c"))
    'a = b * c'
    """
    with _turn:
        return ast.parse(text, mode=mode)
