"""The progress store: atomic with many writers, and readable after a crash in mid-line."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from course.lab import ProgressMap
from graders import check, store, tasks
from graders.check import grade

ROOT = Path(__file__).resolve().parents[2]
WRITERS, EACH = 4, 200


@pytest.fixture(autouse=True)
def progress_file(tmp_path, monkeypatch):
    file = tmp_path / "deep" / "attempts.jsonl"
    monkeypatch.setenv("COURSE_PROGRESS_FILE", str(file))
    return file


def _write(number, start):
    start.wait()
    for i in range(EACH):
        store.record(f"{number:02d}.task", i, EACH)


def test_nothing_is_there_before_the_first_attempt(progress_file):
    assert store.read() == {}
    assert not progress_file.exists(), "reading must not create the file"


def test_the_best_points_are_kept_with_the_attempts_and_the_last_time():
    before = datetime.now(UTC)
    for points in (1, 3, 2):
        store.record("01.rank.rank_of", points, 3)
    store.record("01.quiz", 4, 5)
    results = store.read()
    assert set(results) == {"01.rank.rank_of", "01.quiz"}
    best = results["01.rank.rank_of"]
    assert (best.points, best.max_points, best.attempts) == (3, 3, 3)
    assert before <= best.last <= datetime.now(UTC)


def test_concurrent_writers_lose_no_attempt_and_tear_no_line(progress_file):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    writers = [context.Process(target=_write, args=(n, start)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    lines = progress_file.read_text().splitlines()
    assert len(lines) == WRITERS * EACH
    assert all(json.loads(line)["max"] == EACH for line in lines)
    results = store.read()
    assert [results[f"{n:02d}.task"].attempts for n in range(WRITERS)] == [EACH] * WRITERS


def test_a_torn_line_costs_itself_and_nothing_else(progress_file):
    store.record("a.b.c", 1, 2)
    with progress_file.open("ab") as file:
        file.write(b'{"task": "a.b.c", "poi')  # the writer died here: no end of line
    store.record("a.b.c", 2, 2)
    result = store.read()["a.b.c"]
    assert (result.points, result.attempts) == (2, 2)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        "12",
        '{"task": "x"}',
        '{"task": "x", "points": "many", "max": 1, "time": 1}',
        '{"task": "x", "points": 1, "max": 1, "time": 1e30}',
        "\x00\xff",
    ],
)
def test_a_foreign_line_is_passed_over(progress_file, line):
    store.record("a.b.c", 1, 1)
    with progress_file.open("ab") as file:
        file.write(line.encode("latin-1") + b"\n")
    assert set(store.read()) == {"a.b.c"}


def test_without_the_variable_the_file_lies_in_the_project(monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS_FILE")
    file = store.path()
    assert file.parts[-2:] == (".progress", "attempts.jsonl")
    assert (file.parent.parent / "nbgrader_config.py").exists()


# --- who reads it ---------------------------------------------------------------------------------

WATCHED = """
import json, os, sys
opened = set()
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        opened.add(os.path.abspath(os.fspath(arguments[0])))
    elif event in ("socket.connect", "sqlite3.connect", "subprocess.Popen", "os.listdir", "os.scandir"):
        happened.append(event)
happened = []
from course.lab import ProgressMap
from course.start_page import notebook
sys.addaudithook(watch)
text = repr(ProgressMap()) + ProgressMap().to_html() + str(notebook())
print(json.dumps({"opened": sorted(opened), "happened": happened, "text": text}))
"""


def shown(progress_file):
    """The map and the start page in a process of its own: what they say, and what they opened."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True, timeout=60,
        cwd=ROOT, env=os.environ | {"COURSE_PROGRESS_FILE": str(progress_file)},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_map_of_the_course_reads_this_store_and_nothing_else(progress_file):
    """No gradebook, no notebook, no folder: only files of the package itself, and the attempts."""
    report = check("01.rank.rank_of", np.ndim)
    assert (report.status, store.read()["01.rank.rank_of"].points) == ("passed", 2)
    said = shown(progress_file)
    assert said["happened"] == []
    assert str(progress_file) in said["opened"]
    installed = (sys.prefix, sys.base_prefix)
    ours = {file for file in said["opened"]
            if not file.startswith(installed) and not file.endswith((".py", ".pyc"))}  # fmt: skip
    course = ROOT / "course"
    package = {str(course / "chapters.toml"), str(course / "lab" / "static" / "progress.css")}
    assert ours == {str(progress_file), *package}
    assert re.search(r"\b1 of \d+ graded tasks solved", said["text"])


def test_every_kind_of_check_counts_on_the_map_and_a_cleared_store_starts_again(progress_file):
    def solved():
        return int(re.search(r"(\d+) of \d+ graded tasks", repr(ProgressMap()))[1])

    assert solved() == 0
    check("01.rank.rank_of", lambda nested: 0)
    assert solved() == 0 and store.read()["01.rank.rank_of"].attempts == 1
    check("01.rank.rank_of", np.ndim)
    assert solved() == 1
    check("01.rank.rank_of", lambda nested: 0)
    assert solved() == 1, "the best counts"
    grade(tasks.find("01.rank.size_of"), lambda shape: int(np.prod(shape)), keep=True)
    assert solved() == 2
    progress_file.unlink()
    assert solved() == 0


def test_a_click_on_the_check_button_is_an_attempt_like_any_other(monkeypatch):
    from course.lab import check_button

    task = tasks.find("01.rank.size_of")
    names = {"size_of": lambda shape: 1}
    monkeypatch.setattr(check_button, "_defined", names.get)
    answering = check_button.CheckAgain()
    html = answering.button(task, names["size_of"])
    assert 'data-task="01.rank.size_of"' in html and " hidden " in html
    assert "0 of 1 point" in answering.check(task.id)["says"]
    names["size_of"] = lambda shape: int(np.prod(shape))
    assert "passed, 1 of 1 point" in answering.check(task.id)["says"]
    result = store.read()[task.id]
    assert (result.points, result.attempts) == (1, 2)
    names.clear()
    assert "not started" in answering.check(task.id)["says"]


def test_the_button_checks_what_was_given_by_hand_and_what_was_made_of_it_since(monkeypatch):
    from course.lab import check_button

    def second_try(shape):
        return 1

    task = tasks.find("01.rank.size_of")
    names = {"size_of": lambda shape: int(np.prod(shape)), "second_try": second_try}
    monkeypatch.setattr(check_button, "_defined", names.get)
    answering = check_button.CheckAgain()
    answering.button(task, second_try)
    assert "0 of 1" in answering.check(task.id)["says"], "not the function of the task's own name"
    names["second_try"] = names["size_of"]
    assert "1 of 1" in answering.check(task.id)["says"]
    answering.button(task, lambda shape: 7)
    assert "0 of 1" in answering.check(task.id)["says"], "one without a name is kept itself"


def test_a_message_that_asks_for_no_task_is_answered(monkeypatch):
    from course.lab import check_button

    answering, sent = check_button.CheckAgain(), []
    monkeypatch.setattr(answering, "send", sent.append)
    answering._on_message(answering, {"do": "check", "task": "<b>99</b>", "at": 3}, [])
    answering._on_message(answering, {"do": "ping"}, [])
    assert sent[0]["at"] == 3 and "no task is called" in sent[0]["says"] and "html" not in sent[0]
    assert sent[1] == {"alive": True}
