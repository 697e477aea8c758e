"""Recorded cases: dtypes other than float64 - rounding, conversion, wrapping round. Not a test."""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import Recipe, grid, ints, lit

LOW = ("float32", "float16", "bfloat16")
# TensorFlow's expression, PyTorch's, the shapes and the range of the inputs.
FLOATING = [
    ("tf.exp(a)", "torch.exp(a)", [(2, 3)], -2, 2),
    ("tf.math.log(a)", "torch.log(a)", [(2, 3)], 0.25, 3),
    ("tf.math.log1p(a)", "torch.log1p(a)", [(2, 3)], 0.25, 3),
    ("tf.sqrt(a)", "torch.sqrt(a)", [(2, 3)], 0.25, 3),
    ("tf.math.rsqrt(a)", "torch.rsqrt(a)", [(2, 3)], 0.25, 3),
    ("tf.tanh(a)", "torch.tanh(a)", [(2, 3)], -2, 2),
    ("tf.sigmoid(a)", "torch.sigmoid(a)", [(2, 3)], -4, 4),
    ("tf.math.softplus(a)", "F.softplus(a)", [(2, 3)], -4, 4),
    ("tf.sin(a)", "torch.sin(a)", [(2, 3)], -2, 2),
    ("tf.math.erf(a)", "torch.erf(a)", [(2, 3)], -2, 2),
    ("tf.nn.relu(a)", "torch.relu(a)", [(2, 3)], -2, 2),
    ("tf.nn.elu(a)", "F.elu(a)", [(2, 3)], -2, 2),
    ("a + b", "a + b", [(2, 3), (3,)], -2, 2),
    ("a * b", "a * b", [(2, 3), (3,)], -2, 2),
    ("a / b", "a / b", [(2, 3), (3,)], 0.25, 3),
    ("tf.pow(a, b)", "torch.pow(a, b)", [(2, 3), (3,)], 0.25, 2),
    ("tf.maximum(a, b)", "torch.maximum(a, b)", [(2, 3), (3,)], -2, 2),
    ("tf.math.floormod(a, b)", "", [(2, 3), (3,)], 0.25, 3),
    ("tf.reduce_sum(a, axis=1)", "torch.sum(a, 1)", [(3, 4)], -2, 2),
    ("tf.reduce_mean(a)", "torch.mean(a)", [(3, 4)], -2, 2),
    ("tf.reduce_max(a, axis=0)", "", [(3, 4)], -2, 2),
    ("tf.reduce_prod(a, axis=1)", "torch.prod(a, 1)", [(3, 3)], 0.25, 2),
    ("tf.nn.softmax(a)", "torch.softmax(a, -1)", [(2, 3)], -2, 2),
    ("tf.nn.log_softmax(a)", "torch.log_softmax(a, -1)", [(2, 3)], -2, 2),
    ("tf.matmul(a, b)", "a @ b", [(2, 3), (3, 2)], -2, 2),
    ("tf.cumsum(a)", "torch.cumsum(a, 0)", [(4,)], -2, 2),
    ("tf.norm(a)", "torch.linalg.vector_norm(a)", [(4,)], -2, 2),
    ("tf.gather(a, [1, 1, 0])", "a[[1, 1, 0]]", [(2, 3)], -2, 2),
    ("tf.concat([a, b], 0)", "torch.cat([a, b], 0)", [(2,), (3,)], -2, 2),
    ("tf.where(a > 0, a, b)", "torch.where(a > 0, a, b)", [(2, 3), (3,)], -2, 2),
    ("tf.clip_by_value(a, -1.0, 1.0)", "torch.clamp(a, -1.0, 1.0)", [(2, 3)], -2, 2),
]
HALVES = lit([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5])
FRACTIONS = lit([-2.7, -1.0, -0.9, 0.0, 0.9, 2.7])
# The largest numbers of an integer dtype and their neighbours.
ENDS = {"int8": [127, -128, 100, -1], "uint8": [255, 0, 200, 1], "int16": [32767, -32768, 300, -1],
        "int32": [2**31 - 1, -(2**31), 7, -1], "int64": [2**63 - 1, -(2**63), 7, -1]}  # fmt: skip


