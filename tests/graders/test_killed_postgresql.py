"""Grading that is cut off, with the gradebook on PostgreSQL: read test_killed.py first."""

import itertools
import shutil

import pytest
from test_killed import ASSIGNMENT, kill_the_command, prepared, survives, uninterrupted

import classroom
from graders import database
from graders.course import Course, CourseError
from graders.database import VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.postgresql, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def copied(postgresql):
    """A copy of a course's folder together with its database."""
    numbers = itertools.count()

    def copy(course, to):
        own, name = course.directory.db_url.rsplit("/", 1)[1].split("?")[0], f"copy{next(numbers)}"
        shutil.copytree(course.root, to, symlinks=True)
        with postgresql.admin() as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{own}" OWNER grader')
        return Course(to, db_url=postgresql.url(name))

    return copy


@pytest.fixture(scope="module")
def course(tmp_path_factory, postgresql):
    made = classroom.new_course(tmp_path_factory.mktemp("course"), (ASSIGNMENT,))
    return prepared(Course(made.root, db_url=postgresql.new("killed")))


@pytest.fixture(scope="module")
def whole(course, copied, tmp_path_factory):
    return uninterrupted(course, tmp_path_factory.mktemp("whole"), copied)


@pytest.mark.parametrize("part", range(12))
def test_cut_off_at_some_moments(course, whole, copied, part, tmp_path):
    answers, end, moments = whole
    moment = 1 + (2 * part + 1) * (moments - 1) // 24
    survives(course, answers, end, moment, tmp_path / "cut", copied)


def test_kill_9_of_the_command_with_its_workers(postgresql, tmp_path):
    courses, environments = [], []
    for name in ("cut", "whole"):
        (tmp_path / name).mkdir()
        made = classroom.new_course(tmp_path / name, (ASSIGNMENT, "05-tracing"))
        url = postgresql.new(f"command_{name}")
        courses.append(Course(made.root, db_url=url))
        environments.append({VARIABLE: url})
    kill_the_command(*courses, *environments)


def test_only_one_may_grade_on_a_database_from_whatever_machine(postgresql, monkeypatch):
    monkeypatch.setattr(database, "ALONE_SECONDS", 1)
    url = postgresql.new("alone")
    with database.alone(url), pytest.raises(CourseError, match="being graded on this database"):
        database.alone(url).__enter__()
    with database.alone(url):
        assert [state for state, _ in postgresql.sessions("alone")] == ["idle"]
    assert postgresql.sessions("alone") == []
