"""Searches what learners get for what they must not: solutions, answers, outputs, paths.

It looks for the text of the solutions and of the instructor's answers, line by line, and for their
functions under other names and in another layout. It reads solutions/ and graders/instructor/, so
it works in the course's repository alone. graders/archive.py asks it before it writes anything.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from course import sealed
from graders.release import BEGIN, END, STUB, TELLING, solution_lines

STRONG = 24
"""A line this long that opens no block is a leak wherever it stands, also inside another line."""
LARGE, SMALL = 16, 8
"""A function of LARGE syntax nodes or more is nobody's by accident. A solution's is refused from
SMALL on where STRICT holds; the tasks name many a short wrong answer, to say what is wrong."""
STRICT = ("exercises/", "graders/tasks/", "course/quizzes/")
"""Where one telling line is enough. The engine and the lessons may share a line with a solution,
`for _ in range(epochs):`, but not two that follow each other, and no whole function."""
TOGETHER = {"solution": 2, "answer": 4}
"""How many lines in a row are a leak. Answers hold more of what everybody writes."""

KINDS = {".py", ".ipynb", ".toml", ".json", ".css", ".js", ".md", ".txt", ".yml", ".quiz"}
PLAIN = {"Makefile", "LICENSE"}
FOLDERS = {"course", "engine", "exercises", "graders", "locks"}
CELL_METADATA = {"nbgrader", "deletable", "editable", "tags"}
NOTEBOOK_METADATA = {"kernelspec", "language_info"}

PREFIX = re.compile(r"^(?:(?:#+|>>>|\.\.\.|>|[-*+]|//)\s+)+")
MARKS = re.compile(
    r"\b(?:BEGIN|END)\s+(?:SOLUTIONS?|HIDDEN\s+TESTS?|MARK\s*SCHEME)\b|###\s*(?:HASHED\s+)?AUTOTEST",
    re.IGNORECASE,
)
INSTRUCTOR = re.compile(
    r"^\s*@(?:wrong|accepted)\(|^\s*(?:from|import)\s+(?:answers|classroom)\b", re.M
)
PATHS = re.compile(
    r"(?<![\w.:/~-])/(?:home|Users|root|work|workspace|tmp|mnt|var/folders)/[\w.-]+"
    r"|\b[A-Za-z]:\\+Users\\+\w+"
)

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass
class Secrets:
    """What is searched for, and where each piece of it comes from."""

    lines: dict[str, str] = field(default_factory=dict)
    """Telling lines of solutions."""
    runs: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Lines in a row, of solutions and of answers."""
    starts: set[str] = field(default_factory=set)
    """The first lines of those."""
    solved: dict[str, str] = field(default_factory=dict)
    """The functions of solutions, by their shape (see `shape`)."""
    accepted: dict[str, str] = field(default_factory=dict)
    """The functions of the instructor's right answers."""
    wrong: dict[str, str] = field(default_factory=dict)
    """The functions of the instructor's wrong answers."""
    keys: set[tuple[Any, ...]] = field(default_factory=set)
    """What all these functions look like at a glance (see `key`)."""
    places: tuple[str, ...] = ()
    """This machine's own paths."""


def secrets(root: Path) -> Secrets:
    """Everything that a learner must not get, read from the course's repository.

    Raises: ValueError when there is nothing to search for; such a search would always pass.
    """
    found = Secrets(places=(str(root.resolve()), str(Path.home())))
    found.lines = {plain(line): where for line, where in solution_lines(root / "solutions").items()}
    shown: set[Any] = set()
    for file in sorted((root / "solutions").glob("*/*.ipynb")):
        for cell in cells(file.read_bytes()):
            if cell["cell_type"] == "code":
                where = f"the solution of {file.parent.name}, cell {cell.get('id')}"
                _add_solution(found, shown, cell["source"], where)
    for file in sorted((root / "graders" / "instructor").glob("answers/**/*.py")):
        _add_answers(found, file)
    if not found.lines or not found.solved or not found.wrong:
        raise ValueError(f"{root} holds no solutions or no answers to search for")
    for known in (found.runs, found.accepted, found.wrong):
        for each in shown & known.keys():
            del known[each]
    found.starts = {run[0] for run in found.runs}
    return found


def _add_solution(found: Secrets, shown: set[Any], source: str, where: str) -> None:
    hidden, open_ = _regions(source)
    shown |= {run for lines in open_ for size in TOGETHER.values() for run in _runs(lines, size)}
    for lines in hidden:
        found.runs |= dict.fromkeys(_runs(lines, TOGETHER["solution"]), where)
    secret = {line for lines in hidden for line in lines}
    for function in functions(source):
        text = ast.get_source_segment(source, function) or ""
        if secret & set(map(plain, text.splitlines())):
            found.solved[shape(function)] = where
            found.keys.add(key(function))
        else:
            shown.add(shape(function))


