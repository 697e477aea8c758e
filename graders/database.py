"""Which database the gradebook is in: SQLite in grading/gradebook.db, or what GRADERS_DATABASE names.

    export GRADERS_DATABASE=postgresql+psycopg://grader@db.example.org/gradebook

The password belongs into ~/.pgpass, where libpq looks for it. One in the address is taken out of it before
nbgrader sees it, and handed on as PGPASSWORD: formgrader shows its whole configuration in a page, and
`nbgrader db upgrade` writes the address into its log and a file.

Everything that nbgrader keeps is in its own tables (nbgrader.api). This module opens them, and says what is
to be done when that fails.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.script import ScriptDirectory
from nbgrader.api import Base, Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Connection, MetaData, NullPool, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

from graders.errors import CourseError

if TYPE_CHECKING:
    from graders.course import Course

VARIABLE = "GRADERS_DATABASE"
EXAMPLE = "postgresql+psycopg://grader@db.example.org/gradebook"
DRIVER = "postgresql+psycopg"
NAMES = ("postgres", "postgresql", DRIVER)
"""What the address of a PostgreSQL database may begin with: as libpq, as psql and as SQLAlchemy have it."""
CONNECT_SECONDS = 10
"""How long a server may take to answer. libpq itself would wait for minutes."""
LOCKED_SECONDS = 60
"""How long SQLite waits for somebody else who writes."""
STEPS_COURSE = "default_course"
"""nbgrader's steps open the gradebook without naming a course, and then look for this one."""
LOCK = 2001_2026
GRADING = 2001_2027
"""PostgreSQL's advisory locks of whoever makes the tables, and of whoever grades. Any numbers will do, if
they are always the same."""
ALONE_SECONDS = 5
LOCK_NOT_AVAILABLE = "55P03"


def url(root: Path) -> str:
    """The address of the gradebook of the course in `root`, without a password.

    Raises: CourseError when GRADERS_DATABASE is no such address. It does not repeat what was given.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if not given:
        return f"sqlite:///{root / 'grading' / 'gradebook.db'}"
    if given.count("@") > 1:
        raise CourseError(
            f"{VARIABLE}: there is more than one @ in it. In a name or a password write %40 for it; or "
            "put the password into ~/.pgpass, where it needs nothing of that kind"
        )
    try:
        found = make_url(given)
    except (ArgumentError, ValueError):
        found = None
    if found is None or found.drivername not in NAMES or not found.database:
        raise CourseError(f"{VARIABLE} is no address of a PostgreSQL database; one is {EXAMPLE}")
    passwords = [found.password, found.query.get("password")]
    for password in passwords:
        if password:
            os.environ["PGPASSWORD"] = str(password)
    found = found.set(drivername=DRIVER).difference_update_query(["password"])
    settings = {"connect_timeout": str(CONNECT_SECONDS), "application_name": "two-x-minus-one"}
    settings |= {name: value for name, value in found.query.items() if isinstance(value, str)}
    return _without_password(found).update_query_dict(settings).render_as_string()


def _without_password(address: URL) -> URL:
    """`URL.set` cannot take a password away."""
    return URL.create(
        address.drivername,
        username=address.username,
        host=address.host,
        port=address.port,
        database=address.database,
        query=address.query,
    )


@contextmanager
def opened(course: Course, snapshot: bool = False) -> Iterator[Gradebook]:
    """The gradebook of a course, in a `with` block. What is not committed in it is not kept, and no
    connection and no transaction is left open.

    Args:
      snapshot: read all of it as it is at one moment, while others write. On PostgreSQL; SQLite has no such
        thing that would let them go on writing.

    Raises: CourseError, with the fix, when the database cannot be reached, also if that is so in the block.
    """
    address = patient(course.directory.db_url)
    with explained():
        prepare(address, course.directory.course_id)
        with Gradebook(address, course.directory.course_id) as gradebook:
            if snapshot and gradebook.engine.dialect.name == "postgresql":
                gradebook.db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield gradebook


def patient(address: str) -> str:
    """The same address; SQLite then waits for others who write, longer than its five seconds."""
    waits = address.startswith("sqlite") and "?" not in address
    return f"{address}?timeout={LOCKED_SECONDS}" if waits else address


@contextmanager
def alone(address: str) -> Iterator[None]:
    """Hold what only one may do at a time on this database, on whatever machine: grading a class.

    PostgreSQL gives the lock back when the connection is gone, which after a kill it notices in a moment.

    Raises: CourseError when somebody else has it. SQLite needs no such lock: its file is on one machine.
    """
    if not address.startswith("postgresql"):
        yield
        return
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{ALONE_SECONDS}s'"))
        try:
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": GRADING})
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            raise CourseError("a class is being graded on this database already") from None
        yield


def prepare(address: str, course_id: str, more: MetaData | None = None) -> None:
    """Make a gradebook of an empty database: nbgrader's tables and courses, and the tables in `more`.

    nbgrader makes its tables, too, when it finds none. But two programs that start at the same time get into
    each other's way there, and one that is killed leaves half of them. Here the second one waits for the
    first, and it is all or nothing.
    """
    wanted = (Base.metadata, more) if more is not None else (Base.metadata,)
    courses = (course_id, STEPS_COURSE)
    engine = create_engine(patient(address), poolclass=NullPool)
    for last in (False, False, True):
        try:
            with engine.connect() as connection:
                if _complete(connection, wanted, courses):
                    return
            with engine.begin() as connection:
                _make(connection, wanted, courses)
            return
        except (
            IntegrityError,
            ProgrammingError,
        ):  # nbgrader's own, which waits for nobody, was here
            if last:
                raise


def _complete(
    connection: Connection, wanted: tuple[MetaData, ...], courses: tuple[str, ...]
) -> bool:
    there = set(inspect(connection).get_table_names())
    if any(set(tables.tables) - there for tables in wanted) or "alembic_version" not in there:
        return False
    return set(courses) <= set(connection.execute(text("SELECT id FROM course")).scalars())


def _make(connection: Connection, wanted: tuple[MetaData, ...], courses: tuple[str, ...]) -> None:
    """All of it in one transaction, and nobody else meanwhile."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    empty = not inspect(connection).get_table_names()
    for tables in wanted:
        tables.create_all(connection)
    if empty:  # nbgrader notes in which version it made the tables, for `nbgrader db upgrade`
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        version = {"version": ScriptDirectory(ALEMBIC_DIR).get_current_head()}
        connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), version)
    for name in courses:
        connection.execute(
            text("INSERT INTO course (id) VALUES (:id) ON CONFLICT DO NOTHING"), {"id": name}
        )


