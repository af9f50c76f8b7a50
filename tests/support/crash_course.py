"""A company before each step of its first week, to be put back whenever a step was killed."""

import shutil
import time
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn

from future_skills.database import connect, execute
from future_skills.store.artifacts import Store
from support.crash_steps import STEPS
from support.crashing import Job, effects, run
from support.ends import End, connected, end_of
from support.mailbox import Inbox

GIVEN = frozenset({"job_role_id", "skill_id", "employee_id"})
"""Numbers that only `load` gives, from sequences."""


class Course:
    """A company before each step of its first week: a database to copy, and a store to put back."""

    def __init__(self, server: str, template: str, folder: Path, box: Inbox) -> None:
        self.server, self.folder, self.box = server, folder, box
        self.store, self._made = folder / "store", 0
        self._ready: dict[str, str] = {}
        self._on_server("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self._database = self._copy(template)
        with closing(connect(self.dsn(self._database))) as connection:
            execute(connection, "DROP SCHEMA future_skills_ops CASCADE")
            connection.commit()
        self.store.mkdir()

    def _on_server(self, *statements: str) -> None:
        with closing(psycopg2.connect(self.server)) as connection:
            connection.autocommit = True
            for statement in statements:
                execute(connection, statement)

    def _copy(self, template: str) -> str:
        self._made += 1
        name = f"crash_{self._made}"
        self._on_server(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def dsn(self, database: str) -> str:
        return make_dsn(self.server, dbname=database)

    def before(self, step: str) -> str:
        """A fresh copy of the company as it is before a step; the store is put back with it. Returns the database's name."""
        for name in STEPS:
            if name not in self._ready:
                self._ready[name] = self._copy(self._database)
                shutil.copytree(self.store, self.folder / name, dirs_exist_ok=True)
            if name == step:
                break
            following = next(iter(list(STEPS)[list(STEPS).index(name) + 1 :]), None)
            if following not in self._ready:
                self._put_back(name)
                assert run(self.job(name, self._database)) == 0, name
        self._put_back(step)
        return self._copy(self._ready[step])

    def _put_back(self, step: str) -> None:
        shutil.rmtree(self.store)
        shutil.copytree(self.folder / step, self.store)

    def job(self, step: str, database: str) -> Job:
        return Job(step, self.dsn(database), str(self.store), self.box.port, self.folder / "effects.txt")

    def drop(self, database: str) -> None:
        self._on_server(f"DROP DATABASE {database} WITH (FORCE)")

    def undisturbed(self, step: str) -> tuple[list[str], End]:
        """Run a step as it should be: the effects it had, and how the company ended."""
        database = self.before(step)
        job = self.job(step, database)
        assert run(job) == 0
        found, end = effects(job), self.left_by(database, step)
        self.drop(database)
        return found, end

    def left_by(self, database: str, step: str) -> End:
        """How the company ended, and that no connection was left behind."""
        with closing(connect(self.dsn(database))) as connection:
            deadline = time.monotonic() + 10
            while connected(connection) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not connected(connection), "a connection was left behind"
            return end_of(connection, Store.open(str(self.store)), GIVEN if step == "load" else frozenset())
