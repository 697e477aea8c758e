"""Small changes to a program: the operators of mutation testing, on Python's syntax tree.

The names in capitals are those of the literature: AOR, AOD, ASR, COD, COI, CRP, LCR, OIL, RIL, ROR,
SDL, SIR and ZIL as Derezinska and Halas use them for Python ("Analysis of Mutation Operators for
the Python Language", DepCoS-RELCOMEX 2014, and the tool MutPy); SVR and UOI are of Mothra (King and
Offutt, "A Fortran Language System for Mutation-Based Software Testing", 1991). ABS is left out:
sizes and indices are never negative. RET, ARG, CALL, RNG, SEQ and EXC, on returned values, arguments,
functions, ranges, sequences and exceptions, are mistakes of array programs that these do not make.

What stands in a docstring is not changed, nor the wording of an error message: it is the learner's
own. A mutant whose compiled code is that of the solution, or of another mutant, is left out
(Papadakis and others, "Trivial Compiler Equivalence", ICSE 2015).
"""

from __future__ import annotations

import ast
import copy
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

Made = tuple[str, ast.AST]
Path = tuple[tuple[str, int | None], ...]

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
OPPOSITE = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
OTHER_FUNCTION = {
    "all": ("any",),
    "any": ("all",),
    "append": ("extend",),
    "count": ("index",),
    "extend": ("append",),
    "matmul": ("multiply",),
    "max": ("min",),
    "min": ("max",),
    "reduce_mean": ("reduce_sum", "reduce_max"),
    "reduce_sum": ("reduce_mean", "reduce_max"),
    "square": ("abs", "sqrt"),
    "zeros": ("ones",),
}


@dataclass(frozen=True)
class Change:
    """One mutant: which operator made it, what is different, and the program."""

    operator: str
    diff: str
    code: CodeType


def changes(source: str) -> Iterator[Change]:
    """Every mutant of a program, each a different program."""
    tree = ast.parse(source)
    before = ast.unparse(tree).splitlines()
    seen = {identity(_compiled(tree))}
    for path, node, scope in _places(tree):
        for operator, new in _variants(node, scope):
            mutant = _put(tree, path, new)
            code = _compiled(mutant)
            key = identity(code)
            if key not in seen:
                seen.add(key)
                yield Change(operator, _diff(before, ast.unparse(mutant).splitlines()), code)


def identity(code: CodeType) -> tuple[Any, ...]:
    """What a compiled program does, without the places in its text."""
    constants = tuple(
        identity(value) if isinstance(value, CodeType) else (type(value).__name__, repr(value))
        for value in code.co_consts
    )
    return (code.co_name, code.co_code, constants, code.co_names, code.co_varnames,
            code.co_freevars, code.co_cellvars, code.co_argcount)  # fmt: skip


def _compiled(tree: ast.AST) -> CodeType:
    return compile(ast.unparse(tree), "<mutant>", "exec")


def _diff(before: list[str], after: list[str]) -> str:
    """The lines that are different, as "4: old -> new"; the number tells equal lines apart.

    A line that is only added has its indentation with it ("4, column 8: -> new"): the end of an inner
    loop and that of the loop around it are before the same line.
    """
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    parts = []
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            old, new = (" / ".join(map(str.strip, lines)) for lines in (before[i:j], after[k:m]))
            if tag == "insert":
                column = len(after[k]) - len(after[k].lstrip())
                parts.append(f"{i + 1}, column {column}: -> {new}")
            else:
                parts.append(f"{i + 1}: {old} -> {new}")
    return " ; ".join(parts)


def _put(tree: ast.AST, path: Path, new: ast.AST) -> ast.AST:
    """A copy of the tree in which another node stands at this place."""
    root = copy.deepcopy(tree)
    holder: Any = root
    for name, at in path[:-1]:
        holder = getattr(holder, name) if at is None else getattr(holder, name)[at]
    name, at = path[-1]
    if at is None:
        setattr(holder, name, new)
    else:
        getattr(holder, name)[at] = new
    return ast.fix_missing_locations(root)


@dataclass(frozen=True)
class _Scope:
    """Where a node stands: the variables of its function, and what it is in its parent."""

    variables: tuple[str, ...] = ()
    parent: ast.AST | None = None
    role: str = ""


def _places(tree: ast.AST) -> Iterator[tuple[Path, ast.AST, _Scope]]:
    """Every node that may be changed, with the way to it."""

    def walk(node: ast.AST, path: Path, scope: _Scope) -> Iterator[tuple[Path, ast.AST, _Scope]]:
        if path:
            yield path, node, scope
        if isinstance(node, ast.Raise):
            return  # the wording is free; what is asked of it, _raise changes
        if isinstance(node, ast.FunctionDef):
            scope = _Scope(_variables(node))
        for name, value in ast.iter_fields(node):
            inner = _Scope(scope.variables, node, name)
            if isinstance(value, ast.AST):
                yield from walk(value, (*path, (name, None)), inner)
            elif isinstance(value, list):
                for at, item in enumerate(value):
                    if isinstance(item, ast.AST) and not _is_docstring(node, name, at, item):
                        yield from walk(item, (*path, (name, at)), inner)

    yield from walk(tree, (), _Scope())


