"""The dashboard's way to the HR database: a role that may only read, one snapshot per page, and no long wait."""

from collections.abc import Iterator
from contextlib import closing
from typing import Annotated

from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError
from fastapi import Depends
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import connect, execute
from future_skills.domain import FutureSkillsError
from future_skills.ledger.migrate import require_ledger
from future_skills.store.artifacts import Store
from orchestration.connections import hr_dsn
from orchestration.hr_connections import DASHBOARD_DATABASE

STATEMENT_SECONDS = 5


class NoConnectionError(FutureSkillsError):
    """Airflow does not know how the dashboard reaches the HR database."""


def dashboard_dsn() -> str:
    """Where the dashboard reads. Raises NoConnectionError."""
    try:
        return hr_dsn(DASHBOARD_DATABASE)
    except (AirflowNotFoundException, AirflowRuntimeError) as error:
        raise NoConnectionError(
            f"Airflow has no connection {DASHBOARD_DATABASE}: let the DBA run what `make hr-grants` prints, then give the "
            "database with the role future_skills_dashboard as HR_DASHBOARD_DSN, or as that connection."
        ) from error


def open_ledger(dsn: str) -> Connection:
    """A connection whose transactions only read, and see one state of the database. Raises HRDatabaseDownError."""
    connection = connect(dsn)
    connection.set_session(readonly=True, isolation_level=ISOLATION_LEVEL_REPEATABLE_READ)
    execute(connection, "SELECT set_config('statement_timeout', %s, false)", (f"{STATEMENT_SECONDS}s",))
    return connection


def ledger(dsn: Annotated[str, Depends(dashboard_dsn)]) -> Iterator[Connection]:
    """The connection of one request, closed at its end. Raises HRDatabaseDownError, LedgerMissingError."""
    with closing(open_ledger(dsn)) as connection:
        require_ledger(connection)
        yield connection


def settings() -> Settings:
    """The settings of this installation."""
    return Settings()


def store(configured: Annotated[Settings, Depends(settings)]) -> Store:
    """The artefact store, to read from."""
    return Store.for_reading(configured.store_uri)


Ledger = Annotated[Connection, Depends(ledger)]
Configured = Annotated[Settings, Depends(settings)]
Artifacts = Annotated[Store, Depends(store)]