def _add_answers(found: Secrets, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.decorator_list:
            kind = "wrong" if "wrong(" in ast.unparse(node.decorator_list[0]) else "accepted"
            where = f"the {kind} answer {node.name} in {file.name}"
            source = ast.get_source_segment(text, node) or ""
            for run in _runs(map(plain, source.splitlines()), TOGETHER["answer"]):
                found.runs.setdefault(run, where)
            for function in functions(source):
                getattr(found, kind).setdefault(shape(function), where)
                found.keys.add(key(function))


def search(files: Mapping[str, bytes], secret: Secrets) -> list[str]:
    """What is in these files, by path, that must not be; empty when all is well."""
    problems: list[str] = []
    for name in sorted(files):
        problems += _name(name)
        try:
            quiz = name.endswith(sealed.SUFFIX)
            text = sealed.unseal(files[name]) if quiz else files[name].decode("utf-8")
        except ValueError:
            problems.append(f"{name}: it is not text")
            continue
        if not name.endswith(".ipynb"):
            problems += _text(name, name, text, secret)
            if name.endswith(".py"):
                problems += _functions(name, text, secret)
            continue
        try:
            notebook = json.loads(text)
            parts = cells(files[name])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problems.append(f"{name}: it is no notebook ({type(error).__name__}: {error})")
            continue
        problems += _notebook(name, notebook, secret)
        for cell in parts:
            where = f"{name}, cell {cell.get('id')}"
            problems += _text(name, where, cell["source"], secret)
            problems += _cell(name, where, cell)
            if cell["cell_type"] == "code":
                problems += _functions(where, cell["source"], secret)
            rest = {key: value for key, value in cell.items() if key != "source"}
            problems += _text(name, where, json.dumps(rest), secret)
    return list(dict.fromkeys(problems))


def _name(name: str) -> Iterator[str]:
    path = PurePosixPath(name)
    if any(
        part.startswith((".", "__pycache__")) or part.endswith(".egg-info") for part in path.parts
    ):
        yield f"{name}: a hidden file or a cache"
    if path.match("course/quizzes/*.toml"):
        yield f"{name}: the answers of a quiz, in the clear"
    if path.suffix not in KINDS and path.name not in PLAIN:
        yield f"{name}: files of this kind are not given out"
    if path.is_absolute() or ".." in path.parts:
        yield f"{name}: it leads out of the folder"
    if len(path.parts) > 1 and path.parts[0] not in FOLDERS:
        yield f"{name}: nothing of {path.parts[0]}/ is given out"
    if "instructor" in path.parts:
        yield f"{name}: it is the instructors'"


def _text(name: str, where: str, text: str, secret: Secrets) -> Iterator[str]:
    """Lines, runs of lines, marks and paths in a text, also where it is quoted in a string."""
    for match in MARKS.finditer(text):
        yield f"{where}: the mark {match[0]!r}"
    for match in INSTRUCTOR.finditer(text):
        yield f"{where}: {match[0].strip()!r} is the instructors'"
    for place in (*secret.places, *(match[0] for match in PATHS.finditer(text))):
        if place in text and len(place) > 1:
            yield f"{where}: the path {place} of one machine"
    unquoted = text.replace("\\n", "\n").replace('\\"', '"').replace("\\'", "'")
    for version in {text, unquoted}:
        lines = [line for line in map(plain, version.splitlines()) if line]
        together = "\n".join(lines)
        for line, source in secret.lines.items():
            strong = len(line) >= STRONG and not line.endswith(":")
            if strong and line in together:
                yield f"{where}: {line!r} is from {source}"
        if name.startswith(STRICT):
            for line in lines:
                if line in secret.lines:
                    yield f"{where}: {line!r} is from {secret.lines[line]}"
        rows = _saying(lines)
        for at, line in enumerate(rows):
            for size in TOGETHER.values() if line in secret.starts else ():
                run = tuple(rows[at : at + size])
                if run in secret.runs:
                    yield f"{where}: {' / '.join(run)!r} is from {secret.runs[run]}"


def _functions(where: str, text: str, secret: Secrets) -> Iterator[str]:
    try:
        found = list(functions(text))
    except SyntaxError as error:
        yield f"{where}: it cannot be searched: {error.msg}, line {error.lineno}"
        return
    strict, tasks = where.startswith(STRICT), where.startswith("graders/tasks/")
    for function in found:
        if key(function) not in secret.keys:  # most functions are none of them at a glance
            continue
        name, nodes = shape(function), size(function)
        source = secret.solved.get(name) if nodes >= (SMALL if strict else LARGE) else None
        if nodes >= LARGE:
            source = source or secret.accepted.get(name)
            # A task may predict a wrong answer, to tell who gives it what is wrong with it.
            if not (isinstance(function, ast.Lambda) and tasks):
                source = source or secret.wrong.get(name)
        if source:
            yield f"{where}: {getattr(function, 'name', 'a lambda')} is {source}"


def _notebook(name: str, notebook: dict[str, Any], secret: Secrets) -> Iterator[str]:
    extra = set(notebook.get("metadata", {})) - NOTEBOOK_METADATA
    if extra:
        yield f"{name}: the metadata {', '.join(sorted(extra))}"
    rest = {key: value for key, value in notebook.items() if key != "cells"}
    yield from _text(name, name, json.dumps(rest), secret)


def _cell(name: str, where: str, cell: dict[str, Any]) -> Iterator[str]:
    if cell.get("outputs") or cell.get("execution_count"):
        yield f"{where}: it has outputs"
    extra = set(cell.get("metadata", {})) - CELL_METADATA
    if extra or cell.get("attachments"):
        yield f"{where}: the metadata {', '.join(sorted(extra)) or 'attachments'}"
    nbgrader = cell.get("metadata", {}).get("nbgrader", {})
    if nbgrader and not name.startswith("exercises/"):
        yield f"{where}: a cell of nbgrader's outside exercises/"
    if nbgrader.get("solution") and STUB not in cell["source"]:
        yield f"{where}: nothing was taken out of it"


def plain(line: str) -> str:
    """A line without indentation, comment or prompt sign, and doubled spaces."""
    return " ".join(PREFIX.sub("", line.strip()).split())


def _runs(lines: Iterable[str], size: int) -> Iterator[tuple[str, ...]]:
    """Every `size` lines in a row that say something together; imports do not."""
    rows = _saying(lines)
    for at in range(len(rows) - size + 1):
        run = tuple(rows[at : at + size])
        if sum(map(len, run)) >= TELLING * size and all(re.search(r"\w", line) for line in run):
            yield run


def _saying(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line and not line.startswith(("import ", "from "))]


def _regions(source: str) -> tuple[list[list[str]], list[list[str]]]:
    """The lines of a source cell: what lies between solution markers, and what lies outside."""
    parts: tuple[list[list[str]], list[list[str]]] = ([], [[]])
    inside = False
    for line in source.splitlines():
        if line.strip() in (BEGIN, END):
            inside = line.strip() == BEGIN
            parts[not inside].append([])
        elif plain(line):
            parts[not inside][-1].append(plain(line))
    return parts


def cells(notebook: bytes) -> list[dict[str, Any]]:
    """The cells of a notebook file, each with its source as one string."""
    return [{**cell, "source": "".join(cell["source"])} for cell in json.loads(notebook)["cells"]]


def parse(text: str) -> ast.Module:
    """The syntax tree of a Python text, which may be a cell with IPython's own commands."""
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.parse(TransformerManager().transform_cell(text))


def functions(text: str) -> Iterator[Function]:
    """Every function in a Python text."""
    for node in ast.walk(parse(text)):
        if isinstance(node, Function):
            yield node


def _body(function: Function) -> list[ast.AST]:
    """What a function does: its statements, without its docstring."""
    if isinstance(function, ast.Lambda):
        return [ast.Return(value=function.body)]
    return [*function.body[1:]] if ast.get_docstring(function) is not None else [*function.body]


def size(function: Function) -> int:
    nodes = (node for part in _body(function) for node in ast.walk(part))
    return sum(not isinstance(node, ast.expr_context) for node in nodes)


def key(function: Function) -> tuple[Any, ...]:
    """Equal for functions of equal shape, and quick to find: their arguments and statements."""
    parts = _body(function)
    return len(function.args.args), tuple(type(part).__name__ for part in parts)


def shape(function: Function) -> str:
    """The function's syntax with its own names numbered: renaming and layout change nothing.

    >>> tree = ast.parse("def f(a):\\n    b = len(a)\\n    return b")
    >>> other = ast.parse("def size(xs): n = len( xs ); return n  # as told")
    >>> shape(tree.body[0]) == shape(other.body[0])
    True
    """
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given += [each for each in (arguments.vararg, arguments.kwarg) if each]
    own = {each.arg for each in given} | {getattr(function, "name", "")}
    parts = _body(function)
    for part in parts:
        for node in ast.walk(part):
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    own.add(name)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    own.add(name)
    numbers: dict[str, str] = {}
    for each in given:
        numbers.setdefault(each.arg, f"_{len(numbers)}")

    def told(value: Any, key: str = "") -> str:
        if isinstance(value, ast.AST):
            skipped = ("ctx", "annotation", "returns", "type_comment", "kind")
            fields = [(k, v) for k, v in ast.iter_fields(value) if k not in skipped]
            return f"{type(value).__name__}({','.join(told(v, k) for k, v in fields)})"
        if type(value) is list:
            return f"[{','.join(map(told, value))}]"
        if key in ("id", "arg", "name") and value in own:
            return numbers.setdefault(value, f"_{len(numbers)}")
        return repr(value)

    return ";".join(told(part) for part in parts)
