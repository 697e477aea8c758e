"""A function run over the elements of a tensor: map_fn, scan, foldl and foldr.

With a number of elements that is known they are plain Python: the function runs once for each, and what it
calls is recorded or traced. Where only the graph knows the number they are one `while_loop`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import dtypes, nest
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, zeros
from engine.ops.indexing import gather, tensor_scatter_nd_update
from engine.ops.joining import stack, unstack
from engine.ops.layout import expand_dims, reshape, sizes
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe


def _elements(elems: Any, what: str) -> tuple[Any, Any]:
    """The structure as tensors, and how many elements they have along their first axes."""
    tensors = nest.map_structure(convert, elems)
    leaves = nest.flatten(tensors)
    if not leaves:
        raise ValueError(f"{what}: elems holds no tensor.")
    for leaf in leaves:
        if leaf.shape.rank in (0, None):
            raise InvalidArgumentError(
                f"{what} runs over the first axis, but {describe(leaf)} was given, which has none."
            )
    counts = [sizes(leaf)[0] for leaf in leaves]
    known = [count for count in counts if isinstance(count, int)]
    if len(set(known)) > 1:
        raise InvalidArgumentError(f"{what}: elems have first axes of different sizes, {sorted(set(known))}.")
    return tensors, known[0] if known else counts[0]


def _rows(tensors: Any, count: int) -> list[Any]:
    """The elements, one after the other, in the structure of `tensors`."""
    columns = [unstack(leaf, count) for leaf in nest.flatten(tensors)]
    return [nest.pack_sequence_as(tensors, list(row)) for row in zip(*columns, strict=True)]


def _row(tensors: Any, i: Any) -> Any:
    return nest.map_structure(lambda leaf: gather(leaf, i), tensors)


def _promise(made: Any, signature: Any) -> Any:
    """What a function returned, as tensors of the dtypes that were asked for."""
    if signature is None:
        return nest.map_structure(convert, made)
    wanted = [leaf.dtype if isinstance(leaf, TensorSpec) else leaf for leaf in nest.flatten(signature)]
    leaves = nest.flatten(made)
    if len(leaves) != len(wanted):
        raise ValueError(
            f"map_fn: fn_output_signature names {len(wanted)} tensors, but fn returned {len(leaves)}."
        )
    tensors = [convert(x, hint=dtypes.as_dtype(d)) for x, d in zip(leaves, wanted, strict=True)]
    for tensor, dtype in zip(tensors, wanted, strict=True):
        if tensor.dtype is not dtypes.as_dtype(dtype):
            raise TypeError(
                f"map_fn: fn_output_signature says {dtypes.as_dtype(dtype).name}, but fn returned "
                f"{describe(tensor)}."
            )
    return nest.pack_sequence_as(made, tensors)


def _store(size: Any, like: Any) -> Any:
    """Room for `size` values such as this one."""
    return nest.map_structure(lambda leaf: zeros([size, *sizes(leaf)], leaf.dtype), like)


def _stored(store: Any, i: Tensor, value: Any) -> Any:
    at = reshape(i, [1, 1])

    def put(whole: Tensor, part: Tensor) -> Tensor:
        return tensor_scatter_nd_update(whole, at, expand_dims(part, 0))

    return nest.map_structure(put, store, value)


def _accumulate(
    step: Callable[[Any, Any], Any], state: Any, tensors: Any, count: Any, first: int, reverse: bool
) -> tuple[Any, Any]:
    """The state after each element from number `first` on, and the last one, as a loop of the graph."""

    def place(i: Tensor) -> Tensor:
        return count - 1 - i if reverse else i

    store = _store(count, state)
    if first:
        store = _stored(store, place(convert(0)), state)

    def body(i: Tensor, state: Any, store: Any) -> Any:
        state = step(state, _row(tensors, place(i)))
        return i + 1, state, _stored(store, place(i), state)

    from engine.control_flow import while_loop  # which stands above the operations

    _, state, store = while_loop(lambda i, *_: i < count, body, (convert(first), state, store))
    return state, store


def _in_a_trace(fn: Callable[..., Any]) -> Callable[..., Any]:
    from engine.function import traceable  # which stands above the operations

    return traceable(fn)


def map_fn(
    fn: Callable[[Any], Any], elems: Any, dtype: Any = None, parallel_iterations: int | None = None,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:  # fmt: skip
    """`fn` of every element along the first axis, stacked. For speed, `vectorized_map`.

    Args:
      fn: takes an element, or a structure of them, and returns a tensor or a structure.
      elems: a tensor, or a structure of tensors whose first axes are equally long.
      fn_output_signature (or `dtype`): the dtypes, or TensorSpecs, that fn returns. Not needed: unlike in
        TensorFlow they need not be those of `elems`.
      parallel_iterations, back_prop, swap_memory, infer_shape: accepted.

    >>> map_fn(lambda x: x * x, convert([1, 2, 3])).numpy().tolist()
    [1, 4, 9]
    >>> map_fn(lambda pair: pair[0] + pair[1], (convert([1, 2]), convert([10, 20]))).numpy().tolist()
    [11, 22]
    """
    tensors, count = _elements(elems, "map_fn")
    signature = dtype if fn_output_signature is None else fn_output_signature
    fn = _in_a_trace(fn)

    def run(row: Any) -> Any:
        return _promise(fn(row), signature)

    if isinstance(count, int) and count:
        made = [run(row) for row in _rows(tensors, count)]
        columns = zip(*map(nest.flatten, made), strict=True)
        return nest.pack_sequence_as(made[0], [stack(column) for column in columns])
    # No element to show what comes out, or none yet: an element of zeros does.
    sample = run(nest.map_structure(lambda leaf: zeros(sizes(leaf)[1:], leaf.dtype), tensors))
    if isinstance(count, int):
        return _store(0, sample)
    return _accumulate(lambda _, row: run(row), sample, tensors, count, 0, False)[1]


def _begin(initializer: Any, tensors: Any, count: Any, reverse: bool, what: str) -> tuple[Any, int]:
    """The first state, and how many elements it has used up."""
    if initializer is not None:
        return nest.map_structure(convert, initializer), 0
    if isinstance(count, int) and count == 0:
        raise InvalidArgumentError(f"{what}: without elements there must be an initializer.")
    return _row(tensors, count - 1 if reverse else 0), 1


def _steps(fn: Callable[[Any, Any], Any], state: Any) -> Callable[[Any, Any], Any]:
    hints = [leaf.dtype for leaf in nest.flatten(state)]
    fn = _in_a_trace(fn)

    def step(state: Any, row: Any) -> Any:
        made = fn(state, row)
        nest.assert_same_structure(state, made, check_types=False)
        leaves = zip(nest.flatten(made), hints, strict=True)
        return nest.pack_sequence_as(state, [convert(leaf, hint=hint) for leaf, hint in leaves])

    return step


def _order(tensors: Any, count: int, used: int, reverse: bool) -> list[Any]:
    rows = _rows(tensors, count)
    return (rows[::-1] if reverse else rows)[used:]


def scan(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, reverse: bool = False,
    name: str | None = None,
) -> Any:  # fmt: skip
    """Every state of `state = fn(state, element)`, stacked.

    The first state is `initializer`, which is not among the results, or else the first element, which is.
    `reverse` begins with the last element; the results keep the order of the elements.

    >>> scan(lambda total, x: total + x, convert([1, 2, 3])).numpy().tolist()
    [1, 3, 6]
    """
    tensors, count = _elements(elems, "scan")
    state, used = _begin(initializer, tensors, count, reverse, "scan")
    step = _steps(fn, state)
    if not isinstance(count, int):
        return _accumulate(step, state, tensors, count, used, reverse)[1]
    if not count:
        return _store(0, state)
    made = [state] if used else []
    for row in _order(tensors, count, used, reverse):
        state = step(state, row)
        made.append(state)
    columns = zip(*map(nest.flatten, made[::-1] if reverse else made), strict=True)
    return nest.pack_sequence_as(state, [stack(column) for column in columns])


def _fold(fn: Any, elems: Any, initializer: Any, reverse: bool, what: str) -> Any:
    tensors, count = _elements(elems, what)
    state, used = _begin(initializer, tensors, count, reverse, what)
    step = _steps(fn, state)
    if isinstance(count, int):
        for row in _order(tensors, count, used, reverse):
            state = step(state, row)
        return state

    def body(i: Tensor, state: Any) -> Any:
        return i + 1, step(state, _row(tensors, count - 1 - i if reverse else i))

    from engine.control_flow import while_loop

    return while_loop(lambda i, _: i < count, body, (convert(used), state))[1]


def foldl(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """The last state of `state = fn(state, element)`, from the first element to the last; see `scan`.

    >>> foldl(lambda total, x: 10 * total + x, convert([1, 2, 3])).numpy().item()
    123
    """
    return _fold(fn, elems, initializer, False, "foldl")


def foldr(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """As `foldl`, from the last element to the first.

    >>> foldr(lambda total, x: 10 * total + x, convert([1, 2, 3])).numpy().item()
    321
    """
    return _fold(fn, elems, initializer, True, "foldr")
