"""The benchmark harness measures what it says: the same numbers for every peer, ratios from minima."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import pytest

from benchmarks import process, run
from benchmarks.peers import names

PEERS = Path(run.HERE) / "peers"
CORE = min(os.sched_getaffinity(0))


def test_the_workloads_of_the_engine_run_in_a_worker_and_agree_with_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The engine's environment holds NumPy too, so that peer needs no environment of its own here.
    monkeypatch.setattr(run, "python_of", lambda peer: Path(sys.executable))
    peers = ["ours", "numpy_by_hand"]
    best, about = run.measure("matmul_64", peers, rounds=1, seconds=0.01, cores={CORE})
    assert set(best) == set(peers)
    assert all(0 < seconds < 1 for seconds in best.values())
    assert about["ours"]["cores"] == 1 and "numpy" in about["numpy_by_hand"]["versions"]


def test_every_workload_of_the_engine_gives_a_finite_checksum() -> None:
    worker = run.Peer("ours", {CORE})
    try:
        for workload in names():
            assert math.isfinite(worker.ask(setup=workload)["check"]), workload
    finally:
        worker.close()


def test_numbers_that_differ_are_not_compared() -> None:
    with pytest.raises(RuntimeError, match="nothing is compared"):
        run.agree({"ours": 1.0, "other": 1.1})


def test_the_table_marks_a_missed_target() -> None:
    text = run.table(
        {"scalar_add": {"ours": 1.0, "torch_eager": 1.0, "tensorflow_eager": 20.0}},
        ["ours", "torch_eager", "tensorflow_eager"],
    )
    assert "**1.00** (at most 0.8: MISSED)" in text
    assert "**0.05** (at most 0.1: met)" in text


def test_every_peer_has_a_module_and_an_environment() -> None:
    for peer in run.requirements():
        assert (PEERS / f"{peer}.py").exists(), peer
    for (workload, peer), _ in run.TARGETS.items():
        assert workload in [*names(), *run.PROCESSES] and peer in run.requirements()
    assert set(process.MODULES) == {"ours", *run.requirements()}


@pytest.mark.parametrize("workload", run.PROCESSES)
def test_whole_processes_fit_the_same_line_and_are_measured(
    workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "python_of", lambda peer: Path(sys.executable))
    peers = ["ours", "numpy_by_hand"]
    best, about = run.measure_processes(workload, peers, rounds=1, cores={CORE})
    assert set(best) == set(about) == set(peers)
    if workload == "memory":
        assert all(2**20 < size < 2**30 for size in best.values())  # bytes of a Python process
        assert run.show(best["ours"], workload).endswith(" MiB")
    else:
        assert all(0 < seconds < 60 for seconds in best.values())


def test_the_line_that_is_fitted_is_2x_minus_1() -> None:
    assert process.fit("ours") == pytest.approx(process.fit("numpy_by_hand"), rel=1e-5)
    assert 18.9 < process.fit("numpy_by_hand") < 19.0


def test_the_peak_of_a_process_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "python_of", lambda peer: Path(sys.executable))
    ballast = bytearray(b"1") * 2**28  # what this process holds must not count for its children
    best, _ = run.measure_processes("memory", ["ours"], rounds=1, cores={CORE})
    assert best["ours"] < len(ballast)


def test_a_pinned_blas_core_is_cleared_for_every_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    worker = run.Peer("ours", {CORE})
    try:
        environment = Path(f"/proc/{worker.process.pid}/environ").read_bytes()
    finally:
        worker.close()
    assert b"OPENBLAS_CORETYPE" not in environment
