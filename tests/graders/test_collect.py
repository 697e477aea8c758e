"""Submissions as LMSs give them, and as nobody should: taken once, whole, and from no link."""

import csv
import io
import os
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta, timezone

import pytest
from typer.testing import CliRunner

from graders import cli, collect, roster, uploads
from graders.course import CONFIG, Course, CourseError
from graders.uploads import Limits

ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape.ipynb"
OTHER = "05-tracing"
NOON = (2026, 11, 20, 12, 0, 0)


def new_course(root):
    """A course with assignments, of which nothing was released or graded yet."""
    here = Course()
    shutil.copy(here.root / CONFIG, root / CONFIG)
    shutil.copytree(here.folder("source"), root / "solutions")
    return Course(root)


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course").mkdir()
    return new_course(tmp_path / "course")


def pack(path, members):
    """A zip file of {name: text}, or of {name: (text, time)}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            text, when = content if isinstance(content, tuple) else (content, NOON)
            archive.writestr(zipfile.ZipInfo(name, when), text, zipfile.ZIP_DEFLATED)
    return path


def lay(root, members):
    for name, text in members.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_795_000_000, 1_795_000_000))
    return root


def tree(folder):
    """Every file below, with its content and time: what a second run must not change."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def contents(course):
    root = course.folder("submitted")
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def book(course):
    with (course.grading / "received.csv").open(newline="") as file:
        return {(row["student"], row["assignment"]): row for row in csv.DictReader(file)}


def whats(outcomes):
    return sorted(each.what for each in outcomes)


FORMS = {
    "moodle": {
        "Lovelace Ada_12345_assignsubmission_file_/rank-and-shape.ipynb": "ada",
        "de Moivre Élan_777_assignsubmission_file_/Rank and shape (1).ipynb": "elan",
        "Turing Alan_99_assignsubmission_file_tracing.ipynb": "alan",
    },
    "canvas": {
        "lovelaceada_4711_8001_rank-and-shape.ipynb": "ada",
        "demoivreelan_LATE_4712_8002_rank-and-shape-2.ipynb": "elan",
        "turingalan_4713_8003_tracing.ipynb": "alan",
    },
    "plain": {
        f"ada/{ASSIGNMENT}/rank-and-shape.ipynb": "ada",
        "elan/rank-and-shape.ipynb": "elan",
        f"class of 2026/alan/{OTHER}/tracing.ipynb": "alan",
    },
}
PEOPLE = (
    "student,first_name,last_name,moodle_id,canvas_id,email\n"
    "ada,Ada,Lovelace,12345,4711,ada@example.org\n"
    "elan,Élan,de Moivre,777,4712,elan@example.org\n"
    "alan,Alan,Turing,99,4713,alan@example.org\n"
)


