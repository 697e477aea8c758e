"""The gradebook's database: its address, its first opening, who waits for whom, and what is said when it is
not there. A class that is graded on PostgreSQL is in test_postgresql.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from nbgrader.api import Gradebook
from postgresql import GRADER, OPEN, PASSWORD
from sqlalchemy import Column, Integer, MetaData, Table, event
from sqlalchemy.engine import Engine, make_url
from typer.testing import CliRunner

from graders import cli, database, late, manual
from graders.course import CONFIG, Course, CourseError
from graders.database import VARIABLE

# nbgrader's own, about objects that it adds to its session later
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

ASSIGNMENT, NOTEBOOK = "01-rank-and-shape", "rank-and-shape"
CELLS = ("rank-of", "shape-of", "size-of")
HERE = Path(__file__).resolve().parents[2]
BOTH = pytest.mark.parametrize(
    "place", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course's folder, in which commands are run; GRADERS_DATABASE is not set."""
    shutil.copy(HERE / CONFIG, tmp_path / CONFIG)
    shutil.copytree(HERE / "solutions", tmp_path / "solutions")
    (tmp_path / "grading").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PGPASSWORD", "")
    return tmp_path


@pytest.fixture
def on_postgresql(root, postgresql, monkeypatch, request):
    """The same, with an empty database on the server; its name."""
    name = request.node.name[:60]
    monkeypatch.setenv(VARIABLE, postgresql.new(name))
    return name


