"""Records what TensorFlow prints, for `tests/engine/test_formatting.py`. Run by hand, where TensorFlow is:

    python tests/oracle/tensorflow_reprs.py

It writes `recorded/tf_reprs.json`: for each expression below its text. The expressions are evaluated
again with the engine as `tf`; nothing here imports the engine.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "recorded" / "tf_reprs.json"

VALUES = [
    "tf.constant(1.0)",
    "tf.constant(1.1)",
    "tf.constant(-0.0)",
    "tf.constant(1e-8)",
    "tf.constant(1e30)",
    "tf.constant(float('nan'))",
    "tf.constant(float('-inf'))",
    "tf.constant(1.1, tf.float64)",
    "tf.constant(1.1, tf.float16)",
    "tf.constant(1.1, tf.bfloat16)",
    "tf.constant(7)",
    "tf.constant(-7, tf.int64)",
    "tf.constant(200, tf.uint8)",
    "tf.constant(True)",
    "tf.constant(1 + 2j)",
    "tf.constant(1 + 2j, tf.complex64)",
    "tf.constant('abc')",
    "tf.constant(b'a\\x00b')",
    "tf.constant('\\u00e9')",
    "tf.constant([1.0, 2.0])",
    "tf.constant([1.5, -2.25, 1e-3])",
    "tf.constant([1e-10, 1.0, 1e10])",
    "tf.constant([float('nan'), float('inf'), -1.0])",
    "tf.constant([[1, 2], [3, 4]])",
    "tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])",
    "tf.constant([True, False])",
    "tf.constant(['a', 'bc'])",
    "tf.constant([['a', 'bc'], ['', 'd']])",
    "tf.constant([1.5, 2.0], tf.bfloat16)",
    "tf.constant([[1.1, 2.0]], tf.float16)",
    "tf.constant([1.0, 2.0], tf.float64)",
    "tf.constant([1, 2], tf.int8)",
    "tf.constant([1 + 2j, 3 - 1j])",
    "tf.constant([])",
    "tf.zeros([0, 3])",
    "tf.zeros([2, 0], tf.int32)",
    "tf.constant([], tf.string)",
    "tf.constant([], tf.bool)",
    "tf.range(5)",
    "tf.range(1000)",
    "tf.range(1001)",
    "tf.range(3000.0)",
    "tf.reshape(tf.range(1200), [30, 40])",
    "tf.reshape(tf.range(10000), [100, 100])",
    "tf.zeros([2, 2, 2])",
    "tf.reshape(tf.range(24), [2, 3, 4])",
    "tf.zeros([11, 11, 11])",
    "tf.Variable(1.0)",
    "tf.Variable(1.1, name='w')",
    "tf.Variable([1.0, 2.0], name='w')",
    "tf.Variable([[1, 2], [3, 4]])",
    "tf.Variable('abc')",
    "tf.Variable(['a', 'b'])",
    "tf.Variable(True, trainable=False)",
    "tf.Variable([1.0], shape=[None])",
    "tf.Variable([1.5], dtype=tf.bfloat16)",
    "tf.Variable(tf.range(3000))",
    "tf.TensorShape([2, None])",
    "tf.TensorShape([])",
    "tf.TensorShape([3])",
    "tf.TensorShape(None)",
    "tf.TensorSpec([None, 2], tf.float32, 'x')",
    "tf.TensorSpec(None)",
    "tf.TensorSpec([])",
    "tf.float32",
    "tf.bool",
    "tf.string",
    "tf.bfloat16",
    "[tf.constant(1.5), tf.constant([1, 2])]",
    "{'a': tf.constant([0.5])}",
]

# (format spec, expression)
FORMATS = [
    (".3f", "tf.constant(1.23456)"),
    ("", "tf.constant(1.1)"),
    ("d", "tf.constant(7)"),
    ("", "tf.constant([1.0, 2.0])"),
    (">8.2f", "tf.constant(3.14159, tf.float64)"),
    ("", "tf.Variable(1.5)"),
]

# Tensors and variables (`v`) inside a tf.function, which have no values yet.
SYMBOLIC = [
    ("tf.TensorSpec([2], tf.float32, 'x')", "x"),
    ("tf.TensorSpec([None, 3], tf.int32, 'ids')", "x"),
    ("tf.TensorSpec([], tf.bool, 'flag')", "x"),
    ("tf.TensorSpec(None, tf.float32, 'x')", "x"),
    ("tf.TensorSpec([2], tf.string, 'words')", "x"),
    ("tf.TensorSpec([2], tf.float32, 'x')", "v"),
    ("tf.TensorSpec([2], tf.float32, 'x')", "[x, 1]"),
]

# Without the smallest of all numbers, below 1.2e-38: TensorFlow prints them as 0.
_MANY = "np.random.default_rng(3).normal(size=74) * 10.0 ** np.arange(-36, 38)"
_FEW = "np.random.default_rng(4).normal(size=40) * 10.0 ** np.linspace(-4, 4, 40)"

# Arguments of tf.print, and of tf.strings.format.
PRINTS = [
    f"tf.constant({_MANY}), summarize=-1",
    f"tf.constant({_MANY}, tf.float32), summarize=-1",
    f"tf.cast({_MANY}, tf.bfloat16), summarize=-1",
    f"tf.cast({_FEW}, tf.float16), summarize=-1",
    "tf.constant([0.0, 1.1754944e-38, 3.4028235e38, 16777216.0, 16777217.0, 0.1, 1e6, 123456.7])",
    "tf.constant([0.0, 2.2250738585072014e-308, 1.7976931348623157e308, 2.0**53, 1e15, 1e16, "
    "0.1, 123456789.123456789], tf.float64), summarize=-1",
    "tf.constant(1.0)",
    "tf.constant(1.1)",
    "tf.constant(1 / 3)",
    "tf.constant(1 / 3, tf.float64)",
    "tf.constant(0.1, tf.float64)",
    "tf.constant(1e-8)",
    "tf.constant(123456789.0)",
    "tf.constant(1e30)",
    "tf.constant(100000.0), tf.constant(1000000.0), tf.constant(1234567.0)",
    "tf.constant(float('nan')), tf.constant(float('inf')), tf.constant(float('-inf'))",
    "tf.constant(-0.0)",
    "tf.constant(1.1, tf.float16)",
    "tf.constant(1.1, tf.bfloat16)",
    "tf.constant(7), tf.constant(-7, tf.int64), tf.constant(200, tf.uint8), tf.constant(-3, tf.int8)",
    "tf.constant(True), tf.constant(False)",
    "tf.constant([True, False])",
    "tf.constant(1 + 2j)",
    "tf.constant([1.5 - 2j], tf.complex64)",
    "tf.constant('abc')",
    "tf.constant(['a', 'b c'])",
    "tf.constant([['a'], ['b']])",
    "tf.constant('\\u00e9'), 'caf\\u00e9'",
    "tf.constant(b'a\\xff')",
    "tf.constant('')",
    "tf.range(6)",
    "tf.range(7)",
    "tf.range(10)",
    "tf.range(10), summarize=-1",
    "tf.range(10), summarize=1",
    "tf.range(10), summarize=2",
    "tf.range(3), summarize=1",
    "tf.range(10), summarize=4",
    "tf.range(2000), summarize=-1",
    "tf.zeros([0])",
    "tf.zeros([0, 3])",
    "tf.zeros([2, 0])",
    "tf.ones([2, 3])",
    "tf.constant([1.5, 2.0, 1 / 3])",
    "tf.reshape(tf.range(100), [10, 10])",
    "tf.reshape(tf.range(100), [10, 10]), summarize=1",
    "tf.reshape(tf.range(24), [2, 3, 4])",
    "tf.reshape(tf.range(16), [2, 2, 2, 2])",
    "tf.reshape(tf.range(343), [7, 7, 7])",
    "tf.reshape(tf.range(8), [1, 8, 1])",
    "'a', 'b'",
    "'a', 'b', sep='|'",
    "'a', 'b', sep='', end='!'",
    "'step', 3, 'loss', 0.5",
    "1, 2.5, True, None, 'x', b'y', 1 + 2j",
    "1 / 3, 1e-8, 1e22",
    "[1, 2.5, 'a']",
    "[tf.constant(1), tf.constant([2.5])]",
    "(tf.constant(1),)",
    "(tf.constant(1), 2)",
    "{'a': tf.constant([1.0]), 'b': 2}",
    "{'b': 2, 'a': {'c': [tf.constant(3)]}}",
    "[tf.constant('s'), 't']",
    "[tf.ones([2, 2]), 5]",
    "[]",
    "()",
    "{}",
    "",
    "tf.Variable(2.5), tf.Variable([1, 2])",
    "np.array([1, 2, 3]), np.float64(0.5)",
    "np.arange(10)",
    "tf.TensorShape([2, None])",
    "tf.float32",
    "'loss:', tf.constant(0.25), '\\n', end=''",
]

STRING_FORMATS = [
    "'{}', tf.constant(1.5)",
    "'a {} b {}', (tf.range(10), tf.constant('x'))",
    "'%s is it', tf.constant([1, 2]), placeholder='%s'",
    "'{}', tf.range(10), summarize=-1",
    "'first {}, rest {}', [tf.ones([2, 2]), tf.constant(['p', 'q'])]",
    "'none', ()",
    "'{}', [3]",
]


def evaluate(code: str, tf: Any) -> Any:
    """The value of an expression that calls the framework `tf`."""
    import numpy as np

    return eval(code, {"tf": tf, "np": np})


def printed(arguments: str, tf: Any) -> str:
    """What `tf.print(arguments)` writes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "out.txt"
        file.touch()
        to = f"output_stream={'file://' + file.as_posix()!r}"
        evaluate(f"tf.print({arguments}{', ' if arguments else ''}{to})", tf)
        return file.read_bytes().decode("utf-8", "surrogateescape")


