"""`tf.debugging`: stops a program where a value, shape or dtype is not what you meant.

values    assert_equal, assert_positive, check_numerics, ...: operations, so they also run inside
          tf.function, at each call of the graph
shapes    assert_rank, assert_shapes, ...: what is known while tracing is checked then, the rest at each call
types     assert_type, assert_integer, ...: what is known at once
numerics  enable_check_numerics: find the operation that made the first NaN or infinity
"""

from __future__ import annotations

from engine.debugging.numerics import disable_check_numerics, enable_check_numerics
from engine.debugging.shapes import (
    assert_rank,
    assert_rank_at_least,
    assert_rank_in,
    assert_scalar,
    assert_shapes,
)
from engine.debugging.types import (
    assert_integer,
    assert_proper_iterable,
    assert_same_float_dtype,
    assert_type,
    is_numeric_tensor,
)
from engine.debugging.values import (
    assert_all_finite,
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_less,
    assert_less_equal,
    assert_near,
    assert_negative,
    assert_non_negative,
    assert_non_positive,
    assert_none_equal,
    assert_positive,
    check_numerics,
)
from engine.errors import advise
from engine.ops.norms import is_non_decreasing, is_strictly_increasing
from engine.ops.printing import Assert

__all__ = [
    "Assert",
    "assert_all_finite",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_integer",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_negative",
    "assert_non_negative",
    "assert_non_positive",
    "assert_none_equal",
    "assert_positive",
    "assert_proper_iterable",
    "assert_rank",
    "assert_rank_at_least",
    "assert_rank_in",
    "assert_same_float_dtype",
    "assert_scalar",
    "assert_shapes",
    "assert_type",
    "check_numerics",
    "disable_check_numerics",
    "enable_check_numerics",
    "is_non_decreasing",
    "is_numeric_tensor",
    "is_strictly_increasing",
]

advise(__name__, "tf.debugging")
