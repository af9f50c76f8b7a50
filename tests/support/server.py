"""A PostgreSQL server of its own for tests that crash it, and what tells that it has recovered."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from future_skills.database import HRDatabaseDownError, connect, fetch_value
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from runtime.postgres_server import served

CHECKPOINTER = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"


@contextmanager
def own_server() -> Iterator[str]:
    """A server whose crash disturbs no other test; its database `postgres` has empty HR tables and an empty ledger. Its DSN."""
    with tempfile.TemporaryDirectory(prefix="future-skills-crash-") as folder, served(Path(folder) / "postgres") as server:
        with closing(connect(server.dsn())) as connection:
            create_hr_tables(connection)
            migrate_ledger(connection, create_schema=True)
        yield server.dsn()


def checkpointer(dsn: str) -> int | None:
    """The process that every recovery begins anew, or None while the server is recovering."""
    with contextlib.suppress(HRDatabaseDownError, psycopg2.Error), closing(connect(dsn)) as connection:
        return fetch_value(connection, CHECKPOINTER)
    return None


def wait_until_recovered(dsn: str, before: int | None) -> None:
    """Wait until the server has another checkpointer than before its crash."""
    for _ in range(600):
        if checkpointer(dsn) not in {None, before}:
            return
        time.sleep(0.1)
    pytest.fail("PostgreSQL did not come back")


def crash_server(connection: Connection) -> None:
    """Kill this connection's own server process: PostgreSQL throws everybody out and recovers, as after a power cut."""
    before, dsn = checkpointer(connection.dsn), connection.dsn
    connection.commit()
    os.kill(connection.info.backend_pid, signal.SIGKILL)
    wait_until_recovered(dsn, before)
