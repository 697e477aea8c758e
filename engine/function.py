"""`tf.function`: runs a Python function once with symbolic tensors, and keeps the graph it leaves.

A call looks up its graph under a key made of everything the graph depends on: the nesting of the
arguments, the dtype and shape of each tensor, the type and value of each Python argument. With no graph
under that key, the Python function is traced. Later calls run the graph; Python is not asked again.
"""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import config, nest
from engine.dispatch import apply, context
from engine.errors import InvalidArgumentError
from engine.graph.builder import Builder
from engine.graph.codegen import compile_source
from engine.graph.graph import CONSTANT, PLACEHOLDER, VARIABLE, Graph, SymbolicTensor
from engine.graph.passes import Stages, optimize, remove_dead_code
from engine.graph.verifier import verify
from engine.ops.creation import convert
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe
from engine.variable import Variable

CACHE_SIZE = 256  # graphs kept for one function; the least recently used goes first


class ConcreteFunction:
    """One graph, for one set of input specs, ready to be called.

    graph: the program as the Python function wrote it.
    optimized: the program that runs, and passes: the steps from the one to the other.
    source: the generated Python function.
    """

    def __init__(self, graph: Graph, signature: Any, result: Any, places: list[int | None]):
        self.graph = graph  # as written: the program that gradients are taken of
        self.structured_input_signature = signature
        self._result = result  # the nested result, with positions for its leaves
        self._places = places  # for each leaf of the result: its place in graph.outputs, or None
        self._captures = any(isinstance(node.payload, SymbolicTensor) for node in graph.nodes)
        self.optimized, self.passes = (graph, Stages()) if self._captures else optimize(graph)
        self._variables = [node.payload for node in self.optimized.nodes if node.op == VARIABLE]
        self._unsure = [  # updates whose shape is known only when the graph has run
            place
            for place, (_, number) in enumerate(graph.updates)
            if not graph.specs[number].shape.is_fully_defined()
        ]
        self.last_used = 0  # in calls of its Function
        self._run, self.source = compile_source(self.optimized)

    @property
    def name(self) -> str:
        """The name of the Python function."""
        return self.graph.name

    @property
    def inputs(self) -> list[TensorSpec]:
        """The specs of the tensors it takes."""
        return [self.graph.specs[number] for number in self.graph.inputs]

    @property
    def outputs(self) -> list[TensorSpec]:
        """The specs of the tensors it returns."""
        return [self.graph.specs[number] for number in self.graph.outputs]

    @property
    def variables(self) -> list[Variable]:
        """The variables it reads."""
        return [node.payload for node in self.graph.nodes if node.op == VARIABLE]

    def pretty_printed_signature(self) -> str:
        """Arguments and results with their specs, for people."""
        given = [f"  {spec.name or 'arg'}: {_brief(spec)}" for spec in self.inputs]
        returned = [f"  {_brief(spec)}" for spec in self.outputs]
        return "\n".join([f"{self.name}(", *given, ") ->", *returned])

    def draw(self) -> str:
        """The graph as an SVG picture."""
        return self.graph.draw()

    def __call__(self, *args: Any) -> Any:
        """Runs the graph on tensors, one an input, in order."""
        if len(args) != len(self.graph.inputs):
            raise TypeError(f"{self.name} takes {len(self.graph.inputs)} tensors, not {len(args)}.")
        tensors = []
        for value, spec in zip(args, self.inputs, strict=True):
            tensor = convert(value, hint=spec.dtype)
            if not spec.is_compatible_with(tensor):
                raise InvalidArgumentError(
                    f"{self.name}: {spec} was expected, but {describe(tensor)} was given."
                )
            tensors.append(tensor)
        return self.call_flat(tensors)

    def call_flat(self, tensors: list[Tensor]) -> Any:
        """Runs the graph. Under a tape or inside another trace, its operations run one by one instead."""
        if context.builder is not None or context.log is not None or self._captures:
            outputs = self._inline(tensors)
        else:
            arrays = [t._array for t in tensors]
            arrays += [variable._array for variable in self._variables]
            try:
                with np.errstate(all="ignore"):
                    results, updates = self._run(*arrays)
            except (ValueError, TypeError, IndexError):
                # The generated code knows no shapes; run one by one, the operation that fails explains.
                self._inline(tensors)
                raise
            for place in self._unsure:
                self.graph.updates[place][0]._check(Tensor(updates[place]), "assign")
            for (variable, _), array in zip(self.graph.updates, updates, strict=True):
                variable._array = array
            outputs = [Tensor(array) for array in results]
        leaves = [None if place is None else outputs[place] for place in self._places]
        return nest.pack_sequence_as(self._result, leaves)

    def _inline(self, tensors: list[Tensor]) -> list[Tensor]:
        values: dict[int, Any] = dict(zip(self.graph.inputs, tensors, strict=True))
        for node in self.graph.nodes:
            if node.op == PLACEHOLDER:
                continue
            if node.op == CONSTANT:
                values[node.outputs[0]] = node.payload
            elif node.op == VARIABLE:
                values[node.outputs[0]] = node.payload.value()
            else:
                assert node.primitive is not None
                try:
                    made = apply(node.primitive, *(values[n] for n in node.inputs), **node.attrs)
                except Exception as error:
                    error.add_note(f"{node.name} of {self.name!r}, written at {node.line}")
                    raise
                for number, value in zip(
                    node.outputs, made if isinstance(made, tuple) else (made,), strict=True
                ):
                    values[number] = value
        for variable, number in self.graph.updates:
            variable.assign(values[number])
        return [values[number] for number in self.graph.outputs]

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self.pretty_printed_signature()}>"


