"""Accepts an exported dataset into the ledger, or refuses it with every reason."""

import json
from datetime import date
from typing import Any

import pandas as pd
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from future_skills.config import Settings
from future_skills.database import execute, fetch_value
from future_skills.dataset.contract import schema_problems, size_problems
from future_skills.dataset.files import from_csv
from future_skills.dataset.lost_decisions import LostDecisions, ShownPredictions, find_lost_decisions, shown_predictions
from future_skills.dataset.reading import read_files, read_manifest
from future_skills.dataset.role_split import assign_roles
from future_skills.domain import FutureSkillsError
from future_skills.ledger.chains import Origin, forget_stage, record_stage, start_chain
from future_skills.ledger.datasets import DatasetRow, get_dataset, newest_dataset
from future_skills.store.artifacts import Store


class DatasetRejectedError(FutureSkillsError):
    """A dataset breaks its contract: nothing is trained on it or predicted from it.

    When decisions are fewer than before, `lost` tells what became of them, and `shown` what HR sees meanwhile.
    """

    def __init__(
        self, dataset_id: str, problems: list[str], lost: LostDecisions | None = None, shown: ShownPredictions | None = None
    ) -> None:
        why = f" {lost} {shown}" if lost else ""
        super().__init__(f"The dataset {dataset_id} is refused: {'; '.join(problems)}.{why} Mend the HR data, then export again.")
        self.dataset_id, self.problems, self.lost, self.shown = dataset_id, problems, lost, shown


def validate_dataset(
    connection: Connection,
    store: Store,
    settings: Settings,
    dataset_id: str,
    *,
    origin: Origin,
    requested_by: str | None = None,
    dag_run_id: str | None = None,
    to_look_at: bool = False,
) -> DatasetRow:
    """Check an exported dataset and register it, with its chain, quarantine and role split, in one transaction.

    A dataset registered before is returned as it is. One `to_look_at` is not predicted from, until it is validated again
    for a training. Raises DatasetRejectedError with every broken rule.
    """
    with connection:
        if fetch_value(connection, "SELECT 1 FROM future_skills_ops.dataset WHERE dataset_id = %s", (dataset_id,)):
            if not to_look_at:
                forget_stage(connection, dataset_id, "export")
            return get_dataset(connection, dataset_id)
        last = newest_dataset(connection, settings.horizon_years)
    manifest = read_manifest(store, dataset_id)
    uri = str(store.path(f"datasets/{dataset_id}"))
    contents = read_files(store, uri, manifest)
    comparable = last.manifest if last and last.pair_scope == manifest["pair_scope"] else None
    problems = schema_problems(from_csv(contents["dataset.csv"])) + size_problems(manifest, comparable, settings.dataset)
    if problems:
        with connection:
            lost = find_lost_decisions(connection, store, last, manifest)
            shown = shown_predictions(connection, settings.horizon_years) if lost else None
        raise DatasetRejectedError(dataset_id, problems, lost, shown)
    rejected = from_csv(store.read(f"{uri}/quarantine.csv"))
    with connection:
        start_chain(connection, dataset_id, origin, requested_by, dag_run_id)
        _insert(connection, uri, manifest, len(rejected))
        _quarantine(connection, dataset_id, rejected)
        assign_roles(connection, from_csv(contents["snapshot/roles.csv"]))
        record_stage(
            connection, dataset_id, "dataset", "accepted", decided_rows=manifest["decided_rows"], quarantined=len(rejected)
        )
        if to_look_at:
            record_stage(connection, dataset_id, "export", "to look at")
        return get_dataset(connection, dataset_id)


def _insert(connection: Connection, uri: str, manifest: dict[str, Any], quarantined: int) -> None:
    execute(
        connection,
        "INSERT INTO future_skills_ops.dataset (dataset_id, uri, digest, as_of, horizon_years, pair_scope, label_source,"
        " decided_rows, implicit_rows, quarantined, manifest) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            manifest["dataset_id"],
            uri,
            manifest["digest"],
            date.fromisoformat(manifest["as_of"]),
            manifest["horizon_years"],
            manifest["pair_scope"],
            manifest["label_source"],
            manifest["decided_rows"],
            manifest["implicit_rows"],
            quarantined,
            json.dumps(manifest),
        ),
    )


def _quarantine(connection: Connection, dataset_id: str, rejected: pd.DataFrame) -> None:
    columns = (rejected["source_table"], rejected["row_id"].astype(int), rejected["reason"])
    rows = [(dataset_id, *values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    with connection.cursor() as cursor:
        execute_values(
            cursor, "INSERT INTO future_skills_ops.quarantine (dataset_id, source_table, row_id, reason) VALUES %s", rows
        )
