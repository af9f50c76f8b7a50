"""The staging table of a batch: differences wait there, outside the HR tables, until they are published."""

import hashlib
from collections.abc import Mapping
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import execute, fetch_rows, fetch_value
from future_skills.domain import LEDGER_SCHEMA
from future_skills.ledger.batches import BatchRow, ShardRow, list_shards, newest_published

PREFIX = "prediction_stage_"
RUN_AGAIN = "run future_skills_prediction again, which scores them anew"
STAGED = {"insert": "inserted", "update": "updated", "delete": "deleted"}
"""Operations in the table, by the names of their counts."""


def stage_name(batch_id: str) -> str:
    """The name of a batch's staging table, without its schema."""
    return PREFIX + hashlib.sha256(batch_id.encode()).hexdigest()[:16]


def stage_table(batch_id: str) -> sql.Identifier:
    """The staging table of a batch."""
    return sql.Identifier(LEDGER_SCHEMA, stage_name(batch_id))


def staged_sql(name: str, batch_id: str) -> sql.Composed:
    """The text of `include/sql/prediction/<name>.sql` with the batch's staging table in place of {stage}."""
    return sql.SQL(read_sql(f"prediction/{name}")).format(stage=stage_table(batch_id))


def create_stage(connection: Connection, batch_id: str) -> None:
    """Create the table if it is not there. Unlogged: a crash of the server empties it, which audit and publication notice."""
    execute(connection, staged_sql("stage", batch_id))


def staged_counts(connection: Connection, batch_id: str) -> dict[int, dict[str, int]]:
    """How many rows of each operation (insert, update, delete) are staged, by shard; none when the table is gone."""
    if not fetch_value(connection, "SELECT to_regclass(%s) IS NOT NULL", (f"{LEDGER_SCHEMA}.{stage_name(batch_id)}",)):
        return {}
    counts: dict[int, dict[str, int]] = {}
    for row in fetch_rows(connection, staged_sql("staged", batch_id)):
        counts.setdefault(row["shard"], {})[row["operation"]] = row["rows"]
    return counts


def _expected(counts: Mapping[str, Any]) -> dict[str, int]:
    return {operation: counts[name] for operation, name in STAGED.items() if counts.get(name)}


def lost_shards(connection: Connection, batch: BatchRow) -> list[int]:
    """Shards to be scored again: their rows are not all staged any more, or what they were compared with was replaced since."""
    shards = list_shards(connection, batch.batch_id)
    staged, shown = staged_counts(connection, batch.batch_id), newest_published(connection, batch.horizon_years)

    def lost(shard: ShardRow) -> bool:
        if shard.scored_at is None:
            return False
        outdated = shown is not None and shown.published_at is not None and shard.scored_at < shown.published_at
        return outdated or staged.get(shard.number, {}) != _expected(shard.counts)

    return [shard.number for shard in shards if lost(shard)]


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
        kept = {stage_name(row["batch_id"]) for row in waiting}
        present = fetch_rows(
            connection,
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND relname LIKE %s",
            (LEDGER_SCHEMA, PREFIX.replace("_", r"\_") + "%"),
        )
        stale = sorted(row["relname"] for row in present if row["relname"] not in kept)
        for name in stale:
            execute(connection, sql.SQL("DROP TABLE {}").format(sql.Identifier(LEDGER_SCHEMA, name)))
    return stale
