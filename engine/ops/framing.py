"""Signals in overlapping pieces: windows, frames, short-time Fourier transforms, mel spectra.

They are `tf.signal`'s. Read `fourier` first. Everything is a composition, so the derivatives follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes
from engine.errors import InvalidArgumentError
from engine.ops.bessel import _ie
from engine.ops.creation import convert
from engine.ops.elementwise import cast, maximum, multiply, square
from engine.ops.fourier import _fit, dct, irfft, rfft
from engine.ops.indexing import gather
from engine.ops.joining import concat, reverse, split, tile
from engine.ops.layout import expand_dims, reshape, sizes, transpose
from engine.ops.padding import pad
from engine.ops.reduce import reduce_sum
from engine.ops.segments import unsorted_segment_sum
from engine.ops.sequences import range_
from engine.ops.slicing import getitem
from engine.ops.special import divide_no_nan
from engine.spec import normalize_axis, whole
from engine.tensor import Tensor

Window = Callable[..., Tensor]

# --- windows --------------------------------------------------------------------------------------


def _numbers(values: Any, dtype: Any, what: str) -> Tensor:
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise ValueError(f"{what}: a floating-point dtype is needed, not {found.name}.")
    return cast(convert(np.asarray(values, np.float64)), found)


def _raised_cosine(window_length: Any, periodic: bool, dtype: Any, name: str, share: float) -> Tensor:
    n = whole(window_length, "window_length")
    turns = np.arange(n) / max(n - (0 if periodic and n % 2 == 0 else 1), 1)
    values = share - (1 - share) * np.cos(2 * np.pi * turns)
    return _numbers(values if n > 1 else np.ones(n), dtype, name)


def hann_window(
    window_length: Any, periodic: bool = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """A raised cosine from 0 to 1 and back; the last 0 is left out of an even `periodic` one.

    >>> hann_window(4).numpy().tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return _raised_cosine(window_length, periodic, dtype, "hann_window", 0.5)


