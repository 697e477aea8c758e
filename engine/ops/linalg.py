"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, context, explain, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.complexes import conj
from engine.ops.creation import convert_together
from engine.ops.elementwise import NUMBERS, _check_kind, cast
from engine.ops.layout import expand_dims, squeeze, transpose
from engine.spec import TensorSpec, show
from engine.tensor import Tensor


def _matmul_spec(a: TensorSpec, b: TensorSpec) -> TensorSpec:
    same_dtype("matmul", a, b)
    _check_kind("matmul", a, NUMBERS)
    if a.dims is None or b.dims is None:
        return TensorSpec(None, a.dtype)
    if len(a.dims) < 2 or len(b.dims) < 2:
        raise InvalidArgumentError(
            f"matmul: two tensors of rank 2 or more were expected, but shapes {show(a.dims)} and "
            f"{show(b.dims)} were given. Make a vector a row or a column with tf.expand_dims, or use "
            "tf.linalg.matvec."
        )
    if a.dims[-1] is not None and b.dims[-2] is not None and a.dims[-1] != b.dims[-2]:
        raise InvalidArgumentError(
            f"matmul: shapes {show(a.dims)} and {show(b.dims)} do not fit: the last axis of the first "
            f"has size {a.dims[-1]}, the last but one of the second {b.dims[-2]}; they must be equal. "
            "Transpose one of the two, or check which axis holds the features."
        )
    batch = spec.broadcast(a.dims[:-2], b.dims[:-2], "matmul")
    assert batch is not None
    return TensorSpec((*batch, a.dims[-2], b.dims[-1]), a.dtype)


def _plain(a: Any, b: Any) -> bool:
    """Two matrices that dot multiplies, without the checks matmul makes for stacks of them."""
    return a.ndim == 2 == b.ndim and a.dtype is b.dtype and a.dtype.kind in "fc"


def _matmul_kernel(xp: Any, a: Any, b: Any) -> Any:
    if _plain(a, b):
        return xp.dot(a, b)
    return xp.matmul(a, b).astype(a.dtype, copy=False)  # NumPy multiplies bfloat16 as float32


_MATMUL = primitive(
    "matmul",
    _matmul_kernel,
    _matmul_spec,
    vjp=(
        lambda dy, y, a, b: apply(_MATMUL, dy, swap_last(b)),
        lambda dy, y, a, b: apply(_MATMUL, swap_last(a), dy),
    ),
)


def swap_last(x: Tensor) -> Tensor:
    """Every matrix of a stack transposed."""
    axes = list(range(x.ndim))
    axes[-2:] = axes[-1:-3:-1]
    return transpose(x, axes)


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Tensor:
    """The matrix product of the last two axes; axes before them are a batch and are broadcast.

    Shapes: `(..., n, k)` and `(..., k, m)` give `(..., n, m)`. `transpose_a` swaps the last two axes of
    `a` first, `adjoint_a` also conjugates; the same for `b`. That a matrix is sparse, or comes
    from a gradient (`grad_a`, `grad_b`), makes no difference.
    With `output_type`, the inputs are converted to it first.

    Raises:
      InvalidArgumentError: for a rank below 2, sizes that do not fit, or different dtypes.

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]]).numpy().tolist()
    [[11.0]]
    """
    as_they_are = not (transpose_a or transpose_b or adjoint_a or adjoint_b or output_type)
    if as_they_are and type(a) is Tensor and type(b) is Tensor and context.builder is None:
        left, right = a._array, b._array
        if _plain(left, right):
            try:
                output = Tensor(np.dot(left, right))  # what apply would do, without its questions
            except ValueError as error:
                raise explain(_MATMUL, (a, b), {}, error) from None
            if context.log is not None:
                context.log.record(_MATMUL, (a, b), {}, output)
            return output
    a, b = convert_together(a, b)
    if output_type is not None:
        a, b = cast(a, output_type), cast(b, output_type)
    if adjoint_a or adjoint_b:
        for transposed, adjoint, which in ((transpose_a, adjoint_a, "a"), (transpose_b, adjoint_b, "b")):
            if transposed and adjoint:
                raise ValueError(f"matmul: give transpose_{which} or adjoint_{which}, not both.")
        a, b = conj(a) if adjoint_a else a, conj(b) if adjoint_b else b
        transpose_a, transpose_b = transpose_a or adjoint_a, transpose_b or adjoint_b
    if a.ndim < 2 or b.ndim < 2 or a.dtype is not b.dtype or a.dtype.kind not in NUMBERS:
        _matmul_spec(a.spec, b.spec)
    return apply(_MATMUL, swap_last(a) if transpose_a else a, swap_last(b) if transpose_b else b)


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """A matrix times a vector: `(..., n, k)` and `(..., k)` give `(..., n)`.

    >>> matvec([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).numpy().tolist()
    [3.0, 7.0]
    """
    a, b = convert_together(a, b)
    return squeeze(matmul(a, expand_dims(b, -1), transpose_a, adjoint_a=adjoint_a), -1)
