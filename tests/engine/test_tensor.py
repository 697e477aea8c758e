"""What a Tensor is: values, shape, dtype; how it prints, converts, iterates, and refuses to change."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

import engine as tf
from tests.engine.oracle import assert_close

PRINTED = [
    # value, repr, str: character by character what TensorFlow 2 prints
    (4, "<tf.Tensor: shape=(), dtype=int32, numpy=4>", "tf.Tensor(4, shape=(), dtype=int32)"),
    (
        [2.0, 3.0, 4.0],
        "<tf.Tensor: shape=(3,), dtype=float32, numpy=array([2., 3., 4.], dtype=float32)>",
        "tf.Tensor([2. 3. 4.], shape=(3,), dtype=float32)",
    ),
    (
        [[1, 2], [3, 4], [5, 6]],
        "<tf.Tensor: shape=(3, 2), dtype=int32, numpy=\n"
        "array([[1, 2],\n       [3, 4],\n       [5, 6]], dtype=int32)>",
        "tf.Tensor(\n[[1 2]\n [3 4]\n [5 6]], shape=(3, 2), dtype=int32)",
    ),
    (
        2.5,
        "<tf.Tensor: shape=(), dtype=float32, numpy=2.5>",
        "tf.Tensor(2.5, shape=(), dtype=float32)",
    ),
    (
        True,
        "<tf.Tensor: shape=(), dtype=bool, numpy=True>",
        "tf.Tensor(True, shape=(), dtype=bool)",
    ),
    (
        "hi",
        "<tf.Tensor: shape=(), dtype=string, numpy=b'hi'>",
        "tf.Tensor(b'hi', shape=(), dtype=string)",
    ),
    (
        ["a", "é"],
        "<tf.Tensor: shape=(2,), dtype=string, numpy=array([b'a', b'\\xc3\\xa9'], dtype=object)>",
        "tf.Tensor([b'a' b'\\xc3\\xa9'], shape=(2,), dtype=string)",
    ),
    (
        [],
        "<tf.Tensor: shape=(0,), dtype=float32, numpy=array([], dtype=float32)>",
        "tf.Tensor([], shape=(0,), dtype=float32)",
    ),
]


@pytest.mark.parametrize(("value", "as_repr", "as_str"), PRINTED)
def test_prints_as_tensorflow_does(value: Any, as_repr: str, as_str: str):
    tensor = tf.constant(value)
    assert repr(tensor) == as_repr
    assert str(tensor) == as_str


def test_a_result_of_rank_0_prints_like_a_constant_of_rank_0():
    # NumPy gives a scalar, not an array, for the sum of two rank-0 arrays.
    assert repr(tf.constant(1.5) + tf.constant(2.0)) == repr(tf.constant(3.5))
    assert repr(tf.constant([3, 4])[1]) == repr(tf.constant(4))


def test_format_shows_the_value_alone_as_in_tensorflow():
    assert f"{tf.constant(4)}" == "4"
    assert f"{tf.constant([1.0, 2.0])}" == "[1. 2.]"
    assert f"{tf.constant(2.71828):.2f}" == "2.72"
    with pytest.raises(TypeError):
        format(tf.constant([1.0, 2.0]), ".2f")


def test_html_names_shape_rank_and_dtype_and_escapes_text():
    html = tf.constant([["<b>"]])._repr_html_()
    assert "shape=(1, 1)" in html and "rank=2" in html and "dtype=string" in html
    assert "&lt;b&gt;" in html and "<b>" not in html


@pytest.mark.parametrize(
    "value", [4, [2.0, 3.0, 4.0], [[1, 2], [3, 4], [5, 6]], np.zeros((2, 0, 3))]
)
def test_shape_rank_and_size_are_those_of_numpy(value: Any):
    tensor, array = tf.constant(value), np.asarray(value)
    assert tensor.shape == array.shape and tuple(tensor.shape) == array.shape
    assert tensor.get_shape() == tensor.shape
    assert tensor.ndim == array.ndim == tf.rank(tensor).numpy() == tensor.shape.rank
    assert tensor.shape.num_elements() == array.size
    assert tensor.spec == tf.TensorSpec(array.shape, tensor.dtype)
    assert tensor.device == "/device:CPU:0"


def test_numpy_gives_a_copy():
    tensor = tf.constant([1.0, 2.0])
    array = tensor.numpy()
    array[0] = 99
    assert tensor.numpy().tolist() == [1.0, 2.0]
    viewed = np.asarray(tensor)
    viewed[0] = 99
    assert tensor.numpy().tolist() == [1.0, 2.0]
    assert isinstance(tf.constant(3).numpy(), np.int32)
    assert tf.constant("text").numpy() == b"text"
    assert tf.broadcast_to(tf.constant([1.0]), [3]).numpy().flags.writeable


def test_a_constant_does_not_follow_the_array_it_was_made_from():
    array = np.array([1.0, 2.0])
    tensor = tf.constant(array)
    array[0] = 99
    assert tensor.numpy().tolist() == [1.0, 2.0]


def test_a_tensor_cannot_be_changed():
    tensor = tf.constant([1.0, 2.0])
    with pytest.raises(TypeError, match=r"cannot be changed.*tf\.Variable"):
        tensor[0] = 5.0  # type: ignore[index]
    with pytest.raises(AttributeError):
        tensor.shape = (2, 1)  # type: ignore[misc,assignment]
    with pytest.raises(AttributeError):
        tensor.anything = 1  # type: ignore[attr-defined]
    before = tensor
    tensor += 1.0
    assert before.numpy().tolist() == [1.0, 2.0] and tensor.numpy().tolist() == [2.0, 3.0]


def test_a_tensor_is_no_dictionary_key_but_its_reference_is():
    first, second = tf.constant(1), tf.constant(1)
    with pytest.raises(TypeError):
        hash(first)
    names = {first.ref(): "first", second.ref(): "second"}
    assert names[first.ref()] == "first" and names[second.ref()] == "second"
    assert first.ref().deref() is first
    assert first.ref() != "first"


def test_a_single_element_becomes_a_python_number():
    assert int(tf.constant(7)) == 7 and float(tf.constant([[2.5]])) == 2.5
    assert complex(tf.constant(1 + 2j)) == 1 + 2j
    assert bool(tf.constant(True)) is True and bool(tf.constant([0])) is False
    assert [10, 20, 30][tf.constant(1)] == 20
    assert tf.constant(3.5).item() == 3.5
    assert list(range(tf.constant(3))) == [0, 1, 2]


def test_python_numbers_need_exactly_one_element():
    pair = tf.constant([1.0, 2.0])
    for convert in (bool, int, float, complex):
        with pytest.raises(ValueError, match=r"one element.*shape \(2,\)"):
            convert(pair)
    with pytest.raises(TypeError, match=r"integer tensor.*float32"):
        operator.index(tf.constant(1.0))
    with pytest.raises(TypeError, match=r"integer tensor.*bool"):
        operator.index(tf.constant(True))
    with pytest.raises(ValueError, match="one element"):
        operator.index(tf.constant([1, 2]))


def test_iteration_and_length_go_along_the_first_axis():
    matrix = tf.constant([[1, 2], [3, 4], [5, 6]])
    assert len(matrix) == 3
    assert [row.numpy().tolist() for row in matrix] == [[1, 2], [3, 4], [5, 6]]
    first, _, _ = matrix
    assert first.shape == (2,)
    assert [word.numpy() for word in tf.constant(["a", "b"])] == [b"a", b"b"]
    with pytest.raises(TypeError, match="rank-0"):
        len(tf.constant(1))
    with pytest.raises(TypeError, match="rank-0"):
        iter(tf.constant(1))


OPERATORS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["tensor", "variable"])
@pytest.mark.parametrize("sign", list(OPERATORS))
@pytest.mark.parametrize("dtype", [np.float64, np.int32])
def test_operators_are_those_of_numpy_from_either_side(sign: str, dtype: Any, kind: str):
    function = OPERATORS[sign]
    a, b = np.array([[3, 2, 5]], dtype), np.array([[2], [4]], dtype)
    make = tf.constant if kind == "tensor" else tf.Variable
    expected = function(a, b)
    for left, right in ((make(a), make(b)), (make(a), b), (a, make(b))):
        result = function(left, right)
        assert isinstance(result, tf.Tensor)
        assert_close(result, expected, 1e-15, what=sign)
        assert result.dtype == expected.dtype
    assert_close(function(make(a), 2), function(a, dtype(2)), 1e-15, what=f"x {sign} 2")
    assert_close(function(7, make(a)), function(dtype(7), a), 1e-15, what=f"7 {sign} x")


def test_unary_and_logical_operators():
    x, p, q = tf.constant([1.5, -2.0]), tf.constant([True, True]), tf.constant([True, False])
    assert (-x).numpy().tolist() == [-1.5, 2.0]
    assert (+x) is x
    assert abs(x).numpy().tolist() == [1.5, 2.0]
    assert (~q).numpy().tolist() == [False, True]
    assert (p & q).numpy().tolist() == [True, False]
    assert (q | False).numpy().tolist() == [True, False]
    assert (True ^ q).numpy().tolist() == [False, True]


def test_matrix_product_operator_with_arrays_on_either_side():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    for left, right in ((tf.constant(a), tf.constant(b)), (a, tf.constant(b)), (tf.constant(a), b)):
        result = left @ right
        assert isinstance(result, tf.Tensor)
        assert_close(result, a @ b)


def test_comparison_with_none_is_a_plain_bool():
    assert (tf.constant(1) == None) is False  # noqa: E711
    assert (tf.constant(1) != None) is True  # noqa: E711


def test_a_python_number_takes_the_dtype_of_the_tensor_it_meets():
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        x = tf.constant([1.0], dtype)
        assert (x * 2).dtype == (0.5 + x).dtype == (x - 1.5).dtype == dtype
    for dtype in ("int8", "uint8", "int32", "int64"):
        assert (tf.constant([1], dtype) + 1).dtype == dtype
    x = tf.constant([1.0])
    assert (x * np.float64(2)).dtype == (np.float64(2) * x).dtype == tf.float32
    assert (x + np.array([1.0])).dtype == (np.array([1.0]) + x).dtype == tf.float32
    assert (tf.constant([1]) + np.int64(1)).dtype == tf.int32


def test_numpy_functions_take_tensors():
    x = tf.constant([0.5, 1.0])
    assert_close(np.sin(x), np.sin(np.float32([0.5, 1.0])))
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.array(x).tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="copied"):
        np.asarray(x, copy=False)


def test_dlpack_gives_the_values_to_other_libraries():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert np.from_dlpack(x).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert np.from_dlpack(tf.constant(1.0) + tf.constant(1.0)).item() == 2.0


def test_copies_and_pickles():
    x = tf.constant([1.0, 2.0], tf.bfloat16)
    assert copy.copy(x) is x and copy.deepcopy(x) is x  # nothing can change it
    for value in (x, tf.constant(3), tf.constant(["a", "b"])):
        again = pickle.loads(pickle.dumps(value))
        assert again.dtype is value.dtype and again.numpy().tolist() == value.numpy().tolist()


def test_strings_compare_index_and_stack():
    words = tf.constant([["a", "b"], ["c", "a"]])
    assert words.dtype is tf.string
    assert (words == "a").numpy().tolist() == [[True, False], [False, True]]
    assert words[1, 0].numpy() == b"c" and words[0].shape == (2,)
    assert tf.concat([words, words], 0).shape == (4, 2)
    assert tf.gather(words, 1)[0].numpy() == b"c"
    assert tf.gather(words[0], 1).numpy() == b"b"
    assert (tf.constant("x") == "x").numpy() == np.True_
    assert tf.where(words == "a", "yes", words).numpy().tolist() == [[b"yes", b"b"], [b"c", b"yes"]]


def test_python_reads_attributes_of_tensors_the_fast_way():
    # One __getattr__ or __getattribute__ would make every operation 7% slower under Python 3.11.
    for defined in (vars(cls) for cls in tf.Tensor.__mro__[:-1]):
        assert not {"__getattr__", "__getattribute__"} & set(defined)
