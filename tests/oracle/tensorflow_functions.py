"""Records what TensorFlow's `tf.function` and autograph do, for `tests/engine/test_function_oracle.py`.

Run by hand, where TensorFlow is: python -m tests.oracle.tensorflow_functions [program ...]. It writes
`recorded/tf_functions.json`: for each program of `functions_*.py` what it saw when TensorFlow traced it
("graph"), and what it saw with `run_functions_eagerly` ("eager"), which is what Python itself does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from tests.oracle.programs import PROGRAMS, observed

RECORDED = Path(__file__).parent / "recorded" / "tf_functions.json"
FAMILIES = (
    "functions_calls", "functions_concrete", "functions_state", "functions_order", "functions_autograph",
    "functions_conversion", "functions_loops", "functions_loop_state",
)  # fmt: skip

for family in FAMILIES:
    importlib.import_module(f"tests.oracle.{family}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    wanted = sys.argv[1:] or list(PROGRAMS)
    known = json.loads(RECORDED.read_text("utf-8")) if sys.argv[1:] else {}
    known |= {"versions": {"tensorflow": tf.__version__}}
    for name in wanted:
        known[name] = {"graph": observed(PROGRAMS[name], tf)}
        tf.config.run_functions_eagerly(True)
        known[name]["eager"] = observed(PROGRAMS[name], tf)
        tf.config.run_functions_eagerly(False)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(known[key])}" for key in sorted(known))
    RECORDED.write_text(f"{{\n{lines}\n}}\n", "utf-8")
