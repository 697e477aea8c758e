"""Python's `if`, `while`, `for` and `and` on tensors: a traced function is rewritten before it runs.

syntax    Python's text to its tree, one thread at a time
jumps     break, continue and return become flags and branches
liveness  which names are needed after a branch or loop
rewrite   branches and loops become calls of functions
branches  those functions for `if`, `and`, `or`, `not`, `assert`
loops     and for `while` and `for`
iterables what a `for` of the graph goes over: tensors, symbolic ranges, objects with `__autograph_for__`
values    what they know of values: names without one, what a graph can hold
runtime   all that a rewritten function may call
convert   from a function to its rewritten form, with the same globals, closure and lines

`to_code` shows what became of a function.

More is converted than in TensorFlow: `else` of loops, loops that become ones on a tensor after some steps,
`return` from anywhere in them, `match`, chained comparisons, zip and enumerate over tensors. As there, Python
runs both branches and each body once while tracing: what it does besides assigning names, attributes and
elements, it does once, whatever the tensors will be. Conditions of comprehensions are not converted.
"""

from __future__ import annotations

from engine.autograph import experimental
from engine.autograph.convert import convert, to_code

__all__ = ["convert", "experimental", "to_code"]
