"""Records which dtypes TensorFlow's operations take, and where they have derivatives. Run by hand.

    /tmp/tf/bin/python -m tests.oracle.tensorflow_dtypes

like `tensorflow_signatures`, after it. It makes the calls that `docs/operations.md` is made with, and writes
`recorded/tf_dtypes.json`: name -> [dtypes, arguments with a derivative].
"""

from __future__ import annotations

import json
import os
from typing import Any

from docs.trials import DTYPES, find_out
from tests.oracle.tensorflow_signatures import RECORDED

PATH = RECORDED.with_name("tf_dtypes.json")


def record() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    known = json.loads(RECORDED.read_text(encoding="utf-8"))
    things: dict[str, Any] = {}
    for name, kind in known.items():
        thing: Any = tf
        if isinstance(kind, list):
            for part in name.split(".")[1:]:
                thing = getattr(thing, part)
            things[name] = thing
    trials = find_out(tf, list(things.values()), forgive=True)
    lines = [f'"about": {json.dumps({"tensorflow": tf.__version__})}']
    for name, thing in things.items():
        if (trial := trials.get(id(thing))) is not None:
            dtypes = [dtype for dtype in DTYPES if dtype in trial.dtypes]
            lines.append(f"{json.dumps(name)}: {json.dumps([dtypes, list(trial.gradient)])}")
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{PATH.name}: {len(lines) - 1} operations, {PATH.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    record()
