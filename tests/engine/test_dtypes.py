"""Element types: names, what they equal, their limits and their NumPy counterparts."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import engine as tf
from engine.dtypes import ALL, as_dtype


@pytest.mark.parametrize("dtype", ALL, ids=lambda d: d.name)
def test_a_dtype_equals_its_name_and_its_numpy_dtype(dtype: tf.DType):
    assert dtype == dtype.name and as_dtype(dtype.name) is dtype
    assert as_dtype(dtype) is dtype and as_dtype(dtype.as_numpy_dtype) is dtype
    assert dtype == dtype.as_numpy_dtype
    assert [other for other in ALL if other == dtype] == [dtype]
    assert repr(dtype) == f"tf.{dtype.name}" and str(dtype) == f"<dtype: '{dtype.name}'>"
    assert pickle.loads(pickle.dumps(dtype)) is dtype and copy.deepcopy(dtype) is dtype
    assert {dtype: 1}[as_dtype(dtype.name)] == 1
    assert getattr(tf, dtype.name) is dtype


def test_every_dtype_is_of_one_kind():
    for dtype in ALL:
        kinds = [dtype.is_bool, dtype.is_integer, dtype.is_floating, dtype.is_complex]
        assert sum(kinds) == (0 if dtype is tf.string else 1)
        assert dtype.is_differentiable == (dtype.is_floating or dtype.is_complex)
        assert dtype.is_unsigned == dtype.name.startswith("uint")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (float, "float32"), (int, "int32"), (bool, "bool"), (complex, "complex128"), (str, "string"),
        (np.float64, "float64"), (np.dtype("i2"), "int16"), ("half", "float16"),
        ("double", "float64"), ("float", "float32"), (ml_dtypes.bfloat16, "bfloat16"),
        (np.dtype(">f4"), "float32"), (np.dtype("U3"), "string"), (np.dtype("O"), "string"),
    ],
)  # fmt: skip
def test_other_names_of_dtypes(name: Any, dtype: str):
    assert as_dtype(name).name == dtype


@pytest.mark.parametrize("name", ["floaty", None, "datetime64", np.dtype("V8"), object(), 3])
def test_what_names_no_dtype_is_refused_with_the_list(name: Any):
    with pytest.raises(TypeError, match=r"is not a dtype.*float32"):
        as_dtype(name)
    assert (tf.float32 == name) is False


def test_limits_are_those_of_numpy():
    for dtype in ALL:
        if dtype.is_integer:
            info: Any = np.iinfo(dtype.as_numpy_dtype)
        elif dtype.is_floating:
            info = ml_dtypes.finfo(dtype.as_numpy_dtype)
        else:
            for ask in ("min", "max"):
                with pytest.raises(TypeError, match=dtype.name):
                    getattr(dtype, ask)
            continue
        assert (dtype.min, dtype.max) == (info.min, info.max)
        assert dtype.size == np.dtype(dtype.as_numpy_dtype).itemsize


def test_16_bit_floats_compute_in_their_own_precision():
    third = {"float16": 0.33325195, "bfloat16": 0.33398438}  # 1/3 to 11 and to 8 binary digits
    for name, value in third.items():
        quotient = tf.constant(1.0, name) / 3.0
        assert quotient.dtype == name and float(quotient) == np.float32(value)
        assert float(tf.constant(2049.0, name)) == 2048.0
        with tf.GradientTape() as tape:
            x = tf.constant([1.0, 2.0], name)
            tape.watch(x)
            y = tf.reduce_sum(x * x)
        assert tape.gradient(y, x).numpy().astype(float).tolist() == [2.0, 4.0]
        traced = tf.function(lambda t: t @ t)
        assert traced(tf.ones([2, 2], name)).dtype == name


def test_the_real_part_and_what_is_numeric():
    assert tf.complex64.real_dtype is tf.float32 and tf.complex128.real_dtype is tf.float64
    assert tf.int8.real_dtype is tf.int8 is tf.int8.base_dtype
    assert [d.name for d in tf.dtypes.ALL if not d.is_numeric] == ["bool", "string"]
    assert tf.float32.is_compatible_with(np.float32) and not tf.float32.is_compatible_with(
        "float64"
    )
    assert tf.dtypes.complex is tf.complex
