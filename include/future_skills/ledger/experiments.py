"""Experiments in the ledger."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.database import execute, fetch_row, fetch_value
from future_skills.domain import FutureSkillsError, LabelSource


class UnknownExperimentError(FutureSkillsError):
    """No such experiment in the ledger."""


@dataclass(frozen=True)
class ExperimentRow:
    """A row of `experiment`. `contenders` are those of `model.experiment`, as dictionaries."""

    experiment_id: int
    dataset_id: str
    request_key: str
    label_source: LabelSource
    facts: dict[str, Any]
    contenders: list[dict[str, Any]]
    baselines: dict[str, dict[str, Any]]
    recommendation: dict[str, Any]
    libraries: dict[str, str]
    page_uri: str
    requested_by: str | None
    created_at: datetime

    @property
    def recommended(self) -> dict[str, Any] | None:
        """The recommended contender, or None."""
        number = self.recommendation["contender"]
        return None if number is None else self.contenders[number]


def next_experiment_id(connection: Connection) -> int:
    """A number no experiment has had."""
    return int(fetch_value(connection, "SELECT nextval('future_skills_ops.experiment_number')"))


def insert_experiment(connection: Connection, row: ExperimentRow) -> None:
    """Add a row, in the caller's transaction."""
    execute(
        connection,
        "INSERT INTO future_skills_ops.experiment (experiment_id, dataset_id, request_key, label_source, facts, contenders,"
        " baselines, recommendation, libraries, page_uri, requested_by, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            row.experiment_id,
            row.dataset_id,
            row.request_key,
            row.label_source,
            *(
                json.dumps(part, allow_nan=False)
                for part in (row.facts, row.contenders, row.baselines, row.recommendation, row.libraries)
            ),
            row.page_uri,
            row.requested_by,
            row.created_at,
        ),
    )


def find_experiment(connection: Connection, request_key: str) -> ExperimentRow | None:
    """The experiment that a request made, or None."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.experiment WHERE request_key = %s", (request_key,))
    return ExperimentRow(**row) if row else None


def get_experiment(connection: Connection, experiment_id: int) -> ExperimentRow:
    """The experiment of that number. Raises UnknownExperimentError."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.experiment WHERE experiment_id = %s", (experiment_id,))
    if row is None:
        raise UnknownExperimentError(f"The ledger has no experiment {experiment_id}: see the runs of future_skills_experiment.")
    return ExperimentRow(**row)


def newest_experiment(connection: Connection) -> ExperimentRow | None:
    """The newest experiment, or None before the first."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.experiment ORDER BY experiment_id DESC LIMIT 1")
    return ExperimentRow(**row) if row else None
