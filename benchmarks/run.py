"""Measures the engine beside its peers in one interleaved run, and prints ratios.

    python -m benchmarks.run [--rounds 7] [--seconds 0.1] [--cores 1] [--only NAMES] [--peers A,B]
    python -m benchmarks.run --only import,memory,cold_fit
    python -m benchmarks.run --suite graph
    python -m benchmarks.run --suite fit

Ratios are ours / theirs: below 1 the engine is faster, or smaller.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
ENVIRONMENTS = ROOT / ".bench"
# What a machine may have set and a learner's has not: other BLAS kernels, modules compiled at each start.
CLEARED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
TARGETS = {  # ours / theirs at most, where the project has set itself a figure
    ("scalar_add", "torch_eager"): 0.8,
    ("scalar_add", "tensorflow_eager"): 0.1,
    ("chain_gradient", "torch_eager"): 0.6,
    ("matmul_64", "numpy_by_hand"): 1.3,
    ("second_gradient", "torch_eager"): 0.8,
    ("jacobian", "torch_eager"): 1.2,
    ("batch_jacobian", "torch_eager"): 1.2,
    ("import", "numpy_by_hand"): 2.5,
    ("import", "tensorflow_eager"): 0.15,
    ("memory", "numpy_by_hand"): 2.2,
}
# Measured on whole processes, a new one each round: workload -> what process.py does, and what of its
# answer counts. The first is the time of the import; the others, of a process that imports and fits
# y = 2x - 1, the peak memory and the time from its start to its end.
PROCESSES = {
    "import": ("import", "seconds"),
    "memory": ("fit", "bytes"),
    "cold_fit": ("fit", "wall"),
}


def requirements() -> dict[str, list[str]]:
    """Peer -> what its environment holds."""
    lines = (HERE / "peers" / "requirements.txt").read_text().splitlines()
    rows = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): packages.split() for name, _, packages in rows}


def python_of(peer: str) -> Path:
    """The interpreter of a peer, its environment built if it is not there."""
    if peer == "ours":
        return Path(sys.executable)
    folder = ENVIRONMENTS / peer
    python, stamp = folder / "bin" / "python", folder / ".complete"
    wanted = " ".join(requirements()[peer])
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"building the environment of {peer}: {wanted}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        packages = [*requirements()[peer], "threadpoolctl"]
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        stamp.write_text(wanted)
    return python


def start(name: str, cores: set[int], *command: str) -> subprocess.Popen[str]:
    """A process of a peer: its interpreter, threads for these cores, no BLAS kernels pinned."""
    environment = {k: v for k, v in os.environ.items() if k not in CLEARED}
    count = str(len(cores))
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        environment[variable] = count
    environment["PYTHONPATH"] = str(ROOT) if name == "ours" else ""
    return subprocess.Popen(
        [str(python_of(name)), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )


class Peer:
    """The worker process of one peer; `module` is its file in peers/, where that is not its name."""

    def __init__(self, name: str, cores: set[int], module: str = ""):
        self.name = name
        self.process = start(name, cores, str(HERE / "worker.py"), module or name)

    def ask(self, **command: Any) -> dict[str, Any]:
        """One command, one answer."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker of {self.name} ended; run it by hand to see why.")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def agree(checks: dict[str, float]) -> None:
    """Raises unless every peer computed our number."""
    ours = checks["ours"]
    for peer, value in checks.items():
        if not math.isclose(value, ours, rel_tol=1e-3, abs_tol=1e-3):
            raise RuntimeError(f"{peer} computed {value}, the engine {ours}: nothing is compared.")


def measure(workload: str, peers: list[str], rounds: int, seconds: float, cores: set[int]) -> Any:
    """The best seconds of each peer, over interleaved rounds."""
    running, best, checks = [Peer(name, cores) for name in peers], {}, {}
    about = {peer.name: peer.ask(about=True) for peer in running}
    for peer in running:
        answer = peer.ask(setup=workload)
        if "check" in answer:
            checks[peer.name] = answer["check"]
            best[peer.name] = math.inf
        elif "error" in answer:
            raise RuntimeError(f"{peer.name}, {workload}: {answer['error']}")
    agree(checks)
    for _ in range(rounds):
        for peer in running:
            if peer.name in best:
                best[peer.name] = min(best[peer.name], peer.ask(time=seconds)["seconds"])
    for peer in running:
        peer.close()
    return best, about


