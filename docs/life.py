"""Writes docs/life_of_a_function.md: one function from Python to machine code, pass by pass.

    python -m docs.life

Every listing on that page is what the engine prints.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import engine as tf
from docs.simple_math import simple_math
from engine.graph.passes import PASSES
from engine.graph.passes.fusion import fuse

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "life_of_a_function.md"
COMMAND = "python -m docs.life"


def _fence(text: str, language: str = "") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def page() -> str:
    """The text of the page."""
    a, b = tf.constant([1.0, 2.0]), tf.constant([10.0, 20.0])
    fresh = tf.function(simple_math.python_function)  # what it becomes later stays on this page
    concrete = fresh.get_concrete_function(a, b)
    parts = [
        "# The life of a function",
        f"Written by `{COMMAND}`; every listing is what the engine prints. The code is "
        "[docs/simple_math.py](simple_math.py), the compiler [engine/graph/](../engine/graph).",
        "## 1. Python",
        _fence(inspect.getsource(simple_math.python_function), "python"),
        "It computes `a + b * a`, the field's best known example, in a roundabout way, so that each pass "
        "finds something to do.",
        "## 2. The trace: `concrete.graph`",
        "Python runs once, with symbolic tensors that have a dtype and a shape but no value. Each operation "
        "writes a line. What no result depends on (`tf.exp(a)`) is dropped at once.",
        _fence(str(concrete.graph)),
        "Gradients are taken of this program. The passes below make another one, which only computes.",
        "## 3. The passes: `concrete.passes`",
        _fence(str(concrete.passes)),
        "Each pass is a function from a graph to a graph, in a file of its own under "
        "[engine/graph/passes/](../engine/graph/passes). They take turns until none changes anything, and "
        "every result is verified. They keep every bit of every result: a graph computes what eager code "
        "computes, with the same rounding. (One exception: `unpool_later` may add the derivative of a bias "
        "up in another order.)",
    ]
    for number, stage in enumerate(concrete.passes):
        if stage.name in [earlier.name for earlier in concrete.passes[:number]]:
            parts += [f"### {stage.name}, again", _fence(str(stage.after))]
            continue
        step = next(step for step in PASSES if step.__name__ == stage.name)
        parts += [f"### {stage.name}", _first_line(step), _fence(str(stage.after))]
    silent = [step for step in PASSES if step.__name__ not in {s.name for s in concrete.passes}]
    parts += [
        "The other passes found nothing to do here: "
        + " ".join(f"`{step.__name__}` - {_first_line(step)}" for step in silent)
    ]
    parts += [
        "## 4. The generated source: `concrete.source`",
        "The last program as straight-line Python on arrays, with the line of yours each line comes from. "
        "This is what the first calls run.",
        _fence(concrete.source, "python"),
        "## 5. Step by step: `concrete.step(a, b)`",
        "The program as it was written, one operation at a time, for `a = [1, 2]` and `b = [10, 20]`:",
        _fence("\n".join(map(str, concrete.step(a, b)))),
        *_native(concrete),
    ]
    return "\n\n".join(parts) + "\n"


def _native(concrete: Any) -> list[str]:
    """The second half of the life: what a function becomes that is called often."""
    kernels = concrete.kernels  # compiles them now, and appends a pass
    fused = concrete.passes[-1]
    return [
        "## 6. Machine code: `concrete.kernels`",
        "A counter in front of the graph knows what a call would gain from machine code, and what that costs "
        "to make ([engine/graph/tiers.py](../engine/graph/tiers.py)). When the calls would have paid for it "
        "twice, or at once with `tf.function(jit_compile=True)`, one more pass runs. It needs the package "
        "llvmlite; without it, section 4 is the end. Sums may now be added up in another order, and exp, log "
        "and tanh differ from NumPy's in the last place; all other arithmetic keeps every bit.",
        f"### {fused.name}",
        _first_line(fuse),
        _fence(str(fused.after)),
        "Each fused operation is written as loops in the language of LLVM, and compiled for the processor at "
        "hand. The rules of single numbers come from the same records as everything else "
        "([engine/scalar.py](../engine/scalar.py)).",
        _fence(str(kernels), "llvm"),
        "### The source that calls it",
        "`concrete.source` is now",
        _fence(concrete.source, "python"),
    ]


def _first_line(step: Any) -> str:
    return (inspect.getdoc(inspect.getmodule(step)) or "").splitlines()[0]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written.")
