"""A user's function of elements, traced once as a graph that runs for every row.

Its parameters are the parts of an element. It may return datasets too, and may make them out of symbolic
tensors: such a dataset is a plan with open places, which each row fills in (`filled`). So
`flat_map(lambda x: Dataset.range(x).map(...))` is traced once, however many rows go through.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine import devices, nest
from engine.data.elements import (
    DatasetSpec,
    as_dataset,
    host_array,
    is_stage,
    spec_of,
    tensors_of,
)
from engine.data.stage import Row, StandIn
from engine.errors import (
    InaccessibleTensorError,
    InvalidArgumentError,
    OperatorNotAllowedInGraphError,
)
from engine.function import name_of, traceable
from engine.graph.codegen import located
from engine.graph.concrete import ConcreteFunction
from engine.graph.control import Part
from engine.graph.graph import SymbolicTensor
from engine.graph.passes import remove_dead_code
from engine.graph.verifier import verify
from engine.ops.creation import convert
from engine.ops.random import own_state
from engine.spec import TensorSpec
from engine.tensor import Tensor
from engine.variable import Variable

Places = dict[Any, Any]  # for an open place, what fills it
_CLOSED = (int, bool, str, type(None), TensorSpec, DatasetSpec)  # what has no open place


def open_places(value: Any) -> Iterator[SymbolicTensor | Any]:
    """The symbolic tensors and stand-ins for datasets in a dataset's plan, or in a part of one."""
    if type(value) in _CLOSED:
        return
    if isinstance(value, SymbolicTensor):
        yield value
    elif is_stage(value):
        if value.is_open:
            yield from (value,) if value.stands_in else open_places(list(vars(value).values()))
    elif isinstance(value, Traced):
        yield from open_places(value.outside)
    elif nest.is_nested(value):
        for part in nest.children(value):
            yield from open_places(part)


def key_of(place: Any) -> Any:
    """An open place as a key: symbolic tensors are made anew at each read, so by graph and number."""
    if isinstance(place, SymbolicTensor):
        return (id(place.graph), place.value_number)
    return id(place)


def filled(value: Any, places: Places) -> Any:
    """The same plan with values in the open places that are known now; what is not open is shared."""
    if type(value) in _CLOSED:
        return value
    if isinstance(value, SymbolicTensor):
        known = places.get(key_of(value))
        return value if known is None else known
    if is_stage(value):
        if not value.is_open:
            return value
        if value.stands_in:
            return places.get(key_of(value), value)
        made = copy.copy(value)
        vars(made).update({name: filled(part, places) for name, part in vars(value).items()})
        made.is_open = any(True for _ in open_places(list(vars(made).values())))
        if not made.is_open:
            made.settled()
        return made
    if isinstance(value, Traced):
        return value.with_outside([filled(part, places) for part in value.outside])
    if type(value) in (list, tuple):
        return type(value)([filled(part, places) for part in value])
    return value


@contextmanager
def _advice(what: str, function: Any) -> Iterator[None]:
    """Says how Python code gets into a pipeline, where a trace failed for want of values."""
    try:
        yield
    except Exception as error:
        graph_errors = (OperatorNotAllowedInGraphError, InaccessibleTensorError)
        if isinstance(error, graph_errors) or "symbolic" in str(error):
            error.add_note(
                f"{what} traces {name_of(function)!r} once, as tf.function does, and its tensors have "
                "values only when the pipeline runs. Use tensor operations, or tf.numpy_function / "
                "tf.py_function for Python code that needs values."
            )
        raise


