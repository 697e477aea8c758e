"""One module a peer. Each has WORKLOADS: name -> a function that sets it up and returns (run, check)."""

from __future__ import annotations

import ast
from pathlib import Path


def names() -> list[str]:
    """The workloads of the engine, in order, without importing anything."""
    tree = ast.parse((Path(__file__).parent / "ours.py").read_text())
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name != "versions" and node.name[0] != "_"
    ]
