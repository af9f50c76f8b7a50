"""Prediction batches and their shards in the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_rows
from future_skills.domain import FutureSkillsError, Language, PairScope
from future_skills.ledger.datasets import DatasetRow

BatchState = Literal["planned", "audited", "published", "withheld"]


class UnknownBatchError(FutureSkillsError):
    """No such prediction batch, or shard, in the ledger."""


@dataclass(frozen=True)
class BatchRow:
    """A row of `prediction_batch`: one dataset scored by one version."""

    batch_id: str
    dataset_id: str
    version: str
    pair_scope: PairScope
    horizon_years: int
    language: Language
    repeat: int
    state: BatchState
    pairs: int
    counts: dict[str, int]
    levels: dict[str, dict[str, int]]
    sample_uri: str | None
    prediction_run_id: int | None
    planned_at: datetime
    published_at: datetime | None


@dataclass(frozen=True)
class ShardRow:
    """A row of `shard`: the job roles scored together; `scored_at` is None until they are."""

    batch_id: str
    number: int
    job_role_ids: list[int]
    pairs: int
    counts: dict[str, Any]
    scored_at: datetime | None


def get_batch(connection: Connection, batch_id: str) -> BatchRow:
    """The batch of that id. Raises UnknownBatchError."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.prediction_batch WHERE batch_id = %s", (batch_id,))
    if row is None:
        raise UnknownBatchError(f"The ledger has no prediction batch {batch_id!r}.")
    return BatchRow(**row)


def list_shards(connection: Connection, batch_id: str) -> list[ShardRow]:
    """The shards of a batch by number."""
    rows = fetch_rows(connection, "SELECT * FROM future_skills_ops.shard WHERE batch_id = %s ORDER BY number", (batch_id,))
    return [ShardRow(**row) for row in rows]


def first_batch_of(connection: Connection, like: BatchRow, *, whole: bool = True) -> BatchRow | None:
    """The first other batch finished by the same version in the same scope and horizon whose data was not broken, or None.

    Its drift report says that it was not, or there is none yet; `whole`: nor was a value missing.
    """
    parameters = {**vars(like), "whole": whole}
    row = fetch_row(connection, read_sql("drift/first_batch"), parameters)
    return BatchRow(**row) if row else None


def previous_batch(connection: Connection, batch: BatchRow) -> BatchRow | None:
    """The batch finished before this one, of another dataset in the same scope and horizon, by any version; or None."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.prediction_batch WHERE (pair_scope, horizon_years) = (%s, %s) AND dataset_id <> %s"
        " AND planned_at < %s AND state IN ('published', 'withheld') ORDER BY planned_at DESC LIMIT 1",
        (batch.pair_scope, batch.horizon_years, batch.dataset_id, batch.planned_at),
    )
    return BatchRow(**row) if row else None


def newest_published(connection: Connection, horizon_years: int) -> BatchRow | None:
    """The batch published last in a horizon, or None."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.prediction_batch WHERE horizon_years = %s AND state = 'published'"
        " ORDER BY published_at DESC LIMIT 1",
        (horizon_years,),
    )
    return BatchRow(**row) if row else None


def newer_published(connection: Connection, dataset: DatasetRow, since: datetime | None = None) -> BatchRow | None:
    """A batch of a newer dataset of the same horizon that is published (`since` then), or None."""
    row = fetch_row(
        connection,
        "SELECT prediction_batch.* FROM future_skills_ops.prediction_batch JOIN future_skills_ops.dataset USING (dataset_id)"
        " WHERE state = 'published' AND dataset.horizon_years = %s AND (as_of, created_at) > (%s, %s)"
        " AND published_at > coalesce(%s, '-infinity'::timestamptz) ORDER BY published_at DESC LIMIT 1",
        (dataset.horizon_years, dataset.as_of, dataset.created_at, since),
    )
    return BatchRow(**row) if row else None


def newest_finished(connection: Connection, horizon_years: int) -> BatchRow | None:
    """The batch published, or withheld, last in a horizon, or None."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.prediction_batch WHERE horizon_years = %s AND state IN ('published', 'withheld')"
        " ORDER BY coalesce(published_at, planned_at) DESC LIMIT 1",
        (horizon_years,),
    )
    return BatchRow(**row) if row else None
