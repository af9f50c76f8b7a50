"""The embedded PostgreSQL of a local state: its databases, served while a run or a command needs them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql

from runtime.postgres_server import RunningServer, running_server, served
from runtime.state import State

DATABASES = ("airflow", "hr")


@contextmanager
def embedded_server(folder: Path) -> Iterator[dict[str, str]]:
    """Start the server (a new one is initialised), create its databases; yields their DSNs by name.

    Raises EmbeddedServerError, naming its log, when it does not start; NoServerAccountError when nobody can run it here.
    """
    with served(folder) as server:
        _create_databases(server.dsn())
        yield _dsns(server)


@contextmanager
def reached_server(state: State) -> Iterator[dict[str, str]]:
    """The DSNs of a state's server: as it runs, or started for the while when nobody runs it. Only what was started is stopped.

    Raises StateBusyError when a run is just starting or stopping it, and what `embedded_server` raises.
    """
    server = running_server(state.postgres)
    if server is not None:
        yield _dsns(server)
        return
    with state.locked(), embedded_server(state.postgres) as databases:
        yield databases


def _dsns(server: RunningServer) -> dict[str, str]:
    return {name: server.dsn(name) for name in DATABASES}


def _create_databases(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            present = {row[0] for row in cursor.fetchall()}
            for name in DATABASES:
                if name not in present:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