def _floating() -> list[Case]:
    rows = []
    for call, torch, shapes, low, high in FLOATING:
        for dtype in LOW:
            recipes: list[Recipe] = [
                grid(*shape, dtype=dtype, low=low, high=high) for shape in shapes
            ]
            rows.append(row(call, *recipes, torch=torch, label=dtype, orders=1))
    return rows


def _casts() -> list[Case]:
    rows = [
        row(
            f"tf.cast(a, tf.{to})",
            FRACTIONS,
            label="fractions",
            orders=0,
            torch=f"a.to(torch.{to})",
        )
        for to in ("int8", "int32", "int64", "bool", "float16", "bfloat16", "float32")
    ]
    rows += [
        row(
            f"tf.cast(a, tf.{to})",
            grid(4, dtype=dtype),
            label=dtype,
            orders=1,
            torch=f"a.to(torch.{to})",
        )
        for dtype in LOW
        for to in ("float64", "float32", "float16", "bfloat16")
        if to != dtype
    ]
    # Numbers between two of the coarser dtype: round to nearest, halves to even; too large is inf.
    odd = lit(
        [1.0009765625, 1.00048828125, 1.00390625, 1.01171875, 65519.0, 65520.0, 1e-8, 3.5e38, -1e39]
    )
    rows += [row(f"tf.cast(a, tf.{to})", odd, label="rounding", orders=0, torch=f"a.to(torch.{to})")
             for to in LOW]  # fmt: skip
    rows += [
        row(
            f"tf.cast(a, tf.{to})",
            lit([300, -1, 127, 128], "int32"),
            label="int32",
            torch=f"a.to(torch.{to})",
        )
        for to in ("int8", "uint8", "int64", "float16", "bool")
    ]
    return rows


CASES: list[Case] = [
    *_floating(),
    *_casts(),
    row("tf.round(a)", HALVES, torch="torch.round(a)", label="halves", orders=0),
    row("tf.math.rint(a)", HALVES, torch="torch.round(a)", label="halves", orders=0),
    *(
        row(f"{name}(a)", FRACTIONS, torch=f"{torch}(a)", label="negatives", orders=0)
        for name, torch in (("tf.floor", "torch.floor"), ("tf.math.ceil", "torch.ceil"),
                            ("tf.round", "torch.round"))
    ),
    *(
        row(f"a {sign} b", lit(values, dtype), lit([1, 1, 2, 3], dtype), torch=f"a {sign} b", label=dtype)
        for dtype, values in ENDS.items() for sign in ("+", "-", "*", "//", "%")
    ),
    *(
        row(f"{name}(a)", lit(values, dtype), torch=f"{torch}(a)", label=dtype)
        for dtype, values in ENDS.items() if dtype != "uint8"
        for name, torch in (("tf.negative", "torch.neg"), ("tf.abs", "torch.abs"),
                            ("tf.sign", "torch.sign"), ("tf.square", "torch.square"))
    ),
    *(
        row(f"tf.{name}(a)", ints(6, dtype=dtype), torch=torch and f"{torch}(a)", label=dtype)
        for dtype in ("int32", "int64")
        for name, torch in (("reduce_sum", "torch.sum"), ("reduce_max", "torch.amax"),
                            ("reduce_prod", "torch.prod"), ("cumsum", ""), ("sort", ""),
                            ("argmax", "torch.argmax"), ("reduce_mean", ""))
    ),
    row("tf.pow(a, b)", lit([2, -3, 0, 5], "int32"), lit([3, 3, 0, 1], "int32"), torch="torch.pow(a, b)",
        label="int32"),
    row("tf.matmul(a, b)", ints(2, 3), ints(3, 2), torch="a @ b", label="int32"),
    row("a / b", lit([1, 7, -7], "int16"), lit([2, 2, 2], "int16"), label="int16"),
    row("a / b", lit([1, 7, 255], "uint8"), lit([2, 2, 2], "uint8"), label="uint8"),
    row("tf.reduce_mean(a)", lit([1, 2, 4, 4], "int32"), label="fractions are cut off"),
    row("tf.reduce_mean(a)", lit([-1, -2, -4, -4], "int32"), label="of negatives"),
]  # fmt: skip
