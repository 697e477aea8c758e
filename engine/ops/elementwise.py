"""One output element from one element of each input. A table: kernel, derivative, one line a fact.

In the derivatives, `dy` is the cotangent of the output, `y` the output, `a` and `b` the inputs. They
do not care about broadcasting: the tape sums a cotangent back to the shape of its input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import dtypes, scalar, spec
from engine.dispatch import (
    NOT_DIFFERENTIABLE,
    Primitive,
    apply,
    context,
    explain,
    primitive,
    same_dtype,
)  # fmt: skip
from engine.errors import InvalidArgumentError
from engine.ops.creation import convert, convert_together, zero_or_one
from engine.spec import TensorSpec
from engine.tensor import Tensor, describe

FLOATING = ("float", "complex")
NUMBERS = ("int", "uint", "float", "complex")
REAL = ("int", "uint", "float")
BOOLEAN = ("bool",)
ANY = ("bool", "int", "uint", "float", "complex", "string")


def _check_kind(name: str, tensor: Any, kinds: tuple[str, ...]) -> None:
    if tensor.dtype.kind not in kinds:
        target = "bool" if kinds == BOOLEAN else "float32"
        advice = "" if tensor.dtype is dtypes.string else f" Convert it with tf.cast(x, tf.{target})."
        raise InvalidArgumentError(
            f"{name} works on {' or '.join(kinds)} tensors, but {tensor.dtype.name} was given.{advice}"
        )


def _spec(name: str, kinds: tuple[str, ...], dtype: dtypes.DType | None) -> Callable[..., TensorSpec]:
    """The shape rule of an elementwise operation: broadcast, one dtype in, `dtype` or the same out."""

    def rule(*specs: TensorSpec) -> TensorSpec:
        same_dtype(name, *specs)
        _check_kind(name, specs[0], kinds)
        dims = specs[0].dims
        for other in specs[1:]:
            dims = spec.broadcast(dims, other.dims, name)
        return TensorSpec(dims, dtype or specs[0].dtype)

    return rule


# Most calls are eager, on NumPy arrays, of an operation that is one ufunc. `unary`, `binary` and
# linalg.matmul answer those at once, each in its own lines: one function for the three was measured, and
# its call takes 60 ns of the 900 that an addition takes.
_NO_ATTRS: dict[str, Any] = {}


def _numpy_kinds(kinds: tuple[str, ...]) -> str:
    """NumPy's letters for kinds of dtypes. bfloat16 is not among them, and takes the general path."""
    letters = {"bool": "b", "int": "i", "uint": "u", "float": "f", "complex": "c", "string": ""}
    return "".join(letters[kind] for kind in kinds)


def _kernel(ufunc: Any) -> Callable[..., Any]:
    return lambda xp, *arrays: ufunc(*arrays)  # a NumPy ufunc given CuPy arrays runs CuPy's


def _enter(
    name: str, ufunc: Any, vjp: Any, kinds: tuple[str, ...], dtype: dtypes.DType | None, quiet: bool,
    element: Any,
) -> Primitive:
    rule, one = _spec(name, kinds, dtype), element or scalar.rule_of(name)
    return primitive(name, _kernel(ufunc), rule, vjp=vjp, ufunc=ufunc, quiet=quiet, scalar=one)


def _document(op: Any, name: str, text: str, arguments: str, called: tuple[str, ...]) -> Any:
    """Gives an operation its name, its docstring and the names TensorFlow has for its inputs."""
    code = op.__code__
    op.__code__ = code.replace(co_varnames=called + code.co_varnames[len(called) :])
    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"{text}\n\n    Elementwise; {arguments}\n    "
    return op


