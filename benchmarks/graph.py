"""The graph suite: compiled functions beside the peers' compilers, and the project's own targets for them.

    python -m benchmarks.run --suite graph [--rounds 15] [--seconds 0.1] [--cores 1]

`run.py` reads the arguments. Ratios are ours / theirs: below 1 the engine is faster, or smaller.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import re
import sys
from dataclasses import dataclass

from benchmarks import run
from benchmarks.peers.graph.numbers import CALLS

# Peer (a module in peers/graph/) -> the environment it runs in, one of run.requirements().
PEERS = {
    "ours": "ours",
    "ours_jit": "ours",
    "jax_jit": "jax_eager",
    "tf_function": "tensorflow_eager",
    "tf_xla": "tensorflow_eager",
    "torch_eager": "torch_eager",
    "torch_compile": "torch_eager",
}
TORCH = ("torch_eager", "torch_compile")
TENSORFLOW = ("tf_function", "tf_xla")
OURS = ("ours", "ours_jit")
# Seconds of each workload before the rounds. Only the engine's default changes after many calls.
WARM, WARM_DEFAULT = 0.5, 6.0
# Measured in new processes: row -> (workload, what graph_process.py does, what of its answer counts).
PROCESSES = {
    "first_line": ("line", "first", "seconds"),
    "first_mlp": ("mlp_32", "first", "seconds"),
    "first_cnn": ("cnn_step", "first", "seconds"),
    "memory_mlp": ("mlp_32", "memory", "total"),
    "memory_mlp_step": ("mlp_32", "memory", "step"),
    "memory_cnn": ("cnn_step", "memory", "total"),
    "memory_cnn_step": ("cnn_step", "memory", "step"),
}


@dataclass(frozen=True)
class Target:
    """What the project has set itself: a row's ours / the best of these peers is at most `limit`."""

    row: str
    limit: float
    peers: tuple[str, ...] = ("jax_jit",)


TARGETS = [
    Target("scalar", 0.4),
    Target("twenty_cheap", 1.0, ("torch_compile", "jax_jit", "tf_xla")),
    Target("twenty_mixed", 1.0, ("torch_compile", "jax_jit", "tf_xla")),
    Target("line", 0.5),
    Target("mlp_32", 0.6),
    Target("mlp_32", 0.35, TORCH),
    Target("mlp_256", 0.85),
    Target("cnn_step", 1.0, ("jax_jit", *TENSORFLOW, *TORCH)),
    Target("cnn_forward", 1.0, ("jax_jit", *TENSORFLOW, *TORCH)),
    Target("second_gradient", 1.0),
    Target("jacobian", 1.0),
    Target("first_line", 0.5),
    Target("first_mlp", 0.4),
    Target("first_cnn", 0.6),
    *(Target(row, 1.1) for row in PROCESSES if row.startswith("memory")),
]
MEANING = {
    "scalar": "a call of the compiled a + b * a on two numbers",
    "twenty_cheap": "20 additions, products, maxima and the like on 1e6 float32, fused",
    "twenty_mixed": "20 operations on 1e6 float32, of them sqrt, division, tanh, sigmoid, log and exp",
    "line": "500 training steps of y = 2x - 1 from zero, one call a step",
    "mlp_32": "a training step of 784-128-10, relu, softmax cross-entropy, Adam; 32 a batch",
    "mlp_256": "the same with 256 a batch",
    "cnn_step": "an SGD step of conv 3x3 32, pool, conv 3x3 64, pool, dense 10; 32 pictures of 28x28x1",
    "cnn_forward": "the logits of the same network",
    "second_gradient": "gradient of the squared gradient of tanh(x) x^2, 1000 numbers",
    "jacobian": "of tanh(xW + b) by x, 32x64: 4.2 million numbers",
    "first_*": "first call in a new process: trace, optimize, compile, run",
    "memory_*": "peak of a new process after 200 steps; memory_*_step: how far the steps raised what was in "
    "use after a call of the compiled a + b * a",
}

