"""Brings the ledger to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg2.extensions import connection as Connection
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from future_skills.database import execute, fetch_value
from future_skills.domain import LEDGER_SCHEMA, FutureSkillsError

MIGRATIONS = Path(__file__).parent / "migrations"


class LedgerMissingError(FutureSkillsError):
    """The schema of the ledger is absent, or not of this release."""


def migrate_ledger(connection: Connection, *, create_schema: bool = False) -> str:
    """Apply every migration that is missing, in one transaction, and commit (the caller's open transaction first).

    `create_schema` is for the embedded database; on a company's own, its DBA has created the schema.
    Returns the revision reached. Raises LedgerMissingError when the schema does not exist.
    """
    if create_schema:
        execute(connection, f"CREATE SCHEMA IF NOT EXISTS {LEDGER_SCHEMA}")
    if not fetch_value(connection, "SELECT to_regnamespace(%s) IS NOT NULL", (LEDGER_SCHEMA,)):
        raise LedgerMissingError(
            f"The HR database has no schema {LEDGER_SCHEMA}: let its DBA run what `make hr-grants` prints, then try again."
        )
    connection.commit()  # SQLAlchemy rolls back when it first takes over a connection
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine("postgresql+psycopg2://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as bind:
        config.attributes["connection"] = bind
        command.upgrade(config, "head")
    connection.commit()
    return newest_revision()


def newest_revision() -> str:
    """The revision this release needs."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    head = ScriptDirectory.from_config(config).get_current_head()
    if head is None:
        raise LedgerMissingError(f"No migration found in {MIGRATIONS}: the installation is incomplete.")
    return head


def require_ledger(connection: Connection) -> None:
    """Raise LedgerMissingError unless the ledger exists at the revision of this release."""
    found = None
    if fetch_value(connection, "SELECT to_regclass('future_skills_ops.alembic_version') IS NOT NULL"):
        found = fetch_value(connection, "SELECT version_num FROM future_skills_ops.alembic_version")
    if found != newest_revision():
        raise LedgerMissingError(
            f"The ledger is at revision {found or 'none'}, this release needs {newest_revision()}: run `make migrate`."
        )