def run(*arguments):
    """A command of `graders`: its exit code, and what it says, without line breaks."""
    done = CliRunner().invoke(cli.app, [*arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.output.split())


def until(true):
    """Look again and again, at most for a minute."""
    pause = threading.Event()
    for _ in range(3000):
        if true():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come true within a minute")


def fill(course, students=("ada", "ben"), points=2.0):
    """Put an assignment with three graded cells and some submissions into the gradebook."""
    with database.opened(course) as gradebook:
        gradebook.add_assignment(ASSIGNMENT)
        gradebook.add_notebook(NOTEBOOK, ASSIGNMENT)
        for cell in CELLS:
            key = (NOTEBOOK, ASSIGNMENT)
            gradebook.add_solution_cell(f"answer-{cell}", *key)
            gradebook.add_source_cell(f"answer-{cell}", *key, cell_type="code")
            gradebook.add_grade_cell(f"check-{cell}", *key, max_score=3, cell_type="code")
            gradebook.add_source_cell(f"check-{cell}", *key, cell_type="code", locked=True)
        for student in students:
            gradebook.add_student(student)
            gradebook.add_submission(ASSIGNMENT, student)
            for cell in CELLS:
                grade = gradebook.find_grade(f"check-{cell}", NOTEBOOK, ASSIGNMENT, student)
                grade.auto_score = points
        gradebook.db.commit()


# --- the address -----------------------------------------------------------------------------


def test_without_the_variable_the_gradebook_is_a_file_of_the_course(root):
    assert Course(root).directory.db_url == f"sqlite:///{root}/grading/gradebook.db"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_address_will_do(root, monkeypatch, scheme):
    monkeypatch.setenv(VARIABLE, f"{scheme}://ada@db.example.org:6432/marks?sslmode=verify-full")
    found = make_url(Course(root).directory.db_url)
    assert found.drivername == "postgresql+psycopg"
    assert (found.username, found.host, found.port) == ("ada", "db.example.org", 6432)
    assert found.database == "marks"
    assert dict(found.query) == {
        "sslmode": "verify-full", "connect_timeout": "10", "application_name": "two-x-minus-one"
    }  # fmt: skip


def test_what_the_address_says_itself_goes_before_the_usual(root, monkeypatch):
    monkeypatch.setenv(VARIABLE, "postgresql://h/marks?connect_timeout=3")
    assert make_url(Course(root).directory.db_url).query["connect_timeout"] == "3"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:hush%20hush@db.example.org/marks",
        "postgresql://ada@db.example.org/marks?password=hush+hush",
    ],
)
def test_a_password_is_taken_out_of_the_address_and_handed_on(root, monkeypatch, address):
    monkeypatch.setenv(VARIABLE, address)
    course = Course(root)
    assert os.environ["PGPASSWORD"] == "hush hush"
    seen = json.dumps(course.config, default=str) + course.directory.db_url
    assert "ada@db.example.org" in seen
    assert "hush" not in seen


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgresql://ada:hu@sh@db.example.org/marks", "more than one @"),
        ("postgresql://ada:hush@db.example.org:port/marks", "no address of a PostgreSQL"),
        ("postgresql://ada:hush@db.example.org", "no address of a PostgreSQL"),
        ("mysql://ada:hush@db.example.org/marks", "no address of a PostgreSQL"),
        ("ada:hush", "no address of a PostgreSQL"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(root, monkeypatch, address, says):
    monkeypatch.setenv(VARIABLE, address)
    code, output = run("late")
    assert code == 2 and VARIABLE in output and says in output
    assert "hush" not in output and "sh@" not in output
    with pytest.raises(CourseError) as caught:
        Course(root)
    assert caught.value.__context__ is None, "SQLAlchemy's own message may repeat it"


# --- the first opening -----------------------------------------------------------------------


@pytest.mark.postgresql
def test_an_empty_database_becomes_what_nbgrader_itself_makes_of_one(
    root, postgresql, on_postgresql
):
    course = Course(root)
    with database.opened(course):
        pass
    other = f"{on_postgresql[:50]}_nbgraders"
    address = make_url(postgresql.new(other))
    with Gradebook(address.render_as_string(hide_password=False), course.directory.course_id):
        pass

    def columns(name):
        with postgresql.admin(name) as admin:
            return admin.execute(
                "SELECT table_name, column_name, data_type, is_nullable "
                "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
            ).fetchall()

    def rows(name, query):
        with postgresql.admin(name) as admin:
            return {value for (value,) in admin.execute(query).fetchall()}

    made = columns(on_postgresql)
    assert len(made) > 50
    assert made == columns(other)
    version = "SELECT version_num FROM alembic_version"
    assert rows(on_postgresql, version) == rows(other, version) != set()
    courses = rows(on_postgresql, "SELECT id FROM course")
    assert courses == {"two-x-minus-one", "default_course"}


@pytest.mark.postgresql
def test_who_comes_second_waits_until_the_tables_are_there(root, postgresql, on_postgresql):
    course = Course(root)
    address, course_id = course.directory.db_url, course.directory.course_id

    def waiting():
        with postgresql.admin() as admin:
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            return admin.execute(query).fetchone() == (3,)

    def tables():
        with postgresql.admin(on_postgresql) as admin:
            found = admin.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            return found.fetchone()[0]

    with ThreadPoolExecutor(3) as threads:
        with postgresql.admin(on_postgresql) as first, first.transaction():
            first.execute("SELECT pg_advisory_xact_lock(%s)", (database.LOCK,))
            others = [threads.submit(database.prepare, address, course_id) for _ in range(3)]
            until(waiting)
            assert tables() == 0
        for other in others:
            other.result()
    assert tables() > 10
    with database.opened(course) as gradebook:
        assert gradebook.students == []


@pytest.mark.slow
@BOTH
def test_programs_that_start_at_the_same_time_find_one_gradebook(root, place, request, monkeypatch):
    if place == "postgresql":
        server = request.getfixturevalue("postgresql")
        monkeypatch.setenv(VARIABLE, server.new("same_time"))
    command = [sys.executable, "-m", "graders.cli", "late"]
    programs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    for program in programs:
        output, _ = program.communicate()
        assert program.returncode == 0, output
        assert "0 of 0 submissions are late" in output
    with database.opened(Course(root)) as gradebook:
        query = database.text("SELECT count(*) FROM alembic_version")
        assert gradebook.db.execute(query).scalar() == 1


@BOTH
def test_tables_that_are_made_halfway_are_not_made_at_all(root, place, request, monkeypatch):
    if place == "postgresql":
        server = request.getfixturevalue("postgresql")
        monkeypatch.setenv(VARIABLE, server.new("halfway"))
    course = Course(root)

    def killed(_folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(database, "ScriptDirectory", killed)
        with pytest.raises(KeyboardInterrupt):
            database.prepare(course.directory.db_url, course.directory.course_id)
    engine = database.create_engine(course.directory.db_url)
    assert database.inspect(engine).get_table_names() == []
    engine.dispose()
    fill(course)
    assert len(manual.marks(course, every=True)) == 6


@BOTH
def test_tables_of_ones_own_are_made_with_the_others_or_later(root, place, request, monkeypatch):
    if place == "postgresql":
        server = request.getfixturevalue("postgresql")
        monkeypatch.setenv(VARIABLE, server.new("tables"))
    course = Course(root)
    more = MetaData()
    Table("grading_more", more, Column("number", Integer))
    arguments = (course.directory.db_url, course.directory.course_id)
    database.prepare(*arguments)
    database.prepare(*arguments, more)
    database.prepare(*arguments, more)
    with database.opened(course) as gradebook:
        names = database.inspect(gradebook.engine).get_table_names()
    assert names.count("grading_more") == 1


# --- several at once -------------------------------------------------------------------------


@pytest.mark.postgresql
def test_an_export_reads_one_moment_while_somebody_writes(root, postgresql, on_postgresql):
    course = Course(root)
    fill(course)
    with database.opened(course, snapshot=True) as gradebook:
        before = [grade.auto_score for grade in _grades(gradebook)]
        with postgresql.admin(on_postgresql) as other:
            other.execute("UPDATE grade SET auto_score = 1")
        gradebook.db.expire_all()
        assert [grade.auto_score for grade in _grades(gradebook)] == before == [2.0] * 6
    with database.opened(course) as gradebook:
        assert [grade.auto_score for grade in _grades(gradebook)] == [1.0] * 6


def _grades(gradebook):
    found = gradebook.find_assignment(ASSIGNMENT).submissions
    return [grade for each in found for notebook in each.notebooks for grade in notebook.grades]


@pytest.mark.postgresql
def test_late_holds_a_few_submissions_at_a_time(root, postgresql, on_postgresql, monkeypatch):
    """Others may write all but those, and get them soon."""
    course = Course(root)
    fill(course, ("ada", "ben", "cleo"))
    (root / "grading" / "deadlines.toml").write_text(
        f'[{ASSIGNMENT}]\ndue = "2026-12-01 12:00"\npolicy = "percent"\npercent_a_day = 10\n'
    )
    received = [f"{student},{ASSIGNMENT},2026-12-01 13:00" for student in ("ada", "ben", "cleo")]
    (root / "grading" / "received.csv").write_text(
        "\n".join(["student,assignment,timestamp", *received])
    )
    held = []

    def about_to_commit(_connection):
        with postgresql.admin(on_postgresql) as other:
            free = other.execute(
                "SELECT student_id FROM submitted_assignment FOR UPDATE SKIP LOCKED"
            ).fetchall()
        held.append({"ada", "ben", "cleo"} - {name for (name,) in free})

    monkeypatch.setattr(late, "AT_ONCE", 1, raising=False)
    event.listen(Engine, "commit", about_to_commit)
    try:
        found = late.apply(course)
    finally:
        event.remove(Engine, "commit", about_to_commit)
    assert [each.penalty for each in found] == [pytest.approx(0.6)] * 3
    assert [names for names in held if names] == [{"ada"}, {"ben"}, {"cleo"}]


@pytest.mark.postgresql
def test_cells_keep_the_order_of_the_notebook(root, postgresql, on_postgresql):
    course = Course(root)
    fill(course)
    order = [f"check-{cell}" for cell in CELLS]
    with postgresql.admin(on_postgresql) as admin:
        names = "SELECT name FROM source_cell"
        before = admin.execute(names).fetchall()
        for name in ("answer-rank-of", "check-rank-of"):
            admin.execute("UPDATE source_cell SET source = 'x' WHERE name = %s", (name,))
        admin.execute("UPDATE grade SET extra_credit = 0 WHERE extra_credit IS NULL")
        after = admin.execute(names).fetchall()
    assert sorted(after) == sorted(before) and after != before, "the server has another order now"
    assert [mark.cell for mark in manual.marks(course, every=True)] == order * 2
    file = root / "marks.csv"
    file.write_text(
        "student,assignment,cell,comment\n"
        + "\n".join(f"ada,{ASSIGNMENT},{cell},about {cell}" for cell in order)
    )
    manual.read(course, file)
    with database.opened(course) as gradebook:
        comments = {
            name: gradebook.find_comment(f"answer-{name}", NOTEBOOK, ASSIGNMENT, "ada").comment
            for name in CELLS
        }
    assert comments == {name: f"about check-{name}" for name in CELLS}


@pytest.mark.postgresql
def test_a_comment_that_the_database_cannot_keep_changes_nothing(root, on_postgresql):
    course = Course(root)
    fill(course)
    file = root / "marks.csv"
    file.write_text(
        "student,assignment,cell,score,comment\n"
        f"ada,{ASSIGNMENT},check-rank-of,1,fine\n"
        f"ben,{ASSIGNMENT},check-rank-of,1,a\0b\n"
    )
    code, output = run("manual", "import", str(file))
    assert code == 2 and "line 3" in output and "nothing was changed" in output
    assert [mark.score for mark in manual.marks(course, every=True)] == [None] * 6


@pytest.mark.postgresql
def test_no_command_leaves_a_connection(root, postgresql, on_postgresql):
    fill(Course(root))
    for command in (["late"], ["export"], ["manual", "list"], ["manual", "export", "--every"]):
        code, output = run(*command)
        assert code == 0, output
        until(lambda: postgresql.sessions(on_postgresql) == [])
    (root / "marks.csv").write_text("student,assignment,cell,score\nzoe,x,y,1\n")
    assert run("manual", "import", "marks.csv")[0] == 2
    until(lambda: postgresql.sessions(on_postgresql) == [])


# --- what goes wrong -------------------------------------------------------------------------


def test_without_psycopg_the_fix_is_named(root, monkeypatch):
    monkeypatch.setenv(VARIABLE, "postgresql://ada:hush@db.example.org/marks")
    without = "import sys; sys.modules['psycopg'] = None; from graders.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", without, "export"], capture_output=True, text=True, cwd=root
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [database.NO_DRIVER]
    assert (HERE / "locks" / "class.txt").read_text().count("\npsycopg==") == 1


def test_a_server_that_is_not_there_is_named_and_its_password_not(root, tmp_path, monkeypatch):
    place = tmp_path / "nothing"
    place.mkdir()
    monkeypatch.setenv(VARIABLE, f"postgresql://ada:hush@/marks?host={place}")
    code, output = run("export")
    assert code == 2
    assert "the gradebook postgresql://ada@/marks?host=" in output
    assert "No such file or directory" in output
    assert "Fix: see that the server runs" in output and "psql 'postgresql://ada@/marks" in output
    assert "hush" not in output and "Traceback" not in output


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("user", "password", "name", "says", "fix"),
    [
        (GRADER, PASSWORD, "none_such", 'database "none_such" does not exist',
         "createdb --owner grader none_such"),
        (GRADER, "wrong", "postgres", "password authentication failed",
         "*:5432:postgres:grader:PASSWORD into ~/.pgpass"),
        (GRADER, "", "postgres", "no password supplied", "~/.pgpass"),
        (GRADER, PASSWORD, "others", "permission denied for schema public",
         'ALTER DATABASE "others" OWNER TO "grader"'),
    ],
)  # fmt: skip
def test_what_the_server_refuses_comes_with_the_fix(
    root, postgresql, monkeypatch, user, password, name, says, fix
):
    if name == "others":
        postgresql.new(name, owner="postgres")
    monkeypatch.setenv(VARIABLE, postgresql.url(name, user, password))
    monkeypatch.setenv("PGPASSFILE", os.devnull)
    monkeypatch.delenv("PGPASSWORD")
    code, output = run("export")
    assert code == 2
    assert says in output and "Fix: " in output and fix in output
    assert len(output) < 700 and "Traceback" not in output
    assert PASSWORD not in output and "wrong" not in output


