"""Model versions and their evaluations in the ledger; the champion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.domain import FeatureSet, FutureSkillsError, LabelSource, Verdict
from future_skills.store.signing import Artifact

NAMED = 10
"""Versions an error names; there may be hundreds."""


class UnknownVersionError(FutureSkillsError):
    """No such model version, or evaluation, in the ledger."""


def fold_artifact(number: int) -> str:
    """The name of the artefact of a fold's pipeline among those of its version."""
    return f"fold-{number}"


@dataclass(frozen=True)
class VersionRow:
    """A row of `model_version`. `cuts` has the keys medium and high.

    `artifacts` has the keys served, evaluated, folds (fold of each job role), and that of `fold_artifact` for each fold.
    """

    version: str
    number: int
    dataset_id: str
    request_key: str
    estimator: str
    preprocessing: str
    parameters: dict[str, Any]
    feature_set: FeatureSet
    horizon_years: int
    label_source: LabelSource
    loadable_by_hr: bool
    artifacts: dict[str, Artifact]
    libraries: dict[str, str]
    cuts: dict[str, float]
    facts: dict[str, Any]
    requested_by: str | None
    created_at: datetime

    @property
    def digest(self) -> str:
        """SHA-256 of the served artefact: what an approval names."""
        return self.artifacts["served"].sha256


@dataclass(frozen=True)
class EvaluationRow:
    """A row of `evaluation`; `checks`, `verdict` and `gate_mode` are None until the gate has judged."""

    evaluation_id: int
    version: str
    dataset_id: str
    request_key: str
    champion_version: str | None
    population: str
    mode: str
    metrics: dict[str, Any]
    checks: list[dict[str, Any]] | None
    verdict: Verdict | None
    gate_mode: str | None
    evaluated_at: datetime
    judged_at: datetime | None


def _version(row: dict[str, Any]) -> VersionRow:
    return VersionRow(**{**row, "artifacts": {name: Artifact(**value) for name, value in row["artifacts"].items()}})


def get_version(connection: Connection, version: str) -> VersionRow:
    """The version of that name. Raises UnknownVersionError."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.model_version WHERE version = %s", (version,))
    if row is None:
        query = "SELECT version FROM future_skills_ops.model_version ORDER BY number DESC LIMIT %s"
        known = ", ".join(found["version"] for found in fetch_rows(connection, query, (NAMED,)))
        has = f"the newest are {known} (all: MODEL_REGISTRY.md)" if known else "nothing was trained yet"
        raise UnknownVersionError(f"The ledger has no model version {version!r}: {has}.")
    return _version(row)


def lock_version(connection: Connection, version: str) -> VersionRow:
    """The version of that name, which nobody else changes until the caller's transaction ends. Raises UnknownVersionError."""
    execute(connection, "SELECT 1 FROM future_skills_ops.model_version WHERE version = %s FOR UPDATE", (version,))
    return get_version(connection, version)


def list_versions(connection: Connection) -> list[VersionRow]:
    """Every version, newest first."""
    rows = fetch_rows(connection, "SELECT * FROM future_skills_ops.model_version ORDER BY number DESC")
    return [_version(row) for row in rows]


def champion(connection: Connection) -> VersionRow | None:
    """The version of the newest deployment, or None before the first."""
    row = fetch_row(
        connection,
        "SELECT model_version.* FROM future_skills_ops.deployment JOIN future_skills_ops.model_version USING (version)"
        " ORDER BY deployment_id DESC LIMIT 1",
    )
    return _version(row) if row else None


def former_champion(connection: Connection) -> str | None:
    """The version that was deployed before the champion, or None when there is none.

    A rollback takes back the deployments after the version it returns to: a second one goes further back, not forth again.
    """
    rows = fetch_rows(connection, "SELECT version, kind FROM future_skills_ops.deployment ORDER BY deployment_id")
    standing: list[str] = []
    for row in rows:
        version = row["version"]
        if row["kind"] == "rollback" and version in standing:
            last = len(standing) - standing[::-1].index(version)
            standing = standing[:last]
        elif standing[-1:] != [version]:
            standing.append(version)
    return next((version for version in reversed(standing[:-1]) if version != standing[-1]), None)


def first_evaluation(connection: Connection, version: str) -> EvaluationRow | None:
    """The first evaluation of a version, or None."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.evaluation WHERE version = %s ORDER BY evaluation_id LIMIT 1",
        (version,),
    )
    return EvaluationRow(**row) if row else None


def get_evaluation(connection: Connection, evaluation_id: int) -> EvaluationRow:
    """The evaluation of that id. Raises UnknownVersionError."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.evaluation WHERE evaluation_id = %s", (evaluation_id,))
    if row is None:
        raise UnknownVersionError(f"The ledger has no evaluation {evaluation_id}.")
    return EvaluationRow(**row)


def newest_evaluation(connection: Connection, version: str) -> EvaluationRow | None:
    """The newest evaluation of a version, or None."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.evaluation WHERE version = %s ORDER BY evaluation_id DESC LIMIT 1",
        (version,),
    )
    return EvaluationRow(**row) if row else None


def holdout_reads(connection: Connection, evaluation_id: int) -> int:
    """How often the held-out roles had been read, by any version, up to and with that evaluation.

    All versions share them: each look at the same roles makes a lucky result there a little more likely.
    """
    return int(
        fetch_value(
            connection,
            "SELECT count(*) FROM future_skills_ops.evaluation WHERE population = 'holdout' AND evaluation_id <= %s",
            (evaluation_id,),
        )
    )
