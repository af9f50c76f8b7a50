"""Everything the ledger knows of one version: what it was made of, how it was judged, who let it in and when."""

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.database import fetch_rows
from future_skills.ledger.datasets import DatasetRow, get_dataset
from future_skills.ledger.versions import EvaluationRow, VersionRow, champion, get_version, holdout_reads, newest_evaluation


@dataclass(frozen=True)
class VersionStory:
    """A version with its dataset, newest evaluation, approval events and deployments (rows of the ledger, oldest first).

    `reads` counts how often the held-out roles had been read when the newest evaluation was made; None without one.
    """

    version: VersionRow
    dataset: DatasetRow
    evaluation: EvaluationRow | None
    reads: int | None
    approvals: list[dict[str, Any]]
    deployments: list[dict[str, Any]]
    deployed: bool

    @property
    def accuracy_known(self) -> bool:
        """False when its labels are the rules', so that no figure speaks of accuracy."""
        return self.version.label_source != "bootstrap"


def tell_version(connection: Connection, name: str) -> VersionStory:
    """The story of a version, in the caller's transaction. Raises UnknownVersionError."""
    version, reigning = get_version(connection, name), champion(connection)
    evaluation = newest_evaluation(connection, name)
    return VersionStory(
        version=version,
        dataset=get_dataset(connection, version.dataset_id),
        evaluation=evaluation,
        reads=holdout_reads(connection, evaluation.evaluation_id) if evaluation else None,
        approvals=fetch_rows(
            connection, "SELECT * FROM future_skills_ops.approval WHERE version = %s ORDER BY event_id", (name,)
        ),
        deployments=fetch_rows(
            connection, "SELECT * FROM future_skills_ops.deployment WHERE version = %s ORDER BY deployment_id", (name,)
        ),
        deployed=reigning is not None and reigning.version == name,
    )