@pytest.mark.postgresql
def test_a_role_that_does_not_exist_comes_with_the_fix(root, postgresql, monkeypatch):
    postgresql.new(OPEN)  # where a password is wanted, the server does not tell
    monkeypatch.setenv(VARIABLE, postgresql.url(OPEN, "nobody_such", ""))
    code, output = run("late")
    assert code == 2 and "createuser --pwprompt nobody_such" in output


@pytest.mark.postgresql
def test_an_option_that_libpq_does_not_know_is_named(root, postgresql, monkeypatch):
    monkeypatch.setenv(VARIABLE, postgresql.url("postgres") + "&ssl=please")
    code, output = run("late")
    assert code == 2 and '"ssl"' in output and f"take it out of {VARIABLE}" in output


@pytest.mark.postgresql
def test_a_connection_that_is_lost_ends_the_command_with_the_fix(
    root, postgresql, on_postgresql, monkeypatch
):
    course = Course(root)
    fill(course)

    def lose(when):
        with postgresql.admin() as admin:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            admin.execute(query, (on_postgresql,))

    with monkeypatch.context() as patch:
        patch.setattr(late, "_aware", lose)
        code, output = run("export")
    assert code == 2, output
    assert "terminating connection" in output and "then run this again" in output
    assert run("export")[0] == 0


def test_a_locked_sqlite_file_is_explained(root, monkeypatch):
    course = Course(root)
    fill(course)
    (root / "grading" / "deadlines.toml").write_text(f'[{ASSIGNMENT}]\ndue = "2026-12-01 12:00"\n')
    monkeypatch.setattr(database, "LOCKED_SECONDS", 0)
    engine = database.create_engine(course.directory.db_url)
    with engine.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        code, output = run("late")
    engine.dispose()
    assert code == 2
    assert "grading/gradebook.db: another program is writing there" in output


def test_a_mistake_of_ours_is_not_taken_for_one_of_the_database(root):
    course = Course(root)
    with pytest.raises(database.ProgrammingError), database.opened(course) as gradebook:
        raise database.ProgrammingError("SELECT", {}, psycopg.errors.SyntaxError("at or near"))
    assert gradebook.engine.pool.checkedout() == 0
