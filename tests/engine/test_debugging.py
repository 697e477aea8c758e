"""tf.debugging: each check passes what fits, and says what was given, expected and wrong first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf

D = tf.debugging
Invalid = tf.errors.InvalidArgumentError
MODES = pytest.mark.parametrize("traced", [False, True])

VALUES = {
    "assert_equal": (([1, 2], [1, 2]), ([1, 2], [1, 3]), ["x == y", "[1]", "x = 2 and y = 3"]),
    "assert_none_equal": (([1, 2], [3]), ([1, 2], [2]), ["x != y", "[1]"]),
    "assert_less": (([1, 2], 3), ([1, 3], 3), ["x < y", "1 of 2", "x = 3 and y = 3"]),
    "assert_less_equal": (([1, 3], 3), ([4, 5], 3), ["x <= y", "2 of 2", "[0]"]),
    "assert_greater": (([4.0], 3.0), ([3.0], 3.0), ["x > y"]),
    "assert_greater_equal": (([3.0], 3.0), ([float("nan")], 3.0), ["x >= y", "nan"]),
    "assert_positive": (([1.0],), ([[1.0, 0.0]],), ["x > 0", "[0, 1]", "x = 0.0", "(1, 2)"]),
    "assert_negative": (([-1],), ([-1, 1],), ["x < 0", "x = 1"]),
    "assert_non_negative": (([0, 1],), (-1,), ["x >= 0", "The first is x = -1"]),
    "assert_non_positive": (([0, -1],), ([1],), ["x <= 0"]),
    "assert_near": (([1.0], [1.0 + 1e-7]), ([1.0], [1.001]), ["atol + rtol |y|", "y = 1.001"]),
}


def call(check: Any, args: Any, traced: bool, **options: Any) -> None:
    tensors = [tf.constant(value) for value in args]
    specs = [tf.TensorSpec([None] * t.ndim, t.dtype) for t in tensors]

    def body(*xs: Any) -> Any:
        check(*xs, **options)
        return xs[0]

    (tf.function(body, input_signature=specs) if traced else body)(*tensors)


@MODES
@pytest.mark.parametrize("name", list(VALUES))
def test_values(name: str, traced: bool):
    fits, fails, words = VALUES[name]
    call(getattr(D, name), fits, traced)
    with pytest.raises(Invalid) as caught:
        call(getattr(D, name), fails, traced, message="Weights.")
    text = caught.value.message
    assert text.startswith(f"{name}: Weights. ")
    assert [word for word in words if word not in text] == [], text


def test_empty_tensors_fit_and_shapes_must_broadcast():
    D.assert_positive(tf.zeros([0]))
    with pytest.raises(Invalid, match=r"\(2,\) and \(3,\)"):
        D.assert_equal(tf.ones([2]), tf.ones([3]))


def test_tolerances():
    D.assert_near([1.0, 100.0], [1.05, 105.0], rtol=0.06)
    D.assert_near([float("inf")], [float("inf")])
    D.assert_near(tf.constant(1.0, tf.float64), tf.constant(1.0 + 1e-15, tf.float64))
    with pytest.raises(Invalid):
        D.assert_near(tf.constant(1.0, tf.float64), tf.constant(1.0 + 1e-12, tf.float64))
    with pytest.raises(TypeError, match="assert_equal"):
        D.assert_near([1], [1])


@MODES
@pytest.mark.parametrize("name", ["check_numerics", "assert_all_finite"])
def test_finite_numbers(name: str, traced: bool):
    check = getattr(D, name)
    call(check, ([1.0, 2.0],), traced, message="loss")
    with pytest.raises(Invalid) as caught:
        call(check, ([[1.0, np.inf], [np.nan, np.nan]],), traced, message="loss")
    words = [f"{name}: loss", "(2, 2)", "2 NaN and 1 infinite", "[0, 1]: inf"]
    assert [word for word in words if word not in caught.value.message] == []
    with pytest.raises(TypeError, match="always finite"):
        check([1], "loss")


def test_gradients_flow_through_check_numerics():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = D.check_numerics(x * x, "square")
    assert tape.gradient(y, x).numpy() == 6.0


@MODES
def test_ranks(traced: bool):
    call(lambda x: D.assert_rank(x, 2), (np.ones((2, 3)),), traced)
    call(lambda x: D.assert_rank_at_least(x, 1), (np.ones((2, 3)),), traced)
    with pytest.raises(Invalid, match=r"assert_rank: Image\. rank 3 was expected.*rank 2"):
        call(lambda x: D.assert_rank(x, 3, "Image."), (np.ones((2, 3)),), traced)
    with pytest.raises(Invalid, match="rank 3 or more was expected"):
        call(lambda x: D.assert_rank_at_least(x, 3), (np.ones((2, 3)),), traced)


def test_a_rank_that_is_known_only_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec(None)])
    def f(x: Any) -> Any:
        D.assert_rank(x, 1)
        return x

    assert f(tf.ones([2])).shape == (2,)
    with pytest.raises(Invalid, match="rank 1 was expected, but the tensor has rank 2"):
        f(tf.ones([2, 2]))


@MODES
def test_symbols_mean_one_size_across_tensors(traced: bool):
    def check(x: Any, w: Any) -> None:
        D.assert_shapes([(x, ("batch", "units")), (w, ("units", 4))], message="Layer.")

    call(check, (np.ones((5, 3)), np.ones((3, 4))), traced)
    with pytest.raises(Invalid) as caught:
        call(check, (np.ones((5, 2)), np.ones((3, 4))), traced)
    words = [
        "Layer.",
        "tensor 1 has shape (3, 4)",
        "units is 3 at axis 0",
        "2 at axis 1 of tensor 0",
    ]
    assert [word for word in words if word not in caught.value.message] == [], caught.value.message
    with pytest.raises(Invalid, match="axis 1 has size 5, not 4"):
        call(check, (np.ones((5, 3)), np.ones((3, 5))), traced)


def test_wildcards_in_shapes():
    x = tf.ones([2, 3, 4])
    D.assert_shapes([(x, (..., "N", 4)), (tf.ones([3]), "N"), (x, "...AB"), (x, (None, ".", 4))])
    D.assert_shapes({x.ref(): ("A", 3, 4)})
    with pytest.raises(Invalid, match="rank 3 does not fit"):
        D.assert_shapes([(x, ("A", "B"))])
    with pytest.raises(Invalid, match="N is 4 at axis 2"):
        D.assert_shapes([(tf.ones([3]), "N"), (x, "...N")])


def test_types():
    D.assert_type(tf.constant(1), tf.int32)
    with pytest.raises(TypeError, match=r"Ids\. int64 was expected, but int32 tensor .*tf\.cast"):
        D.assert_type(tf.constant(1), tf.int64, "Ids.")
