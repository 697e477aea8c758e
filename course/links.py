"""Keeps the links from lessons into the engine at the right line: `python -m course.links [--fix]`.

Such a link names a class or function, and carries the line where JupyterLab is to open the file::

    [`Dense.call`](../engine/keras/layers/core.py#line=76)

Lines move whenever the engine is edited. This finds the name again, and says or mends the line.
JupyterLab counts `#line=` from 0.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

COURSE = Path(__file__).parent
LINK = re.compile(
    r"(\[`?(?:def |class )?(?P<name>[\w.\\]+)[^\]]*\]\((?P<file>[^)#\s]+\.py)#line=)(?P<line>\d+)\)"
)


def definitions(file: Path) -> dict[str, int]:
    """Every class, function and module-level name of a Python file, with its line from 0.

    A method goes by "Class.method". Decorators do not count: the line is that of `def`.
    """
    found: dict[str, int] = {}

    def walk(body: list[ast.stmt], before: str) -> None:
        for node in body:
            match node:
                case ast.ClassDef() | ast.FunctionDef():
                    found[before + node.name] = node.lineno - 1
                    walk(node.body, f"{before}{node.name}.")
                case ast.Assign(targets=[ast.Name(id=name)]):
                    found.setdefault(before + name, node.lineno - 1)

    walk(ast.parse(file.read_text(encoding="utf-8")).body, "")
    return found


def line_of(file: Path, name: str) -> int | None:
    """The line of a name; a method may go without its class if no other has its name."""
    if not file.is_file():
        return None
    found = definitions(file)
    if name in found:
        return found[name]
    methods = [line for known, line in found.items() if known.endswith(f".{name}")]
    return methods[0] if len(methods) == 1 else None


def stale_links(notebook: Path) -> Iterator[tuple[str, int, int | None]]:
    """(link, its line, the right line or None when the name is gone) for each wrong link."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        for link in LINK.finditer(cell.source):
            right = line_of(notebook.parent / link["file"], link["name"].replace("\\", ""))
            if right != int(link["line"]):
                yield link[0], int(link["line"]), right


def fix(notebook: Path) -> int:
    """Write the right lines; returns how many links changed. A name that is gone stays as it is."""
    changed = 0
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:

        def mend(link: re.Match[str]) -> str:
            nonlocal changed
            right = line_of(notebook.parent / link["file"], link["name"].replace("\\", ""))
            if right is None or right == int(link["line"]):
                return link[0]
            changed += 1
            return f"{link[1]}{right})"

        cell.source = LINK.sub(mend, cell.source)
    if changed:
        nbformat.write(content, notebook)
    return changed


def main(arguments: list[str]) -> int:
    notebooks = sorted(COURSE.glob("[0-9]*.ipynb"))
    if "--fix" in arguments:
        print(f"{sum(map(fix, notebooks))} links mended")
    wrong = 0
    for notebook in notebooks:
        for link, line, right in stale_links(notebook):
            wrong += 1
            now = "there is no such name in that file" if right is None else f"it is line {right}"
            print(f"{notebook.name}: {link} says line {line}; {now}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
