"""The fit suite of the benchmarks: the engine computes what NumPy does, and verdicts follow the figures."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import fit, run

CORE = min(os.sched_getaffinity(0))
PEERS = Path(run.HERE) / "peers" / "fit"


def _line_loss() -> float:
    """The loss before the 500th step on y = 2x - 1, from zero, in double precision."""
    x = np.arange(-1.0, 5.0)
    w = b = loss = 0.0
    for _ in range(500):
        error = w * x + b - (2 * x - 1)
        loss = float(np.mean(error**2))
        w, b = w - 0.02 * np.mean(error * x), b - 0.02 * np.mean(error)
    return loss


def test_fit_runs_in_a_worker_and_gives_the_expected_loss() -> None:
    worker = run.Peer("ours", {CORE}, "fit.ours")
    try:
        answer = worker.ask(setup="fit_line")
        assert answer["check"] == pytest.approx(_line_loss(), rel=1e-3)
        assert worker.ask(time=0.01)["seconds"] > 0
        assert worker.ask(setup="predict_one") == {"check": 0.0}
        assert "missing" in worker.ask(setup="fit_nothing")
    finally:
        worker.close()


def test_the_loop_by_hand_and_fit_end_at_the_same_loss() -> None:
    checks = {}
    for peer in ("ours", "ours_loop"):
        worker = run.Peer("ours", {CORE}, f"fit.{peer}")
        try:
            checks[peer] = worker.ask(setup="fit_mlp")["check"]
        finally:
            worker.close()
    assert math.isclose(checks["ours"], checks["ours_loop"], rel_tol=1e-4)


def test_a_verdict_names_each_target() -> None:
    results = {
        "fit_mlp": {"ours": 0.3, "keras_tensorflow": 1.5, "keras_jax": 0.4, "ours_loop": 0.29}
    }
    assert fit.verdicts(results).splitlines()[2:] == [
        "| fit_mlp | keras_tensorflow | 0.3 | 0.2 met |",
        "| fit_mlp | keras_jax | 0.6 | 0.75 MISSED |",
        "| fit_mlp | ours_loop | 1.15 | 1.03 met |",
    ]
    text = fit.table(
        {"fit_line": {"ours": 2.0, "jax_loop": 1.0}}, ["ours", "jax_loop", "keras_jax"]
    )
    assert text.splitlines()[-1] == "| fit_line | 2 s | 1 s, **2** |  |"


def test_every_peer_has_a_module_and_every_target_a_row() -> None:
    for peer, environment in fit.PEERS.items():
        assert (PEERS / f"{peer}.py").exists(), peer
        assert environment == "ours" or environment in run.requirements()
    for target in fit.TARGETS:
        assert target.row in fit.WORKLOADS and set(target.peers) <= set(fit.PEERS)
