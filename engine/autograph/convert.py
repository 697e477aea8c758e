"""From a Python function to its rewritten form: same globals, same closure, same line numbers."""

from __future__ import annotations

import ast
import copy
import dis
import functools
import inspect
import linecache
import site
import sysconfig
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.autograph.rewrite import rewritten
from engine.autograph.syntax import parse

_ENGINE = str(Path(__file__).resolve().parent.parent)
_LIBRARIES = tuple(
    {
        *(sysconfig.get_paths()[kind] for kind in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        _ENGINE,
    }
)
_WAITING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_factories: dict[
    types.CodeType, types.CodeType | None
] = {}  # code -> rewritten code, None: as it is


def _is_users(function: types.FunctionType) -> bool:
    code = function.__code__
    file = code.co_filename
    return not (
        code.co_flags & _WAITING
        or code in _done
        or getattr(function, "_ag_leave", False)
        or file.startswith(_LIBRARIES)
        or file.startswith("<frozen")
    )


_done: set[types.CodeType] = set()


def _definition(code: types.CodeType) -> ast.FunctionDef | None:
    """The definition in the source text, with the places of the file; None without a text."""
    lines = _lines_of(code)
    if code.co_name == "<lambda>":
        return _lambda_definition(code, lines)
    first = code.co_firstlineno
    inside = "".join(lines[first - 1 : first])[:1].isspace()
    for text in _blocks(lines[first - 1 :]):
        try:  # not dedented: texts over several lines would not be what they were
            tree = parse("if 1:\n" + text if inside else text)
        except SyntaxError:  # cut off in the middle of something
            continue
        node: Any = tree.body[0].body[0] if inside else tree.body[0]
        if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
            return None
        ast.increment_lineno(node, first - 1 - inside)
        node.decorator_list = []
        return node
    return None


def _lines_of(code: types.CodeType) -> list[str]:
    """The file a function was written in. `inspect.getsource` would ask all modules whether it is theirs."""
    linecache.checkcache(code.co_filename)
    return linecache.getlines(code.co_filename)


def _blocks(lines: list[str]) -> Iterator[str]:
    """Where a definition may end: before a line that is indented no deeper than its first, and at the end."""
    margin = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    for number, line in enumerate(lines[1:], 1):
        text = line.lstrip()
        if text and not text.startswith("#") and len(line) - len(text) <= margin:
            yield "".join(lines[:number])
    if lines:
        yield "".join(lines)


@functools.lru_cache(maxsize=8)
def _lambdas_in(text: str) -> list[ast.Lambda]:
    try:
        return [node for node in ast.walk(parse(text)) if isinstance(node, ast.Lambda)]
    except SyntaxError:
        return []


_DECIDES = {
    number
    for name, number in dis.opmap.items()
    if name.startswith(("CALL", "FOR", "UNARY_NOT")) or "JUMP" in name
}


def _start(node: Any) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: Any) -> tuple[int, int]:
    return node.end_lineno, node.end_col_offset


def _lambda_definition(code: types.CodeType, lines: list[str]) -> ast.FunctionDef | None:
    """A lambda as a definition. Several may stand in a line: Python keeps the columns of their code."""
    if _DECIDES.isdisjoint(code.co_code[::2]):
        return None  # it computes, and no more: the file need not be read
    lambdas = _lambdas_in("".join(lines))
    spans = [p for p in code.co_positions() if None not in p and p[3]]
    found = [
        node
        for node in lambdas
        if node.lineno == code.co_firstlineno
        and all(_start(node.body) <= (line, start) for line, _, start, _ in spans)
        and all((last, end) <= _end(node.body) for _, last, _, end in spans)
    ]
    if not found or not spans:
        return None
    found.sort(key=_start)  # of lambdas in each other, the innermost that holds all of the code
    node = copy.deepcopy(found[-1])
    body = ast.copy_location(ast.Return(node.body), node.body)
    made = parse("def ag__lambda(): pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.args, made.body = node.args, [body]
    return ast.fix_missing_locations(ast.copy_location(made, node))


def _class_around(definition: ast.FunctionDef, code: types.CodeType) -> str | None:
    """The class whose name Python puts before private names such as __secret, if there are any."""
    names = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name)}
    names |= {n.attr for n in ast.walk(definition) if isinstance(n, ast.Attribute)}
    private = any(n.startswith("__") and not n.endswith("__") for n in names)
    owner = code.co_qualname.split(".")[-2:-1]
    return owner[0] if private and owner and owner[0] != "<locals>" else None


