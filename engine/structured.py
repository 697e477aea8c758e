"""A graph with the arguments of the Python function it was traced from: what `get_concrete_function` returns.

The graph takes tensors in a row; here they have names, structures, and Python values between them.
"""

from __future__ import annotations

import inspect
import weakref
from typing import Any

from engine import nest
from engine.graph.concrete import ConcreteFunction
from engine.graph.graph import Graph
from engine.ops.creation import convert
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe
from engine.variable import Variable


def positional_names(parameters: inspect.Signature, count: int) -> list[str]:
    """The names of so many positional arguments; those that `*rest` takes are numbered."""
    by_name = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    declared = [p for p in parameters.parameters.values() if p.kind not in by_name]
    names = [p.name for p in declared if p.kind != p.VAR_POSITIONAL][:count]
    rest = next((p.name for p in declared if p.kind == p.VAR_POSITIONAL), "arg")
    return names + [f"{rest}_{i}" for i in range(count - len(names))]


def argument_names(parameters: inspect.Signature, plain: list[Any]) -> list[str]:
    """A name for each leaf: that of its parameter, numbered when the parameter is a structure."""
    names = positional_names(parameters, len(plain[0]))
    pairs = [
        *zip(names, plain[0], strict=True),
        *((key, plain[1][key]) for key in sorted(plain[1])),
    ]
    return [name for base, value in pairs for name in _numbered(base, value)]


def _numbered(base: str, value: Any) -> list[str]:
    if not nest.is_nested(value):
        return [base]
    return [f"{base}_{k}" for k in range(len(nest.flatten(value)))]


