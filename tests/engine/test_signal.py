"""`tf.signal` held to NumPy's transforms, to definitions, to round trips and to finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close, gradients, numeric_gradient

rng = np.random.default_rng(50)
REAL = rng.normal(size=(2, 4, 6))
COMPLEX = rng.normal(size=(2, 3, 4)) + 1j * rng.normal(size=(2, 3, 4))
signal = tf.signal


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", ["complex128", "complex64"])
def test_transforms_are_those_of_numpy(count: int, kind: str):
    suffix, axes = ("" if count == 1 else f"{count}d"), tuple(range(-count, 0))
    x, y = COMPLEX.astype(kind), REAL.astype("float64" if kind == "complex128" else "float32")
    close = {"rtol": 1e-12, "atol": 1e-13} if kind == "complex128" else {"rtol": 1e-4, "atol": 1e-5}
    for name, given, reference in (
        ("fft", x, np.fft.fftn), ("ifft", x, np.fft.ifftn), ("rfft", y, np.fft.rfftn),
        ("irfft", x, np.fft.irfftn),
    ):  # fmt: skip
        op = getattr(signal, name + suffix)
        expected = reference(given, axes=axes)
        assert_close(op(given), expected, **close, what=op.__name__)
        assert op(given).dtype.name == expected.dtype.name
        unknown = tf.TensorSpec([None] * 3, given.dtype)
        assert_close(tf.function(op, input_signature=[unknown])(given), expected, **close)
    for lengths in ([5], [3, 8], [3, 5, 4]):
        if len(lengths) == count:
            assert_close(
                getattr(signal, f"rfft{suffix}")(y, lengths),
                np.fft.rfftn(y, lengths, axes),
                **close,
            )
            assert_close(
                getattr(signal, f"irfft{suffix}")(x, lengths),
                np.fft.irfftn(x, lengths, axes),
                **close,
            )


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize(
    ("lengths", "axes"), [(None, None), ([3, 5], None), ([3, 5], [2, 0]), (None, [1]), ([4], [-3])]
)
def test_transforms_over_any_axes(lengths: Any, axes: Any, norm: Any):
    for name, given in (
        ("fftn", COMPLEX),
        ("ifftn", COMPLEX),
        ("rfftn", REAL),
        ("irfftn", COMPLEX),
    ):
        chosen = axes or (None if lengths is None else list(range(-len(lengths), 0)))
        expected = getattr(np.fft, name)(given, lengths, chosen, norm)
        assert_close(
            getattr(signal, f"{name}d")(given, lengths, axes, norm), expected, 1e-12, 1e-13
        )


@pytest.mark.parametrize("axes", [None, 0, [0, 2]])
def test_shifts_are_those_of_numpy(axes: Any):
    odd = rng.normal(size=(3, 4, 5))
    assert_close(signal.fftshift(odd, axes), np.fft.fftshift(odd, axes), 0)
    assert_close(signal.ifftshift(odd, axes), np.fft.ifftshift(odd, axes), 0)


def _power(op: Any) -> Any:
    def total(x: Any) -> tf.Tensor:
        return tf.reduce_sum(tf.abs(op(x)) ** 3)

    return total


@pytest.mark.parametrize("n", [5, 6])
def test_derivatives_of_real_transforms(n: int):
    x = rng.normal(size=(2, n))
    ops = [signal.rfft, signal.rfft2d, lambda x: signal.rfft(x, [4]), lambda x: signal.rfft(x, [9])]
    ops += [
        lambda x: signal.irfft(tf.complex(x, x * x)),
        lambda x: signal.irfft2d(tf.complex(x, x), [2, 5]),
    ]
    ops += [lambda x: signal.ifft(tf.complex(x, x * x)), lambda x: tf.complex(signal.dct(x), x)]
    for op in ops:
        _, (slope,) = gradients(_power(op), x)
        expected = numeric_gradient(lambda v, op=op: float(_power(op)(tf.constant(v))), [x], 0)
        assert_close(slope, expected, 1e-6, 1e-6)


def test_the_gradient_of_a_complex_transform_is_tensorflows():
    """For real L, dL/dRe + i dL/dIm of each input."""
    x = COMPLEX[0]
    _, (found,) = gradients(_power(signal.fft2d), x)
    parts = [
        numeric_gradient(
            lambda v, unit=unit: float(_power(signal.fft2d)(tf.constant(x + unit * v))),
            [0 * x.real],
            0,
        )
        for unit in (1, 1j)
    ]
    assert_close(found, parts[0] + 1j * parts[1], 1e-6, 1e-6)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_cosine_transforms_by_their_definition(size: int):
    x = rng.normal(size=(3, size))
    n, k = np.arange(size)[:, None], np.arange(size)
    second = 2 * x @ np.cos(np.pi * k * (2 * n + 1) / (2 * size))
    assert_close(signal.dct(x), second, 1e-12, 1e-13)
    fourth = 2 * x @ np.cos(np.pi * (2 * k + 1) * (2 * n + 1) / (4 * size))
    assert_close(signal.dct(x, type=4), fourth, 1e-12, 1e-13)
    if size > 1:
        ends = x[:, :1] + (-1.0) ** k * x[:, -1:]
        inner = 2 * x[:, 1:-1] @ np.cos(np.pi * n[1:-1] * k / (size - 1))
        assert_close(signal.dct(x, type=1), ends + inner, 1e-12, 1e-13)
    for kind, scale in ((1, 2 * (size - 1)), (2, 2 * size), (3, 2 * size), (4, 2 * size)):
        if kind > 1:
            there = signal.dct(x, kind, norm="ortho")
            assert_close(signal.idct(there, kind, norm="ortho"), x, 1e-12, 1e-13)
            assert_close(tf.reduce_sum(there**2), np.sum(x**2), 1e-12)
        if kind > 1 or size > 1:
            assert_close(signal.idct(signal.dct(x, kind), kind), scale * x, 1e-12, 1e-12)
    assert_close(signal.dct(x[0], n=size + 2), signal.dct(np.pad(x[0], (0, 2))), 1e-12, 1e-13)


def test_what_transforms_refuse():
    mel = signal.linear_to_mel_weight_matrix
    calls: list[tuple[Any, Any, str]] = [
        (lambda: signal.fft([1.0]), tf.errors.InvalidArgumentError, "fft works on complex .* tf.signal.rfft"),
        (lambda: signal.rfft([1j]), tf.errors.InvalidArgumentError, "float32 or float64 parts"),
        (lambda: signal.fft2d([1j]), tf.errors.InvalidArgumentError, "last 2 axes, but shape"),
        (lambda: signal.rfft([1.0], [1, 2]), tf.errors.InvalidArgumentError, "must hold 1 sizes"),
        (lambda: signal.dct([1.0], type=5), ValueError, "types are 1, 2, 3 and 4"),
        (lambda: signal.dct([1.0], type=1), ValueError, "two numbers or more"),
        (lambda: signal.dct([1.0], norm="max"), ValueError, "norm is None, or 'ortho'"),
        (lambda: signal.dct([[1.0]], axis=0), NotImplementedError, "Transpose first"),
        (lambda: signal.fftnd([1j], norm="both"), ValueError, "norm must be 'backward'"),
        (lambda: signal.frame([1.0], 0, 1), tf.errors.InvalidArgumentError, "sizes of 1 or more"),
        (lambda: signal.overlap_and_add([1.0], 1), tf.errors.InvalidArgumentError, "frames, length"),
        (lambda: signal.mdct([1.0] * 9, 6), ValueError, "multiple of 4, not 6"),
        (lambda: signal.hann_window(3, dtype=tf.int32), ValueError, "floating-point dtype"),
        (lambda: mel(0), ValueError, "positive num_mel_bins"),
        (lambda: mel(upper_edge_hertz=5e3), ValueError, "half the sample rate"),
    ]  # fmt: skip
    for call, kind, words in calls:
        with pytest.raises(kind, match=words):
            call()


@pytest.mark.parametrize("length", [1, 2, 7, 8])
def test_windows_by_their_formulas(length: int):
    k = np.arange(length)
    for periodic in (True, False):
        n = length if periodic and length % 2 == 0 else max(length - 1, 1)
        wave = np.cos(2 * np.pi * k / n) if length > 1 else np.full(1, -1.0)
        assert_close(
            signal.hann_window(length, periodic, tf.float64), 0.5 - 0.5 * wave, 1e-14, 1e-15
        )
        assert_close(
            signal.hamming_window(length, periodic, tf.float64), 0.54 - 0.46 * wave, 1e-14, 1e-15
        )
    assert_close(signal.kaiser_window(length, 8.0, tf.float64), np.kaiser(length, 8.0), 1e-7)
    vorbis = np.sin(np.pi / 2 * np.sin(np.pi * (k + 0.5) / length) ** 2)
    assert_close(signal.vorbis_window(length, tf.float64), vorbis, 1e-14)


def test_windows_for_mdct_have_power_one_where_they_overlap():
    for window in (signal.vorbis_window, signal.kaiser_bessel_derived_window):
        w = window(16, dtype=tf.float64).numpy()
        assert_close(w[:8] ** 2 + w[8:] ** 2, np.ones(8), 1e-13)
        assert window(16).dtype is tf.float32
        assert_close(tf.function(lambda window=window: window(16))(), w, 1e-6)


@pytest.mark.parametrize(("length", "step"), [(4, 2), (5, 3), (3, 4), (1, 1), (20, 2)])
def test_frames_and_their_sum(length: int, step: int):
    x = rng.normal(size=(2, 11))
    starts = range(0, 11 - length + 1, step)
    expected = (
        np.stack([x[:, s : s + length] for s in starts], 1) if starts else np.zeros((2, 0, length))
    )
    assert_close(signal.frame(x, length, step), expected, 0)
    assert_close(signal.frame(x.T, length, step, axis=0), np.moveaxis(expected, 0, 2), 0)
    longer = np.pad(x, [(0, 0), (0, length)], constant_values=9.0)
    padded = np.stack([longer[:, s : s + length] for s in range(0, 11, step)], 1)
    assert_close(signal.frame(x, length, step, pad_end=True, pad_value=9.0), padded, 0)
    framed = tf.function(
        lambda x: signal.frame(x, length, step, True, 9.0),
        input_signature=[tf.TensorSpec([None, None], tf.float64)],
    )
    assert_close(framed(x), padded, 0)

    frames = rng.normal(size=(2, 3, length))
    total = np.zeros((2, 2 * step + length))
    for i in range(3):
        total[:, i * step : i * step + length] += frames[:, i]
    assert_close(signal.overlap_and_add(frames, step), total, 1e-13, 1e-14)
    _, (slope,) = gradients(lambda f: tf.reduce_sum(signal.overlap_and_add(f, step) ** 2), frames)
    assert_close(slope, signal.frame(2 * total, length, step), 1e-12, 1e-13)


def test_short_time_transforms_come_back():
    x = rng.normal(size=(2, 64))
    spectra = signal.stft(x, 12, 4)
    assert spectra.shape == (2, 14, 9) and spectra.dtype is tf.complex128
    window = signal.hann_window(12, dtype=tf.float64).numpy()
    assert_close(spectra[:, 3], np.fft.rfft(x[:, 12:24] * window, 16), 1e-12, 1e-13)
    again = signal.inverse_stft(spectra, 12, 4, window_fn=signal.inverse_stft_window_fn(4))
    assert_close(again[:, 12:52], x[:, 12:52], 1e-12, 1e-13)

    @tf.function
    def traced(x):
        return signal.inverse_stft(
            signal.stft(x, 12, 4), 12, 4, None, signal.inverse_stft_window_fn(4)
        )

    assert_close(traced(x), again, 1e-12, 1e-13)
    for norm in (None, "ortho"):
        parts = signal.mdct(x, 16, norm=norm)
        assert parts.shape == (2, 7, 8)
        assert_close(signal.inverse_mdct(parts, norm=norm)[:, 8:56], x[:, 8:56], 1e-12, 1e-13)
    plain = signal.inverse_mdct(signal.mdct(x, 16, None), None)
    assert_close(plain[:, 8:56], x[:, 8:56], 1e-12, 1e-13)


def test_mel_spectra():
    weights = signal.linear_to_mel_weight_matrix(10, 65, 16000, 100.0, 7000.0, tf.float64).numpy()
    assert weights.shape == (65, 10) and (weights >= 0).all() and (weights <= 1).all()
    hertz = np.linspace(0, 8000, 65)
    assert not weights[(hertz <= 100) | (hertz >= 7000)].any()
    inside = (hertz > 700) & (
        hertz < 4500
    )  # two neighbours share every frequency between their peaks
    assert_close(weights[inside].sum(1), np.ones(inside.sum()), 1e-12)
    logs = rng.normal(size=(3, 10))
    expected = signal.dct(logs).numpy() / np.sqrt(20)
    assert_close(signal.mfccs_from_log_mel_spectrograms(logs), expected, 1e-12)