def _brief(spec: TensorSpec) -> str:
    return f"{spec.dtype.name} {spec.shape}"


class _Identity:
    """A key that is equal only for the same living object; a dead object matches nothing."""

    __slots__ = ("_hash", "_ref")

    def __init__(self, value: Any):
        self._hash = id(value)
        try:
            self._ref: Any = weakref.ref(value)
        except TypeError:
            self._ref = lambda: value

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: Any) -> bool:
        mine = self._ref()
        return isinstance(other, _Identity) and mine is not None and mine is other._ref()


def _leaf_key(leaf: Any) -> Any:
    if isinstance(leaf, Tensor):
        return (leaf.dtype.name, leaf._dims)
    if leaf is None or isinstance(leaf, (bool, int, float, complex, str, bytes)):
        return (type(leaf), leaf)  # the type too: 1, 1.0 and True are equal in Python
    return _Identity(leaf)


def _quick_key(args: tuple[Any, ...], tensors: list[Tensor]) -> tuple[Any, ...] | None:
    """The key of arguments that are tensors, or tuples of tensors, and nothing else; else None.

    It tells apart what the full key tells apart, and is made in a fraction of the time. The tensors
    are appended to `tensors`.
    """
    key: list[Any] = []
    for value in args:
        if type(value) is Tensor:
            key.append(value._array.dtype)
            key.append(value._array.shape)
            tensors.append(value)
        elif type(value) is tuple:
            inner = _quick_key(value, tensors)
            if inner is None:
                return None
            key.append(inner)
        else:
            return None
    return tuple(key)


def _structure_key(value: Any) -> Any:
    if isinstance(value, dict):
        return (type(value), tuple((k, _structure_key(value[k])) for k in sorted(value)))
    if isinstance(value, (list, tuple)):
        return (type(value), tuple(map(_structure_key, value)))
    return _leaf_key(value)