@pytest.mark.parametrize("packed", [True, False], ids=["zip", "folder"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_finds_the_same_students_through_the_roster(course, tmp_path, form, packed):
    (tmp_path / "roster.csv").write_text(PEOPLE)
    people = roster.read(tmp_path / "roster.csv")
    given = FORMS[form]
    source = pack(tmp_path / "all.zip", given) if packed else lay(tmp_path / "all", given)
    outcomes = collect.collect(course, [source], roster=people)
    assert whats(outcomes) == ["new"] * 3
    assert contents(course) == {
        f"ada/{ASSIGNMENT}/{NOTEBOOK}": "ada",
        f"elan/{ASSIGNMENT}/{NOTEBOOK}": "elan",
        f"alan/{OTHER}/tracing.ipynb": "alan",
    }


def test_without_a_roster_the_names_become_folders(course, tmp_path):
    given = FORMS["moodle"] | {"turingalan_4713_8003_tracing.ipynb": "alan, by Canvas"}
    given |= {"ada@example.org/rank-and-shape.ipynb": "plain"}
    collect.collect(course, [pack(tmp_path / "all.zip", given)])
    assert {name.split("/")[0] for name in contents(course)} == {
        "lovelace-ada-12345", "de-moivre-elan-777", "turing-alan-99", "turingalan-4713",
        "ada@example.org",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("lovelaceada_4711_8001_tracing.ipynb", "lovelaceada-4711"),
        ("lovelaceada_LATE_4711_8001_tracing.ipynb", "lovelaceada-4711"),
        ("van_der_berg_4711_8001_tracing-3.ipynb", "van-der-berg-4711"),
        ("anon_aB3x9_8001_tracing.ipynb", "anon_aB3x9"),
        ("LATE_anon_aB3x9_8001_tracing.ipynb", "anon_aB3x9"),
        ("Ada B_77_assignsubmission_file/tracing.ipynb", "ada-b-77"),
        ("Group A-Ada B_77_assignsubmission_file_/tracing.ipynb", "group-a-ada-b-77"),
        ("Participant_77_assignsubmission_file_tracing.ipynb", "participant-77"),
    ],
)
def test_names_as_the_lms_makes_them(course, tmp_path, name, student):
    outcomes = collect.collect(course, [pack(tmp_path / "all.zip", {name: "x"})])
    assert [(each.student, each.assignment) for each in outcomes] == [(student, OTHER)]


def test_who_is_not_in_the_roster_is_named_and_not_taken(course, tmp_path):
    (tmp_path / "roster.csv").write_text(PEOPLE)
    given = {"Eve Stranger_5_assignsubmission_file_/tracing.ipynb": "x", **FORMS["moodle"]}
    outcomes = collect.collect(
        course, [pack(tmp_path / "all.zip", given)], roster=roster.read(tmp_path / "roster.csv")
    )
    [refused] = [each for each in outcomes if each.what == "not taken"]
    assert "Eve Stranger is not in the roster" in refused.why
    assert len(contents(course)) == 3


def test_the_latest_attempt_wins_and_the_others_are_kept(course, tmp_path):
    given = {
        "ada/rank-and-shape.ipynb": ("second", (2026, 11, 20, 12, 0, 0)),
        "ada/rank-and-shape (1).ipynb": ("third", (2026, 11, 21, 12, 0, 0)),
        "ada/rank-and-shape (2).ipynb": ("first", (2026, 11, 19, 12, 0, 0)),
    }
    outcomes = collect.collect(course, [pack(tmp_path / "all.zip", given)])
    assert whats(outcomes) == ["new", "older", "older"]
    assert contents(course) == {f"ada/{ASSIGNMENT}/{NOTEBOOK}": "third"}
    aside = {p.name[:16]: p.read_text() for p in (course.grading / "attempts").rglob("*.ipynb")}
    assert aside == {"20261119T120000Z": "first", "20261120T120000Z": "second"}
    row = book(course)["ada", ASSIGNMENT]
    assert row["timestamp"] == "2026-11-21T12:00:00+00:00" and row["known_from"] == "file time"


def test_canvas_counts_attempts_itself(course, tmp_path):
    """Its zip file holds the time of the download, in any order."""
    given = {
        "lovelaceada_4711_8001_rank-and-shape-2.ipynb": ("third", (2026, 11, 20, 12, 0, 0)),
        "lovelaceada_4711_8001_rank-and-shape-1.ipynb": ("second", (2026, 11, 20, 12, 0, 2)),
        "lovelaceada_4711_8001_rank-and-shape.ipynb": ("first", (2026, 11, 20, 12, 0, 4)),
    }
    collect.collect(course, [pack(tmp_path / "all.zip", given)])
    assert list(contents(course).values()) == ["third"]


def test_a_later_run_takes_later_attempts_and_no_earlier_ones(course, tmp_path):
    day = [(2026, 11, n, 12, 0, 0) for n in (20, 21, 22)]
    name = "ada/rank-and-shape.ipynb"
    monday = pack(tmp_path / "1.zip", {name: ("monday", day[0])})
    tuesday = pack(tmp_path / "2.zip", {name: ("tuesday", day[1])})
    again = pack(tmp_path / "3.zip", {name: ("monday", day[2])})
    assert whats(collect.collect(course, [tuesday])) == ["new"]
    assert whats(collect.collect(course, [monday])) == ["older"]
    assert list(contents(course).values()) == ["tuesday"]
    assert whats(collect.collect(course, [again])) == ["replaced"], "handed in again, later"
    assert list(contents(course).values()) == ["monday"]
    assert book(course)["ada", ASSIGNMENT]["timestamp"].startswith("2026-11-22")
    assert whats(collect.collect(course, [tuesday])) == ["older"]
    assert sorted(p.read_text() for p in (course.grading / "attempts").rglob("*.ipynb")) == [
        "monday", "tuesday"]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_run_again_changes_nothing(course, tmp_path, form):
    given = dict(FORMS[form])
    given["ada/rank-and-shape (1).ipynb"] = "another attempt"
    sources = [pack(tmp_path / "all.zip", given), lay(tmp_path / "all", FORMS["plain"])]
    collect.collect(course, sources)
    before = tree(course.grading)
    outcomes = collect.collect(course, sources)
    assert {each.what for each in outcomes} <= {"as before", "older"}
    assert tree(course.grading) == before


def test_without_a_time_the_time_is_now_and_stays(course, tmp_path, monkeypatch):
    source = pack(tmp_path / "all.zip", {"ada/tracing.ipynb": ("x", (1980, 1, 1, 0, 0, 0))})
    began = datetime.now(UTC) - timedelta(seconds=1)
    collect.collect(course, [source])
    row = book(course)["ada", OTHER]
    assert began <= datetime.fromisoformat(row["timestamp"]) <= datetime.now(UTC)
    assert row["known_from"] == "now"
    before = tree(course.grading)
    collect.collect(course, [source])
    assert tree(course.grading) == before


def test_a_listing_of_times_goes_before_those_of_the_files(course, tmp_path):
    source = pack(tmp_path / "all.zip", {"ada/tracing.ipynb": "x", "ben/tracing.ipynb": "y"})
    listing = tmp_path / "times.csv"
    listing.write_text(f"student,assignment,timestamp\nada,{OTHER},2026-11-30T10:00:00+01:00\n")
    collect.collect(course, [source], received=listing)
    rows = book(course)
    assert rows["ada", OTHER]["timestamp"] == "2026-11-30T09:00:00+00:00"
    assert rows["ada", OTHER]["known_from"] == "listing"
    assert rows["ben", OTHER]["timestamp"] == "2026-11-20T12:00:00+00:00"
    listing.write_text(f"student,assignment,timestamp\nada,{OTHER},soon\n")
    with pytest.raises(CourseError, match=r"times\.csv, line 2"):
        collect.collect(course, [source], received=listing)


def test_moodles_worksheet_says_when_it_came(course, tmp_path):
    (tmp_path / "roster.csv").write_text(
        "Identifier,Full name,Email address,Last modified (submission)\n"
        'Participant 12345,Ada Lovelace,ada@example.org,"Friday, 20 November 2026, 1:05 PM"\n'
        'Participant 777,Élan de Moivre,elan@example.org,-\n'
    )  # fmt: skip
    (course.grading / "deadlines.toml").write_text('time_zone = "Europe/Zurich"\n')
    given = {name: text for name, text in FORMS["moodle"].items() if text != "alan"}
    people = roster.read(tmp_path / "roster.csv")
    collect.collect(course, [pack(tmp_path / "a.zip", given)], ASSIGNMENT, people)
    rows = book(course)
    assert rows["ada@example.org", ASSIGNMENT]["timestamp"] == "2026-11-20T12:05:00+00:00"
    assert rows["elan@example.org", ASSIGNMENT]["known_from"] == "file time"
    assert rows["elan@example.org", ASSIGNMENT]["timestamp"] == "2026-11-20T11:00:00+00:00"


def test_what_a_student_packed_is_opened_once_and_its_clock_is_not_believed(course, tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        early = zipfile.ZipInfo("work/rank-and-shape.ipynb", (1999, 1, 1, 0, 0, 0))
        archive.writestr(early, "ada")
        archive.writestr("more.zip", b"PK")
    outer = {
        "Lovelace Ada_12345_assignsubmission_file_/packed.zip": inner.getvalue(),
        "turingalan_4713_8003_packed.zip": inner.getvalue(),
        "grace.zip": inner.getvalue(),
    }
    outcomes = collect.collect(course, [pack(tmp_path / "all.zip", outer)])
    assert sorted(contents(course)) == [
        f"{student}/{ASSIGNMENT}/{NOTEBOOK}"
        for student in ("grace", "lovelace-ada-12345", "turingalan-4713")
    ]
    assert {row["timestamp"] for row in book(course).values()} == {"2026-11-20T12:00:00+00:00"}
    assert [e.why for e in outcomes if e.what == "not taken"] == [
        "an archive in an archive in an archive"] * 3  # fmt: skip


def hostile_zip(path):
    """Members that must not be taken, each for another reason, and one that must."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("../../ada/tracing.ipynb", "/srv/ada/tracing.ipynb",
                     "ada/../../x/tracing.ipynb", "C:\\ada\\tracing.ipynb"):  # fmt: skip
            archive.writestr(name, "out")
        link = zipfile.ZipInfo("linked/tracing.ipynb")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb/tracing.ipynb", b"0" * 3_000_000)
        archive.writestr("large/tracing.ipynb", random.Random(0).randbytes(5_000_000))
        archive.writestr("nobody/notes.ipynb", "not a notebook of the course")
        archive.writestr("tracing.ipynb", "whose?")
        archive.writestr("da*y/tracing.ipynb", "a pattern")
        archive.writestr("good/tracing.ipynb", "good")
        archive.writestr("good/timestamp.txt", "1999-01-01 00:00:00 UTC")
        archive.writestr("__MACOSX/good/._tracing.ipynb", "junk")
    return path


def test_a_hostile_archive_costs_only_itself(course, tmp_path):
    outcomes = collect.collect(
        course, [hostile_zip(tmp_path / "all.zip")], limits=Limits(file_bytes=4_000_000)
    )
    why = {each.source: each.why for each in outcomes if each.what == "not taken"}
    said = "\n".join(why.values())
    assert said.count("leads out of the archive") == 4
    assert why["linked/tracing.ipynb"] == "is a link"
    assert "zip bomb" in why["bomb/tracing.ipynb"]
    assert "larger than" in why["large/tracing.ipynb"]
    assert "none of the notebooks given out" in why["nobody/notes.ipynb"]
    assert "no student's folder" in why["tracing.ipynb"]
    assert len(why) == 9
    assert contents(course) == {
        "da-y/05-tracing/tracing.ipynb": "a pattern", "good/05-tracing/tracing.ipynb": "good"}  # fmt: skip
    assert not list(tmp_path.glob("**/passwd"))


def test_what_a_member_says_about_its_size_is_not_believed(course, tmp_path):
    """The directory of the archive is patched to say 10 bytes for 3 million."""
    path = pack(tmp_path / "all.zip", {"ada/tracing.ipynb": "0" * 3_000_000})
    data = path.read_bytes()
    assert data.count(struct.pack("<I", 3_000_000)) == 2
    path.write_bytes(data.replace(struct.pack("<I", 3_000_000), struct.pack("<I", 10)))
    outcomes = collect.collect(course, [path], limits=Limits(file_bytes=1_000_000))
    assert [each.what for each in outcomes] == ["not taken"]
    assert contents(course) == {}


def test_an_encrypted_or_torn_archive_is_told(course, tmp_path):
    path = pack(tmp_path / "all.zip", {"ada/tracing.ipynb": "secret", "ben/tracing.ipynb": "y"})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1  # the flag that a member is encrypted
    path.write_bytes(data)
    outcomes = collect.collect(course, [path])
    assert {each.why for each in outcomes if each.what == "not taken"} == {"is encrypted"}
    assert list(contents(course).values()) == ["y"]
    path.write_bytes(bytes(data)[: len(data) // 2])
    with pytest.raises(CourseError, match=r"all\.zip is no zip file"):
        collect.collect(course, [path])
    inside = pack(
        tmp_path / "outer.zip", {"cleo/packed.zip": bytes(data)[:40], "dan/tracing.ipynb": "d"}
    )
    outcomes = collect.collect(course, [inside])
    assert whats(outcomes) == ["new", "not taken"]


def test_links_and_pipes_in_a_folder_are_not_followed(course, tmp_path):
    source = lay(tmp_path / "all", {"good/tracing.ipynb": "good"})
    secret = tmp_path / "secret.ipynb"
    secret.write_text("gradebook")
    for student in ("ada", "ben"):
        (source / student).mkdir()
    (source / "ada" / "tracing.ipynb").symlink_to(secret)
    os.mkfifo(source / "ben" / "tracing.ipynb")
    (source / "cleo").symlink_to(tmp_path)
    outcomes = collect.collect(course, [source])
    why = {each.source: each.why for each in outcomes if each.what == "not taken"}
    assert why == {"ada/tracing.ipynb": "is a link", "ben/tracing.ipynb": "is no ordinary file",
                   "cleo": "is a link"}  # fmt: skip
    assert list(contents(course).values()) == ["good"]
    with pytest.raises(uploads.Refused, match="cannot be read"):
        uploads._read_path(source / "ada" / "tracing.ipynb", Limits())


def test_there_are_limits_on_number_and_on_bytes_in_all(course, tmp_path):
    given = {f"s{n}/tracing.ipynb": "x" * 1000 for n in range(20)}
    source, folder = pack(tmp_path / "all.zip", given), lay(tmp_path / "all", given)
    for each in (source, folder):
        with pytest.raises(CourseError, match="more than 19 files"):
            collect.collect(course, [each], limits=Limits(files=19))
    outcomes = collect.collect(course, [source], limits=Limits(total_bytes=10_500))
    assert whats(outcomes).count("not taken") >= 10
    assert any("in all" in each.why for each in outcomes)


def test_two_folders_that_would_be_one_student_are_not_mixed(course, tmp_path):
    given = {"ada lovelace/tracing.ipynb": "one", "Ada.. Lovelace!/tracing.ipynb": "other"}
    outcomes = collect.collect(course, [pack(tmp_path / "all.zip", given)])
    assert whats(outcomes) == ["new", "not taken"]
    assert "would be one student" in next(e.why for e in outcomes if e.why)


def test_an_assignment_can_be_said_where_the_names_do_not(course, tmp_path):
    source = pack(tmp_path / "all.zip", {"ada/my homework.ipynb": "x"})
    assert whats(collect.collect(course, [source])) == ["not taken"]
    assert whats(collect.collect(course, [source], ASSIGNMENT)) == ["new"]
    assert list(contents(course)) == [f"ada/{ASSIGNMENT}/{NOTEBOOK}"]


def test_a_run_that_is_killed_at_any_point_leaves_no_half_file(course, tmp_path, monkeypatch):
    """Killed before each of its renames in turn, and then run again: the end is the same."""
    day = [(2026, 11, n, 12, 0, 0) for n in (20, 21)]
    old = pack(
        tmp_path / "old.zip", {f"s{n}/tracing.ipynb": (f"old {n}", day[0]) for n in range(3)}
    )
    new = pack(
        tmp_path / "new.zip", {f"s{n}/tracing.ipynb": (f"new {n}", day[1]) for n in range(3)}
    )
    whole = {f"old {n}" for n in range(3)} | {f"new {n}" for n in range(3)}
    real, ends = os.replace, []

    class Killed(BaseException):
        pass

    for point in range(20):
        root = tmp_path / f"course-{point}"
        root.mkdir()
        own = new_course(root)
        collect.collect(own, [old])
        left = [point]

        def replace(source, target, left=left):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            real(source, target)

        monkeypatch.setattr(collect.os, "replace", replace)
        try:
            collect.collect(own, [new])
            killed = False
        except Killed:
            killed = True
        monkeypatch.setattr(collect.os, "replace", real)
        assert set(contents(own).values()) <= whole
        collect.collect(own, [new])
        end = {name: content for name, (content, _) in tree(own.grading).items()}
        ends.append(end)
        if not killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert point > 3 and all(end == ends[-1] for end in ends)
    assert {row["timestamp"][:10] for row in book(own).values()} == {"2026-11-21"}


def test_times_in_a_zip_file_are_in_the_time_zone_of_the_course(course, tmp_path):
    (course.grading / "deadlines.toml").write_text('time_zone = "Asia/Tokyo"\n')
    collect.collect(course, [pack(tmp_path / "all.zip", {"ada/tracing.ipynb": "x"})])
    stamp = datetime.fromisoformat(book(course)["ada", OTHER]["timestamp"])
    assert stamp == datetime(*NOON, tzinfo=timezone(timedelta(hours=9)))


def test_the_command_shows_a_table_and_says_how_it_ended(course, tmp_path, monkeypatch):
    monkeypatch.chdir(course.root)
    runner = CliRunner()
    good = pack(tmp_path / "good.zip", {"ada/tracing.ipynb": "x", "ben/tracing.ipynb": "y"})
    done = runner.invoke(cli.app, ["collect", str(good)])
    assert done.exit_code == 0, done.output
    [row] = [line for line in done.output.splitlines() if OTHER in line]
    assert re.findall(r"\d+", row.split(OTHER)[1]) == ["2", "0", "0", "0"]
    assert "--received" in done.output
    bad = pack(tmp_path / "bad.zip", {"ada/other.ipynb": "x"})
    done = runner.invoke(cli.app, ["collect", str(bad)])
    assert done.exit_code == cli.FAILED and "none of the notebooks given out" in done.output
    done = runner.invoke(cli.app, ["collect", str(tmp_path / "nothing.zip")])
    assert done.exit_code == cli.UNUSABLE and "is not there" in done.output
    done = runner.invoke(cli.app, ["collect", str(good), "--assignment", "77"])
    assert done.exit_code == cli.UNUSABLE


def test_the_command_runs_as_a_process(course, tmp_path):
    source = pack(tmp_path / "all.zip", {"[red]ada/tracing.ipynb": "x"})
    done = subprocess.run(
        [sys.executable, "-m", "graders.cli", "collect", str(source)],
        cwd=course.root, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(course) == {f"red-ada/{OTHER}/tracing.ipynb": "x"}
