"""A PostgreSQL server for tests: in a folder of its own, on a Unix socket, gone at the end.

PostgreSQL refuses to run as root, so it then runs as `nobody`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

NOBODY = 65534
GRADER, PASSWORD = "grader", "a secret: 100% of/it?"
"""Who the gradebooks belong to. This one has to say a password, and PostgreSQL's own account not."""
OPEN = "open"
"""A database that wants no password from anybody."""
ACCESS = f"local all postgres trust\nlocal {OPEN} all trust\nlocal all all scram-sha-256\n"
SETTINGS = "listen_addresses=''\nfsync=off\nfull_page_writes=off\nmax_connections=40\n"


class Server:
    """`with Server(folder_of_the_programs) as server: url = server.new("gradebook")`."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs

    def __enter__(self) -> Server:
        # Not pytest's folder: nobody else may enter that. Nor a long name: a socket's has 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.data = self.folder / "data"
        if os.getuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        try:
            self._program("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8",
                          "--locale=C", "-D", self.data)  # fmt: skip
            (self.data / "pg_hba.conf").write_text(ACCESS)
            with (self.data / "postgresql.conf").open("a") as settings:
                settings.write(f"{SETTINGS}unix_socket_directories='{self.folder}'\n")
            self.start()
            with self.admin() as admin:
                made = sql.SQL("CREATE ROLE grader LOGIN PASSWORD {}").format(PASSWORD)
                admin.execute(made)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            if (self.data / "postmaster.pid").exists():
                self.stop()
        finally:
            shutil.rmtree(self.folder)

    def start(self) -> None:
        self._program("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log")

    def stop(self) -> None:
        self._program("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.data)

    def new(self, name: str, owner: str = GRADER) -> str:
        """Make a database; returns its address, with the password."""
        with self.admin() as admin:
            admin.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')
        return self.url(name)

    def url(self, name: str, user: str = GRADER, password: str = PASSWORD) -> str:
        who = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql+psycopg://{who}@/{name}?host={quote(str(self.folder), safe='')}"

    def admin(self, name: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that may do everything, and commits every statement."""
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=name, autocommit=True)

    def sessions(self, name: str) -> list[tuple[str, str]]:
        """State and last statement of every session that somebody else has in a database."""
        with self.admin() as admin:
            found = admin.execute(
                "SELECT state, query FROM pg_stat_activity WHERE datname = %s "
                "AND usename <> 'postgres' AND backend_type = 'client backend'",
                (name,),
            )
            return [(str(state), query) for state, query in found.fetchall()]

    def _program(self, name: str, *arguments: str | Path) -> None:
        other: Mapping[str, Any] = {}
        if os.getuid() == 0:
            other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        with (self.folder / "programs.log").open("ab") as log:
            done = subprocess.run(
                [self.programs / name, *arguments],
                cwd=self.folder,
                env={"PATH": os.defpath, "HOME": str(self.folder), "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **other,
            )
        if done.returncode:
            logs = [self.folder / "programs.log", self.folder / "log"]
            said = "\n".join(log.read_text()[-2000:] for log in logs if log.exists())
            raise RuntimeError(f"{name} failed ({done.returncode}):\n{said}")
