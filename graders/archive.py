"""The archive a learner gets: `python -m graders.archive` writes dist/two-x-minus-one-VERSION.zip.

CONTENTS says what goes in, by folder and kind of file; whatever it does not name stays out. Four
files are adapted for learners on the way, and quizzes sealed. Before anything is written,
graders/leaks.py searches the finished archive, and a solution, an answer, an output or a path of this
machine stops it.

From one commit the archive is the same to the last byte, on every machine: the names are sorted,
times and modes are fixed, and nothing is compressed, since compressors differ.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from course import sealed
from graders import leaks

LEARNER = ("__init__", "absent", "beside", "check", "compare", "devices", "diagnose", "guard",
           "hints", "memory", "pictures", "report", "show", "shrink", "state", "store",
           "style")  # fmt: skip
"""The learner's side of this package, beside tasks/: what `from graders import check, hint` and
the lessons' widgets need, and nothing that releases, collects or grades."""

QUIZZES = "course/quizzes/*.toml"
"""Learners get these sealed: no answer lies open."""
CONTENTS = (
    "LICENSE",
    "course/*.py",
    "course/chapters.toml",
    "course/[0-9][0-9]-*.ipynb",
    QUIZZES,
    "course/lab/*.py",
    "course/lab/static/*.css",
    "course/lab/static/*.js",
    "course/jupyter/labconfig/*.json",
    "engine/**/*.py",
    "exercises/*/*.ipynb",
    *(f"graders/{name}.py" for name in LEARNER),
    "graders/tasks/*.py",
    "locks/gpu.txt",
    "locks/lab.txt",
)
OPTIONAL = {"LICENSE"} | {
    name for name in CONTENTS if name.startswith("graders/") and "*" not in name
}
"""What need not be there; a module that another one imports is asked for by that."""

TARGETS = {"help", "lab", "setup", "doctor", "clean"}
TABLES = ("build-system", "project", "project.optional-dependencies", "tool.setuptools.")
OURS = {"engine", "course", "graders", "docs", "tests", "benchmarks"}
README = "graders/learner_readme.md"
IMPORT = re.compile(
    r"^[ \t>.]*(?:from[ ]+(?P<dots>\.+)?(?P<module>[\w.]+)?[ ]+import[ ]+"
    r"(?P<names>\([^)]*\)|[^#\n]*)|import[ ]+(?P<plain>[\w.]+))",
    re.MULTILINE,
)
"""An import in a module, a cell or an example."""
OLDEST = 315532800  # 1980-01-01, the first day a ZIP file can name


class ArchiveError(Exception):
    """The archive would be wrong; nothing was written."""


@dataclass(frozen=True)
class Archive:
    """A finished archive, searched, in memory."""

    name: str
    """two-x-minus-one-VERSION, which is also the folder that it unpacks into."""
    data: bytes
    files: Mapping[str, bytes]
    """What is in it, by path below that folder."""
    notes: tuple[str, ...]
    """What whoever gives it out may want to know: files that stayed out, or are not committed."""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def build(root: Path) -> Archive:
    """The archive of the course in `root`.

    Raises: ArchiveError when something would leak, or when what is in it needs what is not.
    """
    root = root.resolve()
    files = contents(root)
    project = tomllib.loads(files["pyproject.toml"].decode())["project"]
    name = f"{project['name']}-{project['version']}"
    data = pack(name, files, commit_time(root))
    packed = unpack(name, data)
    if packed != files:
        raise ArchiveError("what was packed is not what is in the archive")
    try:
        problems = leaks.search(packed, leaks.secrets(root))
    except (ValueError, SyntaxError) as error:
        raise ArchiveError(str(error)) from error
    problems += [*missing(packed, root), *dead_links(packed)]
    if problems:
        more = f"\n({len(problems) - 5} more)" if len(problems) > 5 else ""
        raise ArchiveError("\n".join(problems[:5]) + more)
    return Archive(name, data, packed, (*left_out(root, files), *uncommitted(root, files)))


