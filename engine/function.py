"""`tf.function`: runs a Python function once with symbolic tensors, and keeps the graph it leaves.

A call looks up its graph under a key made of everything the graph depends on; see `retracing`. With no graph
under that key, the Python function is traced. Later calls run the graph; Python is not asked again.
"""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from engine import config, nest
from engine.dispatch import context
from engine.graph.builder import Builder
from engine.graph.graph import SymbolicTensor
from engine.graph.launch import MISS, Slot, launcher
from engine.graph.passes import remove_dead_code
from engine.graph.verifier import verify
from engine.ops.creation import convert
from engine.retracing import (
    Explanation,
    Leaf,
    SpecLeaf,
    covers,
    explanation,
    leaf_key,
    looser,
    quick_key,
    ranked_key,
    shapeless_key,
    structure_key,
    warn_of_retracing,
    warn_the_caller,
)
from engine.spec import TensorSpec
from engine.structured import StructuredFunction, argument_names, entries_of, matched
from engine.tensor import Tensor

CACHE_SIZE = 256  # graphs kept for one function; the least recently used goes first
RECENT = 4  # short ways that a call tries before it makes a key
MANY_TRACES = 6  # the first, and five more


def traceable(body: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function as a trace has to call it: with `if`, `while` and `for` made fit for tensors."""
    if not context.tracing:
        return body
    from engine.autograph import convert  # which needs the graphs of this module

    return convert(body)


class _Short(NamedTuple):
    """The short way for calls of one kind, see `engine.graph.launch`."""

    graph: StructuredFunction
    launch: Callable[[tuple[Any, ...], dict[str, Any]], Any]


def _no_launcher(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return MISS


class Function:
    """What `tf.function` returns: the Python function, and the graphs made from it so far."""

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Any = None,
        reduce_retracing: bool = False,
        autograph: bool = True,
        jit_compile: bool | None = None,
    ):
        functools.update_wrapper(self, python_function)
        self.__name__: str = name_of(python_function)
        self.python_function = python_function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._reduce_retracing = reduce_retracing
        self._autograph = autograph
        self._jit_compile = jit_compile
        self._parameters = inspect.signature(python_function)
        self._flat_signature = entries_of(self.__name__, self.input_signature)
        self._cache: dict[Any, StructuredFunction] = {}
        # Graphs that leave sizes open: the key without shapes, the shapes, the graph.
        self._wide: list[tuple[Any, list[Any], StructuredFunction]] = []
        # The short ways by which calls went: by quick key, the last few, and the very last.
        self._quick: dict[Any, _Short | None] = {}  # None: one call went so
        self._recent: list[_Short] = []
        self._launch: Any = _no_launcher
        self._traces = 0
        self._calls = 0
        self._last: list[Leaf] = []  # what the last trace saw
        self._families: dict[Any, list[Any]] = {}  # for reduce_retracing: the sizes that stayed
        self._methods: dict[int, tuple[Any, Function]] = {}  # by id: weak instance, its function
        self._lock = threading.RLock()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: each instance has graphs of its own, which go when it goes."""
        if instance is None:
            return self
        known = self._methods.get(id(instance))
        if known is None:
            methods, key = self._methods, id(instance)
            weak = weakref.ref(instance, lambda _: methods.pop(key, None))
            known = methods[key] = (weak, self._method(weak))
        return _Method(known[1], instance)

    def _method(self, weak: Any) -> Function:
        body = self.python_function

        def method(*args: Any, **kwargs: Any) -> Any:
            return self._rewritten(body)(weak(), *args, **kwargs)

        functools.update_wrapper(method, body)
        parameters = list(inspect.signature(body).parameters.values())[1:]
        method.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        options = (self._reduce_retracing, False, self._jit_compile)
        return Function(method, self.input_signature, *options)

    def _rewritten(self, body: Callable[..., Any]) -> Callable[..., Any]:
        """The function to trace: with Python's control flow made fit for tensors, if that is wanted."""
        return traceable(body) if self._autograph else body

    def experimental_get_tracing_count(self) -> int:
        """How many times the Python function was traced."""
        return self._traces

    def _arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Positional and keyword arguments in one canonical form, arrays converted to tensors."""
        bound = self._parameters.bind(*args, **kwargs)
        bound.apply_defaults()
        plain = [list(bound.args), dict(bound.kwargs)]
        if self.input_signature is not None:
            plain = matched(self.__name__, self.input_signature, plain)
        return _tensorized(plain)

    def _key(self, plain: list[Any], leaf: Callable[[Any], Any] = leaf_key) -> Any:
        specs = None if self.input_signature is None else len(self.input_signature)
        keyed = plain[0] if specs is None else plain[0][specs:]
        return (structure_key(keyed, leaf), structure_key(plain[1], leaf))

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> StructuredFunction:
        """The graph for these arguments, traced now if need be. Tensors may be given as TensorSpecs."""
        if self.input_signature is not None and not args and not kwargs:
            args = self.input_signature
        return self._lookup(self._arguments(args, kwargs))

    def _lookup(self, plain: list[Any]) -> StructuredFunction:
        with self._lock:  # of two threads with the same arguments, one traces
            concrete, plain, key = self._find(plain)
            if concrete is None:
                concrete = self._cache[key] = self._trace(plain)
                if any(None in (spec.dims or (None,)) for spec in concrete.inputs):
                    self._wide.append((*self._loosely(plain), concrete))
                self._drop_oldest()
            self._calls = concrete.last_used = self._calls + 1
        return concrete

    def _find(self, plain: list[Any]) -> tuple[StructuredFunction | None, list[Any], Any]:
        """The graph that fits, if there is one, and the arguments and the key to trace for else."""
        key = self._key(_keyed(plain))
        concrete = self._cache.get(key)
        if concrete is None and self._wide:
            family, dims = self._loosely(plain)
            fitting = [
                (sum(open_sizes(size) for size in wide), number, known)
                for number, (its_family, wide, known) in enumerate(self._wide)
                if its_family == family and all(map(covers, wide, dims))
            ]
            concrete = min(fitting)[2] if fitting else None  # that which leaves least open
        if concrete is None and self._reduce_retracing:
            plain = self._relaxed(plain)
            key = self._key(_keyed(plain))
            concrete = self._cache.get(key)
        return concrete, plain, key

    def _loosely(self, plain: list[Any]) -> tuple[Any, list[Any]]:
        """The key of the arguments without shapes, and the shapes."""
        leaves = nest.flatten(plain)
        dims = [Leaf.of("", leaf).dims for leaf in leaves if isinstance(leaf, (Tensor, TensorSpec))]
        return self._key(_keyed(plain), shapeless_key), dims

    def _drop_oldest(self) -> None:
        if len(self._cache) <= CACHE_SIZE:
            return
        times = {key: c.last_used or self._calls + 1 for key, c in self._cache.items()}
        oldest = self._cache.pop(min(times, key=times.__getitem__))
        self._wide = [entry for entry in self._wide if entry[2] is not oldest]
        for quick in [k for k, known in self._quick.items() if known and known.graph is oldest]:
            del self._quick[quick]
        self._recent = [known for known in self._recent if known.graph is not oldest]

    def _relaxed(self, plain: list[Any]) -> list[Any]:
        """With `reduce_retracing`: the arguments with None for the sizes that have changed so far."""
        leaves = nest.flatten(plain)
        tensors = [i for i, leaf in enumerate(leaves) if isinstance(leaf, (Tensor, TensorSpec))]
        dims = [Leaf.of("", leaves[i]).dims for i in tensors]
        family = self._family(plain)
        known = self._families.get(family)
        if known is not None:
            dims = [looser(a, b) for a, b in zip(known, dims, strict=True)]
            for i, sizes in zip(tensors, dims, strict=True):
                leaves[i] = TensorSpec(sizes, leaves[i].dtype)
        self._families[family] = dims
        return nest.pack_sequence_as(plain, leaves)

    def _family(self, plain: list[Any]) -> Any:
        """The key of all arguments that may share a graph once it leaves sizes open."""
        return self._key(_keyed(plain), ranked_key)

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        """Whether a call with these arguments would trace the function, why, and what would prevent it.

        >>> import engine as tf
        >>> double = tf.function(lambda x: x + x)
        >>> _ = double(tf.constant([1.0, 2.0]))
        >>> double.explain(tf.constant([1.0, 2.0])).retraces
        False
        >>> print(double.explain(tf.constant([1.0, 2.0, 3.0])).reasons[0])
        x: shape (2,) before, (3,) now. Fix: one graph for all sizes: input_signature=[tf.TensorSpec([None], \
tf.float32)], or reduce_retracing=True.
        """
        plain = self._arguments(args, kwargs)
        with self._lock:
            families = dict(self._families)
            known = self._find(plain)[0]
            self._families = families
            return explanation(
                self.__name__, known, list(self._cache.values()), self._described(plain)
            )

    def _described(self, plain: list[Any]) -> list[Leaf]:
        names = argument_names(self._parameters, plain)
        return [Leaf.of(n, leaf) for n, leaf in zip(names, nest.flatten(plain), strict=True)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = self._launch(args, kwargs)
        return self._long_way(args, kwargs) if made is MISS else made

    def _long_way(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call that is not like the last one: another short way, or a key, a look-up, perhaps a trace."""
        if config.functions_run_eagerly():
            return self.python_function(*args, **kwargs)
        key = None
        if context.builder is None and context.log is None:
            recent = self._recent
            for known in recent:  # the first of them was asked already
                if known is not recent[0] and (made := known.launch(args, kwargs)) is not MISS:
                    self._use(known)
                    return made
            key = quick_key((args, kwargs))
            found = self._quick.get(key) if key is not None else None
            if found and found not in recent:
                made = found.launch(args, kwargs)
                if made is not MISS:
                    self._use(found)
                    return made
        plain = self._arguments(args, kwargs)
        concrete = self._lookup(plain)
        if key in self._quick:  # the second call like this: there may be many more
            self._shorten(key, concrete, args, kwargs)
        elif key is not None:
            if len(self._quick) >= CACHE_SIZE:
                self._quick.pop(next(iter(self._quick)))
            self._quick[key] = None
        leaves = [leaf for leaf in nest.flatten(plain) if isinstance(leaf, Tensor)]
        return concrete.call_flat(leaves)

    def _use(self, known: _Short) -> None:
        """Takes one short way first from now on. The one before was in use until now, uncounted."""
        for other in (*self._recent[:1], known):
            self._calls = other.graph.last_used = self._calls + 1
        others = [one for one in self._recent if one is not known]
        self._recent = [known, *others[: RECENT - 1]]
        self._launch = known.launch

    def _shorten(
        self, key: Any, concrete: StructuredFunction, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Prepares the short way for the next call like this one."""
        leaves = nest.flatten([args, kwargs])
        slots = nest.pack_sequence_as([args, kwargs], map(Slot, range(len(leaves))))
        bound = self._parameters.bind(*slots[0], **slots[1])
        bound.apply_defaults()
        row = nest.flatten([list(bound.args), dict(bound.kwargs)])
        if any(isinstance(leaf, (Tensor, np.ndarray, np.generic)) for leaf in row):
            return  # a default argument is a tensor
        order = [
            leaf.number
            for leaf in row
            if isinstance(leaf, Slot) and isinstance(leaves[leaf.number], Tensor)
        ]
        if len(order) != len(concrete.inputs):
            return  # what was given for a tensor was none
        short = launcher(concrete, args, kwargs, order)
        if short is not None:
            self._quick[key] = made = _Short(concrete, short)
            self._use(made)

    def _trace(self, plain: list[Any]) -> StructuredFunction:
        first = self._traces == 0
        builder = Builder(self.__name__, context.builder, first, nest.flatten(plain))
        names = iter(argument_names(self._parameters, plain))
        signature = []

        def symbol(position: int, leaf: Any) -> Any:
            label = next(names)
            if not isinstance(leaf, (Tensor, TensorSpec)):
                return leaf
            spec = TensorSpec(leaf.shape, leaf.dtype, getattr(leaf, "name", None) or label)
            if position < len(self._flat_signature):
                wanted = self._flat_signature[position]
                spec = TensorSpec(wanted.shape, wanted.dtype, wanted.name or label)
            if isinstance(leaf, SymbolicTensor):
                spec = TensorSpec(spec.shape, spec.dtype, label)
            signature.append(spec)
            made = builder.placeholder(spec, label)
            return leaf.seen_as(made) if hasattr(leaf, "seen_as") else made

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
        graph = remove_dead_code(graph)
        verify(graph)
        self._traces += 1
        if builder.variables_created:
            return self._trace(plain)  # as every later call would run it: without making any
        specs = iter(signature)
        given = [
            next(specs) if isinstance(leaf, (Tensor, TensorSpec)) else leaf
            for leaf in nest.flatten(plain)
        ]
        concrete = StructuredFunction(
            graph,
            self._parameters,
            nest.pack_sequence_as(plain, given),
            result,
            places,
            jit_compile=self._jit_compile,
        )
        concrete.described = self._described(plain)
        if self._traces == 1 and self._jit_compile:
            self._check_the_compiler()
        if self._traces == MANY_TRACES:
            warn_of_retracing(self.__name__, self._traces, self._last, concrete.described)
        self._last = concrete.described
        return concrete

    def _check_the_compiler(self) -> None:
        from engine.graph.native.machine import why_not  # read where somebody asks for it

        why = why_not()
        if why:
            warn_the_caller(
                f"{self.__name__} was to be compiled (jit_compile=True), but {why}. It runs as NumPy "
                "operations, one after the other.",
                UserWarning,
            )

    def pretty_printed_concrete_signatures(self) -> str:
        """The signatures of all graphs made so far."""
        return "\n\n".join(c.pretty_printed_signature() for c in self._cache.values())

    def __repr__(self) -> str:
        return f"<tf.function {getattr(self, '__name__', '?')}: {self._traces} traces>"


class _Method:
    """A traced method with its instance, which lives at least as long as the method is held."""

    __slots__ = ("_function", "_instance")

    def __init__(self, function: Function, instance: Any):
        self._function = function
        self._instance = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self._function
        made = function._launch(args, kwargs)
        return function._long_way(args, kwargs) if made is MISS else made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __repr__(self) -> str:
        return repr(self._function)


def name_of(function: Any) -> str:
    """What a graph is called: after the function, or what stands in for one."""
    inner = getattr(function, "func", function)  # functools.partial
    name = getattr(inner, "__name__", None)
    return str(name or type(inner).__name__)


def open_sizes(dims: Any) -> int:
    """How much a shape leaves open: the number of sizes, or all of them."""
    return 1000 if dims is None else dims.count(None)


def _keyed(plain: list[Any]) -> list[Any]:
    """The arguments with specs as leaves that have the key of a tensor."""
    return nest.map_structure(
        lambda leaf: SpecLeaf(leaf) if isinstance(leaf, TensorSpec) else leaf, plain
    )


def _as_argument(leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, np.generic)):
        return convert(leaf)
    # A dataset goes into the graph as a tensor goes: as an input, known by its spec.
    as_input = getattr(type(leaf), "__graph_input__", None)
    return leaf if as_input is None else as_input(leaf)


def _tensorized(structure: Any) -> Any:
    return nest.map_structure(_as_argument, structure)


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
      jit_compile: True compiles native kernels at the first call, None (the default) when they pay, False
        never. Without llvmlite a graph runs as NumPy operations; True then warns. Operations that have no
        native kernel run as NumPy operations between those that have (TensorFlow refuses such a graph).
      reduce_retracing: after a second shape, trace once for all sizes of the axes that changed.

    A function that makes Variables is traced twice at first: once to make them, once as it will run. What
    they begin with may follow from the arguments of the first call.

    Differs from TensorFlow: 1, 1.0 and True have a graph each; equal objects share one only if they are of a
    kind that never changes (a range, a TensorShape, a frozen dataclass); with `reduce_retracing` ranks stay
    apart; arguments beyond an `input_signature` may be given, with a graph for each value; what is printed in
    loops and branches comes in program order. TensorFlow's `experimental_implements`,
    `experimental_autograph_options`, `experimental_attributes` and its old names `experimental_relax_shapes`,
    `experimental_compile` and `experimental_follow_type_hints` are not accepted.

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
    return Function(func, input_signature, reduce_retracing, autograph, jit_compile)