Results = dict[str, dict[str, float]]


def measure(
    workload: str, peers: list[str], rounds: int, seconds: float, cores: set[int], failed: list[str]
) -> dict[str, float]:
    """The best seconds of each peer, over interleaved rounds, in workers that live through all of them.

    A peer that cannot do the work (torch.compile without a C++ compiler) is left out, and `failed` says why.
    """
    running = {name: run.Peer(PEERS[name], cores, f"graph.{name}") for name in peers}
    checks = {}
    try:
        for name, peer in running.items():
            answer = peer.ask(setup=workload)
            if "error" not in answer:
                checks[name] = answer["check"]
            elif name in OURS:
                raise RuntimeError(f"{name}, {workload}: {answer['error']}")
            else:
                failed.append(f"{name}, {workload}: {answer['error'].splitlines()[0]}")
        run.agree(checks)
        best = dict.fromkeys(checks, math.inf)
        for name in best:
            running[name].ask(time=WARM_DEFAULT if name == "ours" else WARM)
        for _ in range(rounds):
            for name in best:
                answer = running[name].ask(time=seconds)
                if "error" in answer:
                    raise RuntimeError(f"{name}, {workload}: {answer['error']}")
                best[name] = min(best[name], answer["seconds"])
    finally:
        for peer in running.values():
            peer.close()
    calls = 1 if workload == "line" else CALLS[workload]
    return {name: spent / calls for name, spent in best.items()}


def measure_processes(
    workload: str, what: str, peers: list[str], rounds: int, cores: set[int]
) -> dict[str, dict[str, float]]:
    """What counts -> the least of each peer, over interleaved rounds of new processes."""
    best: dict[str, dict[str, float]] = {}
    checks = {}
    program = str(run.HERE / "graph_process.py")
    for _ in range(rounds):
        for name in peers:
            process = run.start(PEERS[name], cores, program, what, name, workload)
            output, _nothing = process.communicate()
            if not output:
                raise RuntimeError(
                    f"graph_process.py {what} {name} {workload} failed; run it by hand."
                )
            answer = json.loads(output)
            checks[name] = answer.pop("check")
            for kind, amount in answer.items():
                least = best.setdefault(kind, dict.fromkeys(peers, math.inf))
                least[name] = min(least[name], amount)
    run.agree(checks)
    return best


def show(row: str, amount: float) -> str:
    """Bytes for the rows of memory, seconds elsewhere."""
    return f"{amount / 2**20:.3g} MiB" if row.startswith("memory") else run.show(amount)


def table(results: Results, peers: list[str]) -> str:
    """Every figure, and in bold how the engine's default compares."""
    lines = ["| | " + " | ".join(peers) + " |", "|---|" + "---|" * len(peers)]
    for row, best in results.items():
        cells = []
        for peer in peers:
            text = show(row, best[peer]) if peer in best else ""
            if text and peer not in OURS and best[peer] > 0:
                text += f", **{best['ours'] / best[peer]:.2f}**"
            cells.append(text)
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdicts(results: Results) -> tuple[str, list[str]]:
    """Each target beside what was measured, by default and with jit_compile=True; the rows that miss one by
    default."""
    lines = [
        "| | ours over the best of | at most | default | jit_compile=True |",
        "|---|---|---|---|---|",
    ]
    missed = []
    for target in TARGETS:
        best = results.get(target.row, {})
        theirs = {peer: best[peer] for peer in target.peers if best.get(peer)}
        if not theirs:
            continue
        peer = min(theirs, key=lambda name: theirs[name])
        others = ", ".join(name for name in target.peers if name != peer)
        who = f"**{peer}**" + (f" ({others})" if others else "")
        cells = []
        for ours in OURS:
            ratio = best[ours] / theirs[peer] if ours in best else math.nan
            verdict = "met" if ratio <= target.limit else "MISSED"
            cells.append(f"{ratio:.2f} {verdict}" if ours in best else "")
        if "MISSED" in cells[0]:
            missed.append(target.row)
        lines.append(f"| {target.row} | {who} | {target.limit} | " + " | ".join(cells) + " |")
    return "\n".join(lines), list(dict.fromkeys(missed))


