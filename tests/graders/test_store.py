"""The progress store: atomic with many writers, and readable after a crash in mid-line."""

import json
import multiprocessing
from datetime import UTC, datetime

import pytest

from graders import store

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
