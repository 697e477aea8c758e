"""Fourier transforms of any number of axes, and the cosine transforms. They are `tf.signal`'s.

The complex transform over some axes is its own adjoint; those of real signals are each other's, but for
weights. Halves of spectra: a real signal of length n has n // 2 + 1 frequencies that say everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.dispatch import apply, primitive
from engine.errors import InvalidArgumentError
from engine.ops.complexes import _PARTS, _WHOLE, COMPLEX, _whole, complex, conj, real
from engine.ops.creation import convert
from engine.ops.elementwise import _check_kind, divide, multiply, zeros_like
from engine.ops.joining import concat, reverse, roll
from engine.ops.layout import sizes
from engine.ops.linalg import matmul
from engine.ops.padding import pad
from engine.ops.slicing import getitem
from engine.spec import TensorSpec, element_count, normalize_axis, show, whole
from engine.tensor import Tensor


def _kernel(xp: Any, x: Any, *, axes: tuple[int, ...], inverse: bool) -> Any:
    if not x.size:
        return x.copy()
    result = (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=axes)
    return result.astype(x.dtype, copy=False)


def _spec(x: TensorSpec, *, axes: tuple[int, ...], inverse: bool) -> TensorSpec:
    _check_kind("ifft" if inverse else "fft", x, COMPLEX)
    return x


_FFT = primitive("fft", _kernel, _spec, vjp=(
    lambda dy, y, x, *, axes, inverse: apply(_FFT, dy, axes=axes, inverse=inverse),))  # fmt: skip


def _half_kernel(xp: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    if not x.size:
        dims = [d // 2 + 1 if i == axes[-1] else d for i, d in enumerate(x.shape)]
        return xp.zeros(dims, _WHOLE[x.dtype.name].as_numpy_dtype)
    return xp.fft.rfftn(x, axes=axes).astype(_WHOLE[x.dtype.name].as_numpy_dtype, copy=False)


def _half_spec(x: TensorSpec, *, axes: tuple[int, ...]) -> TensorSpec:
    assert x.dims is not None
    halved = [None if d is None else d // 2 + 1 if i == axes[-1] else d for i, d in enumerate(x.dims)]
    return TensorSpec(halved, _whole("rfft", x))


def _half_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
    size = whole(x.shape[axes[-1]], "The transformed size")
    total = element_count(x.shape[axis] for axis in axes)
    z = divide(conj(dy), _counts(size, dy, axes[-1]))
    return multiply(apply(_SIGNAL, z, axes=axes, size=size), float(total))


def _signal_kernel(xp: Any, x: Any, *, axes: tuple[int, ...], size: int) -> Any:
    dims = [x.shape[axis] for axis in axes[:-1]] + [size]
    dtype = _PARTS[x.dtype.name].as_numpy_dtype
    if not x.size:
        shape = [size if i == axes[-1] else d for i, d in enumerate(x.shape)]
        return xp.zeros(shape, dtype)
    return xp.fft.irfftn(x, dims, axes).astype(dtype, copy=False)


def _signal_spec(x: TensorSpec, *, axes: tuple[int, ...], size: int) -> TensorSpec:
    _check_kind("irfft", x, COMPLEX)
    assert x.dims is not None
    dims = [size if i == axes[-1] else d for i, d in enumerate(x.dims)]
    return TensorSpec(dims, _PARTS[x.dtype.name])


def _signal_vjp(dy: Tensor, y: Tensor, x: Tensor, *, axes: tuple[int, ...], size: int) -> Tensor:
    total = element_count(y.shape[axis] for axis in axes)
    z = conj(apply(_HALF, dy, axes=axes))
    return multiply(z, _counts(size, z, axes[-1]) / total)


def _counts(size: int, like: Tensor, axis: int) -> Any:
    """How often each frequency of a half stands in the whole spectrum: the inner ones twice."""
    counts = np.full(size // 2 + 1, 2.0)
    counts[0] = 1
    counts[size // 2 :] = 1 if size % 2 == 0 else 2
    if size == 1:
        counts[:] = 1
    return counts.astype(like.dtype.as_numpy_dtype).reshape([-1] + [1] * (like.ndim - 1 - axis))


# The half of a real signal's spectrum, and the real signal of given size whose half is given.
_HALF = primitive("rfft", _half_kernel, _half_spec, vjp=(_half_vjp,))
_SIGNAL = primitive("irfft", _signal_kernel, _signal_spec, vjp=(_signal_vjp,))


def _last(x: Tensor, count: int, name: str) -> tuple[int, ...]:
    if x.ndim < count:
        raise InvalidArgumentError(
            f"{name} works over the last {count} axes, but shape {x.shape} has only {x.ndim}."
        )
    return tuple(range(x.ndim - count, x.ndim))


def _complex(input: Any, name: str) -> Tensor:
    x = convert(input)
    if not x.dtype.is_complex:
        raise InvalidArgumentError(
            f"{name} works on complex tensors, but {x.dtype.name} was given. Convert it with "
            "tf.cast(x, tf.complex64), or use the transform of real signals, tf.signal.rfft."
        )
    return x


def _fit(x: Tensor, axis: int, size: int) -> Tensor:
    """An axis cut off or filled up with zeros to this size."""
    known = x.shape[axis]
    if known == size:
        return x
    if known is None or known < size:
        more = size if known is None else size - known
        x = pad(x, [[0, more if i == axis else 0] for i in range(x.ndim)])
    return getitem(x, (slice(None),) * axis + (slice(size),))


def _lengths(given: Any, axes: Sequence[int], name: str) -> list[int | None]:
    """A transform length for each axis, None where the signal's own holds."""
    if given is None:
        return [None] * len(axes)
    listed = np.asarray(given).reshape(-1).tolist()
    if len(listed) != len(axes):
        raise InvalidArgumentError(
            f"{name}: fft_length must hold {len(axes)} sizes, one for each axis, but is {listed}."
        )
    return [whole(size, "fft_length") for size in listed]