class Traced:
    """A user's function as a graph: `rows in, row out`.

    what: the transformation, for errors.
    specs: the spec of each argument (a structure).
    element_spec: the spec of what it returns.
    outside: what the graph takes besides a row: Variables, and tensors of a trace around this one.
    """

    def __init__(self, what: str, function: Callable[..., Any], *specs: Any):
        if not callable(function):
            raise TypeError(f"{what}: a function is needed, but {function!r} was given.")
        self.name = name_of(function)
        leaves = nest.flatten(list(specs))
        self._stand_ins: list[Any] = []  # for datasets among the arguments
        self._tensor_at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, TensorSpec)]
        self._dataset_at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, DatasetSpec)]
        plain = [TensorSpec(leaves[i].dims, leaves[i].dtype) for i in self._tensor_at]

        def call(*symbols: Tensor) -> Any:
            given = list(leaves)
            for i, symbol in zip(self._tensor_at, symbols, strict=True):
                given[i] = symbol
            for i in self._dataset_at:
                self._stand_ins.append(StandIn(leaves[i].element_spec))
                given[i] = as_dataset(self._stand_ins[-1])
            arguments = nest.pack_sequence_as(list(specs), given)
            made = traceable(function)(*arguments)
            return tensors_of(tuple(made) if isinstance(made, list) else made)

        # A pipeline runs on the CPU, and a trace of its own has random numbers of its own.
        with _advice(what, function), devices.device("CPU:0"), own_state():
            part = Part(self.name, call, plain, None)
        self.element_spec = spec_of(part.result)
        leaves = nest.flatten(part.result)
        self._datasets = [leaf if is_stage(leaf) else None for leaf in leaves]
        tensors = [leaf for leaf in leaves if not is_stage(leaf)]
        self._open = [
            place
            for template in self._datasets
            if template is not None
            for place in open_places(template)
            if isinstance(place, SymbolicTensor)
        ]
        # An operation has an output, wanted or not: of a function of datasets alone, this one.
        part.give([*tensors, *self._open] or [convert(False)])
        self._count = len(tensors)
        self._assigned: list[Variable] = part.assigned
        graph, taken = part.finish([part.value_of(v) for v in self._assigned], [], lift=False)
        graph.inputs += taken.values()
        self.outside: list[Any] = [key.value for key in taken]
        graph = remove_dead_code(graph)
        verify(graph)
        count = len(graph.outputs)
        self._program = ConcreteFunction(graph, None, [0] * count, list(range(count)))

    def with_outside(self, outside: list[Any]) -> Traced:
        """The same graph with other values around it."""
        made = copy.copy(self)
        made.outside = outside
        return made

    def _values_outside(self) -> list[Any]:
        return [
            devices.to_host(value._array if isinstance(value, (Tensor, Variable)) else value)
            for value in self.outside
        ]

    def __call__(self, row: Row) -> Row:
        """What the function makes of a row."""
        arrays = [row[i] for i in self._tensor_at] if self._dataset_at else row
        program = self._program
        try:
            if self.outside:
                results, _ = program._call(program._run, *arrays, *self._values_outside())
            else:
                results, _ = program._call(program._run, *arrays)
        except Exception as error:
            readable = located(error)
            if readable is error:
                raise
            raise readable from None
        if self._assigned:
            first = len(results) - len(self._assigned)
            for variable, array in zip(self._assigned, results[first:], strict=True):
                variable._check(Tensor(array), "assign")
                variable._array = devices.namespace(variable._array).asarray(array)
        if self._count == len(self._datasets):
            return results[: self._count] if len(results) > self._count else results
        return self._with_datasets(row, results)

    def _with_datasets(self, row: Row, results: Row) -> Row:
        places: Places = {}
        for place, value in zip(self._open, results[self._count :], strict=False):
            places[key_of(place)] = Tensor(value)
        for i, stand_in in zip(self._dataset_at, self._stand_ins, strict=True):
            places[id(stand_in)] = row[i]
        supply = iter(results)
        return [next(supply) if d is None else filled(d, places) for d in self._datasets]


def arguments_of(spec: Any) -> tuple[Any, ...]:
    """An element as arguments of a function: a tuple is taken apart, as in TensorFlow."""
    return spec if type(spec) is tuple else (spec,)


def predicate_of(what: str, function: Callable[..., Any], spec: Any) -> Traced:
    """A function of elements that answers yes or no.

    Raises:
      ValueError: when it returns something else than one bool.
    """
    traced = Traced(what, function, *arguments_of(spec))
    found = traced.element_spec
    if not (isinstance(found, TensorSpec) and found.dtype.is_bool and found.dims in ((), None)):
        raise ValueError(
            f"{what}: the predicate must return one bool scalar, but {traced.name!r} returns {found}. "
            "Compare with something, and reduce with tf.reduce_all or tf.reduce_any."
        )
    return traced


def now(value: Any, what: str) -> int:
    """A count that was given as a number or a tensor, as an int."""
    if isinstance(value, SymbolicTensor):
        raise InvalidArgumentError(
            f"{what}: the number is a tensor of a trace, and this part of the pipeline runs outside it. Go "
            "over the dataset with `for` in the same function."
        )
    return int(host_array(value)) if isinstance(value, Tensor) else int(value)
