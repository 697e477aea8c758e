"""`tf.math`: the elementwise functions and reductions under their module's name."""

from __future__ import annotations

from engine.errors import advise
from engine.ops import math_special as special
from engine.ops.bessel import bessel_i0, bessel_i0e, bessel_i1, bessel_i1e
from engine.ops.beta import betainc
from engine.ops.complexes import abs, angle, conj, imag, real
from engine.ops.elementwise import (
    add,
    add_n,
    ceil,
    cos,
    divide,
    equal,
    exp,
    expm1,
    floor,
    floordiv,
    floormod,
    greater,
    greater_equal,
    is_finite,
    is_inf,
    is_nan,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    pow,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    softplus,
    sqrt,
    square,
    squared_difference,
    subtract,
    tanh,
    truediv,
)
from engine.ops.elementwise import floormod as mod
from engine.ops.elementwise import round as rint
from engine.ops.gamma import igamma, igammac
from engine.ops.nn import log_softmax, softmax
from engine.ops.norms import (
    accumulate_n,
    is_non_decreasing,
    is_strictly_increasing,
    l2_normalize,
    lbeta,
    polyval,
    scalar_mul,
)
from engine.ops.ordering import in_top_k, invert_permutation, top_k
from engine.ops.reduce import (
    argmax,
    argmin,
    count_nonzero,
    reduce_all,
    reduce_any,
    reduce_euclidean_norm,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_std,
    reduce_sum,
    reduce_variance,
    zero_fraction,
)
from engine.ops.scan import cumprod, cumsum, cumulative_logsumexp
from engine.ops.segments import (
    bincount,
    confusion_matrix,
    segment_max,
    segment_mean,
    segment_min,
    segment_prod,
    segment_sum,
    unsorted_segment_max,
    unsorted_segment_mean,
    unsorted_segment_min,
    unsorted_segment_prod,
    unsorted_segment_sqrt_n,
    unsorted_segment_sum,
)
from engine.ops.sobol import sobol_sample
from engine.ops.special import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cosh,
    digamma,
    divide_no_nan,
    erf,
    erfc,
    erfcinv,
    erfinv,
    lgamma,
    log_sigmoid,
    multiply_no_nan,
    ndtri,
    nextafter,
    polygamma,
    reciprocal,
    reciprocal_no_nan,
    sinh,
    softsign,
    tan,
    truncatediv,
    truncatemod,
    xdivy,
    xlog1py,
    xlogy,
    zeta,
)

__all__ = [
    name for name in globals() if not name.startswith("_") and name not in ("advise", "annotations")
]

advise(__name__, "tf.math")
