"""Recorded cases: incomplete gamma and beta, Bessel functions, named integrals, signals. Not a test."""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import cplx, lit, real

# TensorFlow's functions of tf.math.special, PyTorch's ("" if it has none), the range of the inputs.
SPECIAL = [
    ("bessel_i0", "torch.special.i0", -4, 9),
    ("bessel_i0e", "torch.special.i0e", -4, 9),
    ("bessel_i1", "torch.special.i1", -4, 9),
    ("bessel_i1e", "torch.special.i1e", -4, 9),
    ("bessel_j0", "", 0.2, 12),
    ("bessel_j1", "", 0.2, 12),
    ("bessel_y0", "", 0.2, 12),
    ("bessel_y1", "", 0.2, 12),
    ("bessel_k0", "", 0.2, 6),
    ("bessel_k0e", "", 0.2, 6),
    ("bessel_k1", "", 0.2, 6),
    ("bessel_k1e", "", 0.2, 6),
    ("dawsn", "", -4, 6),
    ("expint", "", 0.2, 6),
    ("fresnel_cos", "", -3, 3),
    ("fresnel_sin", "", -3, 3),
    ("spence", "", 0.2, 4),
]
FIXED = "tf.constant([0.5, 1.5, 4.0], tf.float64)"
NO_PARAMETERS = "TensorFlow has no derivative by a and b; with one of them 1 it is a power"
# For fftnd and its kin.
NO_KERNEL = "TensorFlow has no kernel for a CPU"
ALSO = "tf.constant([2.0, 0.7, 3.0], tf.float64)"