def _scaled(x: Tensor, norm: str | None, points: Any, inverse: bool) -> Tensor:
    """NumPy's norms; 'backward', the default, divides by the number of points in the inverse alone."""
    if norm in (None, "backward"):
        return x
    if norm not in ("ortho", "forward"):
        raise ValueError(f"norm must be 'backward', 'ortho' or 'forward', not {norm!r}.")
    power = (0.5 if norm == "ortho" else 1.0) * (1 if inverse else -1)
    return x * float(points) ** power


def _points(x: Tensor, axes: Sequence[int], norm: str | None) -> int:
    if norm in (None, "backward"):
        return 1
    return math.prod(whole(x.shape[axis], "A transformed size") for axis in axes)


def _forward(x: Tensor, axes: tuple[int, ...], lengths: list[int | None], norm: str | None) -> Tensor:
    for axis, size in zip(axes, lengths, strict=True):
        x = x if size is None else _fit(x, axis, size)
    return _scaled(apply(_FFT, x, axes=axes, inverse=False), norm, _points(x, axes, norm), False)


def _real_forward(
    input: Any, axes: Any, given: Any, norm: str | None, name: str, dtype: Any = None
) -> Tensor:
    x = convert(input)
    _whole(name, x)
    axes = axes(x)
    lengths = _lengths(given, axes, name)
    for axis, size in zip(axes, lengths, strict=True):
        x = x if size is None else _fit(x, axis, size)
    if all(x.shape[axis] for axis in axes):
        return _scaled(apply(_HALF, x, axes=axes), norm, _points(x, axes, norm), False)
    # Sizes that only the graph knows: the half of what the complex transform gives.
    spectrum = _forward(complex(x, zeros_like(x)), axes, [None] * len(axes), norm)
    half = sizes(x)[axes[-1]] // 2 + 1
    return getitem(spectrum, (slice(None),) * axes[-1] + (slice(half),))


