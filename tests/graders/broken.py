"""Submissions with a broken folder or file: what was done, and what must come of it.

Each case is a function that breaks a solved submission, the points that the rest deserves (None
when nothing of it can be graded), and what the reason or the notes must say. More of them, inside
the notebook, are in surgery.py; test_intake.py runs them all.
"""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NOTEBOOK = "rank-and-shape.ipynb"
FULL = 14


@dataclass
class Handed:
    """A solved submission, about to be broken."""

    file: Path
    elsewhere: Path
    """A folder outside the class folder."""

    @property
    def folder(self) -> Path:
        return self.file.parent

    def read(self) -> dict:
        return json.loads(self.file.read_text(encoding="utf-8"))

    def write(self, notebook: object, **how) -> None:
        self.file.write_text(json.dumps(notebook, **how), encoding="utf-8", newline="")


@dataclass
class Case:
    name: str
    how: Callable
    points: float | None
    """What the clean notebook earns; None when there is none."""
    says: tuple[str, ...]
    """What the reason says when there is no notebook, or else the notes, one by one."""


CASES: list[Case] = []


def _add(case: Case) -> None:
    """pytest may import a module twice, once for its own doctests: a case is there once all the same."""
    CASES[:] = [*(each for each in CASES if each.name != case.name), case]


def whole(points: float | None, *says: str):
    """A case that changes the file or the folder."""

    def keep(how):
        _add(Case(how.__name__, how, points, says))
        return how

    return keep


def inside(points: float | None, *says: str):
    """A case that changes the notebook: the function gets it, and its cells by their ids."""

    def keep(how):
        def cut(handed: Handed) -> None:
            notebook = handed.read()
            changed = how(notebook, {cell["id"]: cell for cell in notebook["cells"]})
            handed.write(notebook if changed is None else changed)

        _add(Case(how.__name__, cut, points, says))
        return how

    return keep


# --- the folder and the file -----------------------------------------------------------------


@whole(FULL)
def nothing_was_done(handed):
    pass


@whole(None, "rank-and-shape.ipynb is a symbolic link, and is not opened")
def notebook_is_a_link_to_a_file_of_the_instructor(handed):
    handed.file.rename(handed.elsewhere / NOTEBOOK)
    handed.file.symlink_to(handed.elsewhere / NOTEBOOK)


@whole(None, "rank-and-shape.ipynb is a symbolic link, and is not opened")
def notebook_is_a_link_to_nothing(handed):
    handed.file.unlink()
    handed.file.symlink_to("/nowhere/at/all")


@whole(None, "the folder is a symbolic link, and is not opened")
def folder_is_a_link(handed):
    handed.folder.rename(handed.elsewhere / "folder")
    handed.folder.symlink_to(handed.elsewhere / "folder")


@whole(None, "the student's folder is a symbolic link, and is not opened")
def students_folder_is_a_link(handed):
    handed.folder.parent.rename(handed.elsewhere / "student")
    handed.folder.parent.symlink_to(handed.elsewhere / "student")


@whole(None, "the folder is a file, and is not opened")
def folder_is_a_file(handed):
    handed.file.unlink()
    handed.folder.rmdir()
    handed.folder.write_text("no folder")


@whole(None, "rank-and-shape.ipynb has another name elsewhere (a hard link), and is not read")
def notebook_is_a_hard_link(handed):
    (handed.elsewhere / "original").hardlink_to(handed.file)


@whole(None, "rank-and-shape.ipynb is a named pipe, and is not opened")
def notebook_is_a_pipe_that_nobody_writes_to(handed):
    handed.file.unlink()
    os.mkfifo(handed.file)


@whole(None, "rank-and-shape.ipynb is a socket, and is not opened")
def notebook_is_a_socket(handed):
    handed.file.unlink()
    here = os.getcwd()
    os.chdir(handed.folder)  # the name of a socket may have some 100 characters
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(NOTEBOOK)
    os.chdir(here)


@whole(None, "rank-and-shape.ipynb is a symbolic link, and is not opened")
def notebook_is_a_link_to_a_device_without_an_end(handed):
    handed.file.unlink()
    handed.file.symlink_to("/dev/zero")


@whole(None, "rank-and-shape.ipynb is a folder, and is not opened")
def notebook_is_a_folder(handed):
    handed.file.unlink()
    handed.file.mkdir()


@whole(None, "rank-and-shape.ipynb is empty")
def notebook_is_empty(handed):
    handed.file.write_bytes(b"")


