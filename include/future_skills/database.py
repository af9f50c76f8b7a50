"""PostgreSQL through psycopg2: one way to connect, and the few reads and writes that every part needs."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import RealDictCursor

from future_skills.domain import FutureSkillsError
from future_skills.dsn import read_dsn, without_secrets

Parameters = Mapping[str, Any] | Sequence[Any] | None

SESSION = "-c timezone=UTC -c search_path=public"
KEEPALIVE = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6 -c tcp_user_timeout=120000"
"""The server asks after some two minutes of silence whether we are there: what a machine held that is gone is free before
the retry of its task, and not after the two hours of an operating system's default."""

NULL_MARK = "\x02"
"""NULL in COPY: a control character, which no text we accept contains."""


class HRDatabaseDownError(FutureSkillsError):
    """The HR database cannot be reached."""


class HRDatabaseFullError(FutureSkillsError):
    """The server of the HR database has no disk space left."""


def connect(dsn: str) -> Connection:
    """Open `dsn` (a libpq URI or keyword string) in UTC, naming ourselves to the DBA.

    Raises DsnError when it cannot be read, and HRDatabaseDownError when the server does not let us in; of the DSN both show
    host, port and database at most.
    """
    parts = read_dsn(dsn)
    try:
        return psycopg2.connect(dsn, application_name="future_skills", connect_timeout=10, options=f"{SESSION} {KEEPALIVE}")
    except psycopg2.OperationalError as error:
        reason = str(error)
    except UnicodeDecodeError as error:  # a server may answer in the encoding of its own language, and cuts a long name anywhere
        reason = error.object.decode("utf-8", errors="replace")
    told = " ".join(without_secrets(reason, parts).split()).removesuffix(".")
    raise HRDatabaseDownError(f"The HR database cannot be reached: {told}. Is it running, and is HR_DSN right?")


@contextmanager
def full_disk_told() -> Iterator[None]:
    """Raise HRDatabaseFullError, with what to do, where a statement finds the server's disk full."""
    try:
        yield
    except psycopg2.errors.DiskFull as error:
        raise HRDatabaseFullError(
            f"The server of the HR database has no disk space left ({str(error).splitlines()[0]}): free some there, then clear "
            "the task. What was being written is taken back whole."
        ) from error


def execute(connection: Connection, statement: str | sql.Composable, parameters: Parameters = None) -> int:
    """Run a statement; returns how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount


def fetch_rows(connection: Connection, statement: str | sql.Composable, parameters: Parameters = None) -> list[dict[str, Any]]:
    """Every row, as a dictionary by column."""
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(statement, parameters)
        return [dict(row) for row in cursor.fetchall()]


def fetch_row(connection: Connection, statement: str | sql.Composable, parameters: Parameters = None) -> dict[str, Any] | None:
    """The first row, or None when there is none."""
    rows = fetch_rows(connection, statement, parameters)
    return rows[0] if rows else None


def fetch_value(connection: Connection, statement: str | sql.Composable, parameters: Parameters = None) -> Any:
    """The first column of the first row, or None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        row = cursor.fetchone()
        return row[0] if row else None


def fetch_frame(connection: Connection, statement: str | sql.Composable, parameters: Parameters = None) -> pd.DataFrame:
    """Every row, as a frame with the query's columns in their order; an empty result keeps the columns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])


def copy_frame(connection: Connection, frame: pd.DataFrame, table: str | sql.Composable) -> None:
    """COPY a frame into `table` (an SQL identifier, schema included when composed); its columns name the table's.

    A missing value (None, NaN, NaT) becomes NULL; an empty string stays one.
    """
    target = sql.Identifier(table) if isinstance(table, str) else table
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False, header=False, na_rep=NULL_MARK)
    buffer.seek(0)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL {})").format(
        target, sql.SQL(", ").join(sql.Identifier(str(column)) for column in frame.columns), sql.Literal(NULL_MARK)
    )
    with connection.cursor() as cursor:
        cursor.copy_expert(statement.as_string(connection), buffer)
