"""Finds for every public name of the engine's Keras the test that compares it with real Keras. See `keras`.

It reads the tests of `tests/keras` and runs none. A test compares when what it runs reaches `keras` of
`tests.keras.witness`, which is real Keras, or a file recorded from it. It is a witness of the names in its
body, and in the tables that it is parametrized with or loops over; failing that, of those in the functions
that it calls.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "keras"
REAL_KERAS = ("tests.keras.witness", "keras")


class _Module:
    """A file of tests: what it defines at its top, and what it imports from others."""

    def __init__(self, path: Path):
        self.functions: dict[str, ast.AST] = {}
        self.data: dict[str, list[ast.AST]] = defaultdict(list)
        self.imported: dict[str, tuple[str, str]] = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self.functions[node.name] = node
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            self.data[name.id].append(node)
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("tests.keras"):
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = (str(node.module), alias.name)


@cache
def _module(name: str) -> _Module:
    return _Module(ROOT / f"{name.replace('.', '/')}.py")


Place = tuple[str, str]  # a module and a name at its top


def _resolve(module: str, name: str) -> Place | None:
    """Where a name that is used in a module is defined, if that is in these tests."""
    own = _module(module)
    if name in own.functions or name in own.data:
        return module, name
    return own.imported.get(name)


def _nodes(place: Place) -> list[ast.AST]:
    module, name = place
    if place == REAL_KERAS or module.startswith("tests.keras.recorded"):
        return []
    own = _module(module)
    return [own.functions[name]] if name in own.functions else own.data.get(name, [])


def _uses(place: Place) -> Iterator[Place]:
    """What the definition of a place refers to."""
    for node in _nodes(place):
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                found = _resolve(place[0], part.id)
                if found is not None and found != place:
                    yield found


def _is_function(place: Place) -> bool:
    return place != REAL_KERAS and place[1] in _module(place[0]).functions


@cache
def _reaches(start: Place, functions: bool) -> frozenset[Place]:
    """All that a place leads to; without `functions`, through data alone."""
    found, todo = {start}, [start]
    while todo:
        place = todo.pop()
        if place == REAL_KERAS:
            continue
        for used in _uses(place):
            if used not in found and (functions or not _is_function(used)):
                found.add(used)
                todo.append(used)
    return frozenset(found)


def _is_recording(place: Place) -> bool:
    """The path of a recorded file, in a module that records what Keras does."""
    return place[1] == "PATH" and place[0].startswith("tests.keras.record_")


def _words(places: frozenset[Place]) -> Iterator[str]:
    """Names as written: 'Dense' of "Dense" and of k.Dense; 'losses.get'; 'losses.*' of losses.__all__."""
    for place in places:
        for node in _nodes(place):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value
                elif isinstance(part, ast.Attribute):
                    tail = getattr(part.value, "attr", getattr(part.value, "id", ""))
                    capital = part.attr[0].isupper()  # a small one may be a method of anything
                    yield part.attr if capital else f"{tail}.{part.attr}".replace("__all__", "*")


@cache
def comparisons() -> dict[str, tuple[Counter[str], Counter[str]]]:
    """For each file with such tests the words of them, and those of the functions that they call.

    A word counts once for each test.
    """
    found = {}
    for path in sorted(TESTS.glob("test_*.py")):
        name = f"tests.keras.{path.stem}"
        near: Counter[str] = Counter()
        far: Counter[str] = Counter()
        for test in _module(name).functions:
            everything = _reaches((name, test), functions=True)
            real = REAL_KERAS in everything or any(map(_is_recording, everything))
            if test.startswith("test_") and real:
                near.update(set(_words(_reaches((name, test), functions=False))))
                far.update(set(_words(everything)))
        if far:
            found[path.name] = (near, far)
    return found


def witness(family: str, names: list[str], family_names: set[str]) -> str:
    """The file that compares a thing of these names with that of Keras, or "" if none does.

    Of several it is the one that is most about the family: with the largest part of its names among all
    words that are capitalized or belong to the family. A word such as 'average' may stand for something else;
    it counts where most words are of the family.
    """
    wanted, all_names = _spelled(family, names), _spelled(family, family_names)
    for level in (0, 1):
        best: tuple[float, int, str] = (0.0, 0, "")
        for file, words in comparisons().items():
            here = words[level]
            count = max(here[name] for name in wanted)
            if count:
                own = sum(here[name] for name in all_names)
                others = sum(n for word, n in here.items() if word[:1].isupper() and word.isalnum())
                part = own / max(own, others)
                if part > 0.5 or any(here[name] for name in names if name[0].isupper()):
                    best = max(best, (round(part, 6), count, file))
        if best[2]:
            return best[2]
    return ""


def _spelled(family: str, names: Iterable[str]) -> set[str]:
    """The words that stand for any of these names; `__all__` stands for all that has a meaning of its own."""
    last = family.rpartition(".")[2]
    everything = {f"{last}.*"} if set(names) - {"deserialize", "get", "serialize"} else set()
    return {*everything, *names, *(f"{last}.{name}" for name in names)}
