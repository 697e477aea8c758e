"""Native kernels of convolution and pooling against NumPy's, which test_registry checks against loops."""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine as tf
from engine.dispatch import registry
from engine.graph.native import machine, threads, vectors
from engine.graph.native.windows import FEWEST, KERNELS, in_place, turns
from engine.spec import TensorSpec
from tests.engine.oracle import assert_close
from tests.engine.samples_conv import conv as conv_by_loops

MARGIN = 64  # elements around each array that nobody may use


def spec_of(array: np.ndarray) -> TensorSpec:
    return TensorSpec(array.shape, tf.as_dtype(array.dtype))


def guarded(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A copy with NaN before and after it, and the whole."""
    whole = np.full(array.size + 2 * MARGIN, np.nan, array.dtype)
    inner = whole[MARGIN:-MARGIN].reshape(array.shape)
    inner[...] = array
    return inner, whole


def written(name: str, inputs: list[np.ndarray], how: dict[str, Any]) -> str | None:
    specs = [spec_of(array) for array in inputs]
    return KERNELS[name](specs, how, registry[name].spec(*specs, **how))


def native(name: str, inputs: list[np.ndarray], how: dict[str, Any]) -> np.ndarray:
    """What the native kernel makes of the inputs; fails where there is none."""
    specs = [spec_of(array) for array in inputs]
    output = registry[name].spec(*specs, **how)
    text = KERNELS[name](specs, how, output)
    assert text is not None, f"no kernel of {name} for {specs} {how}"
    built = machine.build(
        text, [*(spec.dtype for spec in specs), output.dtype], 1, name, vectorize=False
    )
    dims = tuple(output.dims or ())
    result, whole = guarded(np.full(dims, np.nan, output.dtype.as_numpy_dtype))
    given_ = [guarded(array)[0] for array in inputs]
    before = [array.tobytes() for array in given_]
    built.call(*given_, result)
    assert np.isnan(whole[:MARGIN]).all() and np.isnan(whole[-MARGIN:]).all(), "wrote outside"
    assert [array.tobytes() for array in given_] == before, "changed an input"
    again = np.full(dims, 7, result.dtype)
    built.call(*given_, again)  # nothing is left over from the first call
    assert again.tobytes() == result.tobytes()
    return result


def by_numpy(name: str, inputs: list[np.ndarray], how: dict[str, Any]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return registry[name].kernel(np, *inputs, **how)


# --- convolution ------------------------------------------------------------------------------------


def settings_of(strides: Any, padding: Any = "VALID", dilations: Any = None) -> dict[str, Any]:
    return {
        "strides": strides,
        "padding": padding,
        "dilations": dilations or (1,) * len(strides),
    }


CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((3, 28, 28, 1), (3, 3, 1, 32), settings_of((1, 1))),
    ((2, 13, 13, 32), (3, 3, 32, 64), settings_of((1, 1))),
    ((2, 9, 11, 6), (3, 3, 6, 17), settings_of((1, 1), "SAME")),
    ((2, 9, 8, 5), (3, 2, 5, 7), settings_of((2, 3), "SAME")),
    ((1, 12, 31, 4), (2, 3, 4, 40), settings_of((3, 2))),
    ((2, 11, 12, 4), (3, 2, 4, 20), settings_of((1, 1), "SAME", (2, 3))),
    ((2, 11, 12, 4), (3, 2, 4, 20), settings_of((2, 2), ((1, 2), (0, 3)), (2, 1))),
    ((1, 7, 7, 40), (1, 1, 40, 50), settings_of((2, 2))),
    ((2, 5, 70, 8), (1, 5, 8, 24), settings_of((1, 1), "SAME")),
    ((1, 2, 3, 4), (5, 5, 4, 4), settings_of((1, 1), "SAME")),  # windows larger than the image
    ((2, 4, 4, 4), (2, 2, 4, 5), settings_of((3, 3))),  # what lies between windows is not read
    ((2, 90, 16), (5, 16, 12), settings_of((1,), "SAME")),
    ((3, 21, 8), (3, 8, 33), settings_of((2,), ((3, 0),), (2,))),
    ((1, 60, 90, 16), (3, 3, 16, 16), settings_of((1, 1))),  # more rows than fit a block
    ((2, 9, 10, 21), (3, 3, 1, 21), settings_of((1, 1), "SAME")),  # a filter a channel
    ((2, 9, 10, 16), (3, 2, 1, 16), settings_of((2, 3), "SAME", (2, 1))),
    ((2, 11, 40), (4, 1, 40), settings_of((3,), ((2, 1),))),
    ((1, 6, 7, 5), (2, 2, 1, 5), settings_of((3, 1))),
]
each_convolution = pytest.mark.parametrize(("x", "w", "how"), CONVOLUTIONS, ids=str)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def three_calls(
    x_dims: tuple[int, ...], w_dims: tuple[int, ...], how: dict[str, Any], dtype: Any, seed: int = 3
) -> list[tuple[str, list[np.ndarray]]]:
    """The convolution and its two cotangents."""
    rng = np.random.default_rng(seed)
    x, w = (rng.standard_normal(dims).astype(dtype) for dims in (x_dims, w_dims))
    dy = rng.standard_normal(by_numpy("conv", [x, w], how).shape).astype(dtype)
    return [
        ("conv", [x, w]),
        ("conv_backprop_input", [dy, w, x]),
        ("conv_backprop_filter", [x, dy, w]),
    ]


def compare(name: str, inputs: list[np.ndarray], how: dict[str, Any]) -> None:
    expected = by_numpy(name, [array.astype(np.float64) for array in inputs], how)
    tolerance = 3e-6 if inputs[0].dtype == np.float32 else 1e-14
    scale = tolerance * np.abs(expected).max(initial=1.0)
    assert_close(native(name, inputs, how), expected, tolerance, scale, name)


@each_dtype
@each_convolution
def test_convolutions_are_those_of_numpy_but_for_rounding(x: Any, w: Any, how: Any, dtype: Any):
    for name, inputs in three_calls(x, w, how, dtype):
        if name == "conv_backprop_input" and x[-1] < FEWEST:
            assert written(name, inputs, how) is None
        else:
            compare(name, inputs, how)


@pytest.mark.parametrize("size", [(32, 16), (16, 32), (16, 16)], ids=str)
@pytest.mark.parametrize(("x", "w", "how"), CONVOLUTIONS[1:7], ids=str)
def test_processors_with_fewer_or_shorter_registers(
    x: Any, w: Any, how: Any, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vectors, "registers", lambda: size)
    for name, inputs in three_calls(x, w, how, np.float32):
        compare(name, inputs, how)


def test_a_convolution_is_the_sum_of_its_terms():
    x, w, how = (1, 6, 5, 3), (3, 2, 3, 6), settings_of((2, 1), "SAME", (1, 2))
    rng = np.random.default_rng(5)
    inputs = [rng.standard_normal(x), rng.standard_normal(w)]
    assert_close(native("conv", inputs, how), conv_by_loops(*inputs, **how), 1e-13, 1e-13)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_convolutions_of_any_size(data: st.DataObject):
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    window, strides, dilations = ((draw(1, k), draw(1, k)) for k in (4, 3, 2))
    room = [(k - 1) * d + 1 for k, d in zip(window, dilations, strict=True)]
    sizes = tuple(draw(least, 20) for least in room)
    x, w = (draw(1, 3), *sizes, draw(1, 9)), (*window, 0, draw(4, 37))
    w = (*window, x[-1], w[-1])
    padding = data.draw(st.sampled_from(["VALID", "SAME", ((0, 1), (2, 0))]))
    how = settings_of(strides, padding, dilations)
    for name, inputs in three_calls(x, w, how, np.float32, draw(0, 99)):
        if written(name, inputs, how) is not None:
            compare(name, inputs, how)


def test_infinity_and_nan_stay_where_they_are():
    """Zeros of the padding are not multiplied in the two that are read by windows."""
    how = settings_of((1, 1), "SAME")
    rng = np.random.default_rng(6)
    x, w = rng.standard_normal((1, 6, 6, 4)), rng.standard_normal((3, 3, 4, 8))
    x[0, 0, 0, 0], x[0, 5, 3, 1] = np.inf, np.nan
    got, expected = native("conv", [x, w], how), by_numpy("conv", [x, w], how)
    assert (np.isfinite(got) == np.isfinite(expected)).all()
    assert (np.isnan(got) == np.isnan(expected)).all()


@pytest.mark.parametrize(
    ("x", "w", "how"),
    [
        ((2, 4, 3, 4), (2, 1, 2, 4), settings_of((1, 1))),  # groups of two channels
        ((2, 4, 3, 4), (2, 1, 1, 8), settings_of((1, 1))),  # two filters a channel
        ((1, 9, 9, 4), (7, 7, 1, 4), settings_of((1, 1))),  # too many weights for registers
        ((1, 3, 3, 3, 2), (2, 2, 2, 2, 4), settings_of((1, 1, 1))),  # three axes
        ((1, 4, 4, 2), (2, 2, 2, 3), settings_of((1, 1))),  # few filters
    ],
    ids=str,
)
def test_what_has_no_kernel(x: Any, w: Any, how: Any):
    for name, inputs in three_calls(x, w, how, np.float32):
        assert written(name, inputs, how) is None


def test_sizes_must_be_known_and_numbers_floats_of_32_or_64_bits():
    how = settings_of((1, 1))

    def kernel(dims: list[int | None], dtype: tf.DType) -> str | None:
        x, w = TensorSpec(dims, dtype), TensorSpec([3, 3, 4, 8], dtype)
        return KERNELS["conv"]([x, w], how, registry["conv"].spec(x, w, **how))

    assert kernel([2, 8, 8, 4], tf.float32) and kernel([2, 8, 8, 4], tf.float64)
    assert kernel([None, 8, 8, 4], tf.float32) is None
    assert kernel([0, 8, 8, 4], tf.float32) is None
    assert kernel([2, 8, 8, 4], tf.float16) is None
    assert kernel([2, 8, 8, 4], tf.int32) is None


def test_the_text_of_a_kernel_is_always_the_same():
    for name, inputs in three_calls(*CONVOLUTIONS[3], np.float32):
        assert written(name, inputs, CONVOLUTIONS[3][2]) == written(
            name, inputs, CONVOLUTIONS[3][2]
        )


def test_how_much_work_a_kernel_is():
    x, w, how = CONVOLUTIONS[1]
    for name, inputs in three_calls(x, w, how, np.float32):
        specs = [spec_of(array) for array in inputs]
        products = 2 * 11 * 11 * 9 * 32 * 64
        assert turns(name, specs, registry[name].spec(*specs, **how)) == products
    image = TensorSpec([2, 4, 6, 3], tf.float32)
    assert turns("max_pool", [image], TensorSpec([2, 2, 3, 3], tf.float32)) == 2 * 4 * 6 * 3
    assert turns("max_pool", [TensorSpec([None, 4], tf.float32)], image) == 0


def test_two_threads_may_run_one_kernel_at_once():
    """What a kernel needs inside belongs to the call."""
    x, w, how = (4, 30, 30, 16), (3, 3, 16, 64), settings_of((1, 1), "SAME")
    name, inputs = three_calls(x, w, how, np.float32)[1]
    specs = [spec_of(array) for array in inputs]
    text = KERNELS[name](specs, how, registry[name].spec(*specs, **how))
    assert text is not None
    kernel = machine.build(text, [tf.float32] * 4, 1, name, 1 << 30, vectorize=False).call
    halves = [inputs, [inputs[0], inputs[1] * 2, inputs[2]]]
    expected = [np.empty(x, np.float32) for _ in halves]
    for arrays, result in zip(halves, expected, strict=True):
        kernel(*arrays, result)
    found: list[bool] = []

    def work(k: int) -> None:
        result = np.empty(x, np.float32)
        for _ in range(20):
            kernel(*halves[k], result)
            found.append(result.tobytes() == expected[k].tobytes())

    runners = [threading.Thread(target=work, args=(k,)) for k in (0, 1)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert found == [True] * 40


# --- pooling ----------------------------------------------------------------------------------------

POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 26, 26, 32), {"window": (2, 2), **settings_of((2, 2))}),
    ((2, 11, 11, 64), {"window": (2, 2), **settings_of((2, 2))}),
    ((2, 10, 11, 5), {"window": (3, 3), **settings_of((2, 2), "SAME")}),
    ((2, 9, 8, 21), {"window": (3, 2), **settings_of((1, 1), "SAME", (2, 1))}),
    ((2, 9, 8, 21), {"window": (4, 3), **settings_of((1, 2), "SAME")}),
    ((2, 10, 11, 3), {"window": (2, 2), **settings_of((3, 4))}),
    ((1, 7, 6, 1), {"window": (3, 2), **settings_of((2, 1), ((1, 2), (1, 0)))}),
    ((2, 17, 19), {"window": (3,), **settings_of((2,), "SAME")}),
    ((1, 1, 1, 8), {"window": (2, 3), **settings_of((1, 1), "SAME")}),
]


def pool_calls(
    dims: tuple[int, ...], how: dict[str, Any], dtype: Any
) -> list[tuple[str, list[np.ndarray], dict[str, Any]]]:
    """Every kernel, on numbers of which many are equal."""
    rng = np.random.default_rng(9)
    x = rng.integers(-3, 4, dims).astype(dtype) / 4
    y = by_numpy("max_pool", [x], how)
    dy = rng.standard_normal(y.shape).astype(dtype)
    sums = [
        (name, inputs, {**how, "mean": mean})
        for name, inputs in (("window_sum", [x * 1.1]), ("window_spread", [dy, x]))
        for mean in (True, False)
    ]
    return [("max_pool", [x], how), ("max_pool_backprop", [dy, x, y], how), *sums]


@each_dtype
@pytest.mark.parametrize(("dims", "how"), POOLS, ids=str)
def test_pools_are_those_of_numpy_to_the_last_bit(dims: Any, how: Any, dtype: Any):
    for name, inputs, attrs in pool_calls(dims, how, dtype):
        assert_close(native(name, inputs, attrs), by_numpy(name, inputs, attrs), 0, 0, name)


def test_nan_is_the_largest_and_gets_the_cotangent():
    how = {"window": (2, 2), **settings_of((2, 2))}
    x = np.zeros((1, 4, 4, 20))
    x[0, 1, 0, ::3] = np.nan
    x[0, 2:, 2:, 5] = -np.inf
    y = by_numpy("max_pool", [x], how)
    assert_close(native("max_pool", [x], how), y, 0, 0)
    dy = np.arange(1.0, 1 + y.size).reshape(y.shape)
    dy[0, 0, 1, 0] = np.inf  # and it is not multiplied by anything
    assert_close(
        native("max_pool_backprop", [dy, x, y], how),
        by_numpy("max_pool_backprop", [dy, x, y], how), 0, 0,
    )  # fmt: skip


def test_windows_that_lie_in_the_padding_alone_have_no_kernel():
    how = {"window": (2, 2), **settings_of((2, 2), ((2, 0), (0, 0)))}
    x = np.ones((1, 4, 4, 8))
    assert written("max_pool", [x], how) is None
    assert written("window_sum", [x], {**how, "mean": True}) is None


@pytest.mark.parametrize(("dims", "how"), POOLS, ids=str)
def test_a_cotangent_may_be_handed_back_in_place_where_windows_cover_all_once(dims: Any, how: Any):
    name, inputs, _ = pool_calls(dims, how, np.float32)[1]
    specs = [spec_of(array) for array in inputs]
    expected = by_numpy(name, inputs, how)
    allowed = in_place(name, specs, how, specs[1])
    assert allowed == ((1,) if dims == (2, 26, 26, 32) else ())
    if allowed:
        text = written(name, inputs, how)
        assert text is not None
        kernel = machine.build(text, [tf.float32] * 4, 1, name, vectorize=False).call
        kernel(*inputs, inputs[1])
        assert_close(inputs[1], expected, 0, 0)


def test_nothing_else_is_computed_in_place():
    for name, inputs, attrs in pool_calls(*POOLS[0], np.float32):
        specs = [spec_of(array) for array in inputs]
        output = registry[name].spec(*specs, **attrs)
        assert in_place(name, specs, attrs, output) == ((1,) if name == "max_pool_backprop" else ())


# --- threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 16])
@pytest.mark.parametrize(("x", "w", "how"), CONVOLUTIONS[::2], ids=str)
def test_several_threads_compute_the_same(
    x: Any, w: Any, how: Any, count: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(threads, "cores", lambda: count)
    monkeypatch.setattr(threads, "LEAST", 1)
    x = (7, *x[1:])
    for name, inputs in three_calls(x, w, how, np.float32):
        text = written(name, inputs, how)
        if text is not None:
            assert ("pthread_create" in text) == (w[-2] == x[-1])
            compare(name, inputs, how)


def test_threads_are_for_long_work_and_no_more_than_there_are_processors(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(threads, "cores", lambda: 4)
    assert threads.threads_for(10**6, 32) == 1
    assert threads.threads_for(3 * threads.LEAST, 32) == 3
    assert threads.threads_for(10**12, 32) == 4
    assert threads.threads_for(10**12, 2) == 2
    monkeypatch.undo()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
        assert threads.cores() == 1
        monkeypatch.setenv(name, "many")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert threads.cores() == (3 if sys.platform.startswith(("linux", "darwin")) else 1)
    monkeypatch.setattr(threads.sys, "platform", "win32")
    assert threads.cores() == 1