class Function:
    """What `tf.function` returns: the Python function, and the graphs made from it so far."""

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Any = None,
        reduce_retracing: bool = False,
        autograph: bool = True,
    ):
        functools.update_wrapper(self, python_function)
        self.__name__: str = getattr(python_function, "__name__", "function")
        self.python_function = python_function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._reduce_retracing = reduce_retracing
        self._autograph = autograph
        self._parameters = inspect.signature(python_function)
        self._cache: dict[Any, ConcreteFunction] = {}
        self._quick: dict[Any, ConcreteFunction] = {}  # a shortcut to entries of the cache
        self._traces = 0
        self._calls = 0
        self._methods: dict[int, tuple[Any, Function]] = {}  # by id: weak instance, its function
        self._lock = threading.RLock()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: each instance has graphs of its own, which go when it goes."""
        if instance is None:
            return self
        methods, key = self._methods, id(instance)
        if key not in methods:
            weak = weakref.ref(instance, lambda _: methods.pop(key, None))
            methods[key] = (weak, self._method(weak))
        return _Method(methods[key][1], instance)

    def _method(self, weak: Any) -> Function:
        body = self.python_function

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._rewritten(body)(weak(), *args, **kwargs)

        functools.update_wrapper(method, body)
        parameters = list(inspect.signature(body).parameters.values())[1:]
        method.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return Function(method, self.input_signature, self._reduce_retracing, autograph=False)

    def _rewritten(self, body: Callable[..., Any]) -> Callable[..., Any]:
        """The function to trace: with Python's control flow made fit for tensors, if that is wanted."""
        if not self._autograph:
            return body
        from engine.autograph import convert  # which needs this module

        return convert(body)

    def experimental_get_tracing_count(self) -> int:
        """How many times the Python function was traced."""
        return self._traces

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Positional and keyword arguments in one canonical form, arrays converted to tensors."""
        bound = self._parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        plain = [list(bound.args), dict(bound.kwargs)]
        return _tensorized(plain if self.input_signature is None else self._match(plain))

    def _match(self, plain: list[Any]) -> list[Any]:
        """Arguments converted and checked against the input signature."""
        signature = self.input_signature
        assert signature is not None
        given = plain[0]
        if len(given) < len(signature):
            raise TypeError(
                f"{self.__name__}: the input_signature has {len(signature)} entries, but {len(given)} "
                "positional arguments were given."
            )
        if any(isinstance(leaf, Tensor) for leaf in nest.flatten(plain[1])):
            raise TypeError(
                f"{self.__name__}: a tensor was given for a keyword-only argument "
                f"({', '.join(plain[1])}), which an input_signature cannot describe. Make the argument "
                "positional and add a TensorSpec for it."
            )

        def check(spec: TensorSpec, value: Any) -> Any:
            tensor = value if isinstance(value, TensorSpec) else convert(value, hint=spec.dtype)
            if not spec.is_compatible_with(tensor):
                raise TypeError(
                    f"{self.__name__}: its input_signature asks for {spec}, but {describe(tensor)} was "
                    "given. A signature never retraces: cast or reshape the argument, or use None for a "
                    "size that changes."
                )
            return tensor

        count = len(signature)
        parts = nest.flatten_up_to(list(signature), given[:count])
        tensors = [
            check(spec, part) for spec, part in zip(self._flat_signature(), parts, strict=True)
        ]
        return [
            [*nest.pack_sequence_as(list(signature), tensors), *given[count:]],
            plain[1],
        ]

    def _key(self, plain: list[Any]) -> Any:
        specs = None if self.input_signature is None else len(self.input_signature)
        keyed = plain[0] if specs is None else plain[0][specs:]
        return (_structure_key(keyed), _structure_key(plain[1]))

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The graph for these arguments, traced now if need be. Tensors may be given as TensorSpecs."""
        if self.input_signature is not None and not args and not kwargs:
            args = self.input_signature
        return self._lookup(self._arguments(args, kwargs))

    def _lookup(self, plain: list[Any]) -> ConcreteFunction:
        described = nest.map_structure(
            lambda leaf: _SpecLeaf(leaf) if isinstance(leaf, TensorSpec) else leaf, plain
        )
        key = self._key(described)
        with self._lock:  # of two threads with the same arguments, one traces
            concrete = self._cache.get(key)
            if concrete is None:
                concrete = self._cache[key] = self._trace(plain)
                concrete.last_used = self._calls + 1
                if len(self._cache) > CACHE_SIZE:
                    oldest = self._cache.pop(
                        min(self._cache, key=lambda k: self._cache[k].last_used)
                    )
                    for quick in [k for k, known in self._quick.items() if known is oldest]:
                        del self._quick[quick]
            self._calls = concrete.last_used = self._calls + 1
        return concrete

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if config.functions_run_eagerly():
            return self.python_function(*args, **kwargs)
        tensors: list[Tensor] = []
        key = None if kwargs else _quick_key(args, tensors)
        known = None if key is None else self._quick.get(key)
        if known is not None:
            self._calls = known.last_used = self._calls + 1
            return known.call_flat(tensors)
        plain = self._arguments(args, kwargs)
        concrete = self._lookup(plain)
        leaves = [leaf for leaf in nest.flatten(plain) if isinstance(leaf, Tensor)]
        # A default argument may have added tensors of its own; then the shortcut would miss them.
        if key is not None and len(leaves) == len(tensors) and len(self._quick) < CACHE_SIZE:
            self._quick[key] = concrete
        return concrete.call_flat(leaves)

    def _trace(self, plain: list[Any]) -> ConcreteFunction:
        name = getattr(self.python_function, "__name__", "function")
        builder = Builder(name, context.builder, may_create_variables=self._traces == 0)
        names = iter(_argument_names(self._parameters, plain))
        signature = []

        def symbol(position: int, leaf: Any) -> Any:
            label = next(names)
            if not isinstance(leaf, (Tensor, TensorSpec)):
                return leaf
            spec = TensorSpec(leaf.shape, leaf.dtype, getattr(leaf, "name", None) or label)
            if self.input_signature is not None and position < len(self._flat_signature()):
                wanted = self._flat_signature()[position]
                spec = TensorSpec(wanted.shape, wanted.dtype, wanted.name or label)
            if isinstance(leaf, SymbolicTensor):
                spec = TensorSpec(spec.shape, spec.dtype, label)
            signature.append(spec)
            return builder.placeholder(spec, label)

        leaves = [symbol(i, leaf) for i, leaf in enumerate(nest.flatten(plain))]
        args, kwargs = nest.pack_sequence_as(plain, leaves)
        with builder.tracing():
            result = self._rewritten(self.python_function)(*args, **kwargs)
            outputs: list[Tensor] = []
            places: list[int | None] = []
            for leaf in nest.flatten(result):
                places.append(None if leaf is None else len(outputs))
                if leaf is not None:
                    outputs.append(convert(leaf))
            graph = builder.finish(outputs)
        verify(graph)
        graph = remove_dead_code(graph)
        verify(graph)
        self._traces += 1
        return ConcreteFunction(graph, signature, result, places)

    def _flat_signature(self) -> list[TensorSpec]:
        return nest.flatten(list(self.input_signature or ()))

    def pretty_printed_concrete_signatures(self) -> str:
        """The signatures of all graphs made so far."""
        return "\n\n".join(c.pretty_printed_signature() for c in self._cache.values())

    def __repr__(self) -> str:
        return f"<tf.function {getattr(self, '__name__', '?')}: {self._traces} traces>"