CASES: list[Case] = [
    *(
        row(f"tf.math.special.{name}(a)", real(2, 4, low=low, high=high),
        torch=torch and f"{torch}(a)", tails=True)
        for name, torch, low, high in SPECIAL
    ),
    row(f"tf.math.igamma({FIXED}, a)", real(4, 3, low=0.2, high=8),
        torch="torch.special.gammainc(torch.tensor([0.5, 1.5, 4.0], dtype=torch.float64), a)"),
    row(f"tf.math.igammac({FIXED}, a)", real(4, 3, low=0.2, high=8),
        torch="torch.special.gammaincc(torch.tensor([0.5, 1.5, 4.0], dtype=torch.float64), a)"),
    row("tf.math.igamma(a, b)", real(3, 4, low=0.4, high=6), real(4, low=0.3, high=8), orders=1),
    row("tf.math.igammac(a, b)", real(3, 4, low=0.4, high=6), real(4, low=0.3, high=8), orders=1),
    row(f"tf.math.betainc({FIXED}, {ALSO}, a)", real(3, low=0.1, high=0.9)),
    row("tf.math.betainc(a, b, c)", real(4, low=0.4, high=4), real(4, low=0.4, high=4),
        real(4, low=0.1, high=0.9), orders=1, differs={"first": "TensorFlow has none by a and b"}),
    row("tf.math.betainc(a, tf.ones_like(a), b)", real(4, low=0.4, high=4), real(4, low=0.1, high=0.9),
        torch="torch.pow(b, a)", without=NO_PARAMETERS),
    row("tf.math.betainc(tf.ones_like(a), a, b)", real(4, low=0.4, high=4), real(4, low=0.1, high=0.9),
        torch="1 - torch.pow(1 - b, a)", without=NO_PARAMETERS),
    row("tf.math.igamma(a, b)", lit([0.5, 2.0, 3.0, 1.0]), lit([0.0, 0.0, 50.0, 1e-20]),
        label="edges", orders=0),
    row("tf.math.betainc(a, b, c)", lit([0.5, 2.0, 3.0]), lit([0.5, 1.0, 2.0]), lit([0.0, 1.0, 0.5]),
        label="edges", orders=0),
    # How a draw from the gamma distribution moves with its parameter: no public name, but see random_gamma.
    row("random_gamma_grad(a, b)", real(3, 5, low=0.4, high=8), real(5, low=0.2, high=9), orders=0,
        rtol={"tensorflow": 1e-11}),
    row("tf.math.sobol_sample(5, 9, skip=3)"),
    row("tf.math.sobol_sample(21, 40, dtype=tf.float64)"),
    # Fourier transforms.
    row("tf.signal.fft(a)", cplx(2, 5), torch="torch.fft.fft(a)"),
    row("tf.signal.ifft(a)", cplx(2, 4), torch="torch.fft.ifft(a)"),
    row("tf.signal.fft2d(a)", cplx(2, 3, 4), torch="torch.fft.fft2(a)"),
    row("tf.signal.ifft2d(a)", cplx(3, 4), torch="torch.fft.ifft2(a)"),
    row("tf.signal.fft3d(a)", cplx(2, 3, 2), torch="torch.fft.fftn(a)"),
    row("tf.signal.ifft3d(a)", cplx(2, 3, 2), torch="torch.fft.ifftn(a)"),
    row("tf.signal.rfft(a)", real(2, 6), torch="torch.fft.rfft(a)"),
    row("tf.signal.rfft(a)", real(2, 5), torch="torch.fft.rfft(a)", label="odd"),
    row("tf.signal.rfft(a, [8])", real(2, 6), torch="torch.fft.rfft(a, 8)"),
    row("tf.signal.irfft(a)", cplx(2, 4), torch="torch.fft.irfft(a)"),
    row("tf.signal.irfft(a, [5])", cplx(2, 3), torch="torch.fft.irfft(a, 5)"),
    row("tf.signal.rfft2d(a)", real(3, 4), torch="torch.fft.rfft2(a)"),
    row("tf.signal.irfft2d(a)", cplx(3, 3), torch="torch.fft.irfft2(a)"),
    row("tf.signal.rfft3d(a)", real(2, 3, 4), torch="torch.fft.rfftn(a)"),
    row("tf.signal.irfft3d(a)", cplx(2, 3, 3), torch="torch.fft.irfftn(a)"),
    row("tf.signal.fftnd(a, [3, 4], [0, 1])", cplx(3, 4), torch="torch.fft.fftn(a)", without=NO_KERNEL),
    row("tf.signal.ifftnd(a, [3, 4], [0, 1])", cplx(3, 4), torch="torch.fft.ifftn(a)", without=NO_KERNEL),
    row("tf.signal.rfftnd(a, [3, 4], [0, 1])", real(3, 4), torch="torch.fft.rfftn(a)", without=NO_KERNEL),
    row("tf.signal.irfftnd(a, [3, 4], [0, 1])", cplx(3, 3), torch="torch.fft.irfftn(a)", without=NO_KERNEL),
    row("tf.signal.fftshift(a)", real(3, 4), torch="torch.fft.fftshift(a)"),
    row("tf.signal.ifftshift(a, axes=[1])", real(3, 5), torch="torch.fft.ifftshift(a, 1)"),
    # Cosine transforms, windows, frames.
    *(
        row(f"tf.signal.{name}(a, type={kind})", real(2, 5))
        for kind in (1, 2, 3, 4) for name in ("dct", "idct")
    ),
    row("tf.signal.dct(a, norm='ortho')", real(2, 4)),
    *(row(f"tf.signal.{name}_window({n}, dtype=tf.float64)", torch=torch.format(n=n) if n == 8 else "")
      for name, torch in (("hann", "torch.hann_window({n}, dtype=torch.float64)"),
                          ("hamming", "torch.hamming_window({n}, dtype=torch.float64)"),
                          ("kaiser", "torch.kaiser_window({n}, False, 12.0, dtype=torch.float64)"))
      for n in (7, 8)),  # PyTorch's of odd length are others
    row("tf.signal.hann_window(6, periodic=False)", torch="torch.hann_window(6, False)"),
    row("tf.signal.kaiser_bessel_derived_window(8)"),
    row("tf.signal.vorbis_window(8)"),
    row("tf.signal.frame(a, 3, 2)", real(2, 9), torch="a.unfold(1, 3, 2)"),
    row("tf.signal.frame(a, 4, 3, pad_end=True, pad_value=0.5)", real(8)),
    row("tf.signal.overlap_and_add(a, 2)", real(2, 3, 4)),
    row("tf.signal.stft(a, 6, 2)", real(2, 12)),
    row("tf.signal.inverse_stft(tf.signal.stft(a, 8, 4), 8, 4, "
        "window_fn=tf.signal.inverse_stft_window_fn(4))", real(20), orders=1),
    row("tf.signal.mdct(a, 4)", real(12)),
    row("tf.signal.inverse_mdct(a)", real(3, 2)),
    row("tf.signal.linear_to_mel_weight_matrix(4, 9, 8000.0, 100.0, 3000.0)"),
    row("tf.signal.mfccs_from_log_mel_spectrograms(a)", real(2, 5)),
]  # fmt: skip
