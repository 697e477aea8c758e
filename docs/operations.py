"""Writes docs/operations.md: every public operation, function and class of the engine.

    python -m docs.operations

Nothing on that page is written by hand. Signatures and descriptions come from the docstrings, TensorFlow's
counterparts from `tests/oracle/recorded/tf_signatures.json`; dtypes and derivatives are tried out, with
the calls of `tests/oracle` and those of `docs/calls.py`, and compared with what TensorFlow did with the same
calls (`tf_dtypes.json`).
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import engine as tf
from docs.trials import Trial, dtypes_text, find_out

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "operations.md"
RECORDED = ROOT / "tests" / "oracle" / "recorded"
COMMAND = "python -m docs.operations"


def tensorflow() -> dict[str, Any]:
    """TensorFlow's public names: for each its arguments, or a word for what is no function."""
    return json.loads((RECORDED / "tf_signatures.json").read_text(encoding="utf-8"))


def tensorflow_trials() -> dict[str, Any]:
    """What TensorFlow's operations take: for each the dtypes, and the arguments with a derivative."""
    return json.loads((RECORDED / "tf_dtypes.json").read_text(encoding="utf-8"))


@dataclass
class Entry:
    """One public function or class and every name it has."""

    thing: Any
    names: list[str] = field(default_factory=list)
    trial: Trial | None = None

    @property
    def name(self) -> str:
        """The first of its names: the shortest of those that TensorFlow knows."""
        return self.names[0]

    @property
    def space(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def kind(self) -> str:
        """operation: gives tensors; function: anything else that is called; class; error."""
        if isinstance(self.thing, type):
            return "error" if issubclass(self.thing, BaseException) else "class"
        return "operation" if self.trial is not None and self.trial.gives_tensors else "function"


def namespaces() -> dict[str, ModuleType]:
    """`tf`, and each module below it that is a namespace in TensorFlow as well, but for Keras."""
    known = tensorflow()
    found: dict[str, ModuleType] = {}

    def visit(space: str, module: ModuleType) -> None:
        found[space] = module
        for name in dir(module):
            value = getattr(module, name)
            full = f"{space}.{name}"
            if isinstance(value, ModuleType) and known.get(full) == "namespace" and name != "keras":
                visit(full, value)

    visit("tf", tf)
    return found


def public(module: ModuleType) -> dict[str, Any]:
    """What a namespace offers to be called: what it lists in `__all__`, or else what it defines."""
    listed = getattr(module, "__all__", None)
    found = {}
    for name in listed or dir(module):
        value = getattr(module, name)
        home = str(getattr(value, "__module__", ""))
        own = listed is not None or module is tf or home == module.__name__
        if name.startswith("_") or not own or not home.startswith("engine"):
            continue
        if callable(value) and not isinstance(value, (ModuleType, tf.DType)):
            found[name] = value
    return found


@functools.cache
def entries() -> list[Entry]:
    """Everything public, each thing once with all its names."""
    found: dict[int, Entry] = {}
    for space, module in namespaces().items():
        for name, value in public(module).items():
            found.setdefault(id(value), Entry(value)).names.append(f"{space}.{name}")
    trials = find_out(tf, [entry.thing for entry in found.values()])
    known = tensorflow()
    for entry in found.values():
        entry.names.sort(key=lambda name: name not in known)  # the others keep their order
        entry.trial = trials.get(id(entry.thing))
    return list(found.values())


def parameters(thing: Any) -> list[inspect.Parameter]:
    """The arguments of a function, or those a class is made with."""
    try:
        return list(inspect.signature(thing).parameters.values())
    except ValueError:  # a class without arguments of its own
        return []


def default_text(value: Any) -> str:
    """A default as a reader writes it, and as the recorded ones of TensorFlow are written."""
    if isinstance(value, type) or inspect.isroutine(value):
        return f"<{value.__name__}>"
    return repr(value)


def signature(thing: Any) -> str:
    """The arguments in one line, without types."""
    parts = []
    bare_star = False
    for p in parameters(thing):
        text = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name
        if p.kind is p.KEYWORD_ONLY and not bare_star:
            parts.append("*")
        bare_star = bare_star or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        parts.append(text if p.default is p.empty else f"{text}={default_text(p.default)}")
    return f"({', '.join(parts)})"


def first_line(thing: Any) -> str:
    """The first sentence of the docstring."""
    text = inspect.getdoc(thing) or ""
    line = " ".join(text.split("\n\n")[0].split())
    return line if line.endswith((".", "?", ":")) else f"{line}."


def differences(thing: Any) -> str:
    """What the docstring says about TensorFlow: each of its sentences that names it."""
    text = inspect.getdoc(thing) or ""
    found = []
    for paragraph in re.split(r"\n\s*\n|\n\s+(?=\w+: )", text):
        sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z`'\"\[])", " ".join(paragraph.split()))
        found += [s for s in sentences if re.search(r"(?<!as in )(?<!As in )TensorFlow", s)]
    return " ".join(found)


def members(kind: type) -> list[str]:
    """The public methods and properties of a class."""
    own = [name for name in dir(kind) if not name.startswith("_") and not hasattr(tuple, name)]
    return [f"{n}()" if callable(getattr(kind, n, None)) else n for n in own if hasattr(kind, n)]


def lacks(entry: Entry, theirs: dict[str, Any]) -> tuple[set[str], list[str]]:
    """The dtypes that TensorFlow takes in addition, and the arguments with a derivative there alone."""
    recorded = next((theirs[name] for name in entry.names if name in theirs), None)
    if recorded is None or entry.trial is None:
        return set(), []
    dtypes, derivable = recorded
    return set(dtypes) - entry.trial.dtypes, [a for a in derivable if a not in entry.trial.gradient]


def absent(every: list[Entry], known: dict[str, Any]) -> dict[str, list[str]]:
    """For each namespace of the engine the functions and classes that only TensorFlow has there."""
    there = {name for entry in every for name in entry.names}
    found: dict[str, list[str]] = {space: [] for space in namespaces()}
    for name, kind in known.items():
        space, _, last = name.rpartition(".")
        if isinstance(kind, list) and space in found and name not in there:
            found[space].append(last)
    return found


def counterpart(entry: Entry, known: dict[str, Any]) -> str:
    """TensorFlow's name for it, or "" if it has none."""
    return next((name for name in entry.names if name in known), "")


# --- the page ------------------------------------------------------------------------------------


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or "-"


def _lacks_text(entry: Entry, theirs: dict[str, Any]) -> str:
    dtypes, derivable = lacks(entry, theirs)
    said = [f"It takes {dtypes_text(dtypes)} too."] if dtypes else []
    said += [f"It has a derivative by `{argument}` too." for argument in derivable]
    return " ".join(said)


def _row(entry: Entry, known: dict[str, Any], theirs: dict[str, Any]) -> str:
    name = f"`{entry.name}{signature(entry.thing)}`"
    others = ", ".join(f"`{alias}`" for alias in entry.names[1:])
    what = first_line(entry.thing) + (f" Also {others}." if others else "")
    other = counterpart(entry, known)
    here = "same name" if other == entry.name else f"`{other}`" if other else "not there"
    differs = " ".join(filter(None, (_lacks_text(entry, theirs), differences(entry.thing))))
    cells = [name, what]
    if entry.kind == "operation":
        assert entry.trial is not None
        derivable = ", ".join(f"`{name}`" for name in entry.trial.gradient) or "no"
        cells += [dtypes_text(entry.trial.dtypes), derivable]
    elif entry.kind == "class":
        cells.append(", ".join(f"`{member}`" for member in members(entry.thing)))
    cells.append(f"{here}. {differs}" if differs else here)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


HEADS = {
    "operation": ("operation", "what it does", "dtypes", "derivative", "in TensorFlow"),
    "function": ("function", "what it does", "in TensorFlow"),
    "class": ("class", "what it is", "methods and properties", "in TensorFlow"),
    "error": ("error", "when", "in TensorFlow"),
}
TITLES = {
    "operation": "Operations",
    "function": "Functions",
    "class": "Classes",
    "error": "Errors",
}


def page() -> str:
    """The whole page as text."""
    known, theirs = tensorflow(), tensorflow_trials()
    every = entries()
    count = {kind: [e for e in every if e.kind == kind] for kind in HEADS}
    both = sum(bool(counterpart(e, known)) for e in count["operation"])
    derivable = sum(bool(e.trial and e.trial.gradient) for e in count["operation"])
    lines = [
        "# Operations",
        "",
        f"Generated by `{COMMAND}`; a test fails when it is out of date. Do not edit.",
        "",
        f"**{len(count['operation'])} operations**: {both} of them have a counterpart in TensorFlow "
        f"{known['about']['tensorflow']}, {derivable} have a derivative. Beside them "
        f"{len(count['function'])} functions, {len(count['class'])} classes and "
        f"{len(count['error'])} errors. What has several names is counted once.",
        "",
        "- **dtypes**: those of its main input (or of its result, where no tensor goes in), found by calling "
        "it. *int* stands for int8 to int64, *uint* for uint8 to uint64, *float* for float16, bfloat16, "
        "float32 and float64, *complex* for complex64 and complex128; *all* is all of these, bool and "
        "string.",
        "- **derivative**: the arguments that a gradient tape finds a derivative with respect to, of any "
        "order.",
        "- **in TensorFlow**: whether TensorFlow has it under this name, and what is different there. Where "
        "nothing is said, the arguments, their order and their defaults are the same; a test compares them.",
        "- `name` is accepted everywhere TensorFlow takes it, and changes nothing.",
        "",
        "Keras (`tf.keras`) is not listed here.",
    ]
    for kind in HEADS:
        lines += ["", f"## {TITLES[kind]}"]
        for space in namespaces():
            rows = sorted(
                (e for e in count[kind] if e.space == space), key=lambda e: e.name.lower()
            )
            if rows:
                lines += ["", f"### {space}", "", f"| {' | '.join(HEADS[kind])} |"]
                lines.append("|" + "---|" * len(HEADS[kind]))
                lines += [_row(entry, known, theirs) for entry in rows]
    lines += ["", "## What TensorFlow has and the engine has not", ""]
    for space, missing in absent(every, known).items():
        names = ", ".join(f"`{name}`" for name in missing)
        lines.append(f"- **{space}**: {names or 'nothing'}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {PAGE.stat().st_size / 1000:.0f} kB")