def unary(
    name: str, ufunc: Any, vjp: Any, text: str, kinds: Any = FLOATING, dtype: Any = None, quiet: bool = False,
    called: str = "x", element: Any = None,
) -> Any:  # fmt: skip
    """Declares a primitive of one input and returns the public operation, whose input is `called` so.

    element: its rule for a single number, where `scalar.rule_of` has none.
    """
    record = _enter(name, ufunc, vjp, kinds, dtype, quiet, element)
    fast = _numpy_kinds(kinds) if quiet else ""

    def op(x: Any, name: str | None = None) -> Tensor:
        if type(x) is Tensor and x._array.dtype.kind in fast and context.builder is None:
            output = Tensor(ufunc(x._array))  # what apply would do, without its questions
            log = context.log
            if log is not None:
                log.record(record, (x,), _NO_ATTRS, output)
            return output
        tensor = x if type(x) is Tensor else convert(x)
        if tensor.dtype.kind not in kinds:
            _check_kind(record.name, tensor, kinds)
        return apply(record, tensor)

    return _document(op, name, text, f"the shape of `{called}` stays.", (called,))


def binary(
    name: str, ufunc: Any, vjp: Any, text: str, kinds: Any = NUMBERS, dtype: Any = None, quiet: bool = False,
    called: tuple[str, str] = ("x", "y"),
) -> Any:  # fmt: skip
    """Declares a primitive of two inputs and returns the public operation."""
    record = _enter(name, ufunc, vjp, kinds, dtype, quiet, None)
    fast = _numpy_kinds(kinds) if quiet else ""

    def op(x: Any, y: Any, name: str | None = None) -> Tensor:
        if type(x) is not Tensor or type(y) is not Tensor:
            x, y = convert_together(x, y)
        if context.builder is None:
            a, b = x._array, y._array
            same = a.dtype
            if same is b.dtype and same.kind in fast:
                try:
                    output = Tensor(ufunc(a, b))  # what apply would do, without its questions
                except ValueError as error:
                    raise explain(record, (x, y), _NO_ATTRS, error) from None
                log = context.log
                if log is not None:
                    log.record(record, (x, y), _NO_ATTRS, output)
                return output
        kind = x.dtype
        if kind is not y.dtype:
            same_dtype(record.name, x.spec, y.spec)
        if kind.kind not in kinds:
            _check_kind(record.name, x, kinds)
        return apply(record, x, y)

    return _document(op, name, text, "the shapes are broadcast, both dtypes must be the same.", called)


def _no_integer_zero(name: str, operation: Any) -> Any:
    """NumPy answers an integer division by zero with 0; here it is an error."""

    def kernel(a: Any, b: Any) -> Any:
        if b.dtype.kind in "iu" and not b.all():
            raise InvalidArgumentError(
                f"{name}: an integer was divided by zero; it has no infinity to give. Divide floats, or "
                "choose with tf.where what a zero stands for."
            )
        return operation(a, b)

    return kernel


def _rsqrt(x: Any) -> Any:
    return (1 / np.sqrt(x)).astype(x.dtype)


def _sigmoid(x: Any) -> Any:
    # Exact to the last digits for every x, also where it is tiny: exp may overflow to inf, and 1/inf is 0.
    one = x.dtype.type(1)
    return one / (one + np.exp(-x))


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, x.dtype.type(0))


def _relu(x: Any) -> Any:
    return np.maximum(x, x.dtype.type(0))


# fmt: off
add = binary("add", np.add, (
    lambda dy, y, a, b: dy,
    lambda dy, y, a, b: dy), "x + y", quiet=True)
subtract = binary("subtract", np.subtract, (
    lambda dy, y, a, b: dy,
    lambda dy, y, a, b: -dy), "x - y", quiet=True)
multiply = binary("multiply", np.multiply, (
    lambda dy, y, a, b: dy * b,
    lambda dy, y, a, b: dy * a), "x * y", quiet=True)
_real_divide = binary("divide", np.true_divide, (
    lambda dy, y, a, b: dy / b,
    lambda dy, y, a, b: -dy * y / b), "x / y", FLOATING)
floordiv = binary("floordiv", _no_integer_zero("floordiv", np.floor_divide),
    NOT_DIFFERENTIABLE, "x / y rounded towards minus infinity", REAL)
floormod = binary("floormod", _no_integer_zero("floormod", np.mod), (
    lambda dy, y, a, b: dy,
    lambda dy, y, a, b: -dy * floordiv(a, b)), "the remainder, with the sign of y", REAL)
