"""Records what TensorFlow computes for the cases, in `recorded/tensorflow.json`; see README.md."""

from __future__ import annotations

import os
import sys
from typing import Any

from tests.oracle.case import Framework, Results, entry, run, write
from tests.oracle.cases import CASES
from tests.oracle.inputs import Array


def _framework() -> Framework:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # it reorders sums and rounds in other places
    import numpy as np
    import tensorflow as tf

    # A derivative that TensorFlow does not have, or not on a CPU.
    missing = (LookupError, tf.errors.UnimplementedError, tf.errors.InvalidArgumentError)

    def tensor(x: Array) -> Any:
        values = np.array(x.values, np.complex128 if "complex" in x.dtype else None)
        made = values.astype(tf.as_dtype(x.dtype).as_numpy_dtype).reshape(x.shape)
        return tf.constant(made)

    def array(x: Any) -> Array:
        x = tf.convert_to_tensor(x)  # gradients of a gather are slices at first
        wide = x.numpy().astype(np.float64) if x.dtype.is_floating else x.numpy()
        return Array(x.dtype.name, tuple(x.shape), tuple(np.asarray(wide).reshape(-1).tolist()))

    def weighted(pairs: Any) -> Any:
        parts = [tf.math.real(x * w) if x.dtype.is_complex else x * w for x, w in pairs]
        sums = [tf.reduce_sum(part) for part in parts]
        return tf.add_n([tf.cast(s, tf.float64) for s in sums]) if sums else tf.constant(0.0)

    def derive(f: Any, inputs: Any, weigh: Any, pulls: Any, orders: int) -> Results:
        sources = [x for x in inputs if x.dtype.is_floating or x.dtype.is_complex]
        if not orders or not sources:
            return Results([array(y) for y in f(inputs)], [], None)
        with tf.GradientTape() as outer:
            outer.watch(sources)
            with tf.GradientTape() as tape:
                tape.watch(sources)
                outputs = f(inputs)
                outputs = [tf.convert_to_tensor(y) for y in outputs]
                ws = weigh(outputs)
                outer.watch(ws)
                kept = [y for y in outputs if y.dtype.is_floating or y.dtype.is_complex]
                target = weighted(zip(kept, ws, strict=True))
            try:
                first = tape.gradient(target, sources)
            except missing as error:
                return Results([array(y) for y in outputs], None, None, str(error)[:200])
            first = [None if g is None else tf.convert_to_tensor(g) for g in first]
            if orders > 1:
                again = weighted(
                    [(g, u) for g, u in zip(first, pulls, strict=True) if g is not None]
                )
        values = [array(y) for y in outputs]
        found = [None if g is None else array(g) for g in first]
        if orders < 2:
            return Results(values, found, None)
        try:
            second = outer.gradient(again, [*sources, *ws], unconnected_gradients="zero")
        except missing as error:
            return Results(values, found, None, f"{type(error).__name__}: {error}"[:200])
        return Results(values, found, [array(g) for g in second])

    def random_gamma_grad(alpha: Any, sample: Any) -> Any:
        return tf.raw_ops.RandomGammaGrad(alpha=alpha, sample=sample)

    names = {"tf": tf, "inf": float("inf"), "random_gamma_grad": random_gamma_grad}
    return Framework(names, tensor, array, derive)


def main() -> int:
    from importlib.metadata import version

    framework = _framework()
    entries, failed = {}, []
    for case in CASES:
        if case.without:
            continue
        try:
            entries[case.name] = entry(case, case.call, run(framework, case, case.call))
        except Exception as error:  # all of them are listed at the end
            failed.append(f"{case.name}: {type(error).__name__}: {str(error)[:300]}")
    for line in failed:
        print("FAILED", line, file=sys.stderr)
    if failed:
        print(f"{len(failed)} of {len(CASES)} cases failed; nothing was written.", file=sys.stderr)
        return 1
    about = {name: version(name) for name in ("tensorflow_cpu", "numpy")}
    write("tensorflow", about, entries)
    for name, line in entries.items():
        if "no second" in line:
            print(f"no second derivative: {name}: {line['no second'][:90]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
