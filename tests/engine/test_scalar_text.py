"""What generated source writes out for an operation computes what its kernel computes."""

from __future__ import annotations

import numpy as np
import pytest

import engine as tf
from engine.dispatch import registry
from engine.graph.scalar_text import WRITTEN_OUT, numpy_text

VALUES = [-np.inf, -1e30, -88.5, -1.0, -1e-30, -0.0, 0.0, 1e-40, 0.3, 1.0, 89.0, np.inf, np.nan]


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("op", WRITTEN_OUT)
@pytest.mark.parametrize("shape", [(13,), (13, 1), ()])
def test_the_text_gives_the_bits_of_the_kernel(op: str, dtype: tf.DType, shape: tuple[int, ...]):
    primitive = registry[op]
    text = numpy_text(primitive, [dtype], ["x"])
    assert text is not None and "x" in text
    arrays = [np.array(VALUES, dtype.as_numpy_dtype).reshape(shape)] if shape else []
    arrays += [] if shape else [np.array(value, dtype.as_numpy_dtype) for value in VALUES]
    for x in arrays:
        with np.errstate(all="ignore"):
            written = eval(text, {"np": np, "x": x})
            expected = primitive.kernel(np, x)
        assert written.dtype == expected.dtype
        np.testing.assert_array_equal(written, expected)
        np.testing.assert_array_equal(np.signbit(written), np.signbit(expected))


def test_the_text_is_what_one_would_write():
    texts = {op: numpy_text(registry[op], [tf.float32], ["x"]) for op in WRITTEN_OUT}
    assert texts == {
        "relu": "np.maximum(x, 0)",
        "sigmoid": "1 / (1 + np.exp(-x))",
        "rsqrt": "1 / np.sqrt(x)",
    }


def test_other_dtypes_and_operations_call_their_kernels():
    assert numpy_text(registry["relu"], [tf.bfloat16], ["x"]) is None
    assert numpy_text(registry["softplus"], [tf.float32], ["x"]) is None