pow = binary("pow", np.power, (  # d x^0/dx is 0, also where x = 0; d x^y/dy is 0 where x = 0, its limit
    lambda dy, y, a, b: dy * b * pow(a, where(logical_and(equal(a, 0), equal(b, 0)), ones_like(b), b - 1)),
    lambda dy, y, a, b: dy * y * log(where(a > 0, a, ones_like(a)))), "x to the power y")
maximum = binary("maximum", np.maximum, (  # at a tie the first input takes the cotangent
    lambda dy, y, a, b: where(a >= b, dy, zeros_like(dy)),
    lambda dy, y, a, b: where(a >= b, zeros_like(dy), dy)), "the larger of x and y", REAL, quiet=True)
minimum = binary("minimum", np.minimum, (
    lambda dy, y, a, b: where(a <= b, dy, zeros_like(dy)),
    lambda dy, y, a, b: where(a <= b, zeros_like(dy), dy)), "the smaller of x and y", REAL, quiet=True)

negative = unary("negative", np.negative, (lambda dy, y, a: -dy,), "-x", NUMBERS, quiet=True)
abs = unary("abs", np.abs, (lambda dy, y, a: dy * sign(a),), "the absolute value", REAL, quiet=True)
sign = unary("sign", np.sign, (
    lambda dy, y, a: zeros_like(dy),), "-1, 0 or 1; x / |x| for complex x", NUMBERS, quiet=True,
    element=lambda x: scalar.select(x > 0, 1, scalar.select(x < 0, -1, scalar.absolute(x))))  # 0, NaN
square = unary("square", np.square, (lambda dy, y, a: dy * (2 * a),), "x * x", NUMBERS, quiet=True,
    element=lambda x: x * x)
sqrt = unary("sqrt", np.sqrt, (  # a cotangent of 0 stays 0, also where the derivative is infinite
    lambda dy, y, a: where(equal(dy, 0), zeros_like(dy), dy * 0.5 / y),), "the square root")
rsqrt = unary("rsqrt", _rsqrt, (lambda dy, y, a: dy * -0.5 * y / a,), "1 / sqrt(x)",
    element=lambda x: 1 / scalar.square_root(x))
exp = unary("exp", np.exp, (lambda dy, y, a: dy * y,), "e to the power x")
expm1 = unary("expm1", np.expm1, (lambda dy, y, a: dy * (y + 1),), "exp(x) - 1, exact near 0")
log = unary("log", np.log, (lambda dy, y, a: dy / a,), "the natural logarithm")
log1p = unary("log1p", np.log1p, (lambda dy, y, a: dy / (1 + a),), "log(1 + x), exact near 0")
sin = unary("sin", np.sin, (lambda dy, y, a: dy * cos(a),), "the sine of x in radians")
cos = unary("cos", np.cos, (lambda dy, y, a: -dy * sin(a),), "the cosine of x in radians")
tanh = unary("tanh", np.tanh, (lambda dy, y, a: dy * (1 - y * y),), "the hyperbolic tangent", quiet=True)
sigmoid = unary("sigmoid", _sigmoid, (lambda dy, y, a: dy * y * (1 - y),), "1 / (1 + exp(-x))",
    element=lambda x: 1 / (1 + scalar.exp(-x)))
softplus = unary("softplus", _softplus, (lambda dy, y, a: dy * sigmoid(a),), "log(1 + exp(x))", ("float",),
    called="features", element=lambda x: scalar.maximum(x, 0) + scalar.log1p(scalar.exp(-scalar.absolute(x))))
relu = unary("relu", _relu, (  # the derivative at 0 is taken as 0
    lambda dy, y, a: where(a > 0, dy, zeros_like(dy)),), "max(x, 0)", REAL, quiet=True,
    called="features", element=lambda x: scalar.maximum(x, 0))
