"""Records what TensorFlow's `tf.data` gives for the pipelines of `data_pipelines`; see README.md."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

from tests.oracle.case import write
from tests.oracle.data_pipelines import PIPELINES, VALUES, observed, value_of
from tests.oracle.tensorflow_signatures import arguments


def main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    entries = {name: observed(pipeline, tf) for name, pipeline in PIPELINES.items()}
    entries |= {f"value: {name}": value_of(function, tf) for name, function in VALUES.items()}
    entries["signatures"] = {
        label: {
            name: arguments(getattr(kind, name))
            for name in dir(kind)
            if not name.startswith("_") and callable(getattr(kind, name))
        }
        for label, kind in (("Dataset", tf.data.Dataset), ("Iterator", tf.data.Iterator))
    }
    about = {name: version(name) for name in ("tensorflow_cpu", "numpy")}
    write("tf_data", about, entries)
    return 0


if __name__ == "__main__":
    sys.exit(main())
