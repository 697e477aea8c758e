"""Convolution as tf.nn offers it: layouts, groups, blocks, unknown sizes, and what errors say.

`samples_conv` has the loops that are the oracle here; `test_registry` runs them over every primitive.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine as tf
from engine.errors import InvalidArgumentError
from engine.ops import windows
from tests.engine import samples_conv as loops
from tests.engine.oracle import assert_close, gradients, numeric_gradient

RNG = np.random.default_rng(41)
LETTERS = {1: "W", 2: "HW", 3: "DHW"}


def draw(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def to_first(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -1, 1)


# (spatial sizes, window, strides, padding, dilations, channels, channels of a filter, filters)
SETTINGS: list[tuple[Any, ...]] = [
    ((7,), (3,), (2,), "SAME", (1,), 2, 2, 3),
    ((9,), (3,), (2,), ((1, 0),), (2,), 4, 2, 2),
    ((5, 6), (3, 2), (1, 1), "SAME", (1, 1), 3, 3, 2),
    ((5, 6), (2, 3), (2, 3), "VALID", (1, 1), 2, 2, 3),
    ((6, 5), (3, 2), (2, 1), ((2, 1), (0, 3)), (1, 2), 2, 1, 4),
    ((4, 4), (1, 1), (2, 1), "SAME", (1, 1), 3, 3, 2),
    ((4, 5), (2, 2), (3, 3), ((1, 0), (1, 1)), (1, 1), 1, 1, 2),
    ((3, 4, 3), (2, 2, 1), (1, 2, 1), "SAME", (1, 1, 1), 2, 2, 2),
    (
        (11, 12),
        (3, 3),
        (1, 1),
        "SAME",
        (1, 1),
        9,
        9,
        2,
    ),  # so large that slices of windows are shared
    ((13, 23), (2, 3), (1, 2), ((0, 1), (2, 0)), (2, 1), 5, 5, 1),
]


def written(padding: Any, first: bool = False) -> Any:
    """The padding as a caller writes it."""
    if isinstance(padding, str):
        return padding
    rows = [list(pair) for pair in padding]
    return [[0, 0], [0, 0], *rows] if first else [[0, 0], *rows, [0, 0]]


each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: " ".join(map(str, s)))


@each_setting
@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
def test_convolution_is_the_sum_of_its_terms(setting: tuple[Any, ...], first: bool):
    sizes, window, strides, padding, dilations, channels, taken, made = setting
    n = len(sizes)
    x, w = draw(2, *sizes, channels), draw(*window, taken, made)
    expected = loops.conv(x, w, strides=strides, padding=padding, dilations=dilations)
    settings = {"padding": written(padding, first), "dilations": list(dilations)}
    settings["data_format"] = f"NC{LETTERS[n]}" if first else f"N{LETTERS[n]}C"
    of = to_first if first else np.asarray
    own = getattr(tf.nn, f"conv{n}d")
    assert_close(own(of(x), w, list(strides), **settings), of(expected), 1e-12, 1e-13)
    full = [1, 1, *strides] if first else [1, *strides, 1]
    assert_close(own(of(x), w, full, **settings), of(expected), 1e-12, 1e-13)
    assert_close(tf.nn.convolution(of(x), w, strides, **settings), of(expected), 1e-12, 1e-13)


@each_setting
@pytest.mark.parametrize("block", [1, 600, 9000], ids=["a row a block", "several", "a few"])
def test_blocks_change_no_number(setting: tuple[Any, ...], block: int, monkeypatch: Any):
    """Of the convolution and both its derivatives, of pooling and its derivatives."""
    sizes, window, strides, padding, dilations, channels, taken, made = setting
    x, w = draw(3, *sizes, channels), draw(*window, taken, made)
    settings = {"padding": written(padding), "dilations": dilations}

    def everything() -> list[Any]:
        found: list[Any] = []
        for function, inputs in (
            (lambda x, w: tf.nn.convolution(x, w, strides, **settings), (x, w)),
            (lambda x: tf.nn.pool(x, window, "MAX", strides, **settings), (x,)),
            (lambda x: tf.nn.pool(x, window, "AVG", strides, **settings), (x,)),
        ):
            value, derivatives = gradients(function, *inputs)
            found += [value, *derivatives]
        return found

    whole = everything()
    monkeypatch.setattr(windows, "BLOCK", block)
    for one, other in zip(everything(), whole, strict=True):
        assert_close(one, other, 1e-12, 1e-13)


def test_images_with_more_batch_axes_than_one():
    x, w = draw(2, 3, 5, 4, 2), draw(3, 3, 2, 4)
    y = tf.nn.conv2d(x, w, 1, "SAME")
    one_by_one = [
        [loops.conv(x[i, j][None], w, **loops.how((1, 1), "SAME"))[0] for j in range(3)]
        for i in range(2)
    ]
    assert_close(y, np.array(one_by_one), 1e-12, 1e-13)
    line = tf.nn.conv1d(draw(2, 0, 5, 3), draw(2, 3, 4), 1, "VALID")
    assert line.shape == (2, 0, 4, 4)
    unknown = tf.function(
        lambda x: tf.nn.conv2d(x, w, 1, "SAME"),
        input_signature=[tf.TensorSpec([None, None, None, 4, 2], tf.float64)],
    )
    assert_close(unknown(x), y, 1e-12)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_small_floats_are_added_up_in_32_bits(dtype: tf.DType):
    x, w = tf.cast(draw(1, 6, 6, 32), dtype), tf.cast(draw(3, 3, 32, 4), dtype)
    wide = tf.nn.conv2d(tf.cast(x, tf.float32), tf.cast(w, tf.float32), 1, "SAME")
    found = tf.nn.conv2d(x, w, 1, "SAME")
    assert found.dtype is dtype
    assert_close(tf.cast(found, tf.float32), tf.cast(tf.cast(wide, dtype), tf.float32), 0)
    mean = tf.nn.avg_pool2d(x, 5, 1, "VALID")
    exact = tf.nn.avg_pool2d(tf.cast(x, tf.float32), 5, 1, "VALID")
    assert_close(tf.cast(mean, tf.float32), tf.cast(tf.cast(exact, dtype), tf.float32), 0)


def test_integers_are_convolved_exactly():
    x = RNG.integers(-9, 9, (2, 5, 5, 3)).astype(np.int32)
    w = RNG.integers(-9, 9, (3, 3, 3, 2)).astype(np.int32)
    y = tf.nn.conv2d(x, w, 2, "SAME")
    assert y.dtype is tf.int32
    assert_close(y, loops.conv(x, w, **loops.how((2, 2), "SAME")).astype(np.int32))


def test_depthwise_and_separable_follow_their_definitions():
    x, deep, point = draw(2, 5, 4, 3), draw(3, 2, 3, 2), draw(1, 1, 6, 4)
    parts = [
        loops.conv(x[..., [c]], deep[:, :, [c]], **loops.how((2, 1), "SAME")) for c in range(3)
    ]
    each = np.concatenate(parts, -1)
    assert_close(tf.nn.depthwise_conv2d(x, deep, [1, 2, 1, 1], "SAME"), each, 1e-12, 1e-13)
    mixed = np.einsum("bijk,kf->bijf", each, point[0, 0])
    found = tf.nn.separable_conv2d(x, deep, point, [1, 2, 1, 1], "SAME")
    assert_close(found, mixed, 1e-12, 1e-13)
    first = tf.nn.separable_conv2d(to_first(x), deep, point, [1, 1, 2, 1], "SAME", "NCHW")
    assert_close(first, to_first(mixed), 1e-12, 1e-13)
    for i, inputs in itertools.product(range(3), [(x, deep, point)]):
        _, derivatives = gradients(
            lambda *a: tf.reduce_sum(tf.sin(tf.nn.separable_conv2d(*a, [1, 2, 1, 1], "SAME"))),
            *inputs,
        )
        expected = numeric_gradient(
            lambda *a: float(tf.reduce_sum(tf.sin(tf.nn.separable_conv2d(*a, [1, 2, 1, 1], "SAME")))),
            inputs, i,
        )  # fmt: skip
        assert_close(derivatives[i], expected, 1e-6, 1e-7)


def test_atrous_is_dilated():
    x, w = draw(1, 6, 6, 2), draw(2, 3, 2, 2)
    y = tf.nn.atrous_conv2d(x, w, 2, "SAME")
    assert_close(y, loops.conv(x, w, **loops.how((1, 1), "SAME", (2, 2))), 1e-12, 1e-13)
    back = tf.nn.atrous_conv2d_transpose(y, w, [1, 6, 6, 2], 2, "SAME")
    expected = loops.conv_input(y.numpy(), w, x, **loops.how((1, 1), "SAME", (2, 2)))
    assert_close(back, expected, 1e-12, 1e-13)


# --- transposed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s[5] == s[6]], ids=lambda s: str(s))
@pytest.mark.parametrize("first", [False, True], ids=["channels last", "channels first"])
def test_transposed_convolution_is_the_adjoint(setting: tuple[Any, ...], first: bool):
    sizes, window, strides, padding, dilations, channels, _, made = setting
    n = len(sizes)
    how = {"strides": strides, "padding": padding, "dilations": dilations}
    w, like = draw(*window, channels, made), np.zeros((2, *sizes, channels))
    y = draw(*loops.conv(like, w, **how).shape)
    expected = loops.conv_input(y, w, like, **how)
    of = to_first if first else np.asarray
    settings = {"padding": written(padding, first), "dilations": dilations}
    settings["data_format"] = f"NC{LETTERS[n]}" if first else f"N{LETTERS[n]}C"
    shape = list(of(like).shape)
    for name in (f"conv{n}d_transpose", "conv_transpose"):
        found = getattr(tf.nn, name)(of(y), w, shape, strides, **settings)
        assert_close(found, of(expected), 1e-12, 1e-13, name)


def test_an_output_shape_may_be_known_only_when_the_graph_runs():
    w = draw(3, 3, 2, 4)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 5, 4], tf.float64)])
    def double(x: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d_transpose(x, w, [tf.shape(x)[0], 2 * tf.shape(x)[1], 10, 2], 2)

    assert double.get_concrete_function().graph.specs[-1].dims == (None, None, 10, 2)
    for rows in (1, 4):
        x = draw(3, rows, 5, 4)
        assert_close(double(x), tf.nn.conv2d_transpose(x, w, [3, 2 * rows, 10, 2], 2), 1e-13)
    with pytest.raises(InvalidArgumentError, match="holds 3 examples, but output_shape asks for 2"):
        tf.nn.conv2d_transpose(x, w, [2, 8, 10, 2], 2)


# --- sizes ------------------------------------------------------------------------------------------


@given(
    size=st.integers(0, 12), k=st.integers(1, 4), s=st.integers(1, 4), d=st.integers(1, 3),
    pair=st.tuples(st.integers(0, 4), st.integers(0, 4)), named=st.sampled_from(["SAME", "VALID", None]),
)  # fmt: skip
def test_windows_are_where_their_definition_puts_them(
    size: int, k: int, s: int, d: int, pair: tuple[int, int], named: str | None
):
    padding: Any = named or (pair,)
    how = {"strides": (s,), "padding": padding, "dilations": (d,)}
    room = size + (sum(pair) if named is None else 0)
    if named != "SAME" and room < (k - 1) * d + 1:
        with pytest.raises(InvalidArgumentError, match="does not fit spatial axis 0"):
            windows.counts("conv1d", (size,), (k,), **how)
        return
    (count,) = windows.counts("conv1d", (size,), (k,), **how)
    out, met = loops.places((size,), (k,), (s,), padding, (d,))
    assert (count,) == out
    ((before, after),) = windows.amounts(padding, (size,), (k,), (s,), (d,))
    assert before + size + after >= (count - 1) * s + (k - 1) * d + 1 or count == 0
    found = []
    for t in range(k):
        to, source = windows.reach(size, count, t * d - before, s)
        found += [
            ((o,), (t,), (i,)) for o, i in zip(range(count)[to], range(size)[source], strict=True)
        ]
    assert sorted(found) == sorted(met)


def test_shapes_are_inferred_while_tracing():
    w = tf.zeros([3, 3, 1, 8])
    seen = []

    @tf.function(input_signature=[tf.TensorSpec([None, 28, None, 1])])
    def network(x: tf.Tensor) -> tf.Tensor:
        for y in (
            tf.nn.conv2d(x, w, 2, "SAME"),
            tf.nn.conv2d(x, w, 1, "VALID"),
            tf.nn.max_pool2d(x, 2, 2, "VALID"),
            tf.nn.avg_pool2d(x, 3, 2, "SAME"),
            tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"),
            tf.nn.max_pool_with_argmax(x, 2, 2, "SAME").argmax,
        ):
            seen.append(y.shape.as_list())
        return y

    assert network(tf.zeros([2, 28, 9, 1])).shape == (2, 14, 5, 1)
    assert seen == [
        [None, 14, None, 8], [None, 26, None, 8], [None, 14, None, 1], [None, 14, None, 1],
        [None, 28, None, 8], [None, 14, None, 1],
    ]  # fmt: skip


def test_the_gradient_of_a_gradient_trains_on_images():
    """A penalty on the gradient, as for GANs: the loss holds a derivative, and is differentiated again."""
    x, w = draw(2, 6, 6, 1), draw(3, 3, 1, 2)

    def penalty(w: Any) -> tf.Tensor:
        images, filters = tf.constant(x), tf.convert_to_tensor(w)
        with tf.GradientTape() as tape:
            tape.watch(images)
            y = tf.nn.avg_pool2d(tf.tanh(tf.nn.conv2d(images, filters, 2, "SAME")), 2, 1, "VALID")
        return tf.reduce_sum(tape.gradient(y, images) ** 2)

    _, (dw,) = gradients(penalty, w)
    assert_close(dw, numeric_gradient(lambda w: float(penalty(w)), [w], 0), 1e-6, 1e-8)


# --- what errors say --------------------------------------------------------------------------------

IMAGE, FILTERS = np.ones((1, 5, 4, 3), np.float32), np.ones((2, 2, 3, 4), np.float32)
SMALL = np.ones((1, 3, 2, 4), np.float32)
NN = tf.nn
ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda: NN.conv2d(IMAGE[0], FILTERS, 1, "SAME"), InvalidArgumentError,
     r"conv2d: an input \(batch, 2 spatial axes, channels\) .*"
     r"shapes \(5, 4, 3\) and \(2, 2, 3, 4\).*expand_dims"),
    (lambda: NN.conv2d(IMAGE, FILTERS[:, :, :2], 1, "SAME"), InvalidArgumentError,
     r"has 3 channels, but the filters of shape \(2, 2, 2, 4\) take 2\. The two must be equal, or"),
    (lambda: NN.conv2d(IMAGE, FILTERS[:, :, :1], 1, "SAME"), InvalidArgumentError,
     "3 channels in groups of 1 make 3 groups, but 4 filters .* Take a multiple of 3"),
    (lambda: NN.conv2d(tf.constant(IMAGE), tf.cast(FILTERS, tf.float64), 1, "SAME"), InvalidArgumentError,
     "conv2d: tensors of one dtype were expected, but float.* tf.cast"),
    (lambda: NN.conv2d(IMAGE > 0, FILTERS > 0, 1, "SAME"), InvalidArgumentError, "conv2d works on int or"),
    (lambda: NN.conv2d(IMAGE, np.ones((2, 5, 3, 1), np.float32), 1, "VALID"), InvalidArgumentError,
     r"a window of 5 places does not fit spatial axis 1 of \(5, 4\), which has 4\. Take a smaller window"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 1, [[0, 0], [0, 1], [0, 0], [0, 0]], dilations=[2, 4]),
     InvalidArgumentError, r"a window of 5 places \(2, dilated by 4\) does not fit spatial axis 1"),
    (lambda: NN.conv2d(IMAGE, FILTERS, [1, 2, 1], "SAME"), ValueError,
     r"conv2d: strides must be one number, 2 \(one a spatial axis\) or 4 .* but are \[1, 2, 1\]"),
    (lambda: NN.conv2d(IMAGE, FILTERS, [2, 1, 1, 1], "SAME"), ValueError, "only the 2 spatial axes may have"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 0, "SAME"), ValueError, "none below 1"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 1.5, "SAME"), TypeError, "conv2d: strides: a whole number"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 1, "FULL"), ValueError,
     "padding must be 'SAME', 'VALID' or .*'FULL'"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 1, [[0, 0], [1, 1]]), ValueError, "for each of the 4 axes"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 1, [[1, 0], [1, 1], [1, 1], [0, 0]]), ValueError,
     "for batch and channels"),
    (lambda: NN.conv2d(IMAGE, FILTERS, 1, "SAME", "NWC"), ValueError, "must be 'NHWC' or 'NCHW', not 'NWC'"),
    (lambda: NN.conv2d(IMAGE[None], FILTERS, 1, "SAME", "NCHW"), InvalidArgumentError,
     "with data_format='NCHW', an input of rank 4"),
    (lambda: NN.convolution(IMAGE, FILTERS[0, 0]), InvalidArgumentError, "convolution: filters have 1 to 3"),
    (lambda: NN.depthwise_conv2d(IMAGE, FILTERS[:, :, :2], 1, "SAME"), InvalidArgumentError,
     r"has 3 channels, but the filter of shape \(2, 2, 2, 4\) is for 2"),
    (lambda: NN.depthwise_conv2d(IMAGE, FILTERS[0], 1, "SAME"), InvalidArgumentError, "channels, multiplier"),
    (lambda: NN.separable_conv2d(IMAGE, FILTERS, FILTERS, 1, "SAME"), InvalidArgumentError,
     r"a pointwise filter \(1, 1, channels \* multiplier, filters\) was expected"),
    (lambda: NN.separable_conv2d(IMAGE, FILTERS, FILTERS[:1, :1], 1, "SAME"), InvalidArgumentError,
     "makes 12 channels, but the pointwise filter .* takes 3"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS, [1, 7, 4, 3], 2), InvalidArgumentError,
     r"sizes \(7, 4\) does not belong to an input of \(3, 2\).* has \(4, 2\) windows.*: 5 to 6, 3 to 4"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS, [1, 5, 3, 3], 1, "VALID"), InvalidArgumentError,
     "Sizes that fit: 4, 3"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS, [1, 1, 1, 3], 1, "VALID"), InvalidArgumentError,
     r"has \(0, 0\) windows"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS, [5, 4], 1), InvalidArgumentError, "must hold 4 sizes"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS, [1, 6, 4, 4], 2), InvalidArgumentError,
     r"turn 4 channels \(the last axis\) into 3, but the input has 4 channels and output_shape 4"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS, [2, 6, 4, 3], 2), InvalidArgumentError,
     "the input holds 1 examples, but output_shape asks for 2"),
    (lambda: NN.conv2d_transpose(SMALL, FILTERS[0], [1, 6, 4, 3], 2), InvalidArgumentError,
     "channels out, channels in"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=[text for _, _, text in ERRORS])
def test_errors_say_what_was_given_expected_and_the_fix(
    call: Any, kind: type[Exception], text: str
):
    with pytest.raises(kind, match=text):
        call()


def test_derivatives_that_do_not_belong_together_are_refused():
    from engine.dispatch import apply, registry

    how = {"strides": (1, 1), "padding": "SAME", "dilations": (1, 1)}
    x, w, wrong = tf.constant(IMAGE), tf.constant(FILTERS), tf.zeros([1, 2, 2, 4])
    pooled = {**how, "window": (2, 2)}
    for name, inputs, attrs in (
        ("conv_backprop_input", (wrong, w, x), how),
        ("conv_backprop_filter", (x, wrong, w), how),
        ("max_pool_backprop", (wrong, x, x), pooled),
        ("max_pool_pick", (wrong, x, x), pooled),
        ("window_spread", (wrong, x), {**pooled, "mean": True}),
    ):
        with pytest.raises(InvalidArgumentError, match=r"\(1, 2, 2, 4\)"):
            registry[name].spec(*(t.spec for t in inputs), **attrs)
        trace = tf.function(lambda *ts, name=name, attrs=attrs: apply(registry[name], *ts, **attrs))
        with pytest.raises(InvalidArgumentError, match=r"\(1, 2, 2, 4\)"):
            trace(*inputs)
