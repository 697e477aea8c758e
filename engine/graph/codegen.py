"""A graph as Python source: one line a node, compiled once, called many times.

The generated function takes the arrays of the arguments and of the variables, and returns the arrays of
the outputs and of the updates. No tensor, tape or dispatch is left in it; that is why it is fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

import numpy as np

from engine import devices
from engine.dispatch import Primitive, explain
from engine.dtypes import bfloat16, float32, float64, int32, int64
from engine.errors import OpError
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node
from engine.tensor import Tensor


def _matrix_product(graph: Graph, node: Node) -> bool:
    specs = [graph.specs[n] for n in node.inputs]
    return node.op == "matmul" and all(s.rank == 2 and s.dtype is not bfloat16 for s in specs)


# Operations for which an array has a method or NumPy a function: shorter to read and faster to call than
# the kernel. An entry returns the text, or None where only the kernel will do.
def _reduction(method: str) -> Any:
    def text(graph: Graph, node: Node, x: str) -> str | None:
        spec = graph.specs[node.inputs[0]]
        # NumPy widens small integers in a sum, and has no extreme of nothing.
        plain = spec.dtype.is_floating and spec.dtype is not bfloat16
        if not plain or (method != "sum" and (not spec.shape.is_fully_defined() or 0 in spec.dims)):
            return None
        axes = node.attrs["axes"]
        axis = axes[0] if len(axes) == 1 else axes
        return f"{x}.{method}({axis}{', keepdims=True' if node.attrs['keepdims'] else ''})"

    return text


_TEXT: dict[str, Any] = {
    "reduce_sum": _reduction("sum"),
    "reduce_max": _reduction("max"),
    "reduce_min": _reduction("min"),
    "reshape": lambda graph, node, x: f"{x}.reshape({node.attrs['shape']})",
    "transpose": lambda graph, node, x: (
        f"{x}.T" if node.attrs["perm"] == (1, 0) else f"{x}.transpose({node.attrs['perm']})"
    ),
    "broadcast_to": lambda graph, node, x: f"np.broadcast_to({x}, {node.attrs['shape']})",
    "select": lambda graph, node, c, x, y: f"np.where({c}, {x}, {y})",
}


_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/",
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
_PLAIN = (float32, float64, int32, int64)


def _on_scalars(graph: Graph, node: Node, names: dict[str, Any], arguments: list[str]) -> str:
    """An operator, where all operands are single numbers; an empty text elsewhere.

    NumPy hands single numbers out as scalars, and a scalar's own operators take a tenth of a ufunc's time. A
    number that is constant is written as such, which changes no dtype.
    """
    if any(graph.specs[n].dims != () for n in node.inputs):
        return ""
    if node.op == "select":
        return "{1} if {0} else {2}".format(*arguments)
    if node.op not in _OPERATORS or any(graph.specs[n].dtype not in _PLAIN for n in node.inputs):
        return ""
    values = [
        names[a].item() if isinstance(names.get(a), (np.ndarray, np.generic)) else None
        for a in arguments
    ]
    if None in values:  # else NumPy would not be asked at all
        arguments = [
            a if value is None or not math.isfinite(value) else repr(value)
            for a, value in zip(arguments, values, strict=True)
        ]
    return f"{arguments[0]} {_OPERATORS[node.op]} {arguments[1]}"


def _call(graph: Graph, node: Node, names: dict[str, Any], arguments: list[str]) -> str:
    """The right-hand side of a node's line; what it refers to goes into `names`."""
    primitive = node.primitive
    assert isinstance(primitive, Primitive)
    scalar = _on_scalars(graph, node, names, arguments)
    if scalar:
        return scalar
    ufunc: Any = primitive.ufunc
    if _matrix_product(graph, node):  # np.dot skips the checks matmul makes for stacks of matrices
        return f"np.dot({', '.join(arguments)})"
    plain = isinstance(ufunc, np.ufunc) and getattr(np, ufunc.__name__, None) is ufunc
    if plain and not node.attrs:
        return f"np.{ufunc.__name__}({', '.join(arguments)})"
    text = _TEXT[node.op](graph, node, *arguments) if node.op in _TEXT else None
    if text is not None:
        return str(text)
    function = primitive.name + "_" * iskeyword(primitive.name)  # 'assert' is a word of Python's
    names[function] = primitive.kernel
    for key, value in node.attrs.items():
        if isinstance(value, (int, float, bool, str, tuple)) or value is None:
            arguments.append(f"{key}={value!r}")
        else:
            names[f"{key}{node.outputs[0]}"] = value
            arguments.append(f"{key}={key}{node.outputs[0]}")
    return f"{function}(np, {', '.join(arguments)})"