def write(archive: Archive, folder: Path) -> Path:
    """Write the archive and its SHA-256 into `folder`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{archive.name}.zip"
    for target, data in (
        (file, archive.data),
        (file.with_name(f"{file.name}.sha256"), f"{archive.sha256}  {file.name}\n".encode()),
    ):
        unfinished = target.with_name(f".{target.name}.part")
        unfinished.write_bytes(data)
        unfinished.replace(target)
    return file


# --- What goes in ------------------------------------------------------------------------------


def contents(root: Path) -> dict[str, bytes]:
    """Every file of the archive, by its path in it."""
    root = root.resolve()
    files: dict[str, bytes] = {}
    for pattern in CONTENTS:
        found = [path for path in sorted(root.glob(pattern)) if _seen(path.relative_to(root))]
        if not found and pattern not in OPTIONAL:
            raise ArchiveError(f"there is no {pattern} in {root}")
        for path in found:
            name = path.relative_to(root).as_posix()
            if path.is_symlink() or not path.resolve().is_relative_to(root):
                raise ArchiveError(f"{name} is a link: what it leads to may not be the course's")
            if path.is_file():
                files[name] = path.read_bytes()
    for name in [each for each in files if fnmatch(each, QUIZZES)]:
        text = files.pop(name).decode()
        files[str(PurePosixPath(name).with_suffix(sealed.SUFFIX))] = sealed.seal(text)
    for name, adapt in ADAPTED.items():
        files[name] = adapt(root).encode()
    return dict(sorted(files.items()))


def _seen(path: Path) -> bool:
    return not any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _read(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ArchiveError(f"{name}: {error.strerror}") from error


def readme(root: Path) -> str:
    """The learner's README: its own text, and the sections that the project's has for everybody."""
    sections = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", _read(root, "README.md"), re.M))
    version = tomllib.loads(_read(root, "pyproject.toml"))["project"]["version"]

    def fill(match: re.Match[str]) -> str:
        if match[1] == "version":
            return str(version)
        if match[1] not in sections:
            raise ArchiveError(f"README.md has no section {match[1]}, which {README} asks for")
        return f"## {match[1]}\n{sections[match[1]].rstrip()}\n"

    return re.sub(r"\{([^{}\n]+)\}", fill, _read(root, README))


def makefile(root: Path) -> str:
    """The Makefile with the learner's commands; every other one says that it is not there."""
    blocks, others = [], []
    for block in re.split(r"\n{2,}", _read(root, "Makefile").strip()):
        named = set(re.findall(r"^([a-z][a-z-]*):.*  ## ", block, re.M))
        if named & TARGETS and named - TARGETS:
            raise ArchiveError(f"Makefile: put an empty line between {', '.join(sorted(named))}")
        others += sorted(named - TARGETS)
        locks = {f"locks/{lock}.txt" for lock in re.findall(r"locks/([a-z]+)\.txt", block)}
        if not named - TARGETS and locks <= set(CONTENTS):
            blocks.append(block)
    kept = "\n\n".join(blocks)
    for target in TARGETS:
        if not re.search(rf"^{target}:.*  ## ", kept, re.M):
            raise ArchiveError(f"Makefile: there is no command {target}")
    refusal = "\n".join(
        (
            "# Commands of the course's repository that a learner's copy has not.",
            f".PHONY: {' '.join(others)}",
            f"{' '.join(others)}:",
            "\t@echo \"make $@ is not part of the learner's copy: it needs the course's repository,"
            ' which instructors have." >&2; exit 2',
        )
    )
    return f"{kept}\n\n{refusal}\n"


def project(root: Path) -> str:
    """pyproject.toml with what an installation needs, without the tools of who develops it."""
    tables = re.split(r"^(?=\[)", _read(root, "pyproject.toml"), flags=re.M)
    names = ((re.match(r"\[([^]]+)\]", table) or [""])[0].strip("[]") for table in tables)
    kept = [
        table
        for name, table in zip(names, tables, strict=True)
        if name in TABLES or any(name.startswith(each) for each in TABLES if each.endswith("."))
    ]
    return "".join(kept).rstrip() + "\n"


def environment(root: Path) -> str:
    """environment.yml without what only a class and the tests need."""
    text = _read(root, "environment.yml")
    for what in ("the tests", "a class"):
        text, cut = re.subn(rf"^  # {what}\b.*\n(?:  - .*\n)+", "", text, flags=re.M)
        if cut != 1:
            raise ArchiveError(f"environment.yml: the packages under `# {what}` were not found")
    text = re.sub(r"^# tests/.*\n", "", text, flags=re.M)
    return re.sub(
        r"^(  # .*from this folder).*\n  - pip:\n.*",
        r"\1\n  - pip:\n      - -e .",
        text,
        flags=re.M,
    )


ADAPTED: dict[str, Callable[[Path], str]] = {
    "Makefile": makefile,
    "README.md": readme,
    "environment.yml": environment,
    "pyproject.toml": project,
}


# --- Whether it works by itself ----------------------------------------------------------------