def _rewritten_code(code: types.CodeType) -> types.CodeType | None:
    if code not in _factories:
        definition = _definition(code)
        made = None if definition is None else _compiled(definition, code)
        _factories[code] = made
        if made is not None:
            _done.update(_all_code(made))
    return _factories[code]


def _all_code(code: types.CodeType) -> set[types.CodeType]:
    """The code and that of its `ag__` helpers. A function of the user's in it is converted when called."""
    found = {code}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType) and inner.co_name.startswith("ag__"):
            found |= _all_code(inner)
    return found


def _compiled(definition: ast.FunctionDef, code: types.CodeType) -> types.CodeType:
    """The code of a function that finds `ag__` and its free variables in a function around it."""
    owner = _class_around(definition, code)
    function = rewritten(definition)
    function.name = "ag__function"  # its own name may be a global of the user's
    free = ast.arguments(
        [], [ast.arg(n) for n in ("ag__", *code.co_freevars)], None, [], [], None, []
    )
    around = parse("def ag__factory(): pass").body[0]
    assert isinstance(around, ast.FunctionDef)
    around.args, around.body = free, [function]
    if owner is not None:
        around.body = [ast.ClassDef(owner, [], [], [function], [])]
    tree = ast.fix_missing_locations(ast.Module([around], []))
    outer = compile(tree, code.co_filename, "exec", dont_inherit=True)
    made = _find(outer, function.name)
    return made.replace(co_name=code.co_name, co_qualname=code.co_qualname)


def _find(code: types.CodeType, name: str) -> types.CodeType:
    """The first code of that name inside another, the outermost first."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    if code.co_name != name and not any(c.co_name == name for c in inner):
        return _find(inner[0], name)
    return next(c for c in inner if c.co_name == name)


def convert(function: Any) -> Any:
    """The function with its control flow rewritten, or the function itself where that is not possible.

    Functions of libraries, generators, coroutines, and functions whose source text cannot be found stay as
    they are. A bound method gives a bound method, a partial a partial, an object with `__call__` that method.
    """
    if isinstance(function, types.MethodType):
        inner = convert(function.__func__)
        return (
            function if inner is function.__func__ else types.MethodType(inner, function.__self__)
        )
    if isinstance(function, functools.partial):
        inner = convert(function.func)
        if inner is function.func:
            return function
        return functools.partial(inner, *function.args, **function.keywords)
    if not isinstance(function, types.FunctionType):
        call = getattr(type(function), "__call__", None)  # noqa: B004 - of the class, as Python looks it up
        if isinstance(function, type) or not isinstance(call, types.FunctionType):
            return function
        inner = convert(call)
        return function if inner is call else types.MethodType(inner, function)
    if not _is_users(function):
        return function
    code = _rewritten_code(function.__code__)
    if code is None:
        return function
    from engine.autograph import runtime

    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells["ag__"] = types.CellType(runtime)
    closure = tuple(cells[variable] for variable in code.co_freevars)
    made = types.FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return functools.update_wrapper(made, function)


def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """Marks a function to be traced as it is written.

    >>> @do_not_convert
    ... def f(x):
    ...     return x if True else -x
    >>> convert(f) is f
    True
    """
    if func is None:
        return do_not_convert
    func._ag_leave = True  # type: ignore[attr-defined]
    return func


def to_code(entity: Any, recursive: bool = True, experimental_optional_features: Any = None) -> str:
    """The source text of the rewritten function, to look at.

    Args:
      entity: a Python function, or a `tf.function`.
      recursive, experimental_optional_features: accepted; functions that it calls are converted when they
        are called.

    Raises:
      ValueError: when the source text of the function cannot be found.
    """
    function = getattr(entity, "python_function", entity)
    function = getattr(function, "__func__", function)
    definition = _definition(function.__code__)
    if definition is None:
        raise ValueError(
            f"The source text of {function!r} was not found, so it is traced as it is: what exec or eval "
            "made has none."
        )
    return ast.unparse(rewritten(definition)) + "\n"
