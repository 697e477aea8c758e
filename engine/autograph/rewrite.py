"""Branches and loops as calls: each body becomes a function, and `runtime` decides how to run it.

if x > 0:            def ag__body_1(): nonlocal y; y = x
    y = x      ->    def ag__else_1(): nonlocal y; y = -x
else:                ag__.if_stmt(x > 0, ag__body_1, ag__else_1, get, set, ("y",), ())
    y = -x
"""

from __future__ import annotations

import ast
import itertools
from typing import Any

from engine.autograph.jumps import Jumps, name, nodes_of
from engine.autograph.liveness import Liveness
from engine.autograph.syntax import parse

# What these see or say depends on the frame they are called in, or they are the same for every value.
LEFT_ALONE = {
    "super",
    "locals",
    "vars",
    "dir",
    "globals",
    "eval",
    "exec",
    "print",
    "isinstance",
    "type",
}


# Built-in functions with a meaning for symbolic tensors.
BUILTINS = {"range", "enumerate", "zip"}

OPERATORS = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
    ast.Is: "is_", ast.IsNot: "is_not", ast.In: "in_", ast.NotIn: "not_in",
}  # fmt: skip


def stored(statements: list[ast.stmt]) -> tuple[list[str], list[ast.expr]]:
    """The names that statements bind, and the attributes and elements that they assign."""
    names: dict[str, None] = {}
    targets: dict[str, ast.expr] = {}

    def visit(node: ast.AST) -> None:
        match node:
            case ast.Name(id=identifier, ctx=ast.Store() | ast.Del()):
                names[identifier] = None
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                targets[ast.unparse(node)] = node
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names[node.name] = None
                return
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    names[(alias.asname or alias.name).partition(".")[0]] = None
            case ast.ExceptHandler() if node.name:
                names[node.name] = None
            case ast.MatchAs() | ast.MatchStar() if node.name:
                names[node.name] = None
            case ast.MatchMapping() if node.rest:
                names[node.rest] = None
            case (
                ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp()
            ):
                return
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in statements:
        visit(statement)
    return list(names), list(targets.values())


def _is_place(target: ast.expr, bound: list[str]) -> bool:
    """Whether an attribute or element is the same one before and after a block that binds these names."""
    match target:
        case ast.Name():
            return target.id not in bound
        case ast.Attribute():
            return _is_place(target.value, bound)
        case ast.Subscript(slice=ast.Constant() | ast.Name() as key):
            fixed = isinstance(key, ast.Constant) or key.id not in bound
            return fixed and _is_place(target.value, bound)
    return False


