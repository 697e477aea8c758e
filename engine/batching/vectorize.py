"""tf.vectorized_map, and the jacobians of GradientTape: both run one program for many examples at once.

A jacobian is the gradient for many cotangents, one for each element of the target. The tape is walked
back once, with cotangents that are Batched. Read `batch` first.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from engine import nest
from engine.batching.batch import Batch
from engine.dispatch import apply
from engine.dtypes import int32
from engine.ops.complexes import conj
from engine.ops.creation import convert, zeros
from engine.ops.elementwise import ones_like
from engine.ops.layout import broadcast_to, expand_dims, reshape, size, sizes, transpose
from engine.ops.matrices import _UNDIAG
from engine.ops.reduce import reduce_sum
from engine.ops.slicing import getitem
from engine.spec import compatible, show
from engine.tensor import Tensor


def _count(tensors: list[Tensor]) -> Any:
    """How many examples there are: the size of the first axes, of which some may be 1."""
    for tensor in tensors:
        if not tensor._dims:
            raise ValueError(
                "vectorized_map: each tensor needs a first axis, that of the examples, but one has shape "
                f"{show(tensor._dims)}."
            )
    first = [sizes(tensor)[0] for tensor in tensors]
    known = {n for n in first if isinstance(n, int) and n != 1}
    if len(known) > 1 or not first:
        shapes = ", ".join(show(tensor._dims) for tensor in tensors)
        raise ValueError(
            "vectorized_map: all tensors must have as many examples along their first axis, or 1, but "
            f"the shapes are {shapes or 'none'}."
        )
    return known.pop() if known else next((n for n in first if not isinstance(n, int)), 1)


def vectorized_map(
    fn: Callable[..., Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """`fn` of each example, computed for all of them at once.

    Args:
      fn: takes one example, nested like `elems`, and returns tensors in any structure. It is called once,
        with tensors of an example's shape that have no values to look at, as in tf.function.
      elems: tensors with the examples along their first axis; one of size 1 serves all examples.
      fallback_to_while_loop: run an operation that has no rule for many examples one by one. Without
        it, such an operation is an error.
      warn: say so when that happens.

    Returns:
      The results, stacked along a new first axis.

    Raises:
      ValueError: for first axes that differ, or an operation without a rule where none may be looped.

    Tapes may be opened in fn: their gradients are those of each example. Random draws are each example's
    own, except in a tf.function that fn calls and in operations with a seed in the key: those are the same.

    >>> import engine as tf
    >>> rows = tf.constant([[1, 2], [3, 4]])
    >>> tf.vectorized_map(lambda row: tf.reduce_sum(row * row), rows).numpy().tolist()
    [5, 25]
    >>> w = tf.Variable(3.0)
    >>> def slope(x):
    ...     with tf.GradientTape() as tape:
    ...         loss = (w * x) ** 2.0
    ...     return tape.gradient(loss, w)
    >>> tf.vectorized_map(slope, tf.constant([1.0, 2.0])).numpy().tolist()
    [6.0, 24.0]
    """
    tensors = [convert(leaf) for leaf in nest.flatten(elems)]
    count = _count(tensors)
    batch = Batch(count, "vectorized_map", may_loop=fallback_to_while_loop)
    examples = [
        batch.wrap(t) if t.shape[0] != 1 or count == 1 else batch.same(getitem(t, 0))
        for t in tensors
    ]
    with batch.open():
        result = fn(nest.pack_sequence_as(elems, examples))
        found = [None if leaf is None else convert(leaf) for leaf in nest.flatten(result)]
    if batch.loops and warn:
        warnings.warn(
            f"vectorized_map ran {', '.join(sorted(batch.loops))} example by example, which is slow: there "
            "is no rule to run them for all at once. warn=False silences this.",
            stacklevel=2,
        )
    return nest.pack_sequence_as(result, [None if x is None else batch.collect(x) for x in found])


def jacobian(tape: Any, target: Any, sources: Any, unconnected_gradients: str) -> Any:
    """What GradientTape.jacobian returns: one backward walk for all elements of the target."""
    _begin(tape, "jacobian")
    y = convert(target)
    dims = sizes(y)
    known = y.shape.num_elements()
    count = size(y) if known is None else known
    leaves = nest.flatten(sources)
    target, slopes = _below(tape, target, leaves)
    slopes = ones_like(y) if slopes is None else slopes
    factors = _product_of_rows(tape, target, leaves)
    if factors is None:
        seeds = reshape(_diagonal(slopes, count), [count, *dims])
    else:
        target, right = factors
        n, k = sizes(target)
        blocks = reshape(expand_dims(slopes, 2) * transpose(conj(right)), [count, k])
        own_row = reshape(_diagonal(_ones(y, 1), n), [n, 1, n, 1])
        seeds = reshape(own_row * reshape(blocks, [n, dims[1], 1, k]), [count, n, k])
    rows = _rows(tape, target, leaves, seeds, count, unconnected_gradients, "jacobian")
    full = [
        None if row is None else reshape(row, [*dims, *sizes(convert(leaf))])
        for row, leaf in zip(rows, leaves, strict=True)
    ]
    return nest.pack_sequence_as(sources, full)


def batch_jacobian(tape: Any, target: Any, source: Any, unconnected_gradients: str) -> Any:
    """What GradientTape.batch_jacobian returns: one walk for all elements of an example of the target."""
    _begin(tape, "batch_jacobian")
    y, x = convert(target), convert(source)
    if y.ndim < 1 or x.ndim < 1 or not compatible((y.shape[0],), (x.shape[0],)):
        raise ValueError(
            f"batch_jacobian: target and source must share their first axis, the batch, but have "
            f"shapes {y.shape} and {x.shape}."
        )
    examples, *rest = sizes(y)
    count: Any = 1
    for n in rest:
        count = n * count
    target, slopes = _below(tape, target, [source])
    one = reshape(_diagonal(_ones(y, 0), count), [count, 1, *rest])
    # Row k is the cotangent for element k of every example at once.
    seeds = broadcast_to(one, [count, examples, *rest]) if slopes is None else one * slopes
    (found,) = _rows(tape, target, [source], seeds, count, unconnected_gradients, "batch_jacobian")
    if found is None:
        return zeros([examples, *rest, *sizes(x)[1:]], y.dtype)
    front = transpose(found, [1, 0, *range(2, x.ndim + 1)])
    return reshape(front, [examples, *rest, *sizes(x)[1:]])


def _begin(tape: Any, what: str) -> None:
    """Ends the recording, as `gradient` would do inside, where it must not change what is open outside."""
    tape._check_usable(what)
    if tape._recording and not tape._persistent:
        tape._pop()


def _ones(y: Tensor, axis: int) -> Tensor:
    """Ones in the shape of `y` without an axis, of its dtype and on its device."""
    return ones_like(reduce_sum(ones_like(y, int32), axis), y.dtype)


def _diagonal(values: Tensor, count: Any) -> Tensor:
    """A matrix with these `count` values on its diagonal, on the device where they are."""
    square = broadcast_to(zeros([], values.dtype), [count, count])  # takes no memory
    return apply(_UNDIAG, reshape(values, [count]), square, k=0)


def _below(tape: Any, target: Any, leaves: list[Any]) -> tuple[Any, Tensor | None]:
    """The tensor that the target is an elementwise function of, and the slopes between the two.

    As long as element i depends on element i alone, a jacobian is diagonal, and one cotangent for all
    elements takes the place of one for each. The target itself, and no slopes, where there is no such step.
    """
    slopes = None
    while isinstance(target, Tensor) and all(target is not leaf for leaf in leaves):
        entry = _entry(tape, target)
        if entry is None or entry[0].ufunc is None:
            break
        primitive, attrs, places, inputs, output = entry
        own = [i for i, place in enumerate(places) if place >= 0]
        dims = output._dims
        if len(own) != 1 or dims != inputs[own[0]]._dims or dims is None or None in dims:
            break
        rule = primitive.vjp[own[0]]
        given = ones_like(output) if slopes is None else slopes
        found = None if rule is None else rule(given, output, *inputs, **attrs)
        if found is None or found._dims != dims:
            break
        target, slopes = inputs[own[0]], found
    return target, None if slopes is None else conj(slopes)


def _product_of_rows(tape: Any, target: Any, leaves: list[Any]) -> tuple[Tensor, Tensor] | None:
    """The two matrices that the target is the product of, if only the first depends on anything.

    Row i of the product depends on row i of the first alone: the jacobian has a block for each row, and
    zeros elsewhere. The end of most networks is such a product.
    """
    entry = None if any(target is leaf for leaf in leaves) else _entry(tape, target)
    if entry is None or entry[0].name != "matmul":
        return None
    _, _, (first, second), (a, b), output = entry
    plain = len(output._dims) == 2 and len(a._dims) == 2 == len(b._dims)
    return (a, b) if plain and first >= 0 and second < 0 else None


def _entry(tape: Any, tensor: Any) -> Any:
    """The log's entry of the operation that made a tensor while this tape recorded; else None."""
    log = tape._log
    place = log.position(tensor) if isinstance(tensor, Tensor) else -1
    spans = tape._spans if not tape._recording else [*tape._spans, (tape._since, len(log.entries))]
    seen = any(start <= place < stop for start, stop in spans)
    return log.entries[place] if seen else None


def _rows(
    tape: Any,
    target: Any,
    leaves: list[Any],
    seeds: Tensor,
    count: Any,
    unconnected: str,
    name: str,
) -> list[Any]:
    """The gradients for many cotangents at once, stacked: one tensor, or None, for each source."""
    batch = Batch(count, name)
    with batch.open():
        found = tape.gradient(target, leaves, batch.wrap(seeds), unconnected)
    return [None if g is None else batch.collect(g) for g in found]