def symbolic(spec: str, body: str, tf: Any) -> list[str]:
    """repr and str of a tensor while a function with one argument `x` is traced."""
    seen: list[str] = []
    v = tf.Variable([1.0, 2.0], name="w")

    def traced(x: Any) -> Any:
        found = eval(body, {"tf": tf, "x": x, "v": v})
        seen.extend([repr(found), str(found)])
        return x

    tf.function(
        traced, input_signature=[evaluate(spec, tf)], autograph=False
    ).get_concrete_function()
    return seen


def record(tf: Any) -> dict[str, Any]:
    """Everything above as text."""
    return {
        "version": tf.__version__,
        "values": {
            code: {"repr": repr(evaluate(code, tf)), "str": str(evaluate(code, tf))}
            for code in VALUES
        },
        "formats": [[spec, code, format(evaluate(code, tf), spec)] for spec, code in FORMATS],
        "symbolic": [[spec, body, *symbolic(spec, body, tf)] for spec, body in SYMBOLIC],
        "prints": {code: printed(code, tf) for code in PRINTS},
        "string_formats": {
            code: evaluate(f"tf.strings.format({code})", tf).numpy().decode()
            for code in STRING_FORMATS
        },
    }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow

    RECORDED.parent.mkdir(exist_ok=True)
    RECORDED.write_text(json.dumps(record(tensorflow), indent=1, ensure_ascii=True) + "\n", "utf-8")
    print(f"wrote {RECORDED.name}")
