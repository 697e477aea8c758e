"""The fit suite: `engine.keras` beside Keras, and beside loops written by hand; with the project's targets.

    python -m benchmarks.run --suite fit [--rounds 7] [--seconds 0.5] [--cores 1]

`run.py` reads the arguments. Ratios are ours / theirs: below 1 the engine is faster.
"""

from __future__ import annotations

import argparse
import datetime
import math
import platform
import sys

from benchmarks import run
from benchmarks.graph import Target

# Peer (a module in peers/fit/) -> the environment it runs in. Keras on JAX is among the test dependencies.
PEERS = {
    "ours": "ours",
    "ours_loop": "ours",
    "jax_loop": "ours",
    "keras_jax": "ours",
    "keras_tensorflow": "tensorflow_eager",
}
WORKLOADS = {
    "fit_line": "fit for 500 epochs of six examples, a batch each: y = 2x - 1 with SGD, History and all",
    "fit_mlp": "fit for an epoch of 8,192 rows, 32 a batch: 784-128-10, softmax cross-entropy, Adam",
    "fit_cnn": "fit for an epoch of 1,024 pictures, 32 a batch: conv 32, pool, conv 64, pool, dense 10, SGD",
    "predict_one": "predict of one example by Dense(1)",
}
TARGETS = [
    Target("fit_line", 0.002, ("keras_tensorflow",)),
    Target("fit_line", 4.0, ("jax_loop",)),
    Target("fit_mlp", 0.3, ("keras_tensorflow",)),
    Target("fit_mlp", 0.6, ("keras_jax",)),
    Target("fit_mlp", 1.15, ("ours_loop",)),
    Target("fit_cnn", 1.0, ("keras_tensorflow",)),
    Target("predict_one", 0.02, ("keras_tensorflow",)),
]
WARM = 3.0  # seconds of each workload before the rounds, in which kernels come in


def measure(
    workload: str, peers: list[str], rounds: int, seconds: float, cores: set[int]
) -> dict[str, float]:
    """The best seconds of each peer that has the workload, over interleaved rounds."""
    running = {name: run.Peer(PEERS[name], cores, f"fit.{name}") for name in peers}
    checks: dict[str, float] = {}
    try:
        for name, peer in running.items():
            answer = peer.ask(setup=workload)
            if "error" in answer:
                raise RuntimeError(f"{name}, {workload}: {answer['error']}")
            if "check" in answer:
                checks[name] = answer["check"]
        run.agree(checks)
        for name in checks:
            running[name].ask(time=WARM)
        best = dict.fromkeys(checks, math.inf)
        for _ in range(rounds):
            for name in best:
                best[name] = min(best[name], running[name].ask(time=seconds)["seconds"])
    finally:
        for peer in running.values():
            peer.close()
    return best


def table(results: dict[str, dict[str, float]], peers: list[str]) -> str:
    """Every figure, and in bold how the engine compares."""
    lines = ["| | " + " | ".join(peers) + " |", "|---|" + "---|" * len(peers)]
    for row, best in results.items():
        cells = []
        for peer in peers:
            text = run.show(best[peer]) if peer in best else ""
            if text and peer != "ours":
                text += f", **{best['ours'] / best[peer]:.3g}**"
            cells.append(text)
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdicts(results: dict[str, dict[str, float]]) -> str:
    """Each target beside what was measured."""
    lines = ["| | ours over | at most | measured |", "|---|---|---|---|"]
    for target in TARGETS:
        best = results.get(target.row, {})
        (peer,) = target.peers
        if peer in best and "ours" in best:
            ratio = best["ours"] / best[peer]
            verdict = "met" if ratio <= target.limit else "MISSED"
            lines.append(f"| {target.row} | {peer} | {target.limit} | {ratio:.3g} {verdict} |")
    return "\n".join(lines)


def versions(peers: list[str], cores: set[int]) -> str:
    """What each environment holds."""
    told = []
    for name in peers:
        peer = run.Peer(PEERS[name], cores, f"fit.{name}")
        about = peer.ask(about=True)
        peer.close()
        packages = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
        told.append(f"{packages} ({about['blas']})")
    return "; ".join(dict.fromkeys(told))


def main(options: argparse.Namespace, cores: set[int]) -> int:
    """Runs, prints, writes; exit code 1 when a target is missed."""
    peers = ["ours", *options.peers.split(",")] if options.peers else list(PEERS)
    results = {}
    for workload in WORKLOADS:
        if any(part in workload for part in options.only.split(",")):
            print(f"{workload} ...", file=sys.stderr)
            results[workload] = measure(workload, peers, options.rounds, options.seconds, cores)
    verdict = verdicts(results)
    text = (
        f"{datetime.date.today()}, {run.processor()}, {len(cores)} core(s), Python "
        f"{platform.python_version()}; minima of {options.rounds} interleaved rounds.\n"
        + (f"{options.note}\n" if options.note else "")
        + f"Versions and BLAS: {versions(peers, cores)}.\n\n"
        f"## Targets\n\n{verdict}\n\n## Figures\n\nIn bold: ours / theirs.\n\n{table(results, peers)}\n\n"
        + "".join(f"- {row}: {WORKLOADS[row]}\n" for row in results)
    )
    print(text)
    if options.write is not None:
        what = options.write or "-".join(["fit", *filter(None, options.only.split(","))])
        plural = "core" if len(cores) == 1 else "cores"
        file = run.HERE / "results" / f"{what}-{len(cores)}-{plural}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# fit and predict\n\n{text.rstrip()}\n")
    return int("MISSED" in verdict)
