"""Recorded cases: functions given functions - branches, loops, maps - eagerly and in graphs. Not a test."""

from __future__ import annotations

from tests.oracle.case import Case, row
from tests.oracle.inputs import real

# An expression in x, and what PyTorch computes for it.
BODIES = [
    ("tf.cond(tf.reduce_sum(x) > -100.0, lambda: x * x, lambda: x)", "a * a"),
    ("tf.case([(tf.reduce_sum(x) > 100.0, lambda: x)], default=lambda: tf.sin(x))", "torch.sin(a)"),
    ("tf.switch_case(tf.constant(1), [lambda: x, lambda: x ** 3])", "a**3"),
    (
        "tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (tf.constant(0), x))[1]",
        "a**4",
    ),
    ("tf.map_fn(lambda row: row * tf.reduce_sum(row), x)", "a * a.sum(1, keepdim=True)"),
    ("tf.scan(lambda y, row: y * row, x)", "torch.cumprod(a, 0)"),
    ("tf.foldl(lambda y, row: y * 0.5 + row, x)", "(a[0] * 0.5 + a[1]) * 0.5 + a[2]"),
    ("tf.foldr(lambda y, row: y * 0.5 + row, x)", "(a[2] * 0.5 + a[1]) * 0.5 + a[0]"),
]

CASES: list[Case] = [
    row("tf.grad_pass_through(tf.round)(a)", real(2, 3), torch="a + (torch.round(a) - a).detach()"),
    row("tf.py_function(lambda x: x * tf.sin(x), [a], tf.float64)", real(2, 3), torch="a * torch.sin(a)",
        differs={"second": "TensorFlow has none and gives 0"}),
    row("tf.function(lambda x: tf.py_function(lambda y: y * tf.sin(y), [x], tf.float64), autograph=False)(a)",
        real(2, 3), torch="a * torch.sin(a)", orders=1),
    row("tf.numpy_function(lambda x: x * 2.0, [a], tf.float64)", real(2, 3)),
    row("tf.custom_gradient(lambda x: (tf.exp(x), lambda dy: dy * 2.0 * x))(a)", real(2, 3)),
    row("tf.recompute_grad(lambda x: tf.sin(x) * x)(a)", real(2, 3), torch="torch.sin(a) * a", orders=1),
    row("tf.vectorized_map(lambda x: x * tf.reduce_sum(x), a)", real(3, 2),
        torch="a * a.sum(1, keepdim=True)"),
    *(row(f"(lambda x: {body})(a)", real(3, 2), torch=torch) for body, torch in BODIES),
    *(
        row(f"tf.function(lambda x: {body}, autograph=False)(a)", real(3, 2), torch=torch)
        for body, torch in BODIES
    ),
]  # fmt: skip
