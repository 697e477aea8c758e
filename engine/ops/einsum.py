"""Einstein summation: products and sums named by their axes, and its derivative, an einsum too."""

from __future__ import annotations

import itertools
import string
from typing import Any

import numpy as np

from engine import spec
from engine.dispatch import apply, primitive, same_dtype
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together
from engine.ops.elementwise import NUMBERS, _check_kind, ones_like
from engine.ops.sequences import eye
from engine.spec import TensorSpec, show, whole
from engine.tensor import Tensor

Labels = tuple[str, ...]  # one string of letters for each operand


def _contract_two(xp: Any, a: Any, b: Any, la: str, lb: str, out: str) -> Any:
    """Two operands as one stack of matrix products, so that BLAS does the work."""
    # Labels that only one operand has and the output lacks are summed first.
    for labels, other in ((la, lb), (lb, la)):
        lonely = tuple(i for i, c in enumerate(labels) if c not in other and c not in out)
        if lonely and labels is la:
            a, la = a.sum(axis=lonely), "".join(c for c in la if c in lb or c in out)
        elif lonely:
            b, lb = b.sum(axis=lonely), "".join(c for c in lb if c in la or c in out)
    batch = [c for c in la if c in lb and c in out]
    summed = [c for c in la if c in lb and c not in out]
    left, right = [c for c in la if c not in lb], [c for c in lb if c not in la]
    a = a.transpose([la.index(c) for c in batch + left + summed])
    b = b.transpose([lb.index(c) for c in batch + summed + right])
    nb, nl, nr = len(batch), len(left), len(right)
    kept = [*a.shape[:nb], *a.shape[nb : nb + nl], *b.shape[b.ndim - nr :]]
    inner = int(np.prod(a.shape[nb + nl :]))
    lead = a.shape[:nb]
    product = xp.matmul(
        a.reshape((*lead, int(np.prod(a.shape[nb : nb + nl])), inner)),
        b.reshape((*lead, inner, int(np.prod(b.shape[b.ndim - nr :])) if nr else 1)),
    ).reshape(kept)
    order = batch + left + right
    return product.transpose([order.index(c) for c in out])


def _einsum_kernel(xp: Any, *arrays: Any, labels: Labels, out: str) -> Any:
    dtype = arrays[0].dtype
    if dtype.kind == "V":  # bfloat16
        arrays = tuple(x.astype(np.float32) for x in arrays)
    plain = all(len(set(part)) == len(part) for part in labels)
    if len(arrays) == 2 and plain and _sizes_agree(arrays, labels):
        result = _contract_two(xp, arrays[0], arrays[1], labels[0], labels[1], out)
    else:
        optimize = len(arrays) > 2
        result = xp.einsum(f"{','.join(labels)}->{out}", *arrays, optimize=optimize)
    return xp.asarray(result).astype(dtype, copy=False)


def _sizes_agree(arrays: Any, labels: Labels) -> bool:
    """Whether every label has one size: an axis of size 1 next to a longer one is left to NumPy."""
    sizes = dict(zip(labels[0], arrays[0].shape, strict=True))
    return all(sizes.get(c, n) == n for c, n in zip(labels[1], arrays[1].shape, strict=True))


def _einsum_spec(*operands: TensorSpec, labels: Labels, out: str) -> TensorSpec:
    same_dtype("einsum", *operands)
    _check_kind("einsum", operands[0], NUMBERS)
    sizes: dict[str, int | None] = {}
    for operand, part in zip(operands, labels, strict=True):
        assert operand.dims is not None
        for label, size in zip(part, operand.dims, strict=True):
            known = sizes.setdefault(label, size)
            if known is not None and size is not None and known != size and 1 not in (known, size):
                raise InvalidArgumentError(
                    f"einsum: axis {label!r} has size {known} in one input and {size} in another; an axis "
                    "has one size. Check which letter names which axis."
                )
            if known in (1, None) and size not in (1, None):
                sizes[label] = size
            elif known == 1 and size is None:
                sizes[label] = None
    return TensorSpec([sizes[c] for c in out], operands[0].dtype)


def _einsum_vjp(dy: Tensor, y: Tensor, *operands: Tensor, labels: Labels, out: str) -> list[Tensor]:
    return [_cotangent(dy, operands, labels, out, k) for k in range(len(operands))]


