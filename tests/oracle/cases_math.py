"""Recorded cases: one output element from one element of each input; complex numbers; bits. Not a test."""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import bools, cplx, empty, ints, lit, real

# TensorFlow's function, PyTorch's ("" if it has none that means the same), the range of the inputs.
UNARY = [
    ("tf.negative", "torch.neg", -2, 2),
    ("tf.abs", "torch.abs", -2, 2),
    ("tf.sign", "torch.sign", -2, 2),
    ("tf.square", "torch.square", -2, 2),
    ("tf.sqrt", "torch.sqrt", 0.3, 3),
    ("tf.math.rsqrt", "torch.rsqrt", 0.3, 3),
    ("tf.exp", "torch.exp", -2, 2),
    ("tf.math.expm1", "torch.expm1", -2, 2),
    ("tf.math.log", "torch.log", 0.3, 3),
    ("tf.math.log1p", "torch.log1p", -0.8, 3),
    ("tf.sin", "torch.sin", -4, 4),
    ("tf.cos", "torch.cos", -4, 4),
    ("tf.tan", "torch.tan", -1.4, 1.4),
    ("tf.asin", "torch.asin", -0.9, 0.9),
    ("tf.acos", "torch.acos", -0.9, 0.9),
    ("tf.atan", "torch.atan", -3, 3),
    ("tf.sinh", "torch.sinh", -2, 2),
    ("tf.cosh", "torch.cosh", -2, 2),
    ("tf.tanh", "torch.tanh", -2, 2),
    ("tf.asinh", "torch.asinh", -3, 3),
    ("tf.acosh", "torch.acosh", 1.2, 4),
    ("tf.atanh", "torch.atanh", -0.9, 0.9),
    ("tf.sigmoid", "torch.sigmoid", -5, 5),
    ("tf.math.softplus", "F.softplus", -5, 5),
    ("tf.math.log_sigmoid", "F.logsigmoid", -5, 5),
    ("tf.math.softsign", "F.softsign", -5, 5),
    ("tf.math.reciprocal", "torch.reciprocal", 0.3, 3),
    ("tf.math.reciprocal_no_nan", "torch.reciprocal", 0.3, 3),
    ("tf.math.erf", "torch.erf", -3, 3),
    ("tf.math.erfc", "torch.erfc", -3, 5),
    ("tf.math.erfinv", "torch.erfinv", -0.9, 0.9),
    ("tf.math.erfcinv", "", 0.05, 1.95),
    ("tf.math.ndtri", "torch.special.ndtri", 0.05, 0.95),
    ("tf.math.lgamma", "torch.lgamma", 0.3, 12),
    ("tf.math.digamma", "torch.digamma", 0.3, 12),
    ("tf.identity", "torch.clone", -2, 2),
    ("tf.stop_gradient", "", -2, 2),
    ("tf.nn.relu", "torch.relu", -3, 3),
    ("tf.nn.relu6", "F.relu6", -3, 9),
    ("tf.nn.elu", "F.elu", -3, 3),
    ("tf.nn.selu", "F.selu", -3, 3),
    ("tf.nn.leaky_relu", "", -3, 3),
    ("tf.nn.silu", "F.silu", -5, 5),
    ("tf.nn.gelu", "F.gelu", -3, 3),
    ("tf.floor", "", -3, 3),
    ("tf.math.ceil", "", -3, 3),
    ("tf.round", "", -3, 3),
]
BINARY = [
    ("tf.add", "torch.add", -2, 2),
    ("tf.subtract", "torch.sub", -2, 2),
    ("tf.multiply", "torch.mul", -2, 2),
    ("tf.divide", "torch.div", 0.3, 3),
    ("tf.math.divide_no_nan", "torch.div", 0.3, 3),
    ("tf.math.multiply_no_nan", "torch.mul", 0.3, 3),
    ("tf.math.floordiv", "", 0.3, 3),
    ("tf.math.floormod", "torch.remainder", 0.3, 3),
    ("tf.truncatemod", "torch.fmod", 0.3, 3),
    ("tf.truncatediv", "", 0.3, 3),
    ("tf.pow", "torch.pow", 0.3, 3),
    ("tf.maximum", "torch.maximum", -2, 2),
    ("tf.minimum", "torch.minimum", -2, 2),
    ("tf.math.squared_difference", "(lambda a, b: (a - b) ** 2)", -2, 2),
    ("tf.math.xlogy", "torch.xlogy", 0.3, 3),
    ("tf.math.xlog1py", "torch.special.xlog1py", 0.3, 3),
    ("tf.math.xdivy", "torch.div", 0.3, 3),
    ("tf.atan2", "torch.atan2", -2, 2),
    ("tf.math.nextafter", "", -2, 2),
]
SHAPES = [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (3,)), ((0, 3), (1, 3))]
COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]