class StructuredFunction(ConcreteFunction):
    """One graph of a `tf.function`, called as that function is, or with one tensor an input.

    structured_input_signature: the arguments, positional and named, with a TensorSpec for each tensor.
    structured_outputs: what a call returns, with a TensorSpec for each tensor.

    Python values are part of the graph: they may be left out of a call, and cannot be others.

    >>> import engine as tf
    >>> scale = tf.function(lambda x, by, *, plus=0: x * by + plus)
    >>> c = scale.get_concrete_function(tf.TensorSpec([None]), by=tf.TensorSpec([]), plus=3)
    >>> c(tf.constant([1.0, 2.0]), by=tf.constant(10.0)).numpy().tolist()
    [13.0, 23.0]
    """

    def __init__(
        self,
        graph: Graph,
        parameters: inspect.Signature,
        plain: list[Any],
        result: Any,
        places: list[int | None],
        **options: Any,
    ):
        super().__init__(graph, None, result, places, **options)
        self._parameters = parameters
        # [positional, by name], with a TensorSpec for each tensor; no object is kept alive
        self._arguments: list[Any] = nest.map_structure(_without_owner, plain)
        self.structured_input_signature: Any = (tuple(self._arguments[0]), dict(self._arguments[1]))
        leaves = [None if place is None else self.outputs[place] for place in places]
        self.structured_outputs = nest.pack_sequence_as(result, leaves)
        self._named = argument_names(parameters, plain)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The Variables it uses that are trainable."""
        return [variable for variable in self.variables if variable.trainable]

    @property
    def captured_inputs(self) -> list[Any]:
        """What it uses from outside besides its arguments: the Variables."""
        return list(self.variables)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph.

        Raises:
          TypeError: when an argument is missing, unknown, nested in another way or another Python value.
          InvalidArgumentError: when a tensor does not fit.
        """
        inputs = len(self.graph.inputs)
        if kwargs or len(args) != inputs or any(map(nest.is_nested, args)):
            args = self._in_a_row(args, kwargs)
        return self.call_flat(self._checked(args))

    def _in_a_row(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The tensors in the order of the graph's inputs."""
        positional, by_name = self._arguments
        names = positional_names(self._parameters, len(positional))
        wanted = {**dict(zip(names, positional, strict=True)), **by_name}
        given: dict[str, Any] = dict(zip(names, args, strict=False))
        own = {spec.name: n for n, spec in wanted.items() if isinstance(spec, TensorSpec)}
        fits = len(args) <= len(names)
        for key, value in kwargs.items():
            place = key if key in wanted else own.get(key, key)  # a spec may have a name of its own
            fits = fits and place in wanted and place not in given
            given[place] = value
        tensors = [leaf for leaf in nest.flatten(self._arguments) if isinstance(leaf, TensorSpec)]
        row: list[Any] = []
        for name in [*names, *sorted(by_name)] if fits else []:
            row += self._tensors(name, wanted[name], given.get(name, wanted[name]))
        if not fits or len(row) != len(tensors):
            raise TypeError(
                f"{self.name} takes {len(tensors)} tensors, not {len(args)}"
                + (f" and {', '.join(kwargs)}" if kwargs else "")
                + f". It was traced for\n{self.pretty_printed_signature()}"
            )
        return tuple(row)

    def _tensors(self, name: str, spec: Any, value: Any) -> list[Any]:
        """The tensors of one argument, after a check of what is no tensor in it."""
        if value is spec:
            return []
        try:
            parts = nest.flatten_up_to(spec, value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{self.name}: {name} is nested in another way. {error}") from None
        found = []
        for wanted, part in zip(nest.flatten(spec), parts, strict=True):
            if isinstance(wanted, TensorSpec):
                found.append(part)
            elif part is not _owner(wanted) and not _equal(part, wanted):
                raise TypeError(
                    f"{self.name}: {name} was {_owner(wanted)!r} when this graph was traced, and now is "
                    f"{part!r}. A graph is for one value: call the tf.function, or trace another graph."
                )
        return found

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """Arguments and results for people: tensors by dtype and shape, Python values as they are."""
        given = [
            f"  {getattr(leaf, 'name', None) or name}: {_brief(leaf)}"
            for name, leaf in zip(self._named, nest.flatten(self._arguments), strict=True)
        ]
        if not verbose:
            inner = ", ".join(line.strip() for line in given)
            return f"{self.name}({inner}) -> {_nested(self.structured_outputs)}"
        alone = not isinstance(self.structured_outputs, dict)
        returned = [
            f"  {'' if alone else f'{key}: '}{_nested(part)}"
            for key, part in _parts(self.structured_outputs)
        ]
        return "\n".join([f"{self.name}(", *given, ") ->", *returned])


class _Weak:
    """Stands for an object that was an argument, and does not keep it alive."""

    def __init__(self, value: Any):
        self.what = type(value).__name__
        try:
            self.get: Any = weakref.ref(value)
        except TypeError:
            self.get = lambda: value

    def __repr__(self) -> str:
        return f"<{self.what}>"


def _without_owner(leaf: Any) -> Any:
    plain = (bool, int, float, complex, str, bytes, type(None), TensorSpec)
    return leaf if isinstance(leaf, plain) else _Weak(leaf)


def _owner(leaf: Any) -> Any:
    return leaf.get() if isinstance(leaf, _Weak) else leaf


def _equal(one: Any, other: Any) -> bool:
    return (
        type(one) is type(other) and not isinstance(one, (Tensor, Variable)) and bool(one == other)
    )


def _parts(structure: Any) -> list[tuple[Any, Any]]:
    if isinstance(structure, dict):
        return list(structure.items())
    if isinstance(structure, (list, tuple)):
        return [("", part) for part in structure]
    return [("", structure)]


def _nested(structure: Any) -> str:
    """A structure of specs on one line."""
    if isinstance(structure, dict):
        return "{" + ", ".join(f"{k!r}: {_nested(v)}" for k, v in structure.items()) + "}"
    if isinstance(structure, (list, tuple)):
        inner = ", ".join(map(_nested, structure))
        return f"[{inner}]" if isinstance(structure, list) else f"({inner})"
    return _brief(structure)


def _brief(leaf: Any) -> str:
    return f"{leaf.dtype.name} {leaf.shape}" if isinstance(leaf, TensorSpec) else repr(leaf)


# --- input signatures ---------------------------------------------------------------------------------


def entries_of(name: str, signature: Any) -> list[TensorSpec]:
    """The TensorSpecs of an input signature.

    Raises:
      TypeError: when something else is in it.
    """
    entries = nest.flatten(list(signature or ()))
    for entry in entries:
        if not isinstance(entry, TensorSpec):
            raise TypeError(
                f"{name}: an input_signature holds TensorSpecs, or structures of them, but {entry!r} was "
                "given. Leave an argument that is no tensor out, with a default value."
            )
    return entries


def matched(name: str, signature: tuple[Any, ...], plain: list[Any]) -> list[Any]:
    """Arguments converted to what an input signature asks for.

    Raises:
      TypeError: when they do not fit.
    """
    given, named = plain
    count = len(signature)
    if len(given) < count:
        raise TypeError(
            f"{name}: the input_signature has {count} entries, but {len(given)} positional arguments were "
            "given."
        )
    if any(isinstance(leaf, Tensor) for leaf in nest.flatten(named)):
        raise TypeError(
            f"{name}: a tensor was given for a keyword-only argument ({', '.join(named)}), which an "
            "input_signature cannot describe. Make the argument positional and add a TensorSpec for it."
        )
    try:
        parts = nest.flatten_up_to(list(signature), given[:count])
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name}: the arguments are not nested as its input_signature is. {error}"
        ) from None
    pairs = zip(nest.flatten(list(signature)), parts, strict=True)
    tensors = [_fitting(name, spec, part) for spec, part in pairs]
    return [[*nest.pack_sequence_as(list(signature), tensors), *given[count:]], named]


def _fitting(name: str, spec: TensorSpec, value: Any) -> Any:
    tensor: Any = value
    if not isinstance(value, TensorSpec):
        try:
            tensor = convert(value, hint=spec.dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}: its input_signature asks for {spec}, and {value!r} cannot be made one. {error}"
            ) from None
    if not spec.is_compatible_with(tensor):
        raise TypeError(
            f"{name}: its input_signature asks for {spec}, but {describe(tensor)} was given. A signature "
            "never retraces: cast or reshape the argument, or use None for a size that changes."
        )
    return tensor
