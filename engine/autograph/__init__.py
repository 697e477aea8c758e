"""Python's `if`, `while`, `for` and `and` on tensors: a traced function is rewritten before it runs.

jumps     break, continue and return become flags and branches
rewrite   branches and loops become calls of functions
branches  those functions for `if`, `and`, `or`, `not`, `assert`
loops     and for `while` and `for`
values    what they know of values: names without one, what a graph can hold
runtime   all that a rewritten function may call
convert   from a function to its rewritten form, with the same globals, closure and lines

`to_code` shows what became of a function.
"""

from __future__ import annotations

from engine.autograph import experimental
from engine.autograph.convert import convert, to_code

__all__ = ["convert", "experimental", "to_code"]