def _real_inverse(input: Any, axes: Any, given: Any, norm: str | None, name: str) -> Tensor:
    x = _complex(input, name)
    axes = axes(x)
    lengths = _lengths(given, axes, name)
    last = axes[-1]
    for axis, size in zip(axes, lengths, strict=True):
        if size is not None:
            x = _fit(x, axis, size // 2 + 1 if axis == last else size)
    if all(x.shape[axis] for axis in axes):
        size = 2 * (whole(x.shape[last], "A size") - 1) if lengths[-1] is None else lengths[-1]
        if size:
            signal = apply(_SIGNAL, x, axes=axes, size=size)
            return _scaled(signal, norm, _points(signal, axes, norm), True)
    if len(axes) > 1:
        x = apply(_FFT, x, axes=axes[:-1], inverse=True)
    # The frequencies that are missing are the conjugates of the others, in reverse.
    end = -1 if lengths[-1] is None else (lengths[-1] + 1) // 2
    rest = conj(reverse(getitem(x, (slice(None),) * last + (slice(1, end),)), [last]))
    whole_spectrum = concat([x, rest], last)
    signal = real(apply(_FFT, whole_spectrum, axes=(last,), inverse=True))
    return _scaled(signal, norm, _points(whole_spectrum, axes, norm), True)


def _declare(count: int) -> tuple[Any, ...]:
    """fft, ifft, rfft and irfft over the last `count` axes."""
    suffix = "" if count == 1 else f"{count}d"
    over = "the last axis" if count == 1 else f"the last {count} axes"

    def axes(name: str) -> Any:
        return lambda x: _last(x, count, name)

    def fft(input: Any, name: str | None = None) -> Tensor:
        x = _complex(input, f"fft{suffix}")
        return apply(_FFT, x, axes=_last(x, count, f"fft{suffix}"), inverse=False)

    def ifft(input: Any, name: str | None = None) -> Tensor:
        x = _complex(input, f"ifft{suffix}")
        return apply(_FFT, x, axes=_last(x, count, f"ifft{suffix}"), inverse=True)

    def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
        return _real_forward(input_tensor, axes(f"rfft{suffix}"), fft_length, None, f"rfft{suffix}")

    def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Tensor:
        return _real_inverse(input_tensor, axes(f"irfft{suffix}"), fft_length, None, f"irfft{suffix}")

    lengths = "`fft_length`: a list of sizes to which the axes are cut off or filled up with zeros first."
    texts = (
        f"The discrete Fourier transform of complex numbers over {over}: sum of x exp(-2 pi i jk / n).",
        f"The inverse of `fft{suffix}`, which divides by the number of points.",
        f"The first n // 2 + 1 frequencies of the Fourier transform of a real signal over {over}.\n\n    "
        f"{lengths}",
        f"The real signal whose `rfft{suffix}` is given; of even length, unless `fft_length` says another.",
    )
    for op, text in zip((fft, ifft, rfft, irfft), texts, strict=True):
        op.__name__ = op.__qualname__ = op.__name__ + suffix
        op.__doc__ = text
    return fft, ifft, rfft, irfft


fft, ifft, rfft, irfft = _declare(1)
fft2d, ifft2d, rfft2d, irfft2d = _declare(2)
fft3d, ifft3d, rfft3d, irfft3d = _declare(3)


def _chosen(axes: Any, given: Any, name: str) -> Any:
    """The axes of an n-dimensional transform: those named, or the last ones, or all."""

    def find(x: Tensor) -> tuple[int, ...]:
        if axes is None:
            count = x.ndim if given is None else len(np.asarray(given).reshape(-1))
            return _last(x, count, name)
        listed = np.asarray(axes).reshape(-1).tolist()
        return tuple(normalize_axis(axis, x.ndim, name) for axis in listed)

    return find


def fftnd(
    input_tensor: Any, fft_length: Any = None, axes: Any = None, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The Fourier transform over any axes, all of them by default.

    `fft_length`: a list of sizes to which the axes are cut off or filled up with zeros first. `norm`:
    'backward', 'ortho' or 'forward' as in NumPy; TensorFlow takes the argument and ignores it.
    """
    x = _complex(input_tensor, "fftnd")
    found = _chosen(axes, fft_length, "fftnd")(x)
    return _forward(x, found, _lengths(fft_length, found, "fftnd"), norm)


def ifftnd(
    input_tensor: Any, fft_length: Any = None, axes: Any = None, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The inverse of `fftnd`, with the same arguments."""
    x = _complex(input_tensor, "ifftnd")
    found = _chosen(axes, fft_length, "ifftnd")(x)
    for axis, size in zip(found, _lengths(fft_length, found, "ifftnd"), strict=True):
        x = x if size is None else _fit(x, axis, size)
    return _scaled(apply(_FFT, x, axes=found, inverse=True), norm, _points(x, found, norm), True)


def rfftnd(
    input_tensor: Any, fft_length: Any = None, axes: Any = None, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """`fftnd` of a real signal; of the last axis it keeps the first n // 2 + 1 frequencies."""
    return _real_forward(input_tensor, _chosen(axes, fft_length, "rfftnd"), fft_length, norm, "rfftnd")


def irfftnd(
    input_tensor: Any, fft_length: Any = None, axes: Any = None, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The inverse of `rfftnd`, with the same arguments."""
    return _real_inverse(input_tensor, _chosen(axes, fft_length, "irfftnd"), fft_length, norm, "irfftnd")


def _moved(x: Any, axes: Any, sign: int) -> Tensor:
    tensor = convert(x)
    if axes is None:
        axes = list(range(tensor.ndim))
    listed = [normalize_axis(axis, tensor.ndim, "fftshift") for axis in np.asarray(axes).reshape(-1).tolist()]
    shifts = [sizes(tensor)[axis] for axis in listed]
    return roll(tensor, [n // 2 if sign > 0 else -(n // 2) for n in shifts], listed)


def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """Brings frequency 0 from the front to the middle of each axis.

    >>> fftshift([0, 1, 2, -2, -1]).numpy().tolist()
    [-2, -1, 0, 1, 2]
    """
    return _moved(x, axes, 1)


def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> ifftshift([-2, -1, 0, 1, 2]).numpy().tolist()
    [0, 1, 2, -2, -1]
    """
    return _moved(x, axes, -1)


def _cosines(kind: int, n: int, ortho: bool) -> np.ndarray:
    """The matrix of a cosine transform, input index first (Rao and Yip, Discrete Cosine Transform, 1990)."""
    i, k = np.arange(n)[:, None], np.arange(n)[None]
    if kind == 1:
        inner = (i > 0) & (i < n - 1)
        return np.where(inner, 2, 1) * np.cos(np.pi * i * k / (n - 1))
    late, early = (kind in (2, 4)) / 2, (kind in (3, 4)) / 2
    matrix = 2 * np.cos(np.pi * (i + late) * (k + early) / n)
    if kind == 3:
        matrix[0] /= 2
    if ortho:
        matrix *= math.sqrt(0.5 / n)
        if kind == 2:
            matrix[:, 0] *= math.sqrt(0.5)
        elif kind == 3:
            matrix[0] *= math.sqrt(2)
    return matrix


def dct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The cosine transform of kind 1, 2, 3 or 4 over the last axis; `norm='ortho'` makes it orthogonal.

    `n`: the size to which the axis is cut off or filled up with zeros first. A product with the matrix of
    cosines, so the time grows with the square of the size.

    >>> dct([1.0, 1.0, 1.0]).numpy().round(4).tolist()
    [6.0, 0.0, 0.0]
    """
    x = convert(input)
    _whole("dct", x)
    if axis not in (-1, x.ndim - 1):
        raise NotImplementedError(f"dct: the last axis, -1, is transformed, not {axis}. Transpose first.")
    if type not in (1, 2, 3, 4):
        raise ValueError(f"dct: the types are 1, 2, 3 and 4, not {type}.")
    if norm not in (None, "ortho") or (norm and type == 1):
        raise ValueError(f"dct: norm is None, or 'ortho' for the types 2, 3 and 4, not {norm!r}.")
    if n is not None:
        x = _fit(x, x.ndim - 1, whole(n, "n"))
    size = whole(x.shape[-1], "The transformed size")
    if type == 1 and size < 2:
        raise ValueError(f"dct: type 1 needs two numbers or more, but shape {show(x._dims)} was given.")
    matrix = convert(_cosines(type, size, norm == "ortho").astype(x.dtype.as_numpy_dtype))
    return matmul(x, matrix) if x.ndim > 1 else getitem(matmul(getitem(x, None), matrix), 0)


def idct(
    input: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """The transform of the kind that undoes `dct`: with `norm='ortho'` its inverse, else 2n times that.

    Of type 1 it is 2(n - 1) times the inverse.

    >>> idct(dct([1.0, 2.0, 3.0], norm="ortho"), norm="ortho").numpy().round(4).tolist()
    [1.0, 2.0, 3.0]
    """
    return dct(input, {2: 3, 3: 2}.get(type, type), n, axis, norm)