def measure_processes(workload: str, peers: list[str], rounds: int, cores: set[int]) -> Any:
    """The same on whole processes: the least of each peer, over interleaved rounds."""
    what, counts = PROCESSES[workload]
    about = {}
    for name in peers:
        worker = Peer(name, cores)
        about[name] = worker.ask(about=True)
        worker.close()
    best, checks = dict.fromkeys(peers, math.inf), dict.fromkeys(peers, 0.0)
    for _ in range(rounds):
        for name in peers:
            since = time.perf_counter()
            output, _nothing = start(
                name, cores, str(HERE / "process.py"), what, name
            ).communicate()
            wall = time.perf_counter() - since
            if not output:
                raise RuntimeError(f"process.py {what} {name} failed; run it by hand to see why.")
            answer = {"check": 0.0, "wall": wall, **json.loads(output)}
            best[name], checks[name] = min(best[name], answer[counts]), answer["check"]
    agree(checks)
    return best, about


def show(amount: float, workload: str = "") -> str:
    """A time, or what is measured in bytes, with three digits."""
    if PROCESSES.get(workload, ("", ""))[1] == "bytes":
        return f"{amount / 2**20:.3g} MiB"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return f"{amount / 1e-9:.3g} ns"


def table(results: dict[str, dict[str, float]], peers: list[str]) -> str:
    """Rows of workloads, columns of peers: their figure, and ours over theirs, beside the target."""
    others = [peer for peer in peers if peer != "ours"]
    rows = ["| workload | ours | " + " | ".join(others) + " |", "|" + "---|" * (len(others) + 2)]
    for workload, best in results.items():
        cells = []
        for peer in others:
            if peer not in best:
                cells.append("")
                continue
            ratio = best["ours"] / best[peer]
            target = TARGETS.get((workload, peer))
            note = ""
            if target is not None:
                note = f" (at most {target}: {'met' if ratio <= target else 'MISSED'})"
            cells.append(f"{show(best[peer], workload)}, **{ratio:.2f}**{note}")
        rows.append(f"| {workload} | {show(best['ours'], workload)} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def main() -> int:
    """Runs, prints, writes; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--suite", choices=("eager", "graph", "fit"), default="eager")
    parser.add_argument("--rounds", type=int, default=7, help="the least of so many counts")
    parser.add_argument("--seconds", type=float, default=0.1, help="a peer and round")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--only", default="", help="parts of the names of workloads, by commas")
    parser.add_argument("--peers", default="", help="their names, by commas; default: all")
    parser.add_argument("--note", default="", help="a sentence for the head of the table")
    parser.add_argument(
        "--write", nargs="?", const="", help="write the table to benchmarks/results/, under a name"
    )
    options = parser.parse_args()
    cores = set(sorted(os.sched_getaffinity(0))[: options.cores])
    if options.suite == "graph":
        from benchmarks import graph

        return graph.main(options, cores)
    if options.suite == "fit":
        from benchmarks import fit

        return fit.main(options, cores)
    peers = ["ours", *(options.peers.split(",") if options.peers else requirements())]
    from benchmarks.peers import names

    results, about = {}, {}
    for workload in [*names(), *PROCESSES]:
        if any(part in workload for part in options.only.split(",")):
            print(f"{workload} ...", file=sys.stderr)
            if workload in PROCESSES:
                results[workload], about = measure_processes(workload, peers, options.rounds, cores)
            else:
                results[workload], about = measure(
                    workload, peers, options.rounds, options.seconds, cores
                )
    versions = "; ".join(
        ", ".join(f"{k} {v}" for k, v in a["versions"].items()) + f" ({a['blas']})"
        for a in about.values()
    )
    note = f"{options.note}\n" if options.note else ""
    text = (
        f"{datetime.date.today()}, {processor()}, {len(cores)} core(s), Python "
        f"{platform.python_version()}; minima of {options.rounds} interleaved rounds.\n{note}"
        f"Versions and BLAS: {versions}.\nIn bold: ours / theirs.\n\n{table(results, peers)}\n"
    )
    print(text)
    if options.write is not None:
        what = options.write or options.only.replace(",", "-") or "eager"
        target = HERE / "results" / f"{what}-{len(cores)}-core.md"
        target.parent.mkdir(exist_ok=True)
        whole = set(results) <= set(PROCESSES)
        title = "Whole processes" if whole else "Eager operations and gradients"
        target.write_text(f"# {title}\n\n{text}")
    return int("MISSED" in text)


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "CPU")


if __name__ == "__main__":
    sys.exit(main())