# TensorFlow holds Python numbers given to these in float32, also when the tensor is float64; PyTorch's
# gamma functions are good to ten digits.
FLOAT32_NUMBERS = {"tensorflow": 1e-7}
TEN_DIGITS = {"torch": 1e-9}


def _unary() -> list[Case]:
    rtol = dict.fromkeys(["tf.nn.leaky_relu", "tf.nn.gelu"], FLOAT32_NUMBERS)
    rtol |= dict.fromkeys(["tf.math.lgamma", "tf.math.digamma"], TEN_DIGITS)
    cases = []
    for name, torch, low, high in UNARY:
        expression, own = torch and f"{torch}(a)", rtol.get(name)
        cases.append(row(f"{name}(a)", real(2, 3, low=low, high=high), torch=expression, rtol=own))
    for name, torch, _, _ in UNARY[:4] + UNARY[20:24]:
        cases.append(row(f"{name}(a)", empty(0, 2), torch=torch and f"{torch}(a)", label="empty"))
    return cases


def _binary() -> list[Case]:
    return [
        row(
            f"{name}(a, b)",
            real(*one, low=low, high=high) if 0 not in one else empty(*one),
            real(*other, low=low, high=high),
            torch=torch and f"{torch}(a, b)",
            label=f"{one} {other}".replace(" ", ""),
        )
        for name, torch, low, high in BINARY
        for one, other in SHAPES
    ]


def _signs() -> list[Case]:
    """What a remainder or a quotient does with signs, in integers and in floats."""
    pairs = (lit([7, -7, 7, -7, 6, 0], "int32"), lit([3, 3, -3, -3, 3, 5], "int32"))
    floats = (lit([7.5, -7.5, 7.5, -7.5, 6.25]), lit([3.0, 3.0, -3.0, -3.0, 2.0]))
    integers = "a // b"
    rows = [
        row(f"tf.{name}(a, b)", *given, label=label, orders=orders)
        for name in ("math.floordiv", "math.floormod", "truncatediv", "truncatemod", "divide")
        for given, label, orders in ((pairs, "int32 signs", 0), (floats, "signs", 1))
    ]
    return [*rows, row(integers, *pairs), row("a % b", *pairs), row("a / b", *pairs)]