@whole(None, "is not there; the folder holds nothing")
def folder_is_empty(handed):
    handed.file.unlink()


@whole(None, "is not there; the folder holds rank-and-shape (1).ipynb")
def browser_gave_the_notebook_another_name(handed):
    handed.file.rename(handed.folder / "rank-and-shape (1).ipynb")


@whole(FULL, "not looked at: rank-and-shape (1).ipynb, a file")
def two_notebooks(handed):
    (handed.folder / "rank-and-shape (1).ipynb").write_text("{}")


@whole(None, "has 1,000,000 MB, and at most 10 MB are read")
def notebook_of_a_terabyte_that_takes_no_room(handed):
    os.truncate(handed.file, 10**6 * 2**20)


@whole(None, "has 11 MB, and at most 10 MB are read: hand it in again without outputs")
def outputs_of_megabytes(handed):
    notebook = handed.read()
    text = {"output_type": "stream", "name": "stdout", "text": "x" * (11 * 2**20)}
    notebook["cells"][3]["outputs"] = [text]
    handed.write(notebook)


@whole(FULL, "not looked at: data.bin, a file", "not looked at: passwords, a symbolic link",
       "not looked at: src, a folder")  # fmt: skip
def other_files_large_and_linked(handed):
    (handed.folder / "passwords").symlink_to("/etc/passwd")
    (handed.folder / "src").mkdir()
    (handed.folder / "data.bin").touch()
    os.truncate(handed.folder / "data.bin", 2**40)


@whole(FULL, ".txt, a file", "or more other files")
def thousands_of_files(handed):
    for number in range(3_000):
        (handed.folder / f"{number:04}.txt").touch()


@whole(FULL, "not looked at: a b red=1, a file")
def file_name_with_control_characters(handed):
    (handed.folder / "a\nb \x1b[31mred\x07=1").touch()


@whole(FULL, "its own timestamp.txt does not count: the time it was received does")
def own_timestamp(handed):
    (handed.folder / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")


# --- the bytes -------------------------------------------------------------------------------


@whole(FULL, "the file begins with a byte order mark")
def byte_order_mark(handed):
    handed.file.write_bytes(b"\xef\xbb\xbf" + handed.file.read_bytes())


@whole(FULL, "the file is written in utf-16")
def utf_16(handed):
    handed.file.write_bytes(handed.file.read_text(encoding="utf-8").encode("utf-16"))


@whole(FULL, "its cells have Windows line ends")
def windows_line_ends(handed):
    notebook = handed.read()
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")
    handed.write(notebook, indent=1)
    handed.file.write_bytes(handed.file.read_bytes().replace(b"\n", b"\r\n"))


@whole(None, "is not a text in UTF-8: byte 100 is wrong")
def bytes_that_are_no_text(handed):
    data = handed.file.read_bytes()
    handed.file.write_bytes(data[:100] + b"\xff" + data[100:])


@whole(None, "does not appear to be JSON")
def torn_off(handed):
    handed.file.write_bytes(handed.file.read_bytes()[:500])


@whole(None, "does not appear to be JSON")
def merge_conflict(handed):
    handed.file.write_text("<<<<<<< HEAD\n" + handed.file.read_text())


@whole(None, "does not appear to be JSON: it is nested too deeply")
def deep_json(handed):
    handed.file.write_text("[" * 100_000)


@whole(None, "does not appear to be JSON: it is nested too deeply")
def deep_json_in_the_metadata(handed):
    notebook = handed.file.read_text()
    deep = '{"a": ' * 50_000 + "1" + "}" * 50_000
    handed.file.write_text(notebook.replace('"metadata": {', f'"metadata": {{"x": {deep},', 1))


@whole(None, "does not appear to be JSON: Exceeds the limit")
def number_of_a_million_digits(handed):
    handed.file.write_text('{"nbformat": 4, "cells": [' + "9" * 10**6 + "]}")


@whole(None, "it is JSON, but not a notebook")
def list_instead_of_a_notebook(handed):
    handed.file.write_text("[1, 2, 3]")


@whole(None, "it is no notebook in format 4 or 3: its nbformat is None")
def empty_object(handed):
    handed.file.write_text("{}")


@whole(None, "it is no notebook in format 4 or 3: its nbformat is 5")
def format_of_the_future(handed):
    handed.write({**handed.read(), "nbformat": 5})


@whole(FULL)
def nan_and_infinity(handed):
    notebook = handed.read()
    notebook["metadata"]["x"] = [float("nan"), float("inf")]
    handed.write(notebook)
