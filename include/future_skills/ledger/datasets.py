"""Datasets in the ledger."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.database import fetch_row, fetch_rows
from future_skills.domain import FutureSkillsError, LabelSource, PairScope


class UnknownDatasetError(FutureSkillsError):
    """No such dataset in the ledger."""


@dataclass(frozen=True)
class DatasetRow:
    """A row of `dataset`; `dataset_id` is the chain's id too."""

    dataset_id: str
    uri: str
    digest: str
    as_of: date
    horizon_years: int
    pair_scope: PairScope
    label_source: LabelSource
    decided_rows: int
    implicit_rows: int
    quarantined: int
    manifest: dict[str, Any]
    created_at: datetime


def get_dataset(connection: Connection, dataset_id: str) -> DatasetRow:
    """The dataset of that id. Raises UnknownDatasetError."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.dataset WHERE dataset_id = %s", (dataset_id,))
    if row is None:
        raise UnknownDatasetError(f"The ledger has no dataset {dataset_id!r}: see the runs of future_skills_export.")
    return DatasetRow(**row)


def newest_dataset(connection: Connection, horizon_years: int) -> DatasetRow | None:
    """The newest accepted dataset of a horizon (newest `as_of`, then newest export), or None.

    Those exported to look at are none of the chain's, until somebody names one for a training.
    """
    row = fetch_row(
        connection,
        "SELECT dataset.* FROM future_skills_ops.dataset JOIN future_skills_ops.chain ON chain_id = dataset_id"
        " WHERE horizon_years = %s AND NOT stages ? 'export' ORDER BY as_of DESC, created_at DESC LIMIT 1",
        (horizon_years,),
    )
    return DatasetRow(**row) if row else None


def older_datasets(connection: Connection, dataset: DatasetRow, *, days: int, at_most: int) -> list[DatasetRow]:
    """The newest datasets at least `days` older than this one (by `as_of`), with the same horizon and source of labels.

    One per `as_of`, newest first; none exported only to look at.
    """
    rows = fetch_rows(
        connection,
        "SELECT DISTINCT ON (as_of) dataset.* FROM future_skills_ops.dataset"
        " JOIN future_skills_ops.chain ON chain_id = dataset_id"
        " WHERE (horizon_years, label_source) = (%s, %s) AND as_of <= %s AND NOT stages ? 'export'"
        " ORDER BY as_of DESC, created_at DESC LIMIT %s",
        (dataset.horizon_years, dataset.label_source, dataset.as_of - timedelta(days=days), at_most),
    )
    return [DatasetRow(**row) for row in rows]