floor = unary("floor", np.floor, NOT_DIFFERENTIABLE, "rounded down", ("float",), quiet=True)
ceil = unary("ceil", np.ceil, NOT_DIFFERENTIABLE, "rounded up", ("float",), quiet=True)
round = unary("round", lambda x: x if x.dtype.kind in "iu" else np.rint(x), NOT_DIFFERENTIABLE,
    "rounded to the nearest integer, halves to even", NUMBERS)
is_nan = unary("is_nan", np.isnan, NOT_DIFFERENTIABLE, "True where x is NaN", dtype=dtypes.bool_,
    element=lambda x: scalar.not_equal(x, x))
is_inf = unary("is_inf", np.isinf, NOT_DIFFERENTIABLE, "True where x is infinite", dtype=dtypes.bool_,
    element=lambda x: scalar.equal(scalar.absolute(x), float("inf")))
is_finite = unary("is_finite", np.isfinite, NOT_DIFFERENTIABLE,
    "True where x is neither infinite nor NaN", dtype=dtypes.bool_,
    element=lambda x: scalar.absolute(x) < float("inf"))


def _compare(name: str, ufunc: Any, text: str, kinds: Any = REAL) -> Any:
    return binary(name, ufunc, NOT_DIFFERENTIABLE, text, kinds, dtypes.bool_, quiet=True)


equal = _compare("equal", np.equal, "True where x == y", ANY)
not_equal = _compare("not_equal", np.not_equal, "True where x != y", ANY)
less = _compare("less", np.less, "True where x < y")
less_equal = _compare("less_equal", np.less_equal, "True where x <= y")
greater = _compare("greater", np.greater, "True where x > y")
greater_equal = _compare("greater_equal", np.greater_equal, "True where x >= y")
logical_and = _compare("logical_and", np.logical_and, "True where both are", BOOLEAN)
logical_or = _compare("logical_or", np.logical_or, "True where at least one is", BOOLEAN)
logical_xor = _compare("logical_xor", np.logical_xor, "True where exactly one is", BOOLEAN)
logical_not = unary("logical_not", np.logical_not, NOT_DIFFERENTIABLE, "True where x is False", BOOLEAN,
    dtypes.bool_, quiet=True)
# fmt: on


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y. Integers are converted first: to float64, or float32 for those of 8 and 16 bits.

    Elementwise; the shapes are broadcast, both dtypes must be the same.
    """
    return _real_divide(*with_fractions(x, y))


def with_fractions(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Two tensors of one dtype, integers as float64, or as float32 if they have 8 or 16 bits."""
    x, y = convert_together(x, y)
    if x.dtype.is_integer and x.dtype is y.dtype:
        real = dtypes.float64 if x.dtype.size >= 4 else dtypes.float32
        x, y = cast(x, real), cast(y, real)
    return x, y


truediv = divide


def _select_spec(condition: TensorSpec, x: TensorSpec, y: TensorSpec) -> TensorSpec:
    same_dtype("where", x, y)
    if not condition.dtype.is_bool:
        raise InvalidArgumentError(
            f"where: the condition must be a bool tensor, but {condition.dtype.name} was given. "
            "Compare it with something, for example x > 0."
        )
    dims = spec.broadcast(condition.dims, spec.broadcast(x.dims, y.dims, "where"), "where")
    return TensorSpec(dims, x.dtype)


