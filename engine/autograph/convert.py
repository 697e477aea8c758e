"""From a Python function to its rewritten form: same globals, same closure, same line numbers."""

from __future__ import annotations

import ast
import functools
import inspect
import site
import sysconfig
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.autograph.rewrite import rewritten

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
        code.co_name == "<lambda>"
        or code.co_flags & _WAITING
        or code in _done
        or getattr(function, "_ag_leave", False)
        or file.startswith(_LIBRARIES)
        or file.startswith("<frozen")
    )


_done: set[types.CodeType] = set()


def _definition(code: types.CodeType) -> ast.FunctionDef | None:
    """The definition in the source text, with the line numbers of the file; None without a text."""
    try:
        text = textwrap.dedent(inspect.getsource(code))
        node = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    if not isinstance(node, ast.FunctionDef) or node.name != code.co_name:
        return None
    private = any(
        isinstance(inner, (ast.Name, ast.Attribute))
        and (inner.id if isinstance(inner, ast.Name) else inner.attr).startswith("__")
        and not (inner.id if isinstance(inner, ast.Name) else inner.attr).endswith("__")
        for inner in ast.walk(node)
    )
    if private:  # Python mangles these by the class around, which is not in the text
        return None
    ast.increment_lineno(node, code.co_firstlineno - 1)
    node.decorator_list = []
    return node


def _rewritten_code(code: types.CodeType) -> types.CodeType | None:
    if code not in _factories:
        definition = _definition(code)
        made = None if definition is None else _compiled(rewritten(definition), code)
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


def _compiled(function: ast.FunctionDef, code: types.CodeType) -> types.CodeType:
    """The code of a function that finds `ag__` and its free variables in a function around it."""
    free = ast.arguments(
        [], [ast.arg(n) for n in ("ag__", *code.co_freevars)], None, [], [], None, []
    )
    around = ast.parse("def ag__factory(): pass").body[0]
    assert isinstance(around, ast.FunctionDef)
    around.args, around.body = free, [function]
    tree = ast.fix_missing_locations(ast.Module([around], []))
    outer = compile(tree, code.co_filename, "exec", dont_inherit=True)
    factory = next(c for c in outer.co_consts if isinstance(c, types.CodeType))
    return next(
        c for c in factory.co_consts if isinstance(c, types.CodeType) and c.co_name == code.co_name
    )


def convert(function: Any) -> Any:
    """The function with its control flow rewritten, or the function itself where that is not possible.

    Functions of libraries, lambdas, generators, coroutines, and functions whose source text cannot be found
    stay as they are. A bound method gives a bound method.
    """
    if isinstance(function, types.MethodType):
        inner = convert(function.__func__)
        return (
            function if inner is function.__func__ else types.MethodType(inner, function.__self__)
        )
    if not isinstance(function, types.FunctionType) or not _is_users(function):
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
            f"The source text of {function!r} was not found, so it is traced as it is: lambdas and functions "
            "made by exec have none that can be rewritten."
        )
    return ast.unparse(rewritten(definition)) + "\n"