CASES: list[Case] = [
    *_unary(),
    *_binary(),
    *_signs(),
    *(
        row(f"tf.math.{name}(a, b)", lit([1.0, 2.0, float("nan"), float("inf"), -0.0]),
            lit([2.0, 2.0, float("nan"), float("inf"), 0.0]), torch=f"torch.{torch}(a, b)")
        for name, torch in zip(COMPARISONS, ["eq", "ne", "lt", "le", "gt", "ge"], strict=True)
    ),
    *(
        row(f"tf.math.{name}(a)", lit([1.0, float("nan"), float("inf"), -float("inf")]), torch=torch)
        for name, torch in (("is_nan", "torch.isnan(a)"), ("is_inf", "torch.isinf(a)"),
                            ("is_finite", "torch.isfinite(a)"))
    ),
    *(
        row(f"tf.math.logical_{name}(a, b)", bools(2, 3), bools(3), torch=f"torch.logical_{name}(a, b)")
        for name in ("and", "or", "xor")
    ),
    row("tf.logical_not(a)", bools(5), torch="torch.logical_not(a)"),
    row("tf.where(a, b, c)", bools(2, 3), real(2, 3), real(3), torch="torch.where(a, b, c)"),
    row("tf.where(a, b, c)", bools(2, 1), real(), real(2, 3), torch="torch.where(a, b, c)", label="wide"),
    row("tf.where(a)", bools(3, 4), torch="torch.argwhere(a)"),
    row("tf.add_n([a, b, a])", real(2, 3), real(2, 3), torch="a + b + a"),
    row("tf.identity_n([a, b])", real(2), real(3), torch="[a.clone(), b.clone()]"),
    row("tf.math.accumulate_n([a, b, c])", real(2, 3), real(2, 3), real(2, 3), torch="a + b + c", orders=1),
    row("tf.math.scalar_mul(a, b)", real(), real(2, 3), torch="a * b"),
    row("tf.math.polyval([a, b, c], d)", real(), real(), real(), real(4), torch="(a * d + b) * d + c"),
    row("tf.clip_by_value(a, -1.0, 1.5)", real(3, 4, low=-3, high=3), torch="torch.clamp(a, -1.0, 1.5)"),
    row("tf.clip_by_value(a, b, c)", real(3, 4, low=-3, high=3), real(4, low=-1, high=0),
        real(3, 1, low=0.2, high=1), torch="torch.clamp(a, b, c)"),
    row("tf.math.polygamma(a, b)", lit([1.0, 2.0, 3.0]), real(3, low=0.5, high=6), orders=1,
        torch="torch.stack([torch.polygamma(k, b[k - 1]) for k in (1, 2, 3)])",
        label="the order is not differentiated", rtol=TEN_DIGITS),
    row("tf.math.polygamma(tf.constant(2.0, tf.float64), a)", real(4, low=0.5, high=6),
        torch="torch.polygamma(2, a)"),
    row("tf.math.zeta(tf.constant([2.5, 3.5], tf.float64), a)", real(3, 2, low=0.5, high=4),
        torch="torch.special.zeta(torch.tensor([2.5, 3.5], dtype=torch.float64), a)", orders=2),
    row("tf.math.lbeta(a)", real(2, 3, low=0.4, high=4), rtol=TEN_DIGITS,
        torch="torch.lgamma(a).sum(-1) - torch.lgamma(a.sum(-1))"),
    row("tf.nn.gelu(a, approximate=True)", real(2, 3),
        torch="F.gelu(a, approximate='tanh')", rtol=FLOAT32_NUMBERS),
    row("tf.nn.leaky_relu(a, alpha=0.1)", real(2, 3), torch="F.leaky_relu(a, 0.1)", rtol=FLOAT32_NUMBERS),
    row("tf.nn.silu(a, beta=1.7)", real(2, 3), torch="a * torch.sigmoid(1.7 * a)", rtol=FLOAT32_NUMBERS),
    row("tf.nn.crelu(a)", real(2, 3), torch="torch.relu(torch.cat([a, -a], -1))"),
    row("tf.nn.crelu(a, axis=0)", real(2, 3), torch="torch.relu(torch.cat([a, -a], 0))"),
    # Complex numbers. A gradient with respect to one is the conjugate of the holomorphic derivative.
    row("tf.complex(a, b)", real(2, 3), real(3), torch="torch.complex(*torch.broadcast_tensors(a, b))"),
    row("tf.math.real(a)", cplx(2, 3), torch="a.real"),
    row("tf.math.imag(a)", cplx(2, 3), torch="a.imag"),
    row("tf.math.conj(a)", cplx(2, 3), torch="torch.conj(a)"),
    row("tf.abs(a)", cplx(2, 3), torch="torch.abs(a)", label="complex"),
    row("tf.math.angle(a)", cplx(2, 3), torch="torch.angle(a)"),
    row("tf.math.angle(a)", real(4), label="real", orders=1),
    row("tf.sign(a)", cplx(2, 3), torch="torch.sgn(a)", label="complex", orders=0),
    *(
        row(f"{tf}(a)", cplx(2, 3), torch=f"{torch}(a)", label="complex")
        for tf, torch in (("tf.exp", "torch.exp"), ("tf.math.log", "torch.log"), ("tf.sqrt", "torch.sqrt"),
                          ("tf.sin", "torch.sin"), ("tf.cos", "torch.cos"), ("tf.tanh", "torch.tanh"),
                          ("tf.square", "torch.square"), ("tf.negative", "torch.neg"),
                          ("tf.math.reciprocal", "torch.reciprocal"), ("tf.reduce_sum", "torch.sum"))
    ),
    *(
        row(f"a {sign} b", cplx(2, 3), cplx(3), torch=f"a {sign} b", label="complex")
        for sign in ("+", "-", "*", "/")
    ),
    row("tf.matmul(a, b)", cplx(2, 3), cplx(3, 2), torch="a @ b", label="complex"),
    row("tf.transpose(a, conjugate=True)", cplx(2, 3), torch="a.mH"),
    # Bits.
    *(
        row(f"tf.bitwise.{name}(a, b)", ints(2, 4), ints(4), torch=f"torch.{torch}(a, b)")
        for name, torch in (("bitwise_and", "bitwise_and"), ("bitwise_or", "bitwise_or"),
                            ("bitwise_xor", "bitwise_xor"))
    ),
    row("tf.bitwise.left_shift(a, b)", ints(2, 4), ints(4, low=0, high=5),
        torch="torch.bitwise_left_shift(a, b)"),
    row("tf.bitwise.right_shift(a, b)", ints(2, 4), ints(4, low=0, high=5),
        torch="torch.bitwise_right_shift(a, b)"),
    row("tf.bitwise.invert(a)", ints(5), torch="torch.bitwise_not(a)"),
]  # fmt: skip
