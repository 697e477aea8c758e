"""Tensors from Python, NumPy and nothing: which dtype and shape come out, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close

DTYPES = [
    # value, dtype asked for, dtype that comes out, values
    (1, None, "int32", 1),
    (1.0, None, "float32", 1.0),
    (True, None, "bool", True),
    (1j, None, "complex128", 1j),
    ("a", None, "string", b"a"),
    (b"a\x00", None, "string", b"a\x00"),
    ([1, 2], None, "int32", [1, 2]),
    ([1, 2.5], None, "float32", [1.0, 2.5]),
    ((1, 2), None, "int32", [1, 2]),
    (range(3), None, "int32", [0, 1, 2]),
    ([[True], [False]], None, "bool", [[True], [False]]),
    ([["a", "b"], ["c", "d"]], None, "string", [[b"a", b"b"], [b"c", b"d"]]),
    ([[b"a\x00", b""]], None, "string", [[b"a\x00", b""]]),
    ([], None, "float32", []),
    ([[]], None, "float32", [[]]),
    ([], "int32", "int32", []),
    ([], "string", "string", []),
    ([[], []], "bool", "bool", [[], []]),
    (np.float64(1.5), None, "float64", 1.5),
    (np.int64(7), None, "int64", 7),
    (np.arange(3), None, "int64", [0, 1, 2]),
    (np.array([1, 2], np.uint8), None, "uint8", [1, 2]),
    (np.array([1.5], ">f4"), None, "float32", [1.5]),
    (np.array(["a", "bc"]), None, "string", [b"a", b"bc"]),
    (np.array([b"a", "ä"], object), None, "string", [b"a", "ä".encode()]),
    (list(np.array(["a", "b"])), None, "string", [b"a", b"b"]),
    ([np.float64(1), np.float64(2)], None, "float64", [1.0, 2.0]),
    ([np.array([1, 2]), np.array([3, 4])], None, "int64", [[1, 2], [3, 4]]),
    (1, "float32", "float32", 1.0),
    ([1, 2], "float16", "float16", [1.0, 2.0]),
    ([1, 2], "bfloat16", "bfloat16", [1.0, 2.0]),
    ([1, 2], "int64", "int64", [1, 2]),
    (2**40, "int64", "int64", 2**40),
    ([2**40, -1], "int64", "int64", [2**40, -1]),
    ([2**64 - 1], "uint64", "uint64", [2**64 - 1]),
    ([2**40], "float64", "float64", [2.0**40]),
    (255, "uint8", "uint8", 255),
    (1.5, "complex64", "complex64", 1.5 + 0j),
    (np.array([1.5]), "float32", "float32", [1.5]),
    (np.array([1, 2]), "int8", "int8", [1, 2]),
    (np.array([1, 2]), "float32", "float32", [1.0, 2.0]),
]


@pytest.mark.parametrize(("value", "asked", "dtype", "values"), DTYPES)
def test_the_dtype_of_a_constant(value: Any, asked: Any, dtype: str, values: Any):
    for make in (tf.constant, tf.convert_to_tensor):
        tensor = make(value, dtype=asked)
        assert tensor.dtype.name == dtype
        assert np.asarray(tensor).tolist() == values
        assert tensor.shape == np.shape(values)


REFUSED = [
    # value, dtype asked for, error, words it must hold
    (None, None, ValueError, ["None", "return"]),
    ({"a": 1}, None, TypeError, ["dict"]),
    ({1, 2}, None, TypeError, ["set"]),
    (object(), None, TypeError, ["object"]),
    ([1, None], None, TypeError, ["NoneType None"]),
    ([1, "a"], None, TypeError, ["mixes int, str"]),
    ([True, 1], None, TypeError, ["mixes bool, int"]),
    ([True, 1.0], None, TypeError, ["mixes bool, float"]),
    ([[1, 2], [3]], None, ValueError, ["rectangular", "[0] has 2 elements", "[1] has 1 elements"]),
    ([[[1], [2]], [[1], [2, 3]]], None, ValueError, ["element [1][0] has 1", "[1][1] has 2"]),
    ([1, [2]], None, ValueError, ["[0] has a number", "[1] has 1 elements"]),
    ([np.array([1, 2]), np.array([1])], None, ValueError, ["rectangular", "2 elements"]),
    (np.array([1, None], object), None, TypeError, ["NumPy objects", "int 1"]),
    (np.array(["2020-01-01"], "datetime64[D]"), None, TypeError, ["datetime64", "Supported"]),
    (2**31, None, ValueError, ["2147483648", "int32", "dtype=tf.int64"]),
    ([1, 2**40], None, ValueError, ["1099511627776", "int32", "dtype=tf.int64"]),
    (2**70, None, ValueError, ["64 bits"]),
    ([2**63, -1], None, ValueError, ["64 bits"]),
    ([2**63], "int64", ValueError, ["9223372036854775808", "int64"]),
    (300, "uint8", ValueError, ["300", "uint8", "0 to 255"]),
    ([300], "uint8", ValueError, ["300", "uint8", "0 to 255"]),
    ([-1], "uint16", ValueError, ["-1", "uint16", "0 to 65535"]),
    (np.array([2**40]), "int32", ValueError, ["1099511627776", "int32"]),
    (1.5, "int32", TypeError, ["float 1.5", "int32", "tf.cast"]),
    ([1.5], "int32", TypeError, ["float", "int32", "tf.cast"]),
    (np.array([1.5]), "int32", TypeError, ["float64 array", "int32", "tf.cast"]),
    (1, "bool", TypeError, ["int 1", "bool"]),
    (True, "int32", TypeError, ["bool True", "int32"]),
    ("1", "int32", TypeError, ["str '1'", "int32"]),
    (1, "string", TypeError, ["int 1", "string"]),
    (1j, "float32", TypeError, ["complex", "float32"]),
    (1, "floaty", TypeError, ["'floaty' is not a dtype", "float32"]),
]


@pytest.mark.parametrize(("value", "asked", "error", "words"), REFUSED)
def test_what_no_tensor_can_hold_is_refused_with_the_reason(
    value: Any, asked: Any, error: type[Exception], words: list[str]
):
    with pytest.raises(error) as caught:
        tf.constant(value, dtype=asked)
    for word in words:
        assert word in str(caught.value), f"{word!r} is missing from: {caught.value}"


def test_an_overflowing_float_becomes_infinite():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # test_import.py shows that a learner sees no warning
        assert tf.constant(1e40).numpy() == np.inf
        assert tf.constant([1e6], tf.float16).numpy().tolist() == [np.inf]


def test_a_constant_takes_a_shape():
    assert tf.constant(5, shape=[2, 2]).numpy().tolist() == [[5, 5], [5, 5]]
    assert tf.constant([1, 2, 3, 4], shape=(2, 2)).numpy().tolist() == [[1, 2], [3, 4]]
    assert tf.constant(5, shape=[0]).shape == (0,)
    with pytest.raises(ValueError, match=r"3 values.*\(2, 2\)"):
        tf.constant([1, 2, 3], shape=(2, 2))


def test_tensors_and_variables_pass_through():
    x, v = tf.constant([1.0]), tf.Variable([2.0])
    assert tf.constant(x) is x and tf.convert_to_tensor(x) is x
    assert tf.convert_to_tensor(v).numpy().tolist() == [2.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"float64.*float32.*tf\.cast"):
        tf.convert_to_tensor(x, tf.float64)


def test_a_list_of_tensors_is_stacked_and_keeps_its_gradient():
    a, b = tf.constant(2.0), tf.Variable(3.0)
    with tf.GradientTape() as tape:
        tape.watch(a)
        y = tf.reduce_sum(tf.convert_to_tensor([[a, b], [b, 1.0]]) * 2.0)
    assert y.numpy() == 18.0
    da, db = tape.gradient(y, [a, b])
    assert (da.numpy(), db.numpy()) == (2.0, 4.0)
    assert tf.convert_to_tensor([tf.constant(1, tf.int64), 2]).dtype is tf.int64


def test_a_dtype_hint_is_only_a_hint():
    assert tf.convert_to_tensor(1, dtype_hint=tf.float64).dtype is tf.float64
    assert tf.convert_to_tensor(1.5, dtype_hint=tf.int32).dtype is tf.float32
    assert tf.convert_to_tensor(tf.constant(1), dtype_hint=tf.float32).dtype is tf.int32


def test_objects_that_know_their_array_are_converted():
    class Reading:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array([1.0, 2.0])

    assert tf.constant(Reading()).numpy().tolist() == [1.0, 2.0]


def test_the_shape_of_a_tensor_is_itself_a_vector():
    assert tf.constant(tf.zeros([2, 3]).shape).numpy().tolist() == [2, 3]


@pytest.mark.parametrize("shape", [[2, 3], (), 4, [0, 2], tf.TensorShape([2]), np.array([1, 2])])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "complex64", "bfloat16"])
def test_zeros_ones_and_fill_are_those_of_numpy(shape: Any, dtype: str):
    dims = tuple(shape) if not isinstance(shape, int) else (shape,)
    numpy_dtype = tf.as_dtype(dtype).as_numpy_dtype
    for made, expected in (
        (tf.zeros(shape, dtype), np.zeros(dims, numpy_dtype)),
        (tf.ones(shape, dtype), np.ones(dims, numpy_dtype)),
        (tf.fill(shape, tf.ones([], dtype)), np.ones(dims, numpy_dtype)),
    ):
        assert made.dtype == dtype and made.shape == dims
        assert (made.numpy() == expected).all()


def test_likes_take_shape_and_dtype_from_another_tensor():
    x = tf.constant([[1, 2, 3]])
    assert tf.zeros_like(x).numpy().tolist() == [[0, 0, 0]] and tf.zeros_like(x).dtype is tf.int32
    assert tf.ones_like(x, dtype=tf.float64).dtype is tf.float64
    assert tf.ones_like([1.5]).numpy().tolist() == [1.0]
    assert tf.zeros_like(["a"]).numpy().tolist() == [b""]
    assert tf.zeros([2], tf.string).numpy().tolist() == [b"", b""]
    with pytest.raises(tf.errors.InvalidArgumentError, match="string"):
        tf.ones([2], tf.string)


def test_a_gradient_reaches_the_value_of_fill():
    value = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(value)
        y = tf.reduce_sum(tf.fill([2, 3], value) * 2.0)
    assert tape.gradient(y, value).numpy() == 12.0


def test_eye_range_and_linspace_are_those_of_numpy():
    assert_close(tf.eye(3), np.eye(3))
    assert_close(tf.eye(2, 3, dtype=tf.float64), np.eye(2, 3))
    for arguments in [(5,), (2, 7), (2, 9, 3), (5, 0, -2), (0,)]:
        made = tf.range(*arguments)
        assert made.dtype is tf.int32
        assert made.numpy().tolist() == np.arange(*arguments).tolist()
    assert tf.range(1.0, 2.0, 0.25).dtype is tf.float32
    assert_close(tf.range(1.0, 2.0, 0.25), np.arange(1.0, 2.0, 0.25))
    assert tf.range(3, dtype=tf.float64).dtype is tf.float64
    assert tf.range(tf.constant(3, tf.int64)).dtype is tf.int64
    assert_close(tf.linspace(-1.0, 4.0, 6), np.linspace(-1, 4, 6))
    assert tf.linspace(0.0, 1.0, 1).numpy().tolist() == [0.0]


@pytest.mark.parametrize("shape", [[2.5], [2, -1], "ab", [None]])
def test_a_shape_is_made_of_whole_numbers(shape: Any):
    with pytest.raises((TypeError, ValueError)):
        tf.zeros(shape)
