"""A graph as Python source: one line a node, compiled once, called many times.

The generated function takes the arrays of the arguments, reads those of the Variables, and returns the arrays
of the outputs and of the updates. No tensor, tape or dispatch is left in it; that is why it is fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from keyword import iskeyword
from typing import Any, Protocol

import numpy as np

from engine import devices
from engine.dispatch import Primitive, explain
from engine.dtypes import bfloat16, float32, float64, int32, int64
from engine.errors import OpError
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, Node
from engine.graph.native.loops import VIEWS
from engine.graph.plan import NOTHING, Writes, another, plan_buffers, reuse, size_of, workspaces
from engine.graph.scalar_text import numpy_text
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


class Compiled(Protocol):
    """A kernel in place of a node: called with the arrays it reads, those it writes, and its scratch."""

    @property
    def call(self) -> Callable[..., Any]: ...

    @property
    def scratch(self) -> int: ...

    @property
    def in_place(self) -> Mapping[int, set[int]]: ...


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
    if text is None:
        text = numpy_text(primitive, [graph.specs[n].dtype for n in node.inputs], arguments)
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


class _Text:
    """The lines of a generated function, and the names they refer to.

    native: for a node, by its first output, the kernel that takes its place.
    """

    def __init__(self, graph: Graph, native: Mapping[int, Compiled] | None):
        self.graph = graph
        self.native = native or {}
        self.names: dict[str, Any] = {"np": np}
        self.constants = {node.outputs[0] for node in graph.nodes if node.op == CONSTANT}
        self.lines: list[str] = []
        self.written: dict[int, Node] = {}  # line of the text -> node
        self.plan = None if native is None else plan_buffers(graph, self._writes)
        self.variables = {n.outputs[0]: n.payload for n in graph.nodes if n.op == VARIABLE}
        self._single: set[int] = set()  # inputs taken out of their arrays of rank 0

    def name(self, number: int) -> str:
        """What a value is called in the text."""
        return f"c{number}" if number in self.constants else f"v{number}"

    def constant(self, node: Node) -> Any:
        """The values of a constant; row by row where a kernel reads them, or each call would copy them."""
        array = getattr(node.payload, "_array", None)
        scattered = isinstance(array, np.ndarray) and not array.flags.c_contiguous
        readers = (n for n in self.graph.nodes if node.outputs[0] in n.inputs) if scattered else ()
        read = any(reader.outputs[0] in self.native for reader in readers)
        return np.ascontiguousarray(array) if read else array

    def _writes(self, node: Node) -> Writes:
        kernel = self.native.get(node.outputs[0])
        if kernel is not None:
            return Writes(node.outputs, kernel.scratch, kernel.in_place)
        plain = all(spec_is_plain(self.graph.specs[n]) for n in (*node.inputs, *node.outputs))
        array = self.graph.specs[node.outputs[0]].dims != ()
        if plain and array and (_matrix_product(self.graph, node) or _elementwise_ufunc(node)):
            return Writes(node.outputs)
        return NOTHING

    def lay_out(self) -> None:
        """Writes the first lines, which take what is there already: Variables, single numbers, workspace."""
        if self.plan is None:
            self._find_numbers()
        for number, variable in self.variables.items():
            self.names[f"var{number}"] = variable
            self.lines.append(f"v{number} = var{number}._array" + "[()]" * (number in self._single))
        if self.plan is None:
            self.lines += [f"v{n} = v{n}[()]" for n in self.graph.inputs if n in self._single]
        elif self.plan.slots or self.plan.scratch:
            take, give_back = workspaces(self.plan.workspace(self.graph))
            self.names |= {"take": take, "give_back": give_back}
            held = [f"v{n}" for n in self.plan.slots] + [f"s{n}" for n in self.plan.scratch]
            places, total = len(self.plan.sizes), sum(self.plan.sizes)
            self.lines.append(
                f"# workspace: {len(held)} arrays in {places} places, {total:,} bytes"
            )
            self.lines.append("work = take()")
            self.lines.append(f"{', '.join(held)}, = work")

    def _find_numbers(self) -> None:
        """NumPy is slow with arrays of rank 0, and ten times as fast with the number in them."""
        graph = self.graph
        for node in graph.nodes:
            if node.op in _OPERATORS and all(graph.specs[n].dims == () for n in node.inputs):
                given = set(node.inputs) & {*graph.inputs, *self.variables}
                self._single.update(n for n in given if spec_is_plain(graph.specs[n]))

    def write(self, node: Node) -> None:
        """Writes the lines of one operation."""
        graph = self.graph
        spec = graph.specs[node.outputs[0]]
        note = f"  # {spec.dtype.name} {spec.shape}" + (f"  {node.line}" if node.line else "")
        arguments = list(map(self.name, node.inputs))
        kernel = self.native.get(node.outputs[0])
        if kernel is not None:
            self._kernel(node, kernel, arguments, note)
            return
        left = ", ".join(map(self.name, node.outputs))
        several = isinstance(_specs_of(graph, node), tuple)
        left += "," if len(node.outputs) == 1 and several else ""
        call = _call(graph, node, self.names, arguments)
        if self.plan is not None and node.outputs[0] in self.plan.slots:
            self.lines.append(f"{call[:-1]}, out={left}){note}")
        else:
            self.lines.append(f"{left} = {call}{note}")
        self.written[len(self.lines) + 1] = node

    def _kernel(self, node: Node, kernel: Compiled, arguments: list[str], note: str) -> None:
        assert self.plan is not None
        fresh = [number for number in node.outputs if number not in self.plan.slots]
        reused = [number for number in fresh if self._new_array(node, kernel, number)]
        title = f"{node.name}" if node.op == "fused" else f"{node.op}_{node.outputs[0]}"
        self.names[title] = kernel.call
        arguments += map(self.name, node.outputs)
        if kernel.scratch:
            arguments.append(f"s{node.outputs[0]}")
        call = f"{title}({', '.join(arguments)})"
        if reused:  # it refuses where somebody has come to hold the array of a Variable meanwhile
            self.names["another"] = another
            others = "; ".join(f"v{number} = another(v{number})" for number in reused)
            call = f"if not {call}: {others}; {call}"
        self.lines.append(f"{call}{note}")
        self.written[len(self.lines) + 1] = node

    def _new_array(self, node: Node, kernel: Compiled, number: int) -> bool:
        """An array for a value that leaves the graph: the Variable's own, if its old value is not needed.

        Returns whether it may be that one.
        """
        spec: Any = self.graph.specs[number]
        variable = self._variable_to_overwrite(node, kernel, number)
        if variable is not None:
            self.names["reuse"] = reuse
            self.lines.append(f"v{number} = reuse(v{variable})")
            return True
        self.names["empty"] = np.empty
        self.names[spec.dtype.name] = spec.dtype.as_numpy_dtype
        self.lines.append(f"v{number} = empty({tuple(spec.dims)}, {spec.dtype.name})")
        return False

    def _variable_to_overwrite(self, node: Node, kernel: Compiled, number: int) -> int | None:
        graph = self.graph
        for variable, value in graph.updates:
            if value != number or size_of(graph.specs[number]) < REUSED_FROM:
                continue
            for old, known in self.variables.items():
                if known is not variable or old not in kernel.in_place.get(number, ()):
                    continue
                place = graph.nodes.index(node)
                alone = [v for _, v in graph.updates].count(
                    number
                ) == 1 and number not in graph.outputs
                unused = alone and old not in graph.outputs and not self._looked_at(old, place)
                if unused and not self._can_fail(place):
                    return old
        return None

    def _can_fail(self, place: int) -> bool:
        """Whether an error may end the run after node `place`. Variables must not have changed then."""
        known = all(self.graph.specs[n].shape.is_fully_defined() for _, n in self.graph.updates)
        return not known or any(
            node.op not in (PLACEHOLDER, CONSTANT, VARIABLE, *VIEWS, *_SAFE)
            and node.outputs[0] not in self.native
            and not self._writes(node).outputs
            and not self._of_floats(node)
            for node in self.graph.nodes[place + 1 :]
        )

    def _of_floats(self, node: Node) -> bool:
        """Whether a node is a ufunc on floats, which have an answer for everything: infinity, or NaN."""
        ufunc = node.primitive and node.primitive.ufunc
        return bool(ufunc) and all(self.graph.specs[n].dtype.is_floating for n in node.inputs)

    def _looked_at(self, value: int, place: int) -> bool:
        """Whether a node after `place` reads a value, or something that may be a view of it."""
        views = {value}
        for position, node in enumerate(self.graph.nodes):
            if views.intersection(node.inputs):
                if position > place:
                    return True
                if node.outputs[0] not in self.native and not self._writes(node).outputs:
                    views.update(node.outputs)
        kept = {*self.graph.outputs, *(number for _, number in self.graph.updates)}
        return bool(views & kept)


# Operations without an own kernel or array that no numbers can make fail.
_SAFE = (
    "cast", "identity", "stop_gradient", "fill_like", "select", "reduce_sum", "reduce_max", "reduce_min",
    "sigmoid", "softplus", "relu", "rsqrt", "pad", "concat", "part_of_concat", "slice", "unslice", "sum_like",
    "broadcast_like", "matmul", "conv", "conv_backprop_input", "conv_backprop_filter", "max_pool",
    "max_pool_backprop", "max_pool_pick", "max_pool_positions", "window_sum", "window_spread", "argmax",
)  # fmt: skip
REUSED_FROM = (
    4096  # bytes: a smaller array is made as fast as the question whether one can be reused
)


def spec_is_plain(spec: Any) -> bool:
    """Whether NumPy alone stores and computes these values, and their sizes are known."""
    known = spec.shape.is_fully_defined() and 0 not in spec.dims
    return known and spec.dtype.kind in "bool int uint float" and spec.dtype is not bfloat16


def _elementwise_ufunc(node: Node) -> bool:
    ufunc: Any = node.primitive and node.primitive.ufunc
    plain = isinstance(ufunc, np.ufunc) and getattr(np, ufunc.__name__, None) is ufunc
    return plain and not node.attrs


def source(
    graph: Graph, native: Mapping[int, Compiled] | None = None
) -> tuple[str, dict[str, Any]]:
    """The text of the generated function, and the names it refers to.

    native: kernels by the first output of the node they stand for. With it (even empty), what is used up
      inside the function is written into a workspace; without it every line makes an array.
    """
    text = _Text(graph, native)
    text.lay_out()
    for node in graph.nodes:
        if node.op in (PLACEHOLDER, VARIABLE):
            continue
        if node.op == CONSTANT:
            # Without values for a tensor captured from an enclosing trace: such a graph is only inlined.
            left = text.name(node.outputs[0])
            text.names[left] = text.constant(node)
            spec = graph.specs[node.outputs[0]]
            value = _value(text.names[left])
            text.lines.append(f"# {left} = {value}  {spec.dtype.name} {spec.shape}")
        else:
            text.write(node)
    if "give_back" in text.names:
        text.lines.append("give_back(work)")
    results = map(text.name, graph.outputs)
    updates = [text.name(number) for _, number in graph.updates]
    text.lines.append(f"return [{', '.join(results)}], [{', '.join(updates)}]")
    safe = "".join(c if c.isalnum() else "_" for c in graph.name)
    head = f"def graph_{safe}({', '.join(f'v{number}' for number in graph.inputs)}):"
    text.names["__graph__"] = (graph, text.written)
    return "\n".join([head, *(f"    {line}" for line in text.lines)]) + "\n", text.names


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


def compile_source(
    graph: Graph, native: Mapping[int, Compiled] | None = None
) -> tuple[Callable[..., Any], str]:
    """The generated function and its text."""
    text, names = source(graph, native)
    exec(compile(text, f"<graph {graph.name}>", "exec"), names)
    function = names[text[4 : text.index("(")]]
    inner = [v.source for n in graph.nodes for v in n.attrs.values() if hasattr(v, "source")]
    return function, "\n".join([text, *dict.fromkeys(inner)])
