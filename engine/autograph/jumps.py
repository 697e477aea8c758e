"""break, continue and return as data: a flag is set, and what follows asks the flag.

After this pass a function has one `return`, at its end, and loops end by their test alone. A loop node
carries what the flags add to its test in `extra`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

RETURNED, VALUE = "ag__returned", "ag__value"
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def nodes_of(statements: list[ast.stmt], into_loops: bool = True) -> Iterator[ast.AST]:
    """All nodes below, without those of nested functions and classes."""
    for statement in statements:
        yield from _below(statement, into_loops)


def _below(node: ast.AST, into_loops: bool) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, SCOPES):
        return
    if not into_loops and isinstance(node, (ast.While, ast.For)):
        for child in node.orelse:
            yield from _below(child, into_loops)
        return
    for inner in ast.iter_child_nodes(node):
        yield from _below(inner, into_loops)


def _has(statements: list[ast.stmt], kind: type[ast.AST], into_loops: bool) -> bool:
    return any(isinstance(node, kind) for node in nodes_of(statements, into_loops))


def _ends(statements: list[ast.stmt]) -> bool:
    """Whether the end of the block is never reached."""
    if not statements:
        return False
    match statements[-1]:
        case ast.If() as last:
            return _ends(last.body) and _ends(last.orelse)
        case ast.With() as last:
            return _ends(last.body)
        case ast.Try() as last:
            return _ends(last.finalbody) or (
                _ends([*last.body, *last.orelse]) and all(_ends(h.body) for h in last.handlers)
            )
        case ast.While(test=ast.Constant(value=True)) as last:
            return not _has(last.body, ast.Break, False)
        case last:
            return isinstance(last, (ast.Return, ast.Break, ast.Continue, ast.Raise))


def _leaves(statements: list[ast.stmt]) -> bool:
    """Whether the block ends in a jump, on every way through it."""
    last = statements[-1] if statements else None
    if isinstance(last, ast.If):
        return _leaves(last.body) and _leaves(last.orelse)
    return isinstance(last, (ast.Return, ast.Break, ast.Continue))


def name(identifier: str) -> ast.Name:
    """The expression that reads a name."""
    return ast.Name(identifier, ast.Load())


def assign(identifier: str, value: ast.expr) -> ast.stmt:
    """`identifier = value`"""
    return ast.Assign([ast.Name(identifier, ast.Store())], value)


def _none_of(flags: list[str]) -> ast.expr:
    """not a and not b"""
    parts: list[ast.expr] = [ast.UnaryOp(ast.Not(), name(flag)) for flag in flags]
    return parts[0] if len(parts) == 1 else ast.BoolOp(ast.And(), parts)


class Jumps:
    """Rewrites one function."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._loops: list[tuple[str, str]] = []  # (flag of break, flag of continue), innermost last

    def function(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The body of a function, with one return at its end if any stood inside a branch or a loop."""
        outer = [s for s in statements if not isinstance(s, ast.Return)]
        if not _has(outer, ast.Return, True):
            return self.block(statements, plain_return=True)
        start = [
            assign(RETURNED, ast.Constant(False)),
            assign(VALUE, _runtime("no_value")),
        ]
        given: list[ast.expr] = [name(VALUE)]
        if not _ends(statements):  # then it may be that nothing was returned
            given.append(name(RETURNED))
        end: ast.stmt = ast.Return(ast.Call(_runtime("result"), given, []))
        return [*start, *self.block(statements), end]

    def block(self, statements: list[ast.stmt], plain_return: bool = False) -> list[ast.stmt]:
        """The same statements without jumps."""
        made: list[ast.stmt] = []
        for i, statement in enumerate(statements):
            rest = statements[i + 1 :]
            if isinstance(statement, ast.Return) and plain_return:
                return [*made, statement]
            if isinstance(statement, ast.Return):
                value = statement.value or ast.Constant(None)
                made += _at(statement, assign(VALUE, value), assign(RETURNED, ast.Constant(True)))
                return made
            if isinstance(statement, ast.Break):
                return [*made, *_at(statement, assign(self._loops[-1][0], ast.Constant(True)))]
            if isinstance(statement, ast.Continue):
                return [*made, *_at(statement, assign(self._loops[-1][1], ast.Constant(True)))]
            if isinstance(statement, ast.If) and rest:
                # if a: return b; c   is   if a: return b else: c
                if _leaves(statement.body):
                    statement.orelse, rest = [*statement.orelse, *rest], []
                elif _leaves(statement.orelse):
                    statement.body, rest = [*statement.body, *rest], []
            flags = self._flags(statement)
            made += self._inside(statement)
            if flags and rest:
                guard = ast.If(_none_of(flags), self.block(rest) or [ast.Pass()], [])
                return [*made, *_at(rest[0], guard)]
            if not rest:
                return made
        return made

    def _flags(self, statement: ast.stmt) -> list[str]:
        """The flags that a statement may set, for what follows it."""
        flags = []
        inside = [statement]
        if isinstance(statement, SCOPES):
            return []
        if _has(inside, ast.Return, True) and not isinstance(statement, ast.Return):
            flags.append(RETURNED)
        if isinstance(statement, (ast.While, ast.For)):
            inside = statement.orelse
        if self._loops and _has(inside, ast.Break, False):
            flags.append(self._loops[-1][0])
        if self._loops and _has(inside, ast.Continue, False):
            flags.append(self._loops[-1][1])
        return flags

    def _inside(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, (ast.While, ast.For)):
            return self._loop(statement)
        if isinstance(statement, SCOPES):
            return [statement]
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(statement, field, None)
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                setattr(statement, field, self.block(inner) or [ast.Pass()])
        for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            part.body = self.block(part.body) or [ast.Pass()]
        return [statement]

    def _loop(self, loop: ast.While | ast.For) -> list[ast.stmt]:
        number = next(self._numbers)
        broke, skipped = f"ag__broke_{number}", f"ag__skipped_{number}"
        breaks, continues = (_has(loop.body, kind, False) for kind in (ast.Break, ast.Continue))
        returns = _has(loop.body, ast.Return, True)
        self._loops.append((broke, skipped))
        body = self.block(loop.body)
        self._loops.pop()
        if continues:
            body = [*_at(loop, assign(skipped, ast.Constant(False))), *body]
        loop.body = body or [ast.Pass()]
        flags = [broke] * breaks + [RETURNED] * returns
        loop.extra = _none_of(flags) if flags else None  # type: ignore[union-attr]
        made: list[ast.stmt] = []
        if breaks:
            made += _at(loop, assign(broke, ast.Constant(False)))
        made.append(loop)
        if loop.orelse:
            after, loop.orelse = self.block(loop.orelse), []
            made += _at(loop, ast.If(_none_of(flags), after, [])) if flags else after
        return made


def _runtime(attribute: str) -> ast.expr:
    return ast.Attribute(name("ag__"), attribute, ast.Load())


def _at(place: ast.AST, *made: ast.stmt) -> list[ast.stmt]:
    """New statements with the line of an old one, so that errors name the user's line."""
    return [ast.fix_missing_locations(ast.copy_location(node, place)) for node in made]
