"""tf.debugging: each check passes what fits, and says what was given, expected and wrong first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from engine.dispatch import registry

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


@MODES
def test_one_of_several_ranks_and_rank_0(traced: bool):
    call(lambda x: D.assert_rank_in(x, [1, 2]), (np.ones((2, 3)),), traced)
    call(D.assert_scalar, (3.0,), traced)
    with pytest.raises(Invalid, match=r"assert_rank_in: rank 1 or 3 was expected.*tf\.reshape"):
        call(lambda x: D.assert_rank_in(x, (1, 3)), (np.ones((2, 3)),), traced)
    with pytest.raises(Invalid, match=r"assert_scalar: Loss\. rank 0 was expected.*has rank 1"):
        call(lambda x: D.assert_scalar(x, "Loss."), ([1.0],), traced)


def test_a_rank_may_be_a_tensor_but_must_be_whole():
    assert D.assert_scalar(tf.constant(1.5)).numpy() == 1.5
    D.assert_rank(tf.ones([2, 3]), tf.constant(2))
    for rank in (1.5, [1, 2]):
        with pytest.raises(ValueError, match="a rank is a whole number"):
            D.assert_rank(tf.ones([2]), rank)


@pytest.mark.parametrize("error", [ValueError, Invalid, tf.errors.OpError])
def test_a_wrong_shape_is_caught_as_tensorflow_code_does(error: type[Exception]):
    for check in (
        lambda: D.assert_rank(tf.ones([2]), 3),
        lambda: D.assert_shapes([(tf.ones([2]), (3,))]),
    ):
        with pytest.raises(error):
            check()


def test_the_ranks_of_shapes_are_judged_when_the_graph_runs():
    @tf.function(input_signature=[tf.TensorSpec(None), tf.TensorSpec([None, 2])])
    def f(x: Any, y: Any) -> Any:
        D.assert_rank_in(x, [0, 2])
        D.assert_shapes([(x, "...N"), (y, "N.")])
        return x

    assert f(tf.ones([5, 3]), tf.ones([3, 2])).shape == (5, 3)
    with pytest.raises(Invalid, match="rank 0 or 2 was expected, but the tensor has rank 1"):
        f(tf.ones([3]), tf.ones([3, 2]))
    with pytest.raises(Invalid, match="N is 4 at axis 0, but it is 3 at axis 1 of tensor 0"):
        f(tf.ones([5, 3]), tf.ones([4, 2]))


def test_a_shape_may_be_one_size_or_symbol():
    D.assert_shapes([(tf.ones([3]), 3), (tf.ones([3]), "D"), (tf.ones([]), ())])
    with pytest.raises(Invalid, match=r"has shape \(3,\), but \(4\) was expected: axis 0"):
        D.assert_shapes([(tf.ones([3]), 4)])
    with pytest.raises(Invalid, match=r"has shape \(3,\), but \(\., 2\) was expected"):
        D.assert_shapes([(tf.ones([3]), (None, 2))])


def test_the_text_shows_as_much_as_it_is_told():
    x = tf.range(10)
    with pytest.raises(Invalid, match=r"x of shape \(10,\): \[0 1 2 \.\.\. 7 8 9\] and y of shape"):
        D.assert_equal(x, 3)
    with pytest.raises(Invalid, match=r": \[0 \.\.\. 9\]"):
        D.assert_positive(x, summarize=1)
    with pytest.raises(Invalid, match=r"\[0 1 2 3 4 5 6 7 8 9\]"):
        D.assert_negative(x, summarize=-1)


def test_dtypes_must_agree_and_have_an_order():
    with pytest.raises(Invalid, match=r"assert_equal: .*float32 and int32.*tf\.cast"):
        D.assert_equal(tf.constant(1.0), tf.constant(1))
    for value in (True, "a", 1 + 2j):
        with pytest.raises(Invalid, match=r"assert_less works on int or uint or float tensors"):
            D.assert_less(tf.constant(value), tf.constant(value))
        D.assert_equal(tf.constant([value]), tf.constant(value))
    with pytest.raises(Invalid, match=r"x = b'a' and y = b'b'"):
        D.assert_equal(tf.constant("a"), tf.constant("b"))
    with pytest.raises(Invalid, match="assert_positive works on"):
        D.assert_positive(tf.constant(True))


def test_integers():
    D.assert_integer([1, 2])
    D.assert_integer(tf.constant(3, tf.uint8))
    with pytest.raises(TypeError, match=r"assert_integer: Ids\. integers were expected.*tf\.int32"):
        D.assert_integer(tf.constant(1.5), "Ids.")


def test_numeric_tensors():
    yes = [tf.constant(1), tf.constant(1j), tf.Variable(2.0), tf.zeros([0], tf.uint8)]
    assert [D.is_numeric_tensor(x) for x in yes] == [True] * 4
    no = [tf.constant(True), tf.constant("a"), 1, [1.0], np.ones(3), None]
    assert [D.is_numeric_tensor(x) for x in no] == [False] * 6


@pytest.mark.parametrize("good", [[1], (), (tf.ones([2]),), {1, 2}, range(3)])
def test_several_values(good: Any):
    D.assert_proper_iterable(good)


@pytest.mark.parametrize("bad", [tf.ones([2]), np.ones(2), "ab", b"ab", {"a": 1}, 3, None])
def test_one_value_is_not_several(bad: Any):
    with pytest.raises(TypeError, match=r"a list or tuple of values was expected.*in brackets"):
        D.assert_proper_iterable(bad)


def test_one_float_dtype():
    same = D.assert_same_float_dtype
    assert same() is tf.float32 and same([None]) is tf.float32
    assert same([tf.constant(1.0, tf.float64)]) is tf.float64
    assert same([tf.constant(1.0), tf.Variable(2.0)], tf.float32) is tf.float32
    with pytest.raises(ValueError, match=r"float32 was expected, but float64 tensor.*tf\.cast"):
        same([tf.constant(1.0), tf.constant(1.0, tf.float64)])
    with pytest.raises(ValueError, match="a float was expected, but the dtype is int32"):
        same([tf.constant(1)])


def test_order_of_elements():
    assert D.is_strictly_increasing([1, 2, 3]).numpy()
    assert not D.is_strictly_increasing([1, 2, 2]).numpy()
    assert D.is_non_decreasing([1, 2, 2]).numpy() and not D.is_non_decreasing([2, 1]).numpy()


def test_check_numerics_is_an_operation_of_any_order_of_derivative():
    @tf.function
    def cube(x: Any) -> Any:
        return D.check_numerics(x * x * x, "cube")

    x = tf.constant(2.0)
    for body in (cube, cube.python_function):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = body(x)
            first = inner.gradient(y, x)
        assert (first.numpy(), outer.gradient(first, x).numpy()) == (12.0, 12.0)


def test_a_check_does_not_stand_in_the_way_of_a_gradient():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        D.assert_positive(x)
        D.assert_shapes([(x, "N")])
        y = tf.reduce_sum(x * x)
        D.assert_equal(y, 5.0)
    assert tape.gradient(y, x).numpy().tolist() == [2.0, 4.0]


def test_every_public_name_has_a_message_and_a_name_like_tensorflows():
    import inspect

    for name in D.__all__:
        parameters = inspect.signature(getattr(D, name)).parameters
        if name.startswith("assert_") and name not in (
            "assert_proper_iterable",
            "assert_same_float_dtype",
        ):
            assert {"message", "name"} <= set(parameters), name


def test_what_can_be_infinite_is_said_by_the_rule_too():
    with pytest.raises(Invalid, match=r"check_numerics works on float tensors, not on int32"):
        registry["check_numerics"].spec(tf.TensorSpec([], tf.int32), message="")
