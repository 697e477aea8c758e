"""The recorded cases on the engine's other ways: forward mode, and graphs whose sizes are not known.

`test_oracle.py` compares values and reverse-mode derivatives, eagerly.
"""

from __future__ import annotations

from typing import Any

import pytest

import engine as tf
from engine.errors import InvalidArgumentError, UnimplementedError
from tests.engine.oracle import assert_close
from tests.engine.test_oracle import (
    ENGINE,
    TENSORFLOW,
    TORCH,
    array,
    compare,
    numbers,
    ours,
    tensor,
    tolerance,
    weighted,
)
from tests.oracle.case import Case, decode, flat
from tests.oracle.cases import CASES
from tests.oracle.inputs import weights


def outputs(case: Case, inputs: Any) -> list[tf.Tensor]:
    names = dict(zip("abcdefgh", inputs, strict=False))
    made = eval(case.call, {**ENGINE.names, **names})
    return [tf.convert_to_tensor(y) for y in flat(made)]


def _recorded(case: Case) -> list[tuple[str, dict[str, Any]]]:
    """The recordings with second derivatives that are not known to differ, by witness."""
    found = [("torch", TORCH.get(case.name, {}))]
    if "second" not in case.differs:
        found.append(("tensorflow", TENSORFLOW.get(case.name, {})))
    return [(who, line) for who, line in found if "second" in line]


def _forward() -> list[Case]:
    """Without complex numbers, whose derivatives follow a convention about conjugates."""
    lines = {case.name: _recorded(case) for case in CASES}
    used = {
        name: {
            entry[0] for _, line in found for part in ("value", "second") for entry in line[part]
        }
        for name, found in lines.items()
    }
    return [c for c in CASES if lines[c.name] and not any("complex" in d for d in used[c.name])]


# The recorded derivative by the weights is 0 times inf there. Carried forward, the tangent of what stands
# under the root is 0, and the derivative of sqrt leaves a 0 as it is.
OF_SQRT_AT_0 = {
    f"tf.{name}(a) | at 0" for name in ("norm", "math.reduce_euclidean_norm", "math.reduce_std")
}


@pytest.mark.parametrize("case", _forward(), ids=lambda case: case.name)
def test_forward_derivatives_are_the_recorded_ones(case: Case):
    """The derivative of <J'w, u> by w is J u: what was recorded last is a forward derivative."""
    arrays = case.arrays()
    inputs = [tensor(x) for x in arrays]
    sources = [i for i, x in enumerate(inputs) if x.dtype.is_differentiable]
    tangents = [tensor(weights(arrays[i], f"{case.name}#in{i}")) for i in sources]
    with tf.autodiff.ForwardAccumulator([inputs[i] for i in sources], tangents) as forward:
        kept = [y for y in outputs(case, inputs) if y.dtype.is_differentiable]
    found = [array(forward.jvp(y, unconnected_gradients="zero")) for y in kept]
    if case.name in OF_SQRT_AT_0:
        return assert_close(
            numbers(found[0]), 0.0, 0, what="the forward derivative of a length at 0"
        )
    for who, line in _recorded(case):
        want = [decode(entry) for entry in line["second"][len(sources) :]]
        rtol = tolerance(case, who, ours(case.name)[0].values)
        compare(who, "second", found, want, rtol, False)


# Operations that need a size which a graph of unknown sizes does not have. They say so.
NEEDS = r"known|its size, but it is None|shape \(None|not \(None"
NEED_SIZES = {
    "tf.einsum('ii->", "tf.linalg.banded_triangular_solve", "tf.linalg.cross", "tf.linalg.lstsq",
    "tf.linalg.tensor_diag_part", "tf.math.in_top_k", "tf.nn.dilation2d", "tf.nn.erosion2d",
    "tf.signal.dct", "tf.signal.idct", "tf.signal.inverse_mdct",
    "tf.signal.mfccs_from_log_mel_spectrograms", "tf.squeeze(a)", "tf.unstack(a, axis=1)",
    "[tf.abs(part) for part in tf.linalg.qr(a)]",
}  # fmt: skip


def in_a_graph(case: Case, inputs: list[tf.Tensor]) -> tuple[list[Any], list[Any]]:
    """Values and first derivatives, computed in a graph that knows ranks and dtypes alone."""
    sources = [i for i, x in enumerate(inputs) if x.dtype.is_differentiable]
    made = outputs(case, inputs)
    ws = [
        tensor(weights(array(y), f"{case.name}#out{i}"))
        for i, y in enumerate(made)
        if y.dtype.is_differentiable
    ]

    def body(*given: Any) -> Any:
        if not case.orders or not sources:
            return outputs(case, given), []
        with tf.GradientTape() as tape:
            tape.watch([given[i] for i in sources])
            values = outputs(case, given)
            kept = [y for y in values if y.dtype.is_differentiable]
            target = weighted(zip(kept, ws, strict=True))
        return values, tape.gradient(target, [given[i] for i in sources])

    unknown = [tf.TensorSpec([None] * x.ndim, x.dtype) for x in inputs]
    graph = tf.function(body, input_signature=unknown, autograph=False)
    return graph(*inputs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_graph_of_unknown_sizes_gives_the_same(case: Case):
    inputs = [tensor(x) for x in case.arrays()]
    if any(case.call.startswith(name) for name in NEED_SIZES) and case.label != "wide":
        with pytest.raises((ValueError, InvalidArgumentError, UnimplementedError), match=NEEDS):
            in_a_graph(case, inputs)
        return
    values, gradients = in_a_graph(case, inputs)
    eager = ours(case.name)[0]
    for what, got, want in (("value", values, eager.values), ("gradient", gradients, eager.first)):
        for x, y in zip(got, want or [], strict=True):
            assert (x is None) == (y is None), what
            if y is not None:
                assert x.dtype.name == y.dtype
                assert_close(numbers(array(x)), numbers(y), 1e-12, 1e-13, what)
