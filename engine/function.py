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
from typing import Any

import numpy as np

from engine import config, nest
from engine.dispatch import context
from engine.graph.builder import Builder
from engine.graph.concrete import ConcreteFunction
from engine.graph.graph import SymbolicTensor
from engine.graph.passes import remove_dead_code
from engine.graph.verifier import verify
from engine.ops.creation import convert
from engine.retracing import (
    Explanation,
    Leaf,
    SpecLeaf,
    argument_names,
    explanation,
    looser,
    quick_key,
    structure_key,
    warn_of_retracing,
)
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe

CACHE_SIZE = 256  # graphs kept for one function; the least recently used goes first
MANY_TRACES = 6  # the first, and five more


def traceable(body: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function as a trace has to call it: with `if`, `while` and `for` made fit for tensors."""
    if not context.tracing:
        return body
    from engine.autograph import convert  # which needs the graphs of this module

    return convert(body)


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
        self._last: list[Leaf] = []  # what the last trace saw
        self._families: dict[Any, list[Any]] = {}  # for reduce_retracing: the sizes that stayed
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
        return traceable(body) if self._autograph else body

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
        return (structure_key(keyed), structure_key(plain[1]))

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The graph for these arguments, traced now if need be. Tensors may be given as TensorSpecs."""
        if self.input_signature is not None and not args and not kwargs:
            args = self.input_signature
        return self._lookup(self._arguments(args, kwargs))

    def _lookup(self, plain: list[Any]) -> ConcreteFunction:
        key = self._key(_keyed(plain))
        with self._lock:  # of two threads with the same arguments, one traces
            concrete = self._cache.get(key)
            if concrete is None and self._reduce_retracing:
                plain, key, concrete = self._relaxed(plain)
            if concrete is None:
                concrete = self._cache[key] = self._trace(plain)
                self._drop_oldest()
            self._calls = concrete.last_used = self._calls + 1
        return concrete

    def _drop_oldest(self) -> None:
        if len(self._cache) <= CACHE_SIZE:
            return
        times = {key: c.last_used or self._calls + 1 for key, c in self._cache.items()}
        oldest = self._cache.pop(min(times, key=times.__getitem__))
        for quick in [k for k, known in self._quick.items() if known is oldest]:
            del self._quick[quick]

    def _relaxed(self, plain: list[Any]) -> tuple[list[Any], Any, ConcreteFunction | None]:
        """With `reduce_retracing`: the arguments with None for the sizes that have changed so far."""
        leaves = nest.flatten(plain)
        tensors = [i for i, leaf in enumerate(leaves) if isinstance(leaf, (Tensor, TensorSpec))]
        dims = [Leaf.of("", leaves[i]).dims for i in tensors]
        general = list(leaves)
        for i, sizes in zip(tensors, dims, strict=True):
            any_size = None if sizes is None else [None] * len(sizes)
            general[i] = TensorSpec(any_size, leaves[i].dtype)
        family = self._key(_keyed(nest.pack_sequence_as(plain, general)))
        known = self._families.get(family)
        if known is not None:
            dims = [looser(a, b) for a, b in zip(known, dims, strict=True)]
        self._families[family] = dims
        if known is not None:
            for i, sizes in zip(tensors, dims, strict=True):
                leaves[i] = TensorSpec(sizes, leaves[i].dtype)
        plain = nest.pack_sequence_as(plain, leaves)
        key = self._key(_keyed(plain))
        return plain, key, self._cache.get(key)

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
            known = self._cache.get(self._key(_keyed(plain)))
            if known is None and self._reduce_retracing:
                families = dict(self._families)
                known = self._relaxed(plain)[2]
                self._families = families
            return explanation(
                self.__name__, known, list(self._cache.values()), self._described(plain)
            )

    def _described(self, plain: list[Any]) -> list[Leaf]:
        names = argument_names(self._parameters, plain)
        return [Leaf.of(n, leaf) for n, leaf in zip(names, nest.flatten(plain), strict=True)]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if config.functions_run_eagerly():
            return self.python_function(*args, **kwargs)
        tensors: list[Tensor] = []
        key = None if kwargs else quick_key(args, tensors)
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
        names = iter(argument_names(self._parameters, plain))
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
        concrete = ConcreteFunction(graph, signature, result, places)
        concrete.described = self._described(plain)
        if self._traces == MANY_TRACES:
            warn_of_retracing(self.__name__, self._traces, self._last, concrete.described)
        self._last = concrete.described
        return concrete

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


def _keyed(plain: list[Any]) -> list[Any]:
    """The arguments with specs as leaves that have the key of a tensor."""
    return nest.map_structure(
        lambda leaf: SpecLeaf(leaf) if isinstance(leaf, TensorSpec) else leaf, plain
    )


def _tensorized(structure: Any) -> Any:
    return nest.map_structure(
        lambda leaf: convert(leaf) if isinstance(leaf, (np.ndarray, np.generic)) else leaf,
        structure,
    )


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
      reduce_retracing: after a second shape, trace once for all sizes of the axes that changed.

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