class Rewriter(ast.NodeTransformer):
    """Rewrites the body of one function; nested functions wait until they are called."""

    def __init__(self, function: ast.FunctionDef):
        self._numbers = itertools.count(1)
        self._globals = {
            n
            for node in nodes_of(function.body)
            if isinstance(node, ast.Global)
            for n in node.names
        }
        self._outer = {
            n
            for node in nodes_of(function.body)
            if isinstance(node, ast.Nonlocal)
            for n in node.names
        }
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        self._first = positional[0].arg if positional else ""
        self._parameters = {
            a.arg
            for a in [
                *arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs,
                *filter(None, [arguments.vararg, arguments.kwarg]),
            ]
        }  # fmt: skip
        self._state: dict[str, None] = {}  # names that some branch or loop binds
        self._all_state = set(stored(function.body)[0]) - self._globals - self._outer

    def function(self, function: ast.FunctionDef) -> ast.FunctionDef:
        """The rewritten function, under the same name."""
        body = self.statements(function.body)
        fresh = [n for n in self._state if n not in self._parameters | self._globals | self._outer]
        start = [
            _assign(identifier, _call("undefined", ast.Constant(identifier)))
            for identifier in fresh
        ]
        documented = (
            body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        )
        head = body[:1] if documented else []
        scopes = [s for s in body if isinstance(s, (ast.Global, ast.Nonlocal))]
        rest = [s for s in body[len(head) :] if s not in scopes]
        placed = [ast.copy_location(s, function) for s in start]
        function.body = [*head, *scopes, *placed, *rest] or [ast.Pass()]
        return function

    def statements(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for statement in statements:
            result = self.visit(statement)
            made += result if isinstance(result, list) else [result]
        return made

    # Nested scopes are left as they are: their own calls convert them.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef  # type: ignore[assignment]

    # Statements.

    def _helpers(
        self, kind: str, blocks: list[list[ast.stmt]]
    ) -> tuple[str, list[str], list[ast.expr], list[str]]:
        """A number for a construct, the names it binds, the attributes and elements it assigns, and others.

        The others cannot be told apart before the program runs, such as items[i + 1].
        """
        names, targets = stored([s for block in blocks for s in block])
        names = [n for n in names if n not in self._globals]
        self._state |= dict.fromkeys(names)
        places = [t for t in targets if _is_place(t, names)]
        others = [ast.unparse(t) for t in targets if t not in places]
        return f"{kind}_{next(self._numbers)}", names, places, others

    def _body(
        self, label: str, names: list[str], body: list[ast.stmt], *arguments: str
    ) -> ast.stmt:
        made = [n for n in names if n in stored(body)[0] or not body]
        scope: list[ast.stmt] = [ast.Nonlocal(made)] if made and body else []
        shared = sorted(self._globals.intersection(stored(body)[0]))
        scope += [ast.Global(shared)] if shared else []
        return _function(label, arguments, [*scope, *body] or [ast.Pass()])

    def _get_and_set(self, number: str, names: list[str], places: list[ast.expr]) -> list[ast.stmt]:
        looks = [parse(ast.unparse(place), mode="eval").body for place in places]
        values = [name(n) for n in names] + [_call("look", _lambda(look)) for look in looks]
        fresh = [f"ag__place_{i}" for i in range(len(places))]
        targets: list[ast.expr] = [ast.Name(n, ast.Store()) for n in [*names, *fresh]]
        put: list[ast.stmt] = [ast.Nonlocal(names)] if names else []
        if targets:
            put.append(ast.Assign([ast.Tuple(targets, ast.Store())], name("ag__values")))
        for value, place in zip(fresh, places, strict=True):
            owner = place.value  # type: ignore[attr-defined]
            text = ast.unparse(place)
            put += parse(
                f"if ag__.has_value({value}):\n    {text} = {value}\n"
                f"else:\n    ag__.forget(lambda: {ast.unparse(owner)}, {_key_of(place)})"
            ).body
        return [
            _function(f"ag__get_{number}", (), [ast.Return(ast.Tuple(values, ast.Load()))]),
            _function(f"ag__set_{number}", ("ag__values",), put or [ast.Pass()]),
        ]

    def _facts(
        self, node: ast.AST, names: list[str], places: list[ast.expr], others: list[str]
    ) -> list[ast.expr]:
        """What the construct is told of its state: the names of it, those needed later, what is refused."""
        texts = [ast.unparse(place) for place in places]
        after = [n for n in names if n in node.live_after or n.startswith("ag__")]  # type: ignore[attr-defined]
        again = getattr(node, "live_again", None)
        made = [_texts([*names, *texts]), _texts([*after, *texts])]
        if again is not None:
            made.append(_texts([*[n for n in names if n in again], *texts]))
        return [*made, _texts(others)]

    def _finish(self, place: ast.AST, made: list[ast.stmt]) -> list[ast.stmt]:
        return [ast.fix_missing_locations(ast.copy_location(s, place)) for s in made]

    def visit_If(self, node: ast.If) -> Any:
        body, orelse = self.statements(node.body), self.statements(node.orelse)
        number, names, places, others = self._helpers("if", [node.body, node.orelse])
        call = _call(
            "if_stmt", self.visit(node.test), name(f"ag__body_{number}"), name(f"ag__else_{number}"),
            name(f"ag__get_{number}"), name(f"ag__set_{number}"), *self._facts(node, names, places, others),
        )  # fmt: skip
        return self._finish(
            node,
            [
                self._body(f"ag__body_{number}", names, body),
                self._body(f"ag__else_{number}", names, orelse),
                *self._get_and_set(number, names, places),
                ast.Expr(call),
            ],
        )

    def visit_While(self, node: ast.While) -> Any:
        extra = getattr(node, "extra", None)
        test = node.test if extra is None else ast.BoolOp(ast.And(), [extra, node.test])
        body = self.statements(node.body)
        number, names, places, others = self._helpers("while", [node.body])
        tested = self.visit(ast.fix_missing_locations(ast.copy_location(test, node.test)))
        call = _call(
            "while_stmt", name(f"ag__test_{number}"), name(f"ag__body_{number}"),
            name(f"ag__get_{number}"), name(f"ag__set_{number}"), *self._facts(node, names, places, others),
        )  # fmt: skip
        return self._finish(
            node,
            [
                _function(f"ag__test_{number}", (), [ast.Return(tested)]),
                self._body(f"ag__body_{number}", names, body),
                *self._get_and_set(number, names, places),
                ast.Expr(call),
            ],
        )

    def visit_For(self, node: ast.For) -> Any:
        extra = getattr(node, "extra", None)
        body = self.statements(node.body)
        take: ast.stmt = ast.Assign([node.target], name("ag__item"))
        number, names, places, others = self._helpers("for", [[take], node.body])
        made: list[ast.stmt] = []
        if extra is not None:
            tested = self.visit(ast.fix_missing_locations(ast.copy_location(extra, node)))
            made.append(_function(f"ag__test_{number}", (), [ast.Return(tested)]))
        call = _call(
            "for_stmt", self.visit(node.iter),
            ast.Constant(None) if extra is None else name(f"ag__test_{number}"),
            name(f"ag__body_{number}"), name(f"ag__get_{number}"), name(f"ag__set_{number}"),
            *self._facts(node, names, places, others),
        )  # fmt: skip
        made += [
            self._body(f"ag__body_{number}", names, [take, *body], "ag__item"),
            *self._get_and_set(number, names, places),
            ast.Expr(call),
        ]
        return self._finish(node, made)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """Inside a helper the name is another function's, and those take no annotation."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        made = ast.Assign([node.target], self.visit(node.value))
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def visit_Delete(self, node: ast.Delete) -> Any:
        """A deleted name is one without a value, so that a helper can still look."""
        made: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in self._all_state:
                made.append(_assign(target.id, _call("undefined", ast.Constant(target.id))))
            else:
                made.append(ast.Delete([target]))
        return self._finish(node, made)

    def visit_Assert(self, node: ast.Assert) -> Any:
        message = node.msg or ast.Constant(None)
        call = _call("assert_stmt", self.visit(node.test), _lambda(message))
        return self._finish(node, [ast.Expr(call)])

    # Expressions.

    def _put(self, place: ast.expr, made: ast.expr) -> ast.expr:
        return ast.fix_missing_locations(ast.copy_location(made, place))

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        if _binds_or_waits(node):
            return node
        function = "and_" if isinstance(node.op, ast.And) else "or_"
        return self._put(node, _call(function, *(_lambda(self.visit(v)) for v in node.values)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        return (
            self._put(node, _call("not_", node.operand)) if isinstance(node.op, ast.Not) else node
        )

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        if _binds_or_waits(node):
            return node
        branches = (_lambda(self.visit(part)) for part in (node.body, node.orelse))
        return self._put(node, _call("if_exp", self.visit(node.test), *branches))

    def visit_Compare(self, node: ast.Compare) -> Any:
        if len(node.ops) == 1 or _binds_or_waits(node):
            return self.generic_visit(node)
        operators = _texts([OPERATORS[type(operator)] for operator in node.ops])  # a < b < c
        values = (_lambda(self.visit(value)) for value in [node.left, *node.comparators])
        return self._put(node, _call("compared", operators, *values))

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "ag__":
            return node
        if isinstance(node.func, ast.Name):
            if node.func.id == "super" and not node.args and self._first:
                # Inside a helper, super() would not find the instance.
                node.args = [name("__class__"), name(self._first)]
            if node.func.id in LEFT_ALONE or node.func.id.startswith("ag__"):
                return node
            if node.func.id in BUILTINS:
                node.func = self._put(node.func, _call("builtin", node.func))
                return node
        node.func = self._put(node.func, _call("called", node.func))
        return node


def _key_of(place: Any) -> str:
    """The last part of an attribute or element, as an expression."""
    return repr(place.attr) if isinstance(place, ast.Attribute) else "None"


def _binds_or_waits(node: ast.expr) -> bool:
    """Whether a lambda around the expression would change its meaning."""
    kinds = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    return any(isinstance(inner, kinds) for inner in ast.walk(node))


def _lambda(body: ast.expr) -> ast.expr:
    return ast.Lambda(_arguments(()), body)


def _arguments(names: tuple[str, ...]) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])


def _function(label: str, arguments: tuple[str, ...], body: list[ast.stmt]) -> ast.stmt:
    made = parse(f"def {label}(): pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.args, made.body = _arguments(arguments), body
    return made


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(name("ag__"), function, ast.Load()), list(arguments), [])


def _texts(values: list[str]) -> ast.expr:
    return ast.Tuple([ast.Constant(v) for v in values], ast.Load())


def _assign(identifier: str, value: ast.expr) -> ast.stmt:
    return ast.fix_missing_locations(
        ast.Assign([ast.Name(identifier, ast.Store())], value, lineno=1)
    )


def rewritten(function: ast.FunctionDef) -> ast.FunctionDef:
    """A function definition with its control flow as calls of `ag__`."""
    function.body = Jumps().function(function.body)
    ast.fix_missing_locations(function)
    Liveness(function)
    return ast.fix_missing_locations(Rewriter(function).function(function))
