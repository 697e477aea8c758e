"""A graph as Python source: one line a node, compiled once, called many times.

The generated function takes the arrays of the arguments and of the variables, and returns the arrays of
the outputs and of the updates. No tensor, tape or dispatch is left in it; that is why it is fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.dispatch import Primitive
from engine.dtypes import bfloat16
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node


def _matrix_product(graph: Graph, node: Node) -> bool:
    specs = [graph.specs[n] for n in node.inputs]
    return node.op == "matmul" and all(s.rank == 2 and s.dtype is not bfloat16 for s in specs)


def _call(graph: Graph, node: Node, names: dict[str, Any]) -> str:
    """The right-hand side of a node's line; what it refers to goes into `names`."""
    primitive = node.primitive
    assert isinstance(primitive, Primitive)
    arguments = [f"v{number}" for number in node.inputs]
    ufunc: Any = primitive.ufunc
    if _matrix_product(graph, node):  # np.dot skips the checks matmul makes for stacks of matrices
        return f"np.dot({', '.join(arguments)})"
    plain = isinstance(ufunc, np.ufunc) and getattr(np, ufunc.__name__, None) is ufunc
    if plain and not node.attrs:
        return f"np.{ufunc.__name__}({', '.join(arguments)})"
    names[primitive.name] = primitive.kernel
    for key, value in node.attrs.items():
        if isinstance(value, (int, float, bool, str, tuple)) or value is None:
            arguments.append(f"{key}={value!r}")
        else:
            names[f"{key}{node.outputs[0]}"] = value
            arguments.append(f"{key}={key}{node.outputs[0]}")
    return f"{primitive.name}(np, {', '.join(arguments)})"


def source(graph: Graph) -> tuple[str, dict[str, Any]]:
    """The text of the generated function, and the names it refers to."""
    arguments = [f"v{number}" for number in graph.inputs]
    names: dict[str, Any] = {"np": np}
    lines = []
    for node in graph.nodes:
        left = ", ".join(f"v{number}" for number in node.outputs)
        if node.op == PLACEHOLDER:
            continue
        if node.op == VARIABLE:
            arguments.append(left)
        elif node.op == CONSTANT:
            # Without values for a tensor captured from an enclosing trace: such a graph is only inlined.
            names[f"c{node.outputs[0]}"] = getattr(node.payload, "_array", None)
            lines.append(f"{left} = c{node.outputs[0]}")
        else:
            spec = graph.specs[node.outputs[0]]
            note = f"  # {spec.dtype.name} {spec.shape}" + (f"  {node.line}" if node.line else "")
            left += (
                "," if len(node.outputs) == 1 and isinstance(_specs_of(graph, node), tuple) else ""
            )
            lines.append(f"{left} = {_call(graph, node, names)}{note}")
    results = [f"v{number}" for number in graph.outputs]
    updates = [f"v{number}" for _, number in graph.updates]
    lines.append(f"return [{', '.join(results)}], [{', '.join(updates)}]")
    safe = "".join(c if c.isalnum() else "_" for c in graph.name)
    head = f"def graph_{safe}({', '.join(arguments)}):"
    return "\n".join([head, *(f"    {line}" for line in lines)]) + "\n", names


def _specs_of(graph: Graph, node: Node) -> Any:
    assert node.primitive is not None
    return node.primitive.spec(*(graph.specs[n] for n in node.inputs), **node.attrs)


def compile_source(graph: Graph) -> tuple[Callable[..., Any], str]:
    """The generated function and its text."""
    text, names = source(graph)
    exec(compile(text, f"<graph {graph.name}>", "exec"), names)
    return names[text[4 : text.index("(")]], text
