"""Decisions that HR made between two datasets, beside what had been predicted for these pairs before, kept week by week."""

from datetime import date, timedelta
from typing import Any

import pandas as pd
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_value
from future_skills.dataset.reading import Dataset, DatasetChangedError, load_dataset
from future_skills.domain import MissingExtraError
from future_skills.drift.realised import measure_decisions
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import DatasetRow, get_dataset
from future_skills.ledger.realised import (
    GROUPS,
    WaitingDataset,
    add_decisions,
    decisions_of,
    overwritten_pairs,
    save_performance,
    waiting_datasets,
)
from future_skills.ledger.versions import VersionRow, get_version
from future_skills.model.backtest import PAIR, later_decisions
from future_skills.model.cuts import Cuts, levels_of
from future_skills.model.scores import scores_of
from future_skills.prediction.responsible import Committee
from future_skills.store.artifacts import ArtifactMissingError, ForeignArtifactError, Store
from future_skills.store.signing import SigningKeys, UntrustedArtifactError

REALISE_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_realise'))"
NAMED = 20
"""Overwritten predictions that are named; all are counted."""
DECISION_COLUMNS = ["job_role_id", "skill_id", "population", "level", "predicted", "probability_high", "persisting"]


def realise_decisions(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, dataset_id: str
) -> list[dict[str, Any]]:
    """Measure past predictions on the decisions that each dataset up to this one brought, and keep them by week.

    The predictions are those that were the newest when the dataset was exported: what HR could see when it decided. What
    was measured before is left alone; returns a line for each dataset measured now. A version that cannot be read is named
    as the reason why nothing is measured of it, and stops no other. Raises UnknownDatasetError.
    """
    with connection:
        horizon = get_dataset(connection, dataset_id).horizon_years
        waiting = waiting_datasets(connection, dataset_id, horizon)
    return [_realise(connection, store, keys, settings, one) for one in waiting]


def _realise(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, waiting: WaitingDataset
) -> dict[str, Any]:
    decisions, reason = _decisions(connection, store, keys, waiting)
    with connection:
        execute(connection, REALISE_LOCK)
        if fetch_value(
            connection,
            "SELECT stages ? 'realised' FROM future_skills_ops.chain WHERE chain_id = %s",
            (waiting.dataset_id,),
        ):
            return {"dataset_id": waiting.dataset_id, "reason": "measured meanwhile by another run"}
        overwritten = overwritten_pairs(connection, waiting.dataset_id)
        facts = {
            "version": waiting.version,
            "decisions": len(decisions),
            "reason": reason,
            "overwritten": len(overwritten),
            "overwritten_pairs": [f"{pair['job_role']}: {pair['skill']}" for pair in overwritten[:NAMED]],
        }
        if len(decisions):
            _keep(connection, settings, waiting, decisions, {(pair["job_role_id"], pair["skill_id"]) for pair in overwritten})
        record_stage(connection, waiting.dataset_id, "realised", "measured" if reason is None else "not measured", **facts)
    return {"dataset_id": waiting.dataset_id, **facts}


def _decisions(
    connection: Connection, store: Store, keys: SigningKeys, waiting: WaitingDataset
) -> tuple[pd.DataFrame, str | None]:
    """The decisions beside their predictions, or why there are none to measure."""
    nothing = pd.DataFrame()
    if waiting.previous_id is None:
        return nothing, "it is the first dataset"
    if waiting.version is None:
        return nothing, "nothing was predicted before it"
    with connection:
        version = get_version(connection, waiting.version)
        rows = [get_dataset(connection, one) for one in (version.dataset_id, waiting.previous_id, waiting.dataset_id)]
    if rows[1].label_source != rows[2].label_source or rows[2].label_source == "bootstrap":
        return nothing, "its labels are not decisions of the same kind as the dataset's before"
    try:
        datasets = {row.dataset_id: load_dataset(store, row) for row in rows}
        return predicted_decisions(store, keys, version, *(datasets[row.dataset_id] for row in rows)), None
    except (ArtifactMissingError, DatasetChangedError) as error:
        return nothing, str(error)
    except (UntrustedArtifactError, ForeignArtifactError, MissingExtraError) as error:
        return nothing, f"version {version.version} cannot be read: {error}"


def _keep(
    connection: Connection,
    settings: Settings,
    waiting: WaitingDataset,
    decisions: pd.DataFrame,
    overwritten: set[tuple[int, int]],
) -> None:
    dataset = get_dataset(connection, waiting.dataset_id)
    week = _monday(dataset)
    pairs = zip(decisions["job_role_id"], decisions["skill_id"], strict=True)
    kept = decisions.assign(
        dataset_id=dataset.dataset_id, version=waiting.version, week=week, overwritten=[pair in overwritten for pair in pairs]
    )
    add_decisions(connection, kept)
    for population in GROUPS:
        rows = decisions_of(connection, str(waiting.version), population, week, week)
        if len(rows):
            values = {"version": waiting.version, "dataset_id": dataset.dataset_id, "week": week, "population": population}
            measured = measure_decisions(rows, settings.gate, settings.training.random_state)
            save_performance(connection, dataset.horizon_years, {**values, "decisions": len(rows), "metrics": measured})


def _monday(dataset: DatasetRow) -> date:
    return dataset.as_of - timedelta(days=dataset.as_of.weekday())


def predicted_decisions(
    store: Store, keys: SigningKeys, version: VersionRow, trained_on: Dataset, before: Dataset, after: Dataset
) -> pd.DataFrame:
    """DECISION_COLUMNS of every decision that `after` has and `before` has not, as the version scored `before`.

    A pair is undecided when neither the training dataset nor `before` has a decision on it; the others were decided anew,
    and are scored by the pipeline that did not learn their old level.
    """
    later = later_decisions(before, after)
    learned = trained_on.decided[[*PAIR, "future_need_level"]]
    later = later.merge(learned, how="left", on=PAIR, suffixes=("", "_learned"))
    undecided = later["undecided"].astype(bool) & later["future_need_level_learned"].isna()
    persisting = later["persisting"].where(~later["undecided"].astype(bool), later["future_need_level_learned"].fillna("LOW"))
    committee = Committee(store, keys, version, trained_on, before)
    probabilities = committee.answer(*committee.features.positions(later["job_role_id"], later["skill_id"])).probabilities
    return later[PAIR].assign(
        population=["undecided" if new else "redecided" for new in undecided],
        level=later["future_need_level"],
        predicted=levels_of(scores_of(probabilities), Cuts(**version.cuts)),
        probability_high=probabilities[:, 2],
        persisting=persisting,
    )[DECISION_COLUMNS]
