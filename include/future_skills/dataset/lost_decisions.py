"""Decisions of HR that are fewer than before, and what became of them.

The HR application generates recommendations from predictions, and writes them over HR's own: such a decision is an echo from
then on, and no label. Whoever is told that a dataset or a batch is refused has to read that first.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_value
from future_skills.dataset.files import from_csv
from future_skills.dataset.snapshot import snapshot_sql
from future_skills.domain import SIGNATURE
from future_skills.ledger.datasets import DatasetRow, get_dataset
from future_skills.ledger.versions import EvaluationRow, get_version
from future_skills.store.artifacts import ArtifactMissingError, Store


@dataclass(frozen=True)
class ShownPredictions:
    """Rows of one horizon that the HR application shows: ours as published, ours that it overwrote, and its own."""

    published: int
    overwritten: int
    others: int

    def __str__(self) -> str:
        """One sentence about the predictions, for errors."""
        ours = self.published + self.overwritten
        if not ours:
            return f"The HR application shows none of our predictions ({self.others} rows are its own)."
        if self.overwritten:
            return (
                f"The HR application has overwritten {self.overwritten} of our {ours} published predictions, and shows its own "
                "values there until the next publication restores them."
            )
        others = f", beside {self.others} rows of its own" if self.others else ""
        return f"The HR application still shows our {ours} predictions as they were published last{others}."


@dataclass(frozen=True)
class LostDecisions:
    """Decisions were fewer in a dataset (`now`) than in an earlier one (`before`, of dataset `since`).

    `echoes` of the earlier ones are copies of predictions by now.
    """

    since: str
    before: int
    now: int
    echoes: int

    def __str__(self) -> str:
        """One sentence, for errors."""
        if self.echoes:
            return (
                f"{self.echoes} of the {self.before} decisions of dataset {self.since} are echoes now: the HR application wrote "
                "recommendations over them that repeat predictions."
            )
        return (
            f"None of the {self.before} decisions of dataset {self.since} became an echo of a prediction: the missing ones "
            "were deleted, moved, or set aside as bad rows (quarantine.csv)."
        )


def find_lost_decisions(
    connection: Connection, store: Store, earlier: DatasetRow | None, manifest: dict[str, Any]
) -> LostDecisions | None:
    """What became of the decisions of an earlier dataset, when the manifest of a later one has fewer; None when it has not.

    Looks each earlier decision up in the HR database as it is now, in the caller's transaction.
    """
    if earlier is None or manifest["as_of"] < earlier.manifest["as_of"]:
        return None  # a dataset of an earlier day has fewer decisions by its date alone
    before, now = earlier.manifest["counts"]["decisions"], manifest["counts"]["decisions"]
    if now >= before:
        return None
    return LostDecisions(earlier.dataset_id, before, now, _became_echoes(connection, store, earlier, manifest))


def _became_echoes(connection: Connection, store: Store, earlier: DatasetRow, manifest: dict[str, Any]) -> int:
    try:
        content = store.read(f"{earlier.uri}/snapshot/decisions.csv")
    except ArtifactMissingError:  # swept, or not restored: the counts tell almost as much
        return max(0, int(manifest["left_out"]["echoes"]) - int(earlier.manifest["left_out"]["echoes"]))
    ids = from_csv(content)["decision_id"].to_numpy(dtype=np.int64).tolist()
    return int(fetch_value(connection, snapshot_sql("became_echoes"), {"decision_ids": ids, "signature": SIGNATURE}))


def lost_since_training(connection: Connection, store: Store, evaluation: EvaluationRow) -> LostDecisions | None:
    """What became of the decisions that the champion of an evaluation learned from; None when the version has as many."""
    if evaluation.champion_version is None:
        return None
    with connection:
        earlier = get_dataset(connection, get_version(connection, evaluation.champion_version).dataset_id)
        return find_lost_decisions(connection, store, earlier, get_dataset(connection, evaluation.dataset_id).manifest)


def shown_predictions(connection: Connection, horizon_years: int) -> ShownPredictions:
    """What the HR application shows now of one horizon; reads every row of it."""
    row = fetch_row(connection, read_sql("prediction/shown"), {"horizon_years": horizon_years})
    return ShownPredictions(**(row or {}))