def _is_docstring(holder: ast.AST, name: str, at: int, item: ast.AST) -> bool:
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Module)
    text = isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)
    return isinstance(holder, kinds) and name == "body" and at == 0 and text


def _variables(function: ast.FunctionDef) -> tuple[str, ...]:
    names = [argument.arg for argument in function.args.args]
    names += [
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return tuple(dict.fromkeys(name for name in names if name != "_"))


def _variants(node: ast.AST, scope: _Scope) -> Iterator[Made]:
    """Every change that can be made to this one node."""
    if isinstance(node, ast.stmt):
        yield from _statement(node)
    make = MAKERS.get(type(node))
    if make:
        yield from make(node, scope)


def _with(node: ast.AST, **fields: Any) -> Any:
    """A copy of a node with other fields."""
    new = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), copy.deepcopy(test))


def _statement(node: ast.stmt) -> Iterator[Made]:
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Pass)):
        yield "SDL", ast.Pass()
    if isinstance(node, (ast.If, ast.While)):
        yield from _condition(node)
    if isinstance(node, ast.If) and node.orelse:
        yield "SDL", _with(node, orelse=[])


def _condition(node: Any) -> Iterator[Made]:
    yield "COI", _with(node, test=_not(node.test))
    for value in (True, False):
        yield "COI", _with(node, test=ast.Constant(value))


def _if_expression(node: ast.IfExp, scope: _Scope) -> Iterator[Made]:
    yield from _condition(node)


def _for(node: ast.For, scope: _Scope) -> Iterator[Made]:
    every = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
    yield "ZIL", _with(node, iter=ast.List([], ast.Load()))
    yield "OIL", _with(node, body=[*node.body, ast.Break()])
    if not (isinstance(node.target, ast.Name) and node.target.id == "_"):
        yield "RIL", _with(node, iter=ast.Call(ast.Name("reversed", ast.Load()), [every], []))


def _comprehension(node: ast.comprehension, scope: _Scope) -> Iterator[Made]:
    every = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
    yield "ZIL", _with(node, iter=ast.List([], ast.Load()))
    yield "RIL", _with(node, iter=ast.Call(ast.Name("reversed", ast.Load()), [every], []))


def _return(node: ast.Return, scope: _Scope) -> Iterator[Made]:
    yield "RET", ast.Return(ast.Constant(None))


def _raise(node: ast.Raise, scope: _Scope) -> Iterator[Made]:
    if isinstance(node.exc, ast.Call):
        yield "EXC", _with(node, exc=_with(node.exc, func=ast.Name("RuntimeError", ast.Load())))
        yield "EXC", _with(node, exc=_with(node.exc, args=[]))


def _binary(node: ast.BinOp, scope: _Scope) -> Iterator[Made]:
    for kind in ARITHMETIC:
        if not isinstance(node.op, kind):
            yield "AOR", _with(node, op=kind())
    yield "AOR", node.left
    yield "AOR", node.right
    yield "UOI", ast.UnaryOp(ast.USub(), node)
    if not isinstance(node.op, (ast.Add, ast.Mult)):
        yield "ARG", _with(node, left=node.right, right=node.left)


def _augmented(node: ast.AugAssign, scope: _Scope) -> Iterator[Made]:
    for kind in ARITHMETIC:
        if not isinstance(node.op, kind):
            yield "ASR", _with(node, op=kind())
    yield "ASR", ast.Assign([node.target], node.value)


def _unary(node: ast.UnaryOp, scope: _Scope) -> Iterator[Made]:
    yield ("COD" if isinstance(node.op, ast.Not) else "AOD"), node.operand


def _compare(node: ast.Compare, scope: _Scope) -> Iterator[Made]:
    for at, op in enumerate(node.ops):
        others = [OPPOSITE[type(op)]] if type(op) in OPPOSITE else ORDER
        for kind in others:
            if not isinstance(op, kind):
                yield "ROR", _with(node, ops=[*node.ops[:at], kind(), *node.ops[at + 1 :]])
    if len(node.ops) > 1:  # a < b < c: one of the two alone
        for at, op in enumerate(node.ops):
            left = [node.left, *node.comparators][at]
            yield "COD", ast.Compare(left, [op], [node.comparators[at]])


def _boolean(node: ast.BoolOp, scope: _Scope) -> Iterator[Made]:
    yield "LCR", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for value in node.values:
        yield "COD", value


