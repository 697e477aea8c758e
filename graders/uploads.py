"""The files in a folder or a zip file that somebody else made, read without trusting it.

Nothing is unpacked: a name in an archive never becomes a path here. Links, absolute names, names
with "..", encrypted and oversized members are refused one by one, each with its reason, and what
a member says about its own size is not believed.
"""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from graders.course import CourseError


@dataclass
class Limits:
    """What is read at most, and what has been read."""

    files: int = 50_000
    file_bytes: int = 20 * 2**20
    total_bytes: int = 4 * 2**30
    ratio: int = 200
    """Unpacked bytes for every packed one. A notebook has 3 to 20, a bomb a thousand."""
    read: int = 0

    def spend(self, count: int) -> None:
        self.read += count
        if self.read > self.total_bytes:
            raise Refused(f"more than {size(self.total_bytes)} in all")


class Refused(Exception):
    """One file that is not taken, and why."""


Refuse = Callable[[str, str], None]
"""Is told the name of what is refused, and the reason."""


@dataclass(frozen=True)
class File:
    """One file: where it lies in the source, and how to read it."""

    parts: tuple[str, ...]
    when: datetime | None
    """Its time in the folder or archive; None when there is none."""
    read: Callable[[], bytes] = field(repr=False)
    """Its bytes. Raises: Refused."""
    archive: str = ""
    """The archive among the submissions that it was packed in, without ".zip"."""

    @property
    def name(self) -> str:
        return "/".join(self.parts)


def files(source: Path, limits: Limits, refuse: Refuse, zone: tzinfo = UTC) -> Iterator[File]:
    """Every notebook in a folder or zip file, and in the zip files that lie in it.

    `zone` is where the clock stood that wrote the times into a zip file, which holds no zone.
    """
    if source.is_dir():
        found = _in_folder(source, limits, refuse)
    elif source.suffix.lower() == ".ipynb" and source.is_file():
        raise CourseError(f"{source} is one notebook: give the folder that it lies in")
    elif source.is_file():
        found = _in_zip(source, (), limits, refuse, zone)
    else:
        raise CourseError(f"{source} is not there")
    for file in found:
        if file.name.lower().endswith(".ipynb"):
            yield file
        elif file.name.lower().endswith(".zip"):
            yield from _inside(file, limits, refuse, zone)


def _inside(file: File, limits: Limits, refuse: Refuse, zone: tzinfo) -> Iterator[File]:
    """What a student packed. Its times are the archive's own: the student's clock says nothing."""
    try:
        packed = io.BytesIO(file.read())
    except Refused as why:
        refuse(file.name, str(why))
        return
    archive = file.parts[-1][:-4]
    try:
        for inner in _in_zip(packed, file.parts, limits, refuse, zone):
            if inner.name.lower().endswith(".ipynb"):
                yield File((*file.parts[:-1], inner.parts[-1]), file.when, inner.read, archive)
            elif inner.name.lower().endswith(".zip"):
                refuse(inner.name, "an archive in an archive in an archive")
    except CourseError as error:
        refuse(file.name, str(error))


def _in_folder(root: Path, limits: Limits, refuse: Refuse) -> Iterator[File]:
    count = 0
    for here, folders, names in os.walk(root):
        folder = Path(here)
        for name in sorted(folders):
            if (folder / name).is_symlink():
                refuse(str((folder / name).relative_to(root)), "is a link")
        folders[:] = sorted(name for name in folders if not _junk(name))
        for name in sorted(names):
            if _junk(name):
                continue
            count += 1
            if count > limits.files:
                raise CourseError(f"{root} holds more than {limits.files} files")
            path = folder / name
            parts = path.relative_to(root).parts
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                kind = "a link" if stat.S_ISLNK(found.st_mode) else "no ordinary file"
                refuse("/".join(parts), f"is {kind}")
                continue
            when = datetime.fromtimestamp(int(found.st_mtime), UTC)
            yield File(parts, when, lambda path=path: _read_path(path, limits))  # type: ignore[misc]


def _read_path(path: Path, limits: Limits) -> bytes:
    """A file that was ordinary a moment ago may be a link by now: this does not follow it."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused("is no ordinary file")
            return _bounded(file.read, limits)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from error


def _in_zip(
    source: Path | io.BytesIO, above: tuple[str, ...], limits: Limits, refuse: Refuse, zone: tzinfo
) -> Iterator[File]:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError, UnicodeDecodeError) as error:
        name = source.name if isinstance(source, Path) else "it"
        raise CourseError(f"{name} is no zip file: {error}") from error
    members = archive.infolist()
    if len(members) > limits.files:
        raise CourseError(f"it holds more than {limits.files} files")
    for member in sorted(members, key=lambda each: each.filename):
        parts = tuple(part for part in member.filename.replace("\\", "/").split("/") if part)
        if member.is_dir() or not parts or any(_junk(p) for p in parts if p != ".."):
            continue
        if not parts[-1].lower().endswith((".ipynb", ".zip")):
            continue
        why = _suspect(member, parts, limits)
        if why:
            refuse("/".join((*above, _shown(member.filename))), why)
            continue
        year_zero = member.date_time[0] <= 1980  # what archives say that keep no time
        when = None if year_zero else _time(member.date_time, zone)
        read = lambda member=member: _read_member(archive, member, limits)  # noqa: E731
        yield File((*above, *parts), when, read)


def _suspect(member: zipfile.ZipInfo, parts: tuple[str, ...], limits: Limits) -> str:
    if ".." in parts or member.filename.startswith(("/", "\\")) or re.match(r"\w:", parts[0]):
        return "its name leads out of the archive"
    if any(ord(character) < 32 for character in member.filename):
        return "its name holds control characters"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.file_size > limits.file_bytes:
        return f"is larger than {size(limits.file_bytes)}"
    if member.file_size > 2**20 and member.file_size > limits.ratio * member.compress_size:
        return f"is packed more than {limits.ratio} times: a zip bomb"
    return ""


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> bytes:
    broken = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError)
    try:
        with archive.open(member) as file:
            return _bounded(file.read, limits)
    except broken as error:  # NotImplementedError, of an unknown packing, is a RuntimeError
        raise Refused(f"cannot be unpacked: {error}") from error


def _bounded(read: Callable[[int], bytes], limits: Limits) -> bytes:
    content = read(limits.file_bytes + 1)
    limits.spend(len(content))
    if len(content) > limits.file_bytes:
        raise Refused(f"is larger than {size(limits.file_bytes)}")
    return content


def _time(date_time: tuple[int, int, int, int, int, int], zone: tzinfo) -> datetime | None:
    try:
        return datetime(*date_time, tzinfo=zone)
    except ValueError:
        return None


def _junk(name: str) -> bool:
    """What a desktop adds of its own accord."""
    return name.startswith(".") or name == "__MACOSX"


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:200]


def size(count: int) -> str:
    """A number of bytes in words: 20971520 is "20 MB"."""
    unit, name = (2**30, "GB") if count >= 2**30 else (2**20, "MB")
    return f"{count / unit:.0f} {name}" if count >= 2**20 else f"{count} bytes"