def source(graph: Graph) -> tuple[str, dict[str, Any]]:
    """The text of the generated function, and the names it refers to."""
    arguments = [f"v{number}" for number in graph.inputs]
    names: dict[str, Any] = {"np": np}
    constants = {node.outputs[0] for node in graph.nodes if node.op == CONSTANT}
    lines: list[str] = []
    written: dict[int, Node] = {}  # line of the text -> node

    def name(number: int) -> str:
        return f"c{number}" if number in constants else f"v{number}"

    for node in graph.nodes:
        left = ", ".join(map(name, node.outputs))
        if node.op == PLACEHOLDER:
            continue
        if node.op == VARIABLE:
            arguments.append(left)
        elif node.op == CONSTANT:
            # Without values for a tensor captured from an enclosing trace: such a graph is only inlined.
            names[left] = getattr(node.payload, "_array", None)
            spec = graph.specs[node.outputs[0]]
            lines.append(f"# {left} = {_value(names[left])}  {spec.dtype.name} {spec.shape}")
        else:
            spec = graph.specs[node.outputs[0]]
            note = f"  # {spec.dtype.name} {spec.shape}" + (f"  {node.line}" if node.line else "")
            left += (
                "," if len(node.outputs) == 1 and isinstance(_specs_of(graph, node), tuple) else ""
            )
            call = _call(graph, node, names, list(map(name, node.inputs)))
            lines.append(f"{left} = {call}{note}")
            written[len(lines) + 1] = node
    results = map(name, graph.outputs)
    updates = [name(number) for _, number in graph.updates]
    lines.append(f"return [{', '.join(results)}], [{', '.join(updates)}]")
    safe = "".join(c if c.isalnum() else "_" for c in graph.name)
    head = f"def graph_{safe}({', '.join(arguments)}):"
    names["__graph__"] = (graph, written)
    return "\n".join([head, *(f"    {line}" for line in lines)]) + "\n", names


def located(error: Exception) -> Exception:
    """An error of the generated code, as the user should see it: in words, with the user's own line.

    The deepest generated function on the way to the error says which node was running, and its local
    variables with which arrays.
    """
    place = error.__traceback__
    found: Any = None
    while place is not None:
        if "__graph__" in place.tb_frame.f_globals:
            found = place
        place = place.tb_next
    if found is None:
        return error
    graph, written = found.tb_frame.f_globals["__graph__"]
    node = written.get(found.tb_lineno)
    if node is None:
        return error
    if isinstance(error, (ValueError, TypeError, IndexError)) and not isinstance(error, OpError):
        known = found.tb_frame.f_globals | found.tb_frame.f_locals
        arrays = [known.get(f"v{n}", known.get(f"c{n}")) for n in node.inputs]
        error = explain(node.primitive, tuple(map(Tensor, arrays)), node.attrs, error)
    if node.line and not hasattr(error, "__notes__"):
        error.add_note(f"{node.name} of {graph.name!r}, written at {node.line}")
    return error


def _value(array: Any) -> str:
    """A constant for a comment: its value when it is short enough to read."""
    if array is None or array.size > 1:
        return "..."
    return " ".join(repr(devices.to_host(array).tolist()).split())


def _specs_of(graph: Graph, node: Node) -> Any:
    assert node.primitive is not None
    return node.primitive.spec(*(graph.specs[n] for n in node.inputs), **node.attrs)


def compile_source(graph: Graph) -> tuple[Callable[..., Any], str]:
    """The generated function and its text."""
    text, names = source(graph)
    exec(compile(text, f"<graph {graph.name}>", "exec"), names)
    function = names[text[4 : text.index("(")]]
    inner = [v.source for n in graph.nodes for v in n.attrs.values() if hasattr(v, "source")]
    return function, "\n".join([text, *dict.fromkeys(inner)])
