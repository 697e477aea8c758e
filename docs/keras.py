"""Writes docs/keras.md: what there is of Keras, and which test compares it with real Keras.

    python -m docs.keras

Nothing on that page is written by hand. Descriptions come from the docstrings, Keras's names from
`docs/keras_names.json` (`record_keras`), the tests from `witnesses`.
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
from docs.operations import first_line
from docs.record_keras import PATH as NAMES
from docs.witnesses import witness

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "keras.md"
COMMAND = "python -m docs.keras"

# The first are the tables that one looks for, in the order of a model's making.
ORDER = (
    "keras", "layers", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers",
    "regularizers", "constraints", "activations", "callbacks", "datasets", "utils",
)  # fmt: skip


@functools.cache
def theirs() -> dict[str, Any]:
    """Keras's public names by namespace, and the version."""
    return json.loads(NAMES.read_text(encoding="utf-8"))


@dataclass
class Entry:
    """One public thing and every name it has in a namespace."""

    space: str
    thing: Any
    names: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.names[0]


@functools.cache
def namespaces() -> dict[str, ModuleType]:
    """The modules of `tf.keras`: "keras" itself, "layers" ..."""
    found = {"keras": tf.keras}
    for name in tf.keras.__all__:
        value = getattr(tf.keras, name)
        if isinstance(value, ModuleType):
            found[name] = value
    found["optimizers.schedules"] = tf.keras.optimizers.schedules
    return {name: found[name] for name in [*ORDER, *sorted(set(found) - set(ORDER))]}


def keras_names(space: str) -> list[str]:
    """What Keras has in a namespace: functions and classes, or data sets."""
    names = theirs()["names"]
    if space == "datasets":
        start = "keras.datasets."
        return [name.removeprefix(start) for name in names if name.startswith(start)]
    return names.get("keras" if space == "keras" else f"keras.{space}", [])


def public(module: ModuleType) -> dict[str, Any]:
    """What a namespace offers: what it lists in `__all__`, or else what it defines; not its namespaces."""
    listed = getattr(module, "__all__", None)
    found = {}
    for name in listed if listed is not None else dir(module):
        value = getattr(module, name)
        inner = isinstance(value, ModuleType)
        if name.startswith("_") or (inner and module is not tf.keras.datasets):
            continue
        if inner or (callable(value) and (listed or value.__module__ == module.__name__)):
            found[name] = value
    return found


@functools.cache
def entries(space: str) -> list[Entry]:
    """The public things of a namespace, each once, by the name that Keras has for it."""
    found: dict[int, Entry] = {}
    for name, value in public(namespaces()[space]).items():
        found.setdefault(id(value), Entry(space, value)).names.append(name)
    known = set(keras_names(space))
    for entry in found.values():
        own = getattr(entry.thing, "__name__", "")
        entry.names.sort(key=lambda name: (name not in known, name != own, name.lower()))
    return sorted(found.values(), key=lambda entry: entry.name.lower())


@functools.cache
def witness_of(space: str, name: str) -> str:
    """The test file that compares the thing of this name with that of Keras, or "".

    What is in several namespaces, as `load_model` is in `models` and `saving`, may be tested by any name.
    """
    entry = next(entry for entry in entries(space) if name in entry.names)
    if not set(entry.names) & set(keras_names(space)):
        return ""
    others = [e for s in namespaces() for e in entries(s) if e.thing is entry.thing and s != space]
    found = (
        witness(one.space, one.names, {n for e in entries(one.space) for n in e.names})
        for one in (entry, *others)
    )
    return next(filter(None, found), "")


def differences(thing: Any) -> str:
    """What the docstring says about Keras: its sentences that name it, but for those it begins with."""
    text = inspect.getdoc(thing) or ""
    said = first_line(thing)
    found = []
    for paragraph in re.split(r"\n\s*\n|\n\s+(?=\w+: )", text):
        sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z`'\"\[])", " ".join(paragraph.split()))
        if sentences[0].startswith("Differs from Keras"):
            found += sentences
        else:
            found += [
                s for s in sentences if re.search(r"(?<!as in )(?<!As in )(?<!as )\bKeras\b", s)
            ]
    return " ".join(sentence for sentence in found if sentence not in said)


def absent(space: str) -> list[str]:
    """What Keras has in a namespace and the engine has not."""
    there = {name for entry in entries(space) for name in entry.names}
    here = namespaces()[space]
    return [name for name in keras_names(space) if name not in there and not hasattr(here, name)]


def absent_namespaces() -> dict[str, int]:
    """The namespaces that Keras alone has, and how many names each and those in it have."""
    found: dict[str, int] = {}
    here = {"keras", *(f"keras.{space}" for space in namespaces())}
    for space, names in theirs()["names"].items():
        top = ".".join(space.split(".")[:2])
        if space not in here and top != "keras.datasets":
            found[top if top not in here else space] = found.get(top, 0) + len(names)
    return found


# --- the page ------------------------------------------------------------------------------------


def _cell(text: str) -> str:
    return text.replace("|", "\\|") or "-"


def _row(entry: Entry) -> str:
    others = ", ".join(f"`{name}`" for name in entry.names[1:])
    what = first_line(entry.thing) + (f" Also {others}." if others else "")
    said = differences(entry.thing)
    has = "yes" if set(entry.names) & set(keras_names(entry.space)) else "no"
    file = witness_of(entry.space, entry.name)
    shown = f"[{file}](../tests/keras/{file})" if file else ""
    there = f"{has}. {said}" if said else has
    return f"| {' | '.join(_cell(cell) for cell in (f'`{entry.name}`', what, there, shown))} |"


def page() -> str:
    """The whole page as text."""
    version = theirs()["about"]["keras"]
    spaces = namespaces()
    shared = [e for s in spaces for e in entries(s) if set(e.names) & set(keras_names(s))]
    seen = sum(bool(witness_of(entry.space, entry.name)) for entry in shared)
    lines = [
        "# Keras",
        "",
        f"Generated by `{COMMAND}`; a test fails when it is out of date. Do not edit.",
        "",
        f"What `tf.keras` has of Keras {version}: {len(shared)} functions and classes, {seen} of them with a "
        "witness. What has several names in a namespace is counted once.",
        "",
        f"- **in Keras**: whether Keras {version} has it in this namespace, and what is different there.",
        "- **witness**: a test file in which it is compared with real Keras, run side by side or recorded, "
        "alone or in a model. Found by reading the tests.",
    ]
    for space in spaces:
        rows = entries(space)
        lines += [
            "",
            f"## {space}",
            "",
            "| name | what it is | in Keras | witness |",
            "|---|---|---|---|",
        ]
        lines += [_row(entry) for entry in rows]
        names = ", ".join(f"`{name}`" for name in absent(space))
        lines += ["", f"Keras has in addition: {names or 'nothing'}."]
    lines += ["", "## Namespaces that the engine has not", ""]
    for space, count in absent_namespaces().items():
        lines.append(f"- `{space}`: {count} names")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}: {PAGE.stat().st_size / 1000:.0f} kB")
