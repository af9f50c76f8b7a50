"""The staging table of a batch: differences wait there, outside the HR tables, until they are published."""

import hashlib

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import execute, fetch_rows
from future_skills.domain import LEDGER_SCHEMA

PREFIX = "prediction_stage_"


def stage_table(batch_id: str) -> sql.Identifier:
    """The staging table of a batch."""
    return sql.Identifier(LEDGER_SCHEMA, PREFIX + hashlib.sha256(batch_id.encode()).hexdigest()[:16])


def staged_sql(name: str, batch_id: str) -> sql.Composed:
    """The text of `include/sql/prediction/<name>.sql` with the batch's staging table in place of {stage}."""
    return sql.SQL(read_sql(f"prediction/{name}")).format(stage=stage_table(batch_id))


def create_stage(connection: Connection, batch_id: str) -> None:
    """Create the table if it is not there. Unlogged: a crash of the server empties it, which the audit notices."""
    execute(connection, staged_sql("stage", batch_id))


def drop_stage(connection: Connection, batch_id: str) -> None:
    """Drop the table if it is there."""
    execute(connection, sql.SQL("DROP TABLE IF EXISTS {}").format(stage_table(batch_id)))


def sweep_stages(connection: Connection, hours: int = 24) -> list[str]:
    """Drop staging tables that no batch planned within `hours` waits for, and commit; returns their names."""
    with connection:
        waiting = fetch_rows(
            connection,
            "SELECT batch_id FROM future_skills_ops.prediction_batch WHERE state IN ('planned', 'audited')"
            " AND planned_at > now() - make_interval(hours => %s)",
            (hours,),
        )
        kept = {stage_table(row["batch_id"]).strings[1] for row in waiting}
        present = fetch_rows(
            connection,
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND relname LIKE %s",
            (LEDGER_SCHEMA, PREFIX.replace("_", r"\_") + "%"),
        )
        stale = sorted(row["relname"] for row in present if row["relname"] not in kept)
        for name in stale:
            execute(connection, sql.SQL("DROP TABLE {}").format(sql.Identifier(LEDGER_SCHEMA, name)))
    return stale