def hamming_window(
    window_length: Any, periodic: bool = True, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """A raised cosine from 0.08 to 1 and back: its first side lobe is cancelled."""
    return _raised_cosine(window_length, periodic, dtype, "hamming_window", 0.54)


def _kaiser(n: int, beta: Any) -> np.ndarray:
    u = np.linspace(-1, 1, n) if n > 1 else np.zeros(n)
    height = beta * np.sqrt(np.maximum(1 - u * u, 0))
    return np.asarray(_ie(0, height) / _ie(0, np.array(float(beta))) * np.exp(height - beta))


def kaiser_window(
    window_length: Any, beta: Any = 12.0, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """I0(beta sqrt(1 - u^2)) / I0(beta) for u from -1 to 1; a larger beta is narrower, with lower lobes."""
    return _numbers(_kaiser(whole(window_length, "window_length"), beta), dtype, "kaiser_window")


def kaiser_bessel_derived_window(
    window_length: Any, beta: Any = 12.0, dtype: Any = dtypes.float32, name: str | None = None
) -> Tensor:
    """The root of a Kaiser window's running sum, and the same in reverse: fits `mdct`."""
    total = np.cumsum(_kaiser(whole(window_length, "window_length") // 2 + 1, beta))
    half = np.sqrt(total[:-1] / total[-1])
    return _numbers(np.concatenate([half, half[::-1]]), dtype, "kaiser_bessel_derived_window")


def vorbis_window(window_length: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """sin(pi/2 sin^2(pi (k + 1/2) / n)): fits `mdct`."""
    n = whole(window_length, "window_length")
    inner = np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2
    return _numbers(np.sin(np.pi / 2 * inner), dtype, "vorbis_window")


# --- frames ---------------------------------------------------------------------------------------


def _positions(frames: Any, frame_length: int, frame_step: int) -> Tensor:
    """For each frame its positions in the signal, shape (frames, frame_length)."""
    return expand_dims(range_(frames) * frame_step, 1) + range_(frame_length)


def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: Any = 0,
    axis: int = -1, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Pieces of `frame_length` along an axis, each `frame_step` after the one before.

    The axis becomes two, (frames, frame_length). What does not fill a frame is left out, or filled up with
    `pad_value` if `pad_end`, so that a frame begins at every step.

    >>> frame([1, 2, 3, 4, 5], 3, 2).numpy().tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    x = convert(signal)
    length, step = whole(frame_length, "frame_length"), whole(frame_step, "frame_step")
    if length < 1 or step < 1:
        raise InvalidArgumentError(
            f"frame: sizes of 1 or more were expected, but frame_length {length} and frame_step {step} were "
            "given."
        )
    place = normalize_axis(axis, x.ndim, "frame")
    size = sizes(x)[place]
    if pad_end:
        fill = [[0, length if i == place else 0] for i in range(x.ndim)]
        x = pad(x, fill, constant_values=pad_value)
        count = (size + step - 1) // step
    else:
        count = (size - length + step) // step
        count = max(count, 0) if isinstance(count, int) else maximum(count, 0)
    return gather(x, _positions(count, length, step), axis=place)


def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Tensor:
    """Frames added up where they overlap: `(..., frames, frame_length)` gives `(..., samples)`.

    The adjoint of `frame`.

    >>> overlap_and_add([[1, 1, 1], [1, 1, 1]], 2).numpy().tolist()
    [1, 1, 2, 1, 1]
    """
    x = convert(signal)
    step = whole(frame_step, "frame_step")
    if x.ndim < 2:
        raise InvalidArgumentError(
            f"overlap_and_add: a tensor (..., frames, length) was expected, not {x.shape}."
        )
    *batch, frames, length = sizes(x)
    samples = length + step * (frames - 1)
    flat = transpose(reshape(x, [math.prod(batch), frames * length]))
    positions = reshape(_positions(frames, length, step), [-1])
    return reshape(transpose(unsorted_segment_sum(flat, positions, samples)), [*batch, samples])


# --- short-time transforms ------------------------------------------------------------------------


def _enclosing(frame_length: int) -> int:
    """The power of two that is not smaller."""
    return 1 << (frame_length - 1).bit_length()


def stft(
    signals: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Window | None = hann_window, pad_end: bool = False, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The short-time Fourier transform: `rfft` of every frame times a window.

    `(..., samples)` gives `(..., frames, fft_length // 2 + 1)`, complex. `fft_length` is by default the power
    of two that holds a frame.
    """
    length = whole(frame_length, "frame_length")
    frames = frame(signals, length, frame_step, pad_end)
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    return rfft(frames, [_enclosing(length) if fft_length is None else fft_length])


def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None,
    window_fn: Window | None = hann_window, name: str | None = None,
) -> Tensor:  # fmt: skip
    """Signals from their short-time transforms: `irfft`, a window, and the frames added up.

    It undoes `stft` but for the ends when `window_fn` is `inverse_stft_window_fn(frame_step)`; Griffin and
    Lim, Signal Estimation from Modified Short-Time Fourier Transform (1984).
    """
    length = whole(frame_length, "frame_length")
    frames = irfft(stfts, [_enclosing(length) if fft_length is None else fft_length])
    frames = _fit(frames, frames.ndim - 1, length)
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    return overlap_and_add(frames, frame_step)


def inverse_stft_window_fn(
    frame_step: Any, forward_window_fn: Window = hann_window, name: str | None = None
) -> Window:
    """The window for `inverse_stft` after `stft` with `forward_window_fn`; Griffin and Lim (1984), eq. 7."""
    step = whole(frame_step, "frame_step")

    def window(frame_length: Any, dtype: Any) -> Tensor:
        length = whole(frame_length, "frame_length")
        forward = forward_window_fn(length, dtype=dtype)
        overlaps = -(-length // step)
        powers = reshape(pad(square(forward), [[0, overlaps * step - length]]), [overlaps, step])
        total = tile(reduce_sum(powers, 0), [overlaps])
        return divide_no_nan(forward, getitem(total, slice(length)))

    return window


def mdct(
    signals: Any, frame_length: Any, window_fn: Window | None = vorbis_window, pad_end: bool = False,
    norm: str | None = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """The modified cosine transform: `(..., samples)` to `(..., frames, frame_length / 2)`.

    Frames overlap by half; `frame_length` is a multiple of 4, `norm` that of `dct`. Princen, Johnson and
    Bradley, Subband/Transform Coding Using Filter Bank Designs Based on Time Domain Aliasing (1987).
    """
    length = whole(frame_length, "frame_length")
    if length % 4:
        raise ValueError(f"mdct: the frame length must be a multiple of 4, not {length}.")
    frames = frame(signals, length, length // 2, pad_end)
    window: Any = math.sqrt(0.5) if window_fn is None else window_fn(length, dtype=frames.dtype)
    frames = frames * window
    a, b, c, d = split(frames, 4, axis=-1)
    folded = concat([-reverse(c, [-1]) - d, a - reverse(b, [-1])], -1)
    return dct(folded, type=4, norm=norm)


def inverse_mdct(
    mdcts: Any, window_fn: Window | None = vorbis_window, norm: str | None = None, name: str | None = None
) -> Tensor:
    """Signals from `mdct`, exact but for the first and last half frame."""
    x = convert(mdcts)
    half = whole(x.shape[-1], "inverse_mdct: the last size")
    y = dct(x, type=4, norm=norm)
    first, second = split(y if norm else y * (0.5 / half), 2, axis=-1)
    frames = concat([second, -reverse(second, [-1]), -reverse(first, [-1]), -first], -1)
    window: Any = math.sqrt(0.5) if window_fn is None else window_fn(2 * half, dtype=frames.dtype)
    frames = frames * window
    return overlap_and_add(frames, half)


# --- mel scale ------------------------------------------------------------------------------------


def _mel(hertz: Any) -> Any:
    """O'Shaughnessy, Speech Communication (1987)."""
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0, dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:  # fmt: skip
    """Triangles evenly spaced on the mel scale: `(num_spectrogram_bins, num_mel_bins)`.

    A spectrogram times it is a mel spectrogram. Each triangle peaks at 1; frequency 0 counts for nothing.
    """
    if not (num_mel_bins > 0 and sample_rate > 0 and 0 <= lower_edge_hertz < upper_edge_hertz):
        raise ValueError(
            "linear_to_mel_weight_matrix: positive num_mel_bins and sample_rate and edges with 0 <= lower < "
            f"upper were expected, but {num_mel_bins}, {sample_rate}, {lower_edge_hertz}, {upper_edge_hertz} "
            "were given."
        )
    if upper_edge_hertz > sample_rate / 2:
        raise ValueError(
            f"linear_to_mel_weight_matrix: upper_edge_hertz {upper_edge_hertz} is above half the sample "
            f"rate, {sample_rate / 2}, the highest frequency in the signal."
        )
    bins = _mel(np.linspace(0, sample_rate / 2, num_spectrogram_bins)[1:, None])
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    weights = np.pad(np.maximum(triangles, 0), [(1, 0), (0, 0)])
    return _numbers(weights, dtype, "linear_to_mel_weight_matrix")


def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Tensor:
    """Mel-frequency cepstral coefficients: the cosine transform of log mel spectra, as HTK scales it."""
    x = convert(log_mel_spectrograms)
    size = whole(x.shape[-1], "The number of mel bins")
    return multiply(dct(x, type=2), 1 / math.sqrt(2 * size))