_SELECT = primitive(
    "select",
    lambda xp, condition, x, y: xp.where(condition, x, y),
    _select_spec,
    vjp=(
        None,
        lambda dy, y, condition, a, b: where(condition, dy, zeros_like(dy)),
        lambda dy, y, condition, a, b: where(condition, zeros_like(dy), dy),
    ),
    scalar=scalar.select,
)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Elements of `x` where `condition` holds, of `y` elsewhere. All three are broadcast.

    Without x and y: the indices of all elements that are True, one a row, int64.

    >>> where([True, False], [1, 2], [10, 20]).numpy().tolist()
    [1, 20]
    >>> where([False, True, True]).numpy().tolist()
    [[1], [2]]
    """
    if x is None and y is None:
        from engine.ops.selection import where_true

        return where_true(condition)
    if x is None or y is None:
        raise ValueError("where: give both x and y, or neither for the indices of what is True.")
    condition = convert(condition)
    x, y = convert_together(x, y)
    if x.dtype is not y.dtype or not condition.dtype.is_bool:
        _select_spec(condition.spec, x.spec, y.spec)
    return apply(_SELECT, condition, x, y)


def _cast_kernel(xp: Any, x: Any, *, dtype: dtypes.DType) -> Any:
    real = x.real if x.dtype.kind == "c" and not dtype.is_complex and not dtype.is_bool else x
    return xp.asarray(real).astype(dtype.as_numpy_dtype)


_CAST = primitive(
    "cast",
    _cast_kernel,
    lambda x, *, dtype: TensorSpec(x.dims, dtype),
    vjp=(lambda dy, y, a, *, dtype: cast(dy, a.dtype) if a.dtype.is_differentiable else None,),
    scalar=lambda x, *, dtype: scalar.cast(x, dtype),
)


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """`x` converted to `dtype`. Fractions are cut off on the way to an integer.

    >>> cast([1.8, -1.8], "int32").numpy().tolist()
    [1, -1]
    """
    tensor, target = convert(x), dtypes.as_dtype(dtype)
    if dtypes.string in (tensor.dtype, target) and tensor.dtype is not target:
        raise InvalidArgumentError(f"cast: {describe(tensor)} cannot become {target.name}.")
    return tensor if tensor.dtype is target else apply(_CAST, tensor, dtype=target)


def _fill_kernel(xp: Any, x: Any, *, value: int, dtype: dtypes.DType) -> Any:
    filled = xp.empty(x.shape, dtype.as_numpy_dtype)
    filled.fill(zero_or_one(value, dtype))
    return filled


_FILL_LIKE = primitive(
    "fill_like",
    _fill_kernel,
    lambda x, *, value, dtype: TensorSpec(x.dims, dtype),
    vjp=NOT_DIFFERENTIABLE,
    quiet=True,
    scalar=lambda x, *, value, dtype: scalar.constant(value, dtype),
)


def _fill_like(x: Any, value: int, dtype: Any) -> Tensor:
    tensor = convert(x)
    target = tensor.dtype if dtype is None else dtypes.as_dtype(dtype)
    return apply(_FILL_LIKE, tensor, value=value, dtype=target)


def zeros_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Zeros in the shape of `input`, and in its dtype unless one is given.

    TensorFlow's `layout`, for tensors spread over several devices, is not there.
    """
    return _fill_like(input, 0, dtype)


def ones_like(input: Any, dtype: Any = None, name: str | None = None) -> Tensor:
    """Ones in the shape of `input`, and in its dtype unless one is given.

    TensorFlow's `layout`, for tensors spread over several devices, is not there.
    """
    return _fill_like(input, 1, dtype)


def _identity_kernel(xp: Any, x: Any) -> Any:
    return x


_IDENTITY = primitive("identity", _identity_kernel, lambda x: x, vjp=(lambda dy, y, a: dy,),
    scalar=lambda x: x)
_STOP = primitive("stop_gradient", _identity_kernel, lambda x: x, vjp=NOT_DIFFERENTIABLE, scalar=lambda x: x)


def identity(input: Any, name: str | None = None) -> Tensor:
    """The same values as a new tensor."""
    return apply(_IDENTITY, convert(input))


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """The same values as new tensors, one for each of the list."""
    return [identity(x) for x in input]


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same values, treated as a constant by every gradient."""
    return apply(_STOP, convert(input))


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of a list of tensors of one shape."""
    tensors = [convert(x) for x in inputs]
    if not tensors:
        raise ValueError("add_n needs at least one tensor, but the list is empty.")
    total = tensors[0]
    for tensor in tensors[1:]:
        total = add(total, tensor)
    return total


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """`t` with elements below the minimum raised to it, and above the maximum lowered to it."""
    return minimum(maximum(t, clip_value_min), clip_value_max)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """(x - y) squared, elementwise."""
    return square(subtract(x, y))
