"""The graph suite of the benchmarks: the engine computes what NumPy does, and verdicts follow the figures."""

from __future__ import annotations

import ast
import math
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import graph, profile_step, run
from benchmarks.peers.graph import number
from benchmarks.peers.graph.numbers import CALLS, LINE_X, MILLION_X, MILLION_Y

CORE = min(os.sched_getaffinity(0))
PEERS = Path(run.HERE) / "peers" / "graph"


def _cheap(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    z = np.maximum(x * y + x, y) - 0.5
    z = np.minimum(np.abs(z) * 0.7 + x, 2.0) * y - x
    z = np.maximum(z, -2.0) + z * x
    return (-(z * z * 0.1 - y) + x) * x - y


def _mixed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    z = np.abs(x * y) + 1.0
    z = np.tanh(np.sqrt(z) / (z + 0.5) * x) + y
    z = np.log(1 / (1 + np.exp(0.5 - np.maximum(z, x)))) * y
    return np.minimum(np.exp(-z * z) * x, y) - x


def _line() -> np.ndarray:
    x, w, b = LINE_X[:, 0].astype(float), 0.0, 0.0
    for _ in range(500):
        error = w * x + b - (2 * x - 1)
        w, b = w - 0.02 * np.mean(error * x), b - 0.02 * np.mean(error)
    return np.array([w * 10 + b])


X, Y = MILLION_X.astype(float), MILLION_Y.astype(float)
EXPECTED = {
    "scalar": lambda: np.array(1.5 + 2.5 * 1.5),
    "twenty_cheap": lambda: _cheap(X, Y),
    "twenty_mixed": lambda: _mixed(X, Y),
    "line": _line,
}


@pytest.mark.parametrize("peer", graph.OURS)
def test_every_workload_runs_in_a_worker_and_gives_the_expected_number(peer: str) -> None:
    worker = run.Peer("ours", {CORE}, f"graph.{peer}")
    try:
        for workload in CALLS:
            answer = worker.ask(setup=workload)
            assert math.isfinite(answer.get("check", math.nan)), (workload, answer)
            if workload in EXPECTED:
                expected = number(EXPECTED[workload]())
                assert answer["check"] == pytest.approx(expected, rel=1e-4), workload
    finally:
        worker.close()


def test_a_checksum_tells_an_order_of_numbers_from_another() -> None:
    assert number([1.0, 2.0]) != number([2.0, 1.0])


def test_the_engine_is_measured_with_and_without_kernels_from_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph, "WARM", 0.01)
    monkeypatch.setattr(graph, "WARM_DEFAULT", 0.01)
    failed: list[str] = []
    best = graph.measure("scalar", list(graph.OURS), 1, 0.01, {CORE}, failed)
    assert set(best) == set(graph.OURS) and not failed
    assert all(0 < seconds < 1e-2 for seconds in best.values())  # of one call, not of a thousand


def test_a_new_process_tells_the_first_call_and_its_memory() -> None:
    assert 0 < _process("first")["seconds"] < 60
    best = _process("memory")
    weights = 4 * (784 * 128 + 128 + 1280 + 10)
    assert weights < best["step"] < best["total"] < 2**30


def _process(what: str) -> dict[str, float]:
    best = graph.measure_processes("mlp_32", what, ["ours"], 1, {CORE})
    return {kind: of["ours"] for kind, of in best.items()}


def test_a_verdict_compares_with_the_best_of_the_peers_it_names() -> None:
    figures = {"ours": 1.0, "ours_jit": 0.2, "jax_jit": 9.0, "torch_eager": 1.0, "torch_compile": 2}
    text, missed = graph.verdicts({"mlp_32": figures, "line": {"ours": 1, "jax_jit": 3}})
    assert missed == ["mlp_32"]
    assert text.splitlines()[2:] == [
        "| line | **jax_jit** | 0.5 | 0.33 met |  |",
        "| mlp_32 | **jax_jit** | 0.6 | 0.11 met | 0.02 met |",
        "| mlp_32 | **torch_eager** (torch_compile) | 0.35 | 1.00 MISSED | 0.20 met |",
    ]


def test_the_table_leaves_out_what_did_not_run() -> None:
    text = graph.table({"memory_mlp": {"ours": 2.0**21, "jax_jit": 2.0**22}}, ["ours", "jax_jit"])
    assert text.splitlines()[-1] == "| memory_mlp | 2 MiB | 4 MiB, **0.50** |"
    text = graph.table({"scalar": {"ours": 1.0, "jax_jit": 2.0}}, ["ours", "jax_jit", "tf_xla"])
    assert text.splitlines()[-1] == "| scalar | 1 s | 2 s, **0.50** |  |"


def test_every_peer_has_a_module_and_every_target_a_row() -> None:
    for peer, environment in graph.PEERS.items():
        assert (PEERS / f"{peer}.py").exists(), peer
        assert environment == "ours" or environment in run.requirements()
    for target in graph.TARGETS:
        assert target.row in [*CALLS, *graph.PROCESSES] and set(target.peers) <= set(graph.PEERS)
    assert {workload for workload, *_ in graph.PROCESSES.values()} <= set(CALLS)


@pytest.mark.parametrize("jit", [False, True])
def test_a_profile_has_a_row_for_every_line_that_runs(
    jit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_step, "SECONDS", 0.1)
    whole, lines = profile_step.profile("line", jit=jit, warm=0.05)
    *computed, back = lines
    assert whole > 0 and all(inside >= 0 and alone > 0 for _, inside, alone in computed)
    assert computed[-1][0].startswith("return") and back[0].startswith("giving back")
    text = profile_step.report(whole, lines, top=3)
    assert "around the lines" in text and len(text.splitlines()) == 6


def test_a_missed_target_is_shown_with_its_lines() -> None:
    text = graph.profiles(["scalar", "first_line"], {CORE}, warm=0.05)
    assert "### scalar" in text and "around the lines" in text and "first_line" not in text
    assert graph.profiles([], {CORE}) == ""


def test_a_line_that_writes_to_its_arguments_leaves_them_for_the_next() -> None:
    source = (
        "def graph_f(x, y):\n    np.add(x, 1, out=x)  # note\n    y = x + y\n    return [y], []\n"
    )
    x, y = np.zeros(3), np.ones(3)
    seconds = profile_step.alone(source, {"x": x, "y": y}, {"np": np})
    assert len(seconds) == 3 and x.tolist() == [1.0, 1.0, 1.0] and y.tolist() == [1.0, 1.0, 1.0]
    shown = [text for _, text in profile_step.statements(source)[1]]
    assert shown[0] == "np.add(x, 1, out=x)  # note"
    assert ast.parse(profile_step.statements(source)[1][-1][0])