# --- what went wrong -------------------------------------------------------------------------


@contextmanager
def explained() -> Iterator[None]:
    """Errors of the database itself come out as CourseError, with the fix; others as they are."""
    try:
        yield
    except (DBAPIError, ImportError) as error:
        why = trouble(error)
        if not why:
            raise
        raise CourseError(why) from error


def trouble(error: Exception) -> str:
    """What is wrong with the database, and how to mend it; "" when the error says nothing of that kind."""
    if isinstance(error, ImportError):
        missing = error.name == "psycopg" or "pq wrapper" in str(error)
        return NO_DRIVER if missing else ""
    if not isinstance(error, DBAPIError):
        return ""
    said = " ".join(str(error.orig).split())[:400]
    refused = re.search("permission denied|invalid connection option", said)
    if not isinstance(error, OperationalError | InterfaceError) and not refused:
        return ""
    if not os.environ.get(VARIABLE):
        if "locked" in said:
            return f"{SQLITE}: another program is writing there; wait for it, and run this again"
        return f"{SQLITE}: {said}"
    address = make_url(url(Path()))
    return f"the gradebook {_shown(address)}: {said.rstrip('.')}. Fix: {_fix(said, address)}"


SQLITE = "the gradebook grading/gradebook.db"
NO_DRIVER = (
    f"{VARIABLE} is set, and psycopg, which speaks to PostgreSQL, is not installed. Fix: "
    ".venv/bin/python -m pip install --require-hashes -r locks/class.txt"
)
FIXES = (
    (r"database .* does not exist", "make it, as an administrator: createdb --owner {user} {name}"),
    (r"role .* does not exist", "make it, as an administrator: createuser --pwprompt {user}"),
    (
        r"password|authentication|pg_hba",
        "write {host}:{port}:{name}:{user}:PASSWORD into ~/.pgpass, then chmod 600 ~/.pgpass; or see "
        "pg_hba.conf on the server",
    ),
    (
        r"permission denied",
        "have the database belong to {user}, as an administrator: "
        'psql -c \'ALTER DATABASE "{name}" OWNER TO "{user}"\' {name}',
    ),
    (r"invalid connection option", f"take it out of {VARIABLE}"),
    (r"deadlock|lock timeout|canceling statement|could not serialize", "run this again"),
    (r"too many|connection slots", "raise max_connections on the server, or end what uses them"),
    (r"", "see that the server runs and lets you in, then run this again: psql {shown}"),
)
"""What PostgreSQL may say, and what helps against it; the first that fits."""


def _shown(address: URL) -> str:
    """An address as psql takes it, without what is said for every connection."""
    own = ["connect_timeout", "application_name"]
    plain = address.set(drivername="postgresql").difference_update_query(own)
    return plain.render_as_string()


def _fix(said: str, address: URL) -> str:
    help_ = next(fix for pattern, fix in FIXES if re.search(pattern, said))
    return help_.format(
        user=shlex.quote(address.username or "USER"),
        name=shlex.quote(address.database or ""),
        host=address.host or "*",
        port=address.port or 5432,
        shown=shlex.quote(_shown(address)),
    )


# --- formgrader ------------------------------------------------------------------------------


def formgrader_lets_go() -> None:
    """Have formgrader end its transaction with every page that it shows. nbgrader_config.py calls this.

    formgrader has one session, for as long as JupyterLab runs. On PostgreSQL, a session that has read
    anything is in a transaction, which keeps back others that change tables, and after an error answers
    nothing any more.
    """
    pages: Any = sys.modules.get("nbgrader.server_extensions.formgrader.base")
    if pages is not None:
        pages.BaseHandler.on_finish = _let_go


def _let_go(handler: Any) -> None:
    """Tornado calls it when a page has been sent."""
    gradebook = handler.settings.get("nbgrader_gradebook")
    if gradebook is not None:
        gradebook.db.remove()