def _cotangent(dy: Tensor, operands: tuple[Tensor, ...], labels: Labels, out: str, k: int) -> Tensor:
    """dy times all other operands, summed over what operand k does not have."""
    others = [i for i in range(len(operands)) if i != k]
    inputs, parts = [dy, *(operands[i] for i in others)], [out, *(labels[i] for i in others)]
    mine = labels[k]
    if len(set(mine)) < len(mine):  # a diagonal was taken: the cotangent lies on it
        fresh, target = iter(c for c in string.ascii_letters if c not in "".join(labels)), ""
        for axis, label in enumerate(mine):
            if label not in target:
                target += label
                continue
            size = operands[k].shape[axis]
            if size is None:
                raise InvalidArgumentError(
                    f"einsum: the gradient of a repeated label ({mine!r}) needs its size, but it is None."
                )
            target += next(fresh)
            inputs.append(eye(size, dtype=dy.dtype))
            parts.append(label + target[-1])
        mine = target
    if set(mine) - set("".join(parts)):  # summed out at once: every element gets the same
        inputs.append(ones_like(operands[k]))
        parts.append(mine)
    return apply(_EINSUM, *inputs, labels=tuple(parts), out=mine)


_EINSUM = primitive("einsum", _einsum_kernel, _einsum_spec, vjp=_einsum_vjp)


def _parse(equation: str, operands: list[Tensor]) -> tuple[Labels, str]:
    """Labels of the operands and the output, with ... written out as letters."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise ValueError(
            f"einsum: {equation!r} names {len(parts)} inputs, but {len(operands)} were given."
        )
    used = set(equation)
    spare = [c for c in string.ascii_letters if c not in used]
    ranks = []
    for part, operand in zip(parts, operands, strict=True):
        named = len(part.replace("...", ""))
        if named > operand.ndim or (named < operand.ndim and "..." not in part):
            raise ValueError(
                f"einsum: {part!r} names {named} axes, but its input has shape {show(operand._dims)}. "
                "Use one letter an axis, and ... for any axes that stay as they are."
            )
        ranks.append(operand.ndim - named)
    free = spare[: max(ranks, default=0)][::-1]

    def filled(part: str, count: int) -> str:
        return part.replace("...", "".join(free[:count][::-1]))

    labels = tuple(filled(part, rank) for part, rank in zip(parts, ranks, strict=True))
    joined = left.replace(",", "").replace("...", "")
    if not arrow:
        right = "..." * bool(free) + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    out = filled(right, len(free))
    bad = [c for c in "".join(labels) + out if c not in string.ascii_letters]
    if bad or len(set(out)) < len(out) or not set(out) <= set("".join(labels)):
        raise ValueError(
            f"einsum: {equation!r} is not understood. Write one letter an axis, 'ij,jk->ik'; each letter "
            "of the output once, and only letters that an input has."
        )
    return labels, out


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """Products summed over axes, which letters name: 'ij,jk->ik' is a matrix product.

    A letter missing on the right is summed; ... stands for axes that stay, and are broadcast. Keyword
    arguments `optimize` and `name` are accepted; the order of contraction is always optimised.

    >>> einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]).numpy().tolist()
    [3.0, 7.0]
    """
    unknown = set(kwargs) - {"optimize", "name"}
    if unknown:
        raise TypeError(f"einsum takes 'optimize' and 'name' by keyword, not {sorted(unknown)}.")
    operands = convert_together(*inputs)
    labels, out = _parse(equation, operands)
    same_dtype("einsum", *(x.spec for x in operands))
    _check_kind("einsum", operands[0], NUMBERS)
    _einsum_spec(*(x.spec for x in operands), labels=labels, out=out)
    return apply(_EINSUM, *operands, labels=labels, out=out)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Products summed over pairs of axes.

    Args:
      axes: a number n for the last n axes of `a` with the first n of `b`, or a pair of lists of axes.

    >>> tensordot([[1.0, 2.0]], [[3.0], [4.0]], 1).numpy().tolist()
    [[11.0]]
    """
    a, b = convert_together(a, b)
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: axes={axes}, but the ranks are {a.ndim} and {b.ndim}.")
        first, second = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        pairs = [np.asarray(convert(part).numpy()).reshape(-1).tolist() for part in axes]
        first = [spec.normalize_axis(whole(i, "axes"), a.ndim, "tensordot") for i in pairs[0]]
        second = [spec.normalize_axis(whole(i, "axes"), b.ndim, "tensordot") for i in pairs[1]]
    if len(first) != len(second):
        raise ValueError(f"tensordot: axes pairs {first} with {second}; as many of each are needed.")
    letters = itertools.cycle(string.ascii_letters)
    la = [next(letters) for _ in range(a.ndim)]
    lb = [next(letters) for _ in range(b.ndim)]
    for i, j in zip(first, second, strict=True):
        lb[j] = la[i]
    out = [c for c in la if c not in lb] + [c for c in lb if c not in la]
    return einsum(f"{''.join(la)},{''.join(lb)}->{''.join(out)}", a, b)
