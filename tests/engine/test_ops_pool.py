"""Pooling, local response normalisation, dilation and erosion as tf.nn offers them, and what errors say.

`samples_conv` has the loops that are the oracle here; `test_registry` runs them over every primitive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import registry
from engine.errors import InvalidArgumentError
from tests.engine import samples_conv as loops
from tests.engine.oracle import assert_close, gradients, numeric_gradient

RNG = np.random.default_rng(43)
LETTERS = {1: "W", 2: "HW", 3: "DHW"}


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def to_first(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -1, 1)


def written(padding: Any, first: bool = False) -> Any:
    """The padding as a caller writes it."""
    if isinstance(padding, str):
        return padding
    rows = [list(pair) for pair in padding]
    return [[0, 0], [0, 0], *rows] if first else [[0, 0], *rows, [0, 0]]


POOLED: list[tuple[Any, ...]] = [
    ((8,), (2,), (2,), "VALID"),
    ((7, 5), (3, 2), (2, 1), "SAME"),
    ((6, 6), (2, 2), (3, 1), ((1, 1), (0, 1))),
    ((4, 3, 5), (2, 2, 3), (2, 1, 2), "SAME"),
]


@pytest.mark.parametrize("setting", POOLED, ids=str)
@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
def test_pooling_takes_the_largest_or_the_mean(setting: tuple[Any, ...], first: bool):
    sizes, window, strides, padding = setting
    n = len(sizes)
    x = draw(2, *sizes, 3)
    how = {"window": window, "strides": strides, "padding": padding, "dilations": (1,) * n}
    of = to_first if first else np.asarray
    form = f"NC{LETTERS[n]}" if first else None
    arguments = (of(x), list(window), list(strides), written(padding, first), form)
    for kind, expected in (
        ("max", loops.largest(x, **how)),
        ("avg", loops.window_sum(x, True, **how)),
    ):
        for name in (f"{kind}_pool", f"{kind}_pool{n}d"):
            assert_close(getattr(tf.nn, name)(*arguments), of(expected), 1e-12, 1e-13, name)
        generic = tf.nn.pool(of(x), window, kind.upper(), strides, written(padding, first), form)
        assert_close(generic, of(expected), 1e-12, 1e-13)


def test_of_equal_elements_the_first_wins():
    x = tf.constant([[[2.0], [5.0], [5.0], [5.0], [1.0]]])
    _, (dx,) = gradients(lambda x: tf.nn.max_pool1d(x, 3, 1, "SAME"), x)
    assert dx.numpy().ravel().tolist() == [0, 3, 1, 1, 0]
    found = tf.nn.max_pool_with_argmax(tf.zeros([1, 2, 4, 1]), 2, 2, "VALID")
    assert found.argmax.numpy().ravel().tolist() == [0, 2]


def test_positions_count_within_the_image_or_the_batch():
    x = RNG.permutation(2 * 4 * 3 * 2).reshape(2, 4, 3, 2).astype(np.float32)
    for batch in (False, True):
        y, at = tf.nn.max_pool_with_argmax(x, 2, [2, 1], "SAME", include_batch_in_index=batch)
        flat = x.reshape(-1) if batch else x.reshape(2, -1)
        picked = flat[at.numpy()] if batch else np.stack([flat[b][at.numpy()[b]] for b in range(2)])
        assert_close(y, picked, 0)
    assert at.dtype is tf.int64
    assert (
        tf.nn.max_pool_with_argmax(x, 2, 2, "SAME", output_dtype=tf.int32).argmax.dtype is tf.int32
    )


def test_not_a_number_reaches_the_maximum_of_its_windows():
    x = tf.constant([[[1.0], [float("nan")], [2.0], [3.0]]])
    y, (dx,) = gradients(lambda x: tf.nn.max_pool1d(x, 2, 2, "VALID"), x)
    assert np.isnan(y.numpy()[0, 0, 0]) and y.numpy()[0, 1, 0] == 3
    assert dx.numpy().sum() == 2, "each window hands its cotangent on once"


def test_an_infinite_cotangent_reaches_only_the_winner():
    x = tf.constant([[[1.0], [2.0]]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.max_pool1d(x, 2, 2, "VALID")
    assert tape.gradient(y, x, output_gradients=y * float("inf")).numpy().ravel().tolist() == [
        0,
        float("inf"),
    ]


def test_local_response_normalization_follows_its_formula():
    x = draw(2, 2, 3, 5)

    def formula(x: np.ndarray, radius: int) -> np.ndarray:
        sums = [np.sum(x[..., max(c - radius, 0) : c + radius + 1] ** 2, -1) for c in range(5)]
        return x / (0.7 + 0.3 * np.stack(sums, -1)) ** 0.75

    for radius in (0, 1, 2, 7):
        found, (dx,) = gradients(lambda x, r=radius: tf.nn.lrn(x, r, 0.7, 0.3, 0.75), x)
        assert_close(found, formula(x, radius), 1e-12)
        assert_close(
            dx, numeric_gradient(lambda x, r=radius: float(formula(x, r).sum()), [x], 0), 1e-6, 1e-8
        )


def test_dilation_and_erosion_follow_their_definitions():
    x, w = draw(2, 5, 4, 2), draw(2, 3, 2)
    out, met = loops.places((5, 4), (2, 3), (2, 1), "SAME", (1, 1))
    largest, least = np.full((2, *out, 2), -np.inf), np.full((2, *out, 2), np.inf)
    turned = w[::-1, ::-1]
    for at, tap, place in met:
        largest[:, *at] = np.maximum(largest[:, *at], x[:, *place] + w[tap])
        least[:, *at] = np.minimum(least[:, *at], x[:, *place] - turned[tap])
    arguments = ([1, 2, 1, 1], "SAME", "NHWC", [1, 1, 1, 1])
    value, derivatives = gradients(lambda x, w: tf.nn.dilation2d(x, w, *arguments), x, w)
    assert_close(value, largest, 1e-12)
    assert_close(tf.nn.erosion2d(x, w, *arguments), least, 1e-12)
    for i in range(2):
        expected = numeric_gradient(
            lambda *a: float(tf.reduce_sum(tf.nn.dilation2d(*a, *arguments))), [x, w], i
        )
        assert_close(derivatives[i], expected, 1e-6, 1e-8)


# --- what errors say --------------------------------------------------------------------------------

IMAGE, FILTERS = np.ones((1, 5, 4, 3), np.float32), np.ones((2, 2, 3, 4), np.float32)
NN = tf.nn
ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda: NN.max_pool2d(IMAGE[0], 2, 2, "SAME"), InvalidArgumentError,
     r"max_pool2d: an input .* of rank 4 was expected, but shape \(5, 4, 3\).*expand_dims"),
    (lambda: NN.max_pool(IMAGE[0, 0], 2, 2, "SAME"), InvalidArgumentError, "of rank 3 to 5 was expected"),
    (lambda: NN.avg_pool(IMAGE.astype(np.int32), 2, 2, "SAME"), InvalidArgumentError,
     "avg_pool works on float"),
    (lambda: NN.max_pool(IMAGE, 6, 2, "VALID"), InvalidArgumentError,
     "max_pool: a window of 6 places does not fit"),
    (lambda: NN.max_pool(IMAGE, [1, 2, 2, 3], 2, "VALID"), ValueError, "max_pool: ksize"),
    (lambda: NN.pool(IMAGE, 2, "max"), ValueError, "'MAX' or 'AVG', not 'max'"),
    (lambda: NN.max_pool_with_argmax(IMAGE, 2, 2, "SAME", "NCHW"), ValueError, "must be 'NHWC'"),
    (lambda: NN.max_pool_with_argmax(IMAGE, 2, 2, "SAME", output_dtype=tf.float32), ValueError,
     "int32 or int64"),
    (lambda: NN.lrn(IMAGE[0]), InvalidArgumentError, r"\(batch, height, width, channels\) was expected"),
    (lambda: NN.lrn(IMAGE, -1), ValueError, "depth_radius must be 0 or more, not -1"),
    (lambda: NN.dilation2d(IMAGE, FILTERS, 1, "SAME", "NHWC", 1), InvalidArgumentError, "the same channels"),
    (lambda: NN.dilation2d(IMAGE, FILTERS[..., 0], 1, "SAME", "NCHW", 1), ValueError,
     "must be 'NHWC', not 'NCHW'"),
    (lambda: NN.dilation2d(tf.constant(IMAGE), tf.zeros([2, 2, 3], tf.float64), 1, "SAME", "NHWC", 1),
     InvalidArgumentError, "dilation2d: tensors of one dtype"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[text for _, _, text in ERRORS])
def test_errors_say_what_was_given_expected_and_the_fix(
    call: Any, kind: type[Exception], text: str
):
    with pytest.raises(kind, match=text):
        call()


def test_a_graph_needs_the_sizes_that_dilation_loops_over():
    trace = tf.function(lambda x: tf.nn.dilation2d(x, FILTERS[..., 0], 1, "SAME", "NHWC", 1))
    with pytest.raises(
        InvalidArgumentError, match=r"height and width must be known .* input_signature"
    ):
        trace.get_concrete_function(tf.TensorSpec([1, None, 4, 3]))


def test_the_primitive_itself_refuses_another_rank():
    how = {"strides": (1, 1), "padding": "SAME", "dilations": (1, 1), "window": (2, 2)}
    with pytest.raises(
        InvalidArgumentError, match=r"max_pool: an input .* of rank 4 .* \(5, 4, 3\)"
    ):
        registry["max_pool"].spec(tf.TensorSpec([5, 4, 3]), **how)