def profiles(rows: list[str], cores: set[int], warm: float = WARM_DEFAULT) -> str:
    """The dearest lines of the compiled functions that were slower than they should be."""
    text = ""
    for row in rows:
        if row in CALLS:
            print(f"profile of {row} ...", file=sys.stderr)
            how = (row, "--top", "12", "--warm", str(warm))
            process = run.start("ours", cores, "-m", "benchmarks.profile_step", *how)
            output, _nothing = process.communicate()
            text += f"### {row}\n\n```\n{output}```\n\n"
    return f"## Where the time of a missed target goes\n\n{text}" if text else ""


def versions(peers: list[str], cores: set[int]) -> str:
    """What each environment holds."""
    told = {}
    for name in peers:
        if PEERS[name] not in told:
            peer = run.Peer(PEERS[name], cores, f"graph.{name}")
            about = peer.ask(about=True)
            peer.close()
            packages = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
            told[PEERS[name]] = f"{packages} ({about['blas']})"
    return "; ".join(told.values())


def main(options: argparse.Namespace, cores: set[int]) -> int:
    """Runs, prints, writes; exit code 1 when the default misses a target."""
    peers = ["ours", *options.peers.split(",")] if options.peers else list(PEERS)
    wanted = options.only.split(",")
    results: Results = {}
    failed: list[str] = []
    for workload in CALLS:
        if any(part in workload for part in wanted):
            print(f"{workload} ...", file=sys.stderr)
            results[workload] = measure(
                workload, peers, options.rounds, options.seconds, cores, failed
            )
    # torch.compile takes seconds to minutes, as its users know; it is left out where a process is new.
    fresh = [peer for peer in peers if peer != "torch_compile"]
    for of in dict.fromkeys(how[:2] for how in PROCESSES.values()):
        rows = [row for row, how in PROCESSES.items() if how[:2] == of]
        rows = [row for row in rows if any(map(row.startswith, wanted))]
        if rows:
            print(f"new processes, {' '.join(of)} ...", file=sys.stderr)
            least = measure_processes(*of, fresh, min(options.rounds, 5), cores)
            results |= {row: least[PROCESSES[row][2]] for row in rows}
    results = {row: results[row] for row in [*CALLS, *PROCESSES] if row in results}
    verdict, missed = verdicts(results)
    text = (
        f"{datetime.date.today()}, {run.processor()}, {len(cores)} core(s), Python "
        f"{platform.python_version()}; minima of {options.rounds} interleaved rounds "
        f"({min(options.rounds, 5)} of new processes).\n"
        + (f"{options.note}\n" if options.note else "")
        + f"Versions and BLAS: {versions(peers, cores)}.\n\n"
        f"## Targets\n\n{verdict}\n\n"
        f"## Figures\n\nIn bold: ours (default, warm) / theirs.\n\n{table(results, peers)}\n\n"
        + "".join(
            f"- {row}: {meaning}\n"
            for row, meaning in MEANING.items()
            if any(map(re.compile(row.replace("*", ".*")).fullmatch, results))
        )
        + "".join(f"- did not run: {what}\n" for what in failed)
        + f"\n{profiles(missed, cores)}"
    )
    print(text)
    if options.write is not None:
        what = options.write or "-".join(["graph", *filter(None, wanted)])
        plural = "core" if len(cores) == 1 else "cores"
        file = run.HERE / "results" / f"{what}-{len(cores)}-{plural}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"# Compiled functions\n\n{text.rstrip()}\n")
    return int(bool(missed))
