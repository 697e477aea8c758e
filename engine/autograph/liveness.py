"""Which names are still needed after a branch or a loop: only these have to come out of it.

A name is live where some way leads to a place that reads it before it is assigned again. Jumps are gone when
this runs, so the ways are those of blocks, branches and loops alone. What is not understood reads everything.
"""

from __future__ import annotations

import ast

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def reads(node: ast.AST | None) -> set[str]:
    """All names that something reads, those of functions inside it among them, but not their parameters."""
    if node is None:
        return set()
    found: set[str] = set()
    bound: set[str] = set()
    inside: list[ast.AST] = []  # where the bound names mean something of its own
    if isinstance(node, ast.Name):
        return set() if _is_stored(node) else {node.id}
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        found.add(node.target.id)
    elif isinstance(node, (ast.Nonlocal, ast.Global)):
        found.update(node.names)
    elif isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
        bound = {n.arg for n in ast.walk(node.args) if isinstance(n, ast.arg)}
        inside = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    elif isinstance(node, COMPREHENSIONS):
        bound = set().union(*(_stores(part.target) for part in node.generators))
        inside = [n for n in ast.iter_child_nodes(node) if not isinstance(n, ast.comprehension)]
        inside += node.generators
        found |= reads(node.generators[0].iter)  # computed outside
    for child in ast.iter_child_nodes(node):
        found |= reads(child) - bound if child in inside else reads(child)
    return found


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, (ast.Store, ast.Del))


def _stores(node: ast.AST | None) -> set[str]:
    if node is None:
        return set()
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_stored(n)}


class Liveness:
    """Marks each `if`, `while` and `for` of one function with the names that are live after it.

    `live_after` is set on all of them, `live_again` on loops: names that a step reads before it assigns them.
    """

    def __init__(self, function: ast.FunctionDef):
        # A function inside may be called anywhere, and sees names as they are then.
        self._always: set[str] = set()
        self._look_inside(function)
        self._block(function.body, set())

    def _look_inside(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (*SCOPES, *COMPREHENSIONS)):
                self._always |= reads(child)
            else:
                self._look_inside(child)
            if isinstance(child, (ast.Global, ast.Nonlocal)):
                self._always.update(child.names)

    def _block(self, statements: list[ast.stmt], live: set[str]) -> set[str]:
        """The names live before some statements, for those live after them."""
        for statement in reversed(statements):
            live = self._before(statement, live)
        return live

    def _before(self, node: ast.stmt, live: set[str]) -> set[str]:
        match node:
            case ast.Assign():
                kept = live.difference(*map(_plainly_stored, node.targets))
                return kept | reads(node)
            case ast.AnnAssign() if node.value is not None:
                return (live - _plainly_stored(node.target)) | reads(node)
            case ast.Return():
                return reads(node)
            case ast.If():
                node.live_after = live | self._always  # type: ignore[attr-defined]
                return (
                    reads(node.test) | self._block(node.body, live) | self._block(node.orelse, live)
                )
            case ast.While() | ast.For() | ast.AsyncFor():
                return self._loop(node, live)
            case ast.With() | ast.AsyncWith():  # it may end early, where it swallows an error
                items = set().union(*(reads(item) for item in node.items))
                return items | live | self._block(node.body, live)
            case ast.Try() | ast.TryStar():
                return self._try(node, live)
            case ast.Match():
                inside = (self._block(case.body, live) | reads(case.guard) for case in node.cases)
                return live.union(reads(node.subject), *inside)
            case _:
                return live | reads(node)

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor, live: set[str]) -> set[str]:
        extra = reads(getattr(node, "extra", None))
        test = reads(node.test) if isinstance(node, ast.While) else set()
        taken = set() if isinstance(node, ast.While) else _stores(node.target)
        after = self._block(node.orelse, live)

        def at_the_start(again: set[str]) -> set[str]:
            while True:  # a step may be followed by another
                before = again | (self._block(node.body, again) - taken)
                if before == again:
                    return again
                again = before

        read = at_the_start(test | extra)
        again = at_the_start(after | test | extra)
        node.live_after = after | self._always  # type: ignore[union-attr]
        node.live_again = read | self._always  # type: ignore[union-attr]
        return again | (set() if isinstance(node, ast.While) else reads(node.iter))

    def _try(self, node: ast.Try | ast.TryStar, live: set[str]) -> set[str]:
        """An error may come from anywhere in the body, so what it assigns may not have been assigned."""
        after = self._block(node.finalbody, live) | reads(ast.Module(node.finalbody, []))
        handlers = set().union(*(self._block(h.body, after) | reads(h.type) for h in node.handlers))
        rest = self._block(node.orelse, after)
        everything = after | handlers | rest | reads(ast.Module([*node.body, *node.orelse], []))
        return everything | self._block(node.body, everything)


def _plainly_stored(target: ast.expr) -> set[str]:
    """The names that an assignment surely gives a new value."""
    if isinstance(target, ast.Name):
        return {target.id}
    if isinstance(target, (ast.Tuple, ast.List)):
        return set().union(*map(_plainly_stored, target.elts))
    return _plainly_stored(target.value) if isinstance(target, ast.Starred) else set()
