"""Records what PyTorch computes for the cases that have a PyTorch expression, in `recorded/torch.json`.

Run by hand; see README.md.
"""

from __future__ import annotations

import sys
from typing import Any

from tests.oracle.case import Framework, Results, entry, run, write
from tests.oracle.cases import CASES
from tests.oracle.inputs import Array


def _framework() -> Framework:
    import torch
    import torch.nn.functional as F

    def tensor(x: Array) -> Any:
        return torch.tensor(list(x.values), dtype=getattr(torch, x.dtype)).reshape(x.shape)

    def array(x: Any) -> Array:
        x = torch.as_tensor(x).detach()
        if x.is_floating_point() or x.is_complex():
            x = x + 0  # gradients that are 0 have no storage
        dtype = str(x.dtype).removeprefix("torch.")
        wide = x.to(torch.float64) if x.is_floating_point() else x
        return Array(dtype, tuple(x.shape), tuple(wide.resolve_conj().reshape(-1).tolist()))

    def weighted(pairs: Any) -> Any:
        parts = [(x * w).real if x.is_complex() else x * w for x, w in pairs]
        return sum(part.sum().to(torch.float64) for part in parts)

    def derive(f: Any, inputs: Any, weigh: Any, pulls: Any, orders: int) -> Results:
        sources = [x for x in inputs if x.is_floating_point() or x.is_complex()]
        if not orders or not sources:
            return Results([array(y) for y in f(inputs)], [], None)
        for x in sources:
            x.requires_grad_()
        outputs = [torch.as_tensor(y) for y in f(inputs)]
        ws = [w.requires_grad_() for w in weigh(outputs)]
        kept = [y for y in outputs if y.is_floating_point() or y.is_complex()]
        if not any(y.requires_grad for y in kept):
            return Results([array(y) for y in outputs], [None for _ in sources], None)
        target = weighted(zip(kept, ws, strict=True))
        first = torch.autograd.grad(target, sources, create_graph=orders > 1, allow_unused=True)
        values = [array(y) for y in outputs]
        found = [None if g is None else array(g) for g in first]
        if orders < 2:
            return Results(values, found, None)
        again = weighted([(g, u) for g, u in zip(first, pulls, strict=True) if g is not None])
        try:
            second = torch.autograd.grad(again, [*sources, *ws], allow_unused=True)
        except (RuntimeError, NotImplementedError) as error:
            return Results(values, found, None, f"{type(error).__name__}: {error}"[:200])
        made = [
            torch.zeros_like(x) if g is None else g
            for g, x in zip(second, [*sources, *ws], strict=True)
        ]
        return Results(values, found, [array(g) for g in made])

    names = {"torch": torch, "F": F, "inf": float("inf")}
    return Framework(names, tensor, array, derive)


def main() -> int:
    from importlib.metadata import version

    framework = _framework()
    entries, failed = {}, []
    for case in CASES:
        if not case.torch:
            continue
        try:
            entries[case.name] = entry(case, case.torch, run(framework, case, case.torch))
        except Exception as error:  # all of them are listed at the end
            failed.append(f"{case.name}: {type(error).__name__}: {str(error)[:300]}")
    for line in failed:
        print("FAILED", line, file=sys.stderr)
    if failed:
        print(f"{len(failed)} cases failed; nothing was written.", file=sys.stderr)
        return 1
    write("torch", {name: version(name) for name in ("torch", "numpy")}, entries)
    for name, line in entries.items():
        if "no second" in line:
            print(f"no second derivative: {name}: {line['no second'][:90]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