def _constant(node: ast.Constant, scope: _Scope) -> Iterator[Made]:
    value = node.value
    if isinstance(value, bool):
        others: list[Any] = [not value]
    elif isinstance(value, (int, float)):
        others = [value + 1, value - 1, type(value)(0), -value]
    elif isinstance(value, str):
        others = ["", value + "X"]
    else:
        others = []
    for other in others:
        if other != value:
            yield "CRP", ast.Constant(other)


def _subscript(node: ast.Subscript, scope: _Scope) -> Iterator[Made]:
    if isinstance(node.ctx, ast.Load):
        yield "SIR", node.value
    if isinstance(node.slice, ast.Slice):
        for part in ("lower", "upper", "step"):
            if getattr(node.slice, part) is not None:
                yield "SIR", _with(node, slice=_with(node.slice, **{part: None}))


def _call(node: ast.Call, scope: _Scope) -> Iterator[Made]:
    plain = not any(isinstance(argument, ast.Starred) for argument in node.args)
    for at in range(len(node.args) - 1):
        swapped = list(node.args)
        swapped[at : at + 2] = swapped[at + 1], swapped[at]
        yield "ARG", _with(node, args=swapped)
    if len(node.args) > 1:
        for at in range(len(node.args)):
            yield "ARG", _with(node, args=[*node.args[:at], *node.args[at + 1 :]])
    for at in range(len(node.keywords)):
        yield "ARG", _with(node, keywords=[*node.keywords[:at], *node.keywords[at + 1 :]])
    if node.args and plain and scope.role != "func":
        yield "CALL", node.args[0]
    yield from _other_function(node)
    if isinstance(node.func, ast.Name) and node.func.id == "range" and len(node.args) == 1:
        [stop] = node.args
        one = ast.Constant(1)
        yield "RNG", _with(node, args=[ast.BinOp(stop, ast.Sub(), one)])
        yield "RNG", _with(node, args=[ast.BinOp(stop, ast.Add(), one)])
        yield "RNG", _with(node, args=[one, stop])
    if isinstance(node.func, ast.Name) and node.func.id == "enumerate":
        yield "RNG", _with(node, args=[*node.args, ast.Constant(1)])


def _other_function(node: ast.Call) -> Iterator[Made]:
    function = node.func
    if isinstance(function, ast.Name):
        for other in OTHER_FUNCTION.get(function.id, ()):
            yield "CALL", _with(node, func=_with(function, id=other))
    elif isinstance(function, ast.Attribute):
        for other in OTHER_FUNCTION.get(function.attr, ()):
            yield "CALL", _with(node, func=_with(function, attr=other))


def _sequence(node: Any, scope: _Scope) -> Iterator[Made]:
    if isinstance(getattr(node, "ctx", None), ast.Store):
        return
    for at in range(len(node.elts)):
        yield "SEQ", _with(node, elts=[*node.elts[:at], *node.elts[at + 1 :]])
    if isinstance(node, ast.Set):
        return
    for at in range(len(node.elts) - 1):
        swapped = list(node.elts)
        swapped[at : at + 2] = swapped[at + 1], swapped[at]
        yield "SEQ", _with(node, elts=swapped)


def _text(node: ast.JoinedStr, scope: _Scope) -> Iterator[Made]:
    for at in range(len(node.values)):
        yield "SEQ", _with(node, values=[*node.values[:at], *node.values[at + 1 :]])


def _starred(node: ast.Starred, scope: _Scope) -> Iterator[Made]:
    if isinstance(node.ctx, ast.Load):
        yield "SEQ", node.value


def _name(node: ast.Name, scope: _Scope) -> Iterator[Made]:
    if isinstance(node.ctx, ast.Load) and node.id in scope.variables:
        for other in scope.variables:
            if other != node.id:
                yield "SVR", ast.Name(other, ast.Load())
        if isinstance(scope.parent, ast.BinOp):
            yield "UOI", ast.UnaryOp(ast.USub(), node)


def _arguments(node: ast.arguments, scope: _Scope) -> Iterator[Made]:
    for at in range(len(node.args) - 1):
        swapped = list(node.args)
        swapped[at : at + 2] = swapped[at + 1], swapped[at]
        yield "ARG", _with(node, args=swapped)


MAKERS: dict[type, Any] = {
    ast.AugAssign: _augmented,
    ast.BinOp: _binary,
    ast.BoolOp: _boolean,
    ast.Call: _call,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.For: _for,
    ast.IfExp: _if_expression,
    ast.JoinedStr: _text,
    ast.List: _sequence,
    ast.Name: _name,
    ast.Raise: _raise,
    ast.Return: _return,
    ast.Set: _sequence,
    ast.Starred: _starred,
    ast.Subscript: _subscript,
    ast.Tuple: _sequence,
    ast.UnaryOp: _unary,
    ast.arguments: _arguments,
    ast.comprehension: _comprehension,
}