class _Method:
    """A traced method with its instance, which lives at least as long as the method is held."""

    def __init__(self, function: Function, instance: Any):
        self._function = function
        self._instance = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __repr__(self) -> str:
        return repr(self._function)


class _SpecLeaf(Tensor):
    """A TensorSpec that keys like a tensor of that spec."""

    __slots__ = ("_given",)

    def __init__(self, given: TensorSpec):
        self._given = given

    @property
    def _dims(self) -> Any:
        return self._given.dims

    @property
    def dtype(self) -> Any:
        return self._given.dtype


def _tensorized(structure: Any) -> Any:
    return nest.map_structure(
        lambda leaf: convert(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else leaf,
        structure,
    )


def _argument_names(parameters: inspect.Signature, plain: list[Any]) -> list[str]:
    """A name for each leaf: that of its parameter, numbered when the parameter is a structure."""
    names: list[str] = []
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    declared = [p for p in parameters.parameters.values() if p.kind not in by_name]
    for i, value in enumerate(plain[0]):
        p = declared[min(i, len(declared) - 1)] if declared else None
        base = p.name if p is not None else f"arg{i}"
        if p is not None and p.kind == p.VAR_POSITIONAL:
            base = f"{base}_{i - len(declared) + 1}"
        count = len(nest.flatten(value))
        names += [base] if not nest.is_nested(value) else [f"{base}_{k}" for k in range(count)]
    for key in sorted(plain[1]):
        count = len(nest.flatten(plain[1][key]))
        names += (
            [key] if not nest.is_nested(plain[1][key]) else [f"{key}_{k}" for k in range(count)]
        )
    return names


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
) -> Any:
    """Turns a Python function into one that runs as a graph. Used bare or with arguments.

    Args:
      func: the function to trace.
      input_signature: a TensorSpec for each argument; then one graph serves all calls that fit.
      autograph: rewrite `if`, `while`, `for`, `and`, `or`, `not` so that tensors can decide; see
        `tf.autograph.to_code`.
      jit_compile: accepted; every graph is compiled to Python source here.
      reduce_retracing: accepted for compatibility with calls written for TensorFlow.

    Differs from TensorFlow: `experimental_implements`, `experimental_autograph_options`,
    `experimental_attributes` and the old names `experimental_relax_shapes`, `experimental_compile` and
    `experimental_follow_type_hints` are not accepted.

    >>> import engine as tf
    >>> @tf.function
    ... def double(x):
    ...     print("tracing")
    ...     return x + x
    >>> double(tf.constant(1)).numpy().item(), double(tf.constant(2)).numpy().item()
    tracing
    (2, 4)
    """
    if func is None:
        return lambda f: function(f, input_signature, autograph, jit_compile, reduce_retracing)
    return Function(func, input_signature, reduce_retracing, autograph)