def missing(files: Mapping[str, bytes], root: Path) -> Iterator[str]:
    """Modules that something in the archive imports, and that are not in it."""
    ours = OURS | {path.stem for path in (root / "graders" / "instructor").iterdir()}
    for name, text in _python(files):
        folder = PurePosixPath(name).parent.parts
        for match in IMPORT.finditer(text):
            dots, module, names = (
                match["dots"] or "",
                match["module"] or match["plain"] or "",
                match["names"] or "",
            )
            base = ".".join([*folder[: len(folder) - len(dots) + 1], *([module] if module else [])])
            base = base if dots else module
            wanted = [(base, True)]  # the names after it may be no modules
            wanted += [(f"{base}.{each}", False) for each in re.findall(r"(?<!as )\b\w+", names)]
            for each, certain in wanted:
                path = each.replace(".", "/")
                here = any(file in files for file in (f"{path}.py", f"{path}/__init__.py"))
                there = (root / path).is_dir() or (root / f"{path}.py").is_file()
                if each.split(".")[0] in ours and not here and (certain or there):
                    yield (
                        f"{name} imports {each}, which is not in the archive: put it into LEARNER"
                        " in graders/archive.py if a learner may have it"
                    )


def _python(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Every Python text in the archive: modules, and the code cells of notebooks."""
    for name, data in files.items():
        if name.endswith(".py"):
            yield name, data.decode()
        elif name.endswith(".ipynb"):
            for cell in leaks.cells(data):
                if cell["cell_type"] == "code":
                    yield name, cell["source"]


def dead_links(files: Mapping[str, bytes]) -> Iterator[str]:
    """Links in the README and in notebooks to files that are not in the archive."""
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    for name, data in files.items():
        if name.endswith(".ipynb"):
            text = "\n".join(
                cell["source"] for cell in leaks.cells(data) if cell["cell_type"] == "markdown"
            )
        elif name.endswith(".md"):
            text = data.decode()
        else:
            continue
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
            if re.match(r"[a-z]+:", link):
                continue
            target = os.path.normpath(str(PurePosixPath(name).parent / link))
            if target not in files and target not in folders:
                yield f"{name} links to {link}, which is not in the archive"


def left_out(root: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """Files in the folders that are given out whole, of kinds that CONTENTS does not name."""
    for folder in ("course", "engine", "exercises", "graders/tasks"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root).as_posix()
            known = name in files or name == "course/start.ipynb" or fnmatch(name, QUIZZES)
            if path.is_file() and _seen(path.relative_to(root)) and not known:
                yield f"left out, CONTENTS in graders/archive.py does not name it: {name}"


# --- How it is packed --------------------------------------------------------------------------


def pack(folder: str, files: Mapping[str, bytes], when: int) -> bytes:
    """The ZIP file, with everything in one folder."""
    buffer = io.BytesIO()
    moment = time.gmtime(max(when, OLDEST))[:6]
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{name}", moment)
            entry.create_system = 3  # Unix, on every machine: it is what the mode below is for
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def unpack(folder: str, data: bytes) -> dict[str, bytes]:
    """What is in a ZIP file below its one folder."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.removeprefix(f"{folder}/"): archive.read(name) for name in archive.namelist()}


def commit_time(root: Path) -> int:
    """The time that all files get: SOURCE_DATE_EPOCH, the last commit's, or the oldest there is.

    A newer archive then has newer files, which is how make knows that a lock has changed.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH") or _git(root, "log", "-1", "--format=%ct").strip()
    return int(given) if given.isdecimal() else OLDEST


def uncommitted(root: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    """Files of the archive that are not as the last commit has them."""
    for line in _git(root, "status", "--porcelain", "--untracked-files=all").splitlines():
        name = line[3:].strip('"').rpartition(" -> ")[2]
        if name in files or name == README:
            yield f"not as committed: {name}"


def _git(root: Path, *arguments: str) -> str:
    """What git says about this folder; nothing where there is no git, or another repository."""
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def report(archive: Archive, file: Path | None) -> Iterator[str]:
    """What to tell whoever made an archive; `file` is None when it was only checked."""
    yield from archive.notes
    size = f"{len(archive.files)} files, {len(archive.data) / 1e6:.1f} MB"
    if file is None:
        yield f"{archive.name}.zip: {size}, nothing in it that must not be. Nothing was written."
    else:
        yield f"{os.path.relpath(file)}: {size}"
        yield f"SHA-256 {archive.sha256}"


# --- The command -------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the archive; 0 when it is as it should be, 1 when it is refused, 2 without a course."""
    from graders.course import Course, CourseError
    from graders.release import ReleaseError, release

    parser = argparse.ArgumentParser(prog="python -m graders.archive", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--check", action="store_true", help="prove that it is right; write nothing"
    )
    parser.add_argument("--to", type=Path, help="the folder to write into; dist/")
    given = parser.parse_args(arguments)
    try:
        course = Course()
        changes = release(course, only_check=True)
        if changes:
            raise ArchiveError("exercises/ is not what solutions/ give: run `make release`")
        archive = build(course.root)
    except (ArchiveError, ReleaseError) as error:
        print(f"No archive: {error}", file=sys.stderr)
        return 1
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    file = None if given.check else write(archive, given.to or course.root / "dist")
    print("\n".join(report(archive, file)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
