"""Recorded cases: ties, kinks, poles, zeros, infinities, NaN, emptiness. Not a test.

Where two of several equal elements could get a gradient, frameworks differ; PyTorch is then no witness.
"""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import bools, cplx, empty, lit, real

INF, NAN = float("inf"), float("nan")
ZERO = lit([0.0])
KINKS = lit([-1.0, -0.0, 0.0, 1.0])
HUGE = lit([-1000.0, -40.0, -1e-3, 0.0, 1e-3, 40.0, 1000.0])
ODD = lit([NAN, INF, -INF, 1.0])

# Functions at their kinks and at 0: TensorFlow's, PyTorch's.
AT_0 = [
    ("tf.abs", "torch.abs"), ("tf.sign", ""), ("tf.nn.relu", "torch.relu"), ("tf.nn.elu", "F.elu"),
    ("tf.nn.selu", ""), ("tf.nn.leaky_relu", ""), ("tf.math.softsign", ""), ("tf.nn.crelu", ""),
    ("tf.nn.silu", "F.silu"), ("tf.nn.softmax", ""), ("tf.floor", ""), ("tf.round", ""),
    ("tf.math.erf", "torch.erf"), ("tf.atan", "torch.atan"), ("tf.math.reciprocal_no_nan", ""),
]  # fmt: skip
# Functions at the edge of where they are defined, and beyond.
EDGES = [
    ("tf.sqrt", "torch.sqrt", [0.0, 1.0, -1.0, INF]),
    ("tf.math.rsqrt", "torch.rsqrt", [0.0, 1.0, -1.0, INF]),
    ("tf.math.log", "torch.log", [0.0, 1.0, -1.0, INF]),
    ("tf.math.log1p", "torch.log1p", [-1.0, 0.0, -2.0, 1e-20]),
    ("tf.math.expm1", "torch.expm1", [1e-20, -1e-20, 800.0, -800.0]),
    ("tf.math.reciprocal", "torch.reciprocal", [0.0, -0.0, INF, 2.0]),
    ("tf.asin", "torch.asin", [1.0, -1.0, 0.0, 2.0]),
    ("tf.acos", "torch.acos", [1.0, -1.0, 0.0, 2.0]),
    ("tf.atanh", "torch.atanh", [1.0, -1.0, 0.0, 2.0]),
    ("tf.acosh", "torch.acosh", [1.0, 2.0, 0.5, INF]),
    ("tf.math.erfinv", "torch.erfinv", [1.0, -1.0, 0.0, 2.0]),
    ("tf.math.ndtri", "", [0.0, 1.0, 0.25, 1e-20]),
    ("tf.math.lgamma", "", [0.0, -1.0, -0.5, -2.5, 1.0, 2.0, 1e10, 1e-10]),
    ("tf.math.digamma", "", [-0.5, -2.5, 1.0, 1e10, 1e-10]),
    ("tf.math.erfc", "torch.erfc", [0.0, 10.0, 26.0, 40.0, -10.0, INF]),
    ("tf.nn.relu6", "F.relu6", [-1.0, 0.0, 6.0, 7.0]),
]
# Functions far out.
FAR = [
    ("tf.exp", "torch.exp"), ("tf.tanh", "torch.tanh"), ("tf.sigmoid", "torch.sigmoid"),
    ("tf.math.softplus", "F.softplus"), ("tf.math.log_sigmoid", "F.logsigmoid"), ("tf.sinh", "torch.sinh"),
    ("tf.cosh", "torch.cosh"), ("tf.asinh", "torch.asinh"), ("tf.atan", "torch.atan"),
    ("tf.nn.silu", ""), ("tf.nn.elu", "F.elu"), ("tf.math.erf", "torch.erf"),
]  # fmt: skip
POWERS = (
    ([0.0, 0.0, 0.0], [0.5, 2.0, -1.0], "of 0"),
    ([-2.0, -2.0, -2.0, -0.5], [2.0, 3.0, -1.0, 0.0], "of negatives"),
    ([-2.0, INF, 0.5, 2.0, 1.0], [0.5, 2.0, INF, -INF, NAN], "odd"),
)
# With zeros and infinities on both sides.
PAIRS = (lit([0.0, 1.0, -1.0, 0.0, INF, 1.0]), lit([0.0, 0.0, 0.0, 2.0, INF, INF]))
FORGIVING = [
    ("tf.divide", "torch.div"), ("tf.math.divide_no_nan", ""), ("tf.math.multiply_no_nan", ""),
    ("tf.multiply", "torch.mul"), ("tf.math.xdivy", ""), ("tf.math.floormod", ""), ("tf.atan2", ""),
    ("tf.math.floordiv", ""),
]  # fmt: skip
EMPTY_REDUCTIONS = [
    ("reduce_sum", "torch.sum(a, 0)"), ("reduce_prod", "torch.prod(a, 0)"), ("reduce_mean", ""),
    ("reduce_max", ""), ("reduce_min", ""), ("reduce_logsumexp", ""),
    ("math.reduce_variance", ""), ("math.reduce_std", ""), ("math.reduce_euclidean_norm", ""),
]  # fmt: skip
# By the weights of the result; the sum of no element over 0 is NaN here, and 0 in TensorFlow.
OF_NOTHING = {
    name: {"second": "0/0"}
    for name in ("reduce_mean", "math.reduce_variance", "math.reduce_euclidean_norm")
}
TIED = lit([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

CASES: list[Case] = [
    *(
        row(f"{name}(a)", KINKS, torch=torch and f"{torch}(a)", label="at 0",
            rtol={"tensorflow": 1e-7} if "leaky" in name else None)  # it holds the slope in float32
        for name, torch in AT_0
    ),
    *(
        row(f"{name}(a)", lit(values), torch=torch and f"{torch}(a)", label="edges", tails=True)
        for name, torch, values in EDGES
    ),
    *(row(f"{name}(a)", HUGE,
        torch=torch and f"{torch}(a)", label="far out", tails=True) for name, torch in FAR),
    *(row("tf.pow(a, b)", lit(a), lit(b), label=label) for a, b, label in POWERS),
    row("tf.pow(a, b)", lit([0.0, 0.0]), lit([0.0, 1.0]), label="0 to the powers 0 and 1", differs={
        "first": "0 times inf; x^0 is 1 everywhere, so its derivative by x is 0, as PyTorch has it",
        "second": "0 times inf"}),
    *(
        row(f"{name}(a, b)", *PAIRS, torch=torch and f"{torch}(a, b)", label="zeros, infinities")
        for name, torch in FORGIVING
    ),
    row("tf.math.multiply_no_nan(a, b)", lit([NAN, INF, 2.0]), lit([0.0, 0.0, 3.0]), label="forgiven"),
    row("tf.math.xlogy(a, b)", lit([0.0, 0.0, 1.0, 2.0]), lit([0.0, 2.0, 0.0, 1.0]), label="zeros"),
    row("tf.math.xlog1py(a, b)", lit([0.0, 0.0, 1.0, 2.0]), lit([-1.0, 2.0, -1.0, 0.0]), label="zeros"),
    row("tf.maximum(a, b)", lit([1.0, 2.0, NAN, 1.0, -0.0]), lit([1.0, 3.0, 1.0, NAN, 0.0]),
        label="ties, NaN"),
    row("tf.minimum(a, b)", lit([1.0, 2.0, NAN, 1.0, -0.0]), lit([1.0, 3.0, 1.0, NAN, 0.0]),
        label="ties, NaN"),
    *(
        row(f"{name}(a)", ODD, torch=torch, label="NaN, infinities", orders=1)
        for name, torch in (("tf.nn.relu", ""), ("tf.sign", ""), ("tf.abs", ""),
                            ("tf.round", ""), ("tf.sigmoid", "torch.sigmoid(a)"),
                            ("tf.tanh", "torch.tanh(a)"), ("tf.reduce_max", "torch.amax(a)"),
                            ("tf.reduce_min", "torch.amin(a)"), ("tf.reduce_sum", "torch.sum(a)"))
    ),
    # Clipping: a gradient at the boundary itself.
    row("tf.clip_by_value(a, -1.0, 1.0)", lit([-2.0, -1.0, 0.5, 1.0, 2.0]), torch="torch.clamp(a, -1.0, 1.0)",
        label="at the boundary"),
    row("tf.clip_by_value(a, b, c)", lit([-1.0, 0.0, 1.0]), lit(-1.0), lit(1.0), label="at the boundary"),
    row("tf.clip_by_value(a, -1.0, 1.0)", lit([NAN, INF, -INF]), label="NaN", orders=1),
    row("tf.clip_by_norm(a, 1.0)", lit([0.0, 0.0]), label="at 0"),
    row("tf.clip_by_norm(a, 5.0)", lit([3.0, 4.0]), label="at the boundary"),
    row("tf.clip_by_global_norm([a, b], 5.0)", lit([3.0]), lit([4.0]), label="at the boundary"),
    # Ties.
    *(row(f"tf.{name}(a, axis=1)", TIED, torch=f"torch.{torch}(a, 1)", label="ties")
      for name, torch in (("reduce_max", "amax"), ("reduce_min", "amin"))),
    row("tf.reduce_max(a)", TIED, torch="torch.amax(a)", label="ties"),
    row("tf.argmax(a, axis=1)", TIED, label="ties"),
    row("tf.argmin(a, axis=1)", TIED, label="ties"),
    row("tf.argsort(a, stable=True)", lit([2.0, 1.0, 2.0, 1.0, 2.0]), label="ties",
        torch="torch.argsort(a, stable=True)"),
    row("tf.sort(a)", lit([2.0, 1.0, 2.0, 1.0]), label="ties"),
    row("tf.sort(a, direction='DESCENDING')", lit([2.0, 1.0, 2.0, 1.0]), label="ties"),
    row("tf.math.top_k(a, 3)", lit([2.0, 1.0, 2.0, 1.0, 2.0]), label="ties"),
    row("tf.math.segment_max(a, [0, 0, 1])", lit([2.0, 2.0, 1.0]), label="ties"),
    row("tf.math.unsorted_segment_max(a, [0, 0, 2], 3)", lit([2.0, 2.0, 1.0]), label="ties, an empty segment",
        differs={"second": "0/0 in the empty segment"}),
    row("tf.math.unsorted_segment_min(a, [0, 0, 2], 3)", lit([2.0, 2.0, 1.0]), label="ties, an empty segment",
        differs={"second": "0/0 in the empty segment"}),
    row("tf.tensor_scatter_nd_max(a, [[0], [0], [1]], b)", lit([1.0, 2.0]), lit([3.0, 3.0, 2.0]),
        label="ties"),
    row("tf.tensor_scatter_nd_min(a, [[0], [0], [1]], b)", lit([5.0, 2.0]), lit([3.0, 3.0, 2.0]),
        label="ties"),
    row("tf.unique([2, 1, 2, 3, 1])"),
    row("tf.norm(a, ord=inf)", lit([3.0, -3.0, 1.0]), label="ties"),
    # Zeros in products.
    row("tf.reduce_prod(a, axis=1)", lit([[2.0, 0.0, 3.0], [0.0, 0.0, 3.0]]), torch="torch.prod(a, 1)",
        label="zeros", differs={"second": "TensorFlow divides by the zeros; PyTorch has ours"}),
    row("tf.math.cumprod(a)", lit([2.0, 0.0, 3.0, 0.0, 4.0]), torch="torch.cumprod(a, 0)", label="zeros",
        differs={"first": "TensorFlow divides by the zeros; PyTorch has ours", "second": "the same"}),
    row("tf.math.unsorted_segment_prod(a, [0, 0, 1, 1, 1], 2)", lit([0.0, 2.0, 0.0, 0.0, 3.0]), label="zeros",
        differs={"second": "TensorFlow divides by the zeros"}),
    # Norms and deviations at 0.
    row("tf.norm(a)", lit([0.0, 0.0]), label="at 0"),
    row("tf.norm(a, ord=1)", lit([0.0, 2.0]), label="at 0"),
    row("tf.math.reduce_euclidean_norm(a)", lit([0.0, 0.0]), label="at 0"),
    row("tf.math.l2_normalize(a)", lit([0.0, 0.0]), label="at 0"),
    row("tf.math.reduce_std(a)", lit([2.0, 2.0]), label="at 0"),
    row("tf.math.reduce_variance(a)", lit([2.0, 2.0]), torch="torch.var(a, correction=0)", label="at 0"),
    row("tf.abs(a)", lit([0j, 3 + 4j], "complex128"), label="complex, at 0"),
    # Softmax and its kin with infinities.
    *(
        row(f"tf.{name}(a)", lit([[0.5, -INF, 1.0], [-INF, -INF, 2.0]]), torch=f"{torch}(a, -1)",
            label="-inf", orders=1)
        for name, torch in (("nn.softmax", "torch.softmax"), ("nn.log_softmax", "torch.log_softmax"))
    ),
    row("tf.reduce_logsumexp(a, axis=1)", lit([[0.5, -INF], [-INF, -INF], [INF, 1.0]]), label="infinities",
        orders=1),
    row("tf.reduce_logsumexp(a)", lit([1000.0, 1000.0]), torch="torch.logsumexp(a, 0)", label="large"),
    row("tf.math.cumulative_logsumexp(a)", lit([800.0, -800.0, 800.0]), torch="torch.logcumsumexp(a, 0)",
        label="large"),
    row("tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2], logits=a)",
        lit([[1000.0, 0.0, -1000.0], [1000.0, 0.0, -1000.0]]), label="large",
        torch="F.cross_entropy(a, torch.tensor([0, 2]), reduction='none')"),
    # What was not selected gets no gradient, NaN or not.
    row("tf.where(a > 0, tf.sqrt(tf.where(a > 0, a, 1.0)), 0.0)", lit([-1.0, 0.0, 4.0]), label="guarded"),
    # The derivative of sqrt alone takes 0 times inf for 0; PyTorch makes NaN of it.
    row("tf.where(a > 0, tf.sqrt(a), 0.0)", lit([-1.0, 0.0, 4.0]), label="0 times inf"),
    row("tf.where(a > 0, tf.math.log(a), 0.0)", lit([-1.0, 0.0, 4.0]), label="0 times inf", orders=1,
        torch="torch.where(a > 0, torch.log(a), 0.0)"),
    row("tf.nn.relu(tf.norm(a) - 1.0)", lit([0.0, 0.0]), label="0 times inf", orders=1),
    row("tf.math.zero_fraction(a)", empty(0), label="empty"),
    # Emptiness.
    *(
        row(f"tf.{name}(a, axis=0)", empty(0, 2), torch=torch, label="empty", differs=OF_NOTHING.get(name))
        for name, torch in EMPTY_REDUCTIONS
    ),
    row("tf.reduce_sum(a)", empty(0, 2), torch="torch.sum(a)", label="empty"),
    row("tf.reduce_all(tf.zeros([0]) > 1)"),
    row("tf.reduce_any(tf.zeros([0]) > 1)"),
    row("tf.cumsum(a)", empty(0), torch="torch.cumsum(a, 0)", label="empty"),
    row("tf.nn.softmax(a)", empty(0, 3), torch="torch.softmax(a, -1)", label="empty"),
    row("tf.concat([a, b], 0)", empty(0, 2), real(1, 2), torch="torch.cat([a, b], 0)", label="empty"),
    row("tf.gather(a, tf.constant([], tf.int32))", real(3), label="empty"),
    row("tf.math.segment_sum(a, tf.constant([], tf.int32))", empty(0, 2), label="empty"),
    row("tf.linalg.inv(a)", empty(0, 2, 2), torch="torch.linalg.inv(a)", label="empty"),
    row("tf.linalg.det(a)", empty(0, 0), torch="torch.linalg.det(a)", label="empty"),
    row("tf.boolean_mask(a, [False, False])", real(2, 2), label="nothing left"),
    row("tf.where(a)", lit([[0.0, 2.0], [NAN, 0.0]]), label="floats", orders=0),
    row("tf.sort(a)", lit([2.0, -INF, 1.0, INF]), label="infinities", orders=1),
    row("tf.linalg.band_part(a, 0, 0)", cplx(2, 2), label="complex"),
    row("tf.reduce_any(a)", bools(0, 2), label="empty"),
]  # fmt: skip
