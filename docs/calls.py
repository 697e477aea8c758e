"""Calls of operations that have none of their own in tests/oracle: random numbers, tensors from nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

_X = np.array([[0.5, 1.5, 2.5], [3.5, 0.25, 1.0]])
_SQUARE = np.array([[4.0, 1.0], [1.0, 3.0]])
_LINE = np.arange(1.0, 9.0).reshape(1, 4, 2) / 8
_PLANE = np.arange(1.0, 33.0).reshape(1, 4, 4, 2) / 8
_SPACE = np.arange(1.0, 65.0).reshape(1, 4, 4, 4, 1) / 8
_WAVE = np.arange(1.0, 17.0) / 8
_SEED = np.array([1, 2], np.int32)

# D is the dtype that is tried, where no tensor goes in; a, b and c are the inputs.
CALLS: list[tuple[str, list[Any]]] = [
    ("tf.constant([[0, 1]], D)", []),
    ("tf.constant([['a']], D)", []),
    ("tf.convert_to_tensor(a)", [_X]),
    ("tf.zeros([2], D)", []),
    ("tf.ones([2], D)", []),
    ("tf.broadcast_static_shape(tf.TensorShape([2, 1]), tf.TensorShape([3]))", []),
    ("tf.vectorized_map(lambda x: x - x, a)", [_X]),
    ("tf.map_fn(lambda x: x - x, a)", [_X]),
    ("tf.foldl(lambda x, y: x - y, a)", [_X]),
    ("tf.foldr(lambda x, y: x - y, a)", [_X]),
    ("tf.scan(lambda x, y: x - y, a)", [_X]),
    ("tf.cond(tf.constant(True), lambda: a, lambda: a + a)", [_X]),
    ("tf.case([(tf.constant(True), lambda: a)], default=lambda: a + a)", [_X]),
    ("tf.switch_case(0, [lambda: a, lambda: a + a])", [_X]),
    ("tf.while_loop(lambda i, x: i < 3, lambda i, x: [i + 1, x - x], [0, a])", [_X]),
    ("tf.random.normal([2], dtype=D)", []),
    ("tf.random.truncated_normal([2], dtype=D)", []),
    ("tf.random.uniform([2], maxval=5, dtype=D)", []),
    ("tf.random.gamma([2], a)", [_X]),
    ("tf.random.poisson([2], a)", [_X]),
    ("tf.random.categorical(a, 3)", [_X]),
    ("tf.random.shuffle(a)", [_X]),
    ("tf.random.split(a, 3)", [_SEED]),
    ("tf.random.fold_in(a, 3)", [_SEED]),
    ("tf.random.stateless_normal([2], [1, 2], dtype=D)", []),
    ("tf.random.stateless_truncated_normal([2], [1, 2], dtype=D)", []),
    ("tf.random.stateless_uniform([2], [1, 2], maxval=5, dtype=D)", []),
    ("tf.random.stateless_gamma([2, 3], [1, 2], a, dtype=a.dtype)", [_X]),
    ("tf.random.stateless_poisson([2, 3], [1, 2], a, dtype=tf.int32)", [_X]),
    ("tf.random.stateless_binomial([2, 3], [1, 2], 5.0, a / 4)", [_X]),
    ("tf.random.stateless_categorical(a, 3, [1, 2])", [_X]),
    ("tf.random.stateless_shuffle(a, [1, 2])", [_X]),
    ("tf.random.stateless_parameterized_truncated_normal([2, 3], [1, 2], a, a)", [_X]),
    ("tf.random.uniform_candidate_sampler(a, 1, 2, True, 5)", [np.array([[1]])]),
    ("tf.random.log_uniform_candidate_sampler(a, 1, 2, True, 5)", [np.array([[1]])]),
    (
        "tf.random.fixed_unigram_candidate_sampler(a, 1, 2, True, 3, unigrams=[1.0, 2.0, 1.0])",
        [np.array([[1]])],
    ),
    ("tf.strings.format('{}', a)", [_X]),
    ("tf.debugging.check_numerics(a, 'x')", [_X]),
    ("tf.nn.compute_accidental_hits(a, [1, 2], 1)", [np.array([[1], [2]])]),
    ("tf.nn.nce_loss(a, b, [[1], [0]], c, 2, 3)", [_X.T, _X[0], _SQUARE]),
    ("tf.nn.sampled_softmax_loss(a, b, [[1], [0]], c, 2, 3)", [_X.T, _X[0], _SQUARE]),
    ("tf.py_function(lambda x: x - x, [a], a.dtype)", [_X]),
    ("tf.numpy_function(lambda x: x, [a], a.dtype)", [_X]),
    ("tf.math.sobol_sample(2, 3, dtype=D)", []),
    ("tf.nn.isotonic_regression(a)", [_X]),
    ("tf.nn.compute_average_loss(a)", [_X]),
    ("tf.nn.scale_regularization_loss(a)", [_X]),
    (
        "tf.nn.experimental.general_dropout(a, 0.5, lambda shape, dtype: tf.ones(shape, dtype))",
        [_X],
    ),
    ("tf.nn.experimental.stateless_dropout(a, 0.5, [1, 2])", [_X]),
    ("tf.required_space_to_batch_paddings(a, [2, 2])", [_SEED]),
    ("tf.linalg.eigh(a)", [_SQUARE]),
    ("tf.eig(a)", [_SQUARE]),
    ("tf.eigvals(a)", [_SQUARE]),
    ("tf.linalg.qr(a)", [_SQUARE]),
    ("tf.math.bessel_i0(a)", [_X]),
    ("tf.math.bessel_i0e(a)", [_X]),
    ("tf.math.bessel_i1(a)", [_X]),
    ("tf.math.bessel_i1e(a)", [_X]),
    ("tf.math.betainc(a, b, c)", [_X, _X, _X / 4]),
    ("tf.math.igamma(a, b)", [_X, _X]),
    ("tf.math.igammac(a, b)", [_X, _X]),
    ("tf.range(a, 5)", [np.array(1.0)]),
    ("tf.eye(2, dtype=D)", []),
    ("tf.one_hot(a, 3, b, c)", [_SEED, np.array(2.0), np.array(0.0)]),
    ("tf.fill([2], a)", [np.array(2.0)]),
    ("tf.shape(a)", [_X]),
    ("tf.broadcast_dynamic_shape(a, b)", [_SEED, _SEED[1:]]),
    ("tf.searchsorted(a, b)", [np.array([1.0, 2.0]), np.array([1.5])]),
    ("tf.sequence_mask(a, 3)", [_SEED]),
    ("tf.unravel_index(a, [2, 2])", [_SEED]),
    ("tf.math.invert_permutation(a)", [_SEED - 1]),
    ("tf.math.bincount(a)", [_SEED]),
    ("tf.math.confusion_matrix(a, a)", [_SEED]),
    ("tf.nn.sufficient_statistics(a, [0])", [_X]),
    ("tf.nn.conv1d(a, b, 1, 'VALID')", [_LINE, np.ones((2, 2, 1))]),
    ("tf.nn.conv2d(a, b, 1, 'VALID')", [_PLANE, np.ones((2, 2, 2, 1))]),
    ("tf.nn.conv3d(a, b, [1] * 5, 'VALID')", [_SPACE, np.ones((2, 2, 2, 1, 1))]),
    ("tf.nn.convolution(a, b)", [_PLANE, np.ones((2, 2, 2, 1))]),
    ("tf.nn.atrous_conv2d(a, b, 2, 'VALID')", [_PLANE, np.ones((2, 2, 2, 1))]),
    ("tf.nn.depthwise_conv2d(a, b, [1] * 4, 'VALID')", [_PLANE, np.ones((2, 2, 2, 1))]),
    (
        "tf.nn.separable_conv2d(a, b, c, [1] * 4, 'VALID')",
        [_PLANE, np.ones((2, 2, 2, 1)), np.ones((1, 1, 2, 3))],
    ),
    ("tf.nn.conv1d_transpose(a, b, [1, 5, 1], 1, 'VALID')", [_LINE, np.ones((2, 1, 2))]),
    ("tf.nn.conv2d_transpose(a, b, [1, 5, 5, 1], 1, 'VALID')", [_PLANE, np.ones((2, 2, 1, 2))]),
    (
        "tf.nn.conv3d_transpose(a, b, [1, 5, 5, 5, 1], 1, 'VALID')",
        [_SPACE, np.ones((2, 2, 2, 1, 1))],
    ),
    ("tf.nn.conv_transpose(a, b, [1, 5, 5, 1], 1, 'VALID')", [_PLANE, np.ones((2, 2, 1, 2))]),
    (
        "tf.nn.atrous_conv2d_transpose(a, b, [1, 6, 6, 1], 2, 'VALID')",
        [_PLANE, np.ones((2, 2, 1, 2))],
    ),
    ("tf.nn.dilation2d(a, b, [1] * 4, 'VALID', 'NHWC', [1] * 4)", [_PLANE, np.ones((2, 2, 2))]),
    ("tf.nn.erosion2d(a, b, [1] * 4, 'VALID', 'NHWC', [1] * 4)", [_PLANE, np.ones((2, 2, 2))]),
    ("tf.nn.local_response_normalization(a)", [_PLANE]),
    *(
        (f"tf.nn.{kind}_pool{rank}(a, 2, 1, 'VALID')", [image])
        for kind in ("avg", "max")
        for rank, image in (("", _PLANE), ("1d", _LINE), ("2d", _PLANE), ("3d", _SPACE))
    ),
    ("tf.nn.max_pool_with_argmax(a, 2, 1, 'VALID')", [_PLANE]),
    ("tf.nn.pool(a, [2, 2], 'AVG')", [_PLANE]),
    *(
        (f"tf.signal.{name}(a)", [values + 0j])
        for names, values in (
            (("fft", "ifft", "fftnd", "ifftnd", "irfft", "irfftnd"), _WAVE),
            (("fft2d", "ifft2d", "irfft2d"), _PLANE[0, :, :, 0]),
            (("fft3d", "ifft3d", "irfft3d"), _SPACE[0, :, :, :, 0]),
        )
        for name in names
    ),
    ("tf.signal.rfft2d(a)", [_PLANE[0, :, :, 0]]),
    ("tf.signal.rfft3d(a)", [_SPACE[0, :, :, :, 0]]),
    *(
        (f"tf.signal.{name}(a)", [_WAVE])
        for name in ("rfft", "rfftnd", "fftshift", "ifftshift", "dct", "idct")
    ),
    ("tf.signal.mdct(a, 4)", [_WAVE]),
    ("tf.signal.inverse_mdct(a)", [_WAVE.reshape(4, 4)]),
    ("tf.signal.stft(a, 4, 2)", [_WAVE]),
    ("tf.signal.inverse_stft(a, 6, 2)", [_WAVE.reshape(4, 4) + 0j]),
    ("tf.signal.frame(a, 4, 2)", [_WAVE]),
    ("tf.signal.overlap_and_add(a, 2)", [_WAVE.reshape(4, 4)]),
    ("tf.signal.mfccs_from_log_mel_spectrograms(a)", [_WAVE.reshape(2, 8)]),
    ("tf.signal.linear_to_mel_weight_matrix(dtype=D)", []),
    *(
        (f"tf.signal.{name}_window(4, dtype=D)", [])
        for name in ("hamming", "hann", "kaiser", "kaiser_bessel_derived", "vorbis")
    ),
]
