"""Evaluates a version on roles it has not seen, beside the baselines and the champion, and records it."""

import json
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_value
from future_skills.dataset.reading import Dataset, DatasetChangedError, load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.domain import FeatureSet, MissingExtraError
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import DatasetRow, get_dataset, older_datasets
from future_skills.ledger.versions import EvaluationRow, VersionRow, champion, get_evaluation, get_version
from future_skills.model.backtest import backtest, later_decisions
from future_skills.model.estimators import InvalidParametersError
from future_skills.model.evaluation_report import render_report
from future_skills.model.fitting import Configuration, NothingToLearnError, bounded_threads
from future_skills.model.held_pairs import measure_known_roles
from future_skills.model.importance import permutation_importance
from future_skills.model.inputs import context_of
from future_skills.model.libraries import changed_library
from future_skills.model.measuring import measure
from future_skills.model.metadata import write_metadata
from future_skills.model.population import (
    Opinion,
    choose_population,
    cross_validated_opinions,
    holdout_opinion,
    refitted_opinion,
)
from future_skills.model.training import configuration_of
from future_skills.model.training_run import record_training_run
from future_skills.store.artifacts import ArtifactMissingError, Store
from future_skills.store.signing import SigningKeys

Mode = Literal["normal", "refresh"]
NEXT_ID = "SELECT nextval(pg_get_serial_sequence('future_skills_ops.evaluation', 'evaluation_id'))"
"""The report is written under the evaluation's number before its row."""
BACKTEST_DAYS = 6
"""A weekly chain that ran a day late still finds the week before."""
BACKTEST_TRIES = 2
"""Older datasets read in search of one whose decisions differ; a fit is made for one at most."""


def evaluate_version(
    connection: Connection,
    store: Store,
    keys: SigningKeys,
    settings: Settings,
    version: str,
    *,
    request_key: str,
    mode: Mode = "normal",
) -> EvaluationRow:
    """Measure a version on its own dataset and record evaluation, HTML report, training run and metadata file.

    A request key seen before returns the evaluation it made. Reading the held-out roles is counted by these rows.
    """
    with connection:
        made = fetch_value(
            connection, "SELECT evaluation_id FROM future_skills_ops.evaluation WHERE request_key = %s", (request_key,)
        )
        if made:
            return get_evaluation(connection, made)
        row = get_version(connection, version)
        holdout, reigning = holdout_role_ids(connection), champion(connection)
        dataset_row = get_dataset(connection, row.dataset_id)
        older = older_datasets(connection, dataset_row, days=BACKTEST_DAYS, at_most=BACKTEST_TRIES)
    if reigning is not None and reigning.version == version:
        reigning = None  # nothing is compared with itself
    dataset = load_dataset(store, dataset_row)
    configuration = configuration_of(row, settings)
    with bounded_threads(settings.threads):
        metrics = _measure_all(dataset, row, reigning, holdout, store, keys, settings)
        seed = settings.training.random_state
        context = context_of(dataset, row.feature_set)
        known = measure_known_roles(dataset.training, holdout, configuration, settings.gate.resamples, seed, context)
        metrics |= {"known_roles": known, "backtest": _backtests(dataset, older, configuration, row.feature_set, store)}
    with connection:
        evaluation_id = fetch_value(connection, NEXT_ID)
    report = f"models/future_skills_model_{version}.evaluation-{evaluation_id}.html"
    metrics["report_uri"] = str(store.path(report))
    store.write(report, render_report(row, dataset_row, metrics).encode())
    write_metadata(store, row, dataset_row, metrics)
    with connection:
        execute(
            connection,
            "INSERT INTO future_skills_ops.evaluation (evaluation_id, version, dataset_id, request_key, champion_version,"
            " population, mode, metrics) OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            (
                evaluation_id,
                version,
                row.dataset_id,
                request_key,
                reigning.version if reigning else None,
                metrics["population"],
                mode,
                json.dumps(metrics, allow_nan=False),
            ),
        )
        record_training_run(connection, row, metrics)
        record_stage(connection, row.dataset_id, "evaluation", "measured", evaluation_id=evaluation_id, mode=mode)
        return get_evaluation(connection, evaluation_id)


def _measure_all(
    dataset: Dataset,
    version: VersionRow,
    reigning: VersionRow | None,
    holdout: frozenset[int],
    store: Store,
    keys: SigningKeys,
    settings: Settings,
) -> dict[str, Any]:
    folds, seed = settings.training.folds, settings.training.random_state
    population = choose_population(dataset, holdout, folds, seed, settings.gate)

    def opinions_of(contender: VersionRow) -> list[Opinion]:
        configuration, context = configuration_of(contender, settings), context_of(dataset, contender.feature_set)
        if population.name == "none":
            return []
        if population.name == "cv":
            return cross_validated_opinions(dataset, configuration, folds, context)
        if changed_library(contender.estimator, contender.libraries) or not contender.facts.get("holdout_kept_apart", True):
            return refitted_opinion(contender, population, dataset, holdout, configuration, context)
        return holdout_opinion(contender, population, store, keys, context)

    opinions = opinions_of(version)
    rival, unanswered = _rival_opinions(reigning, opinions_of)
    measured = measure(population, opinions, rival, settings.gate.resamples, seed)
    if reigning and measured["comparison"]:
        measured["comparison"]["champion"] = reigning.version
    importance = None
    if measured["baselines"]:
        context = context_of(dataset, version.feature_set)
        importance = permutation_importance(population.rows, opinions[0].parts, seed, context)
    return {
        "population": population.name,
        "label_source": version.label_source,
        "accuracy_known": version.label_source != "bootstrap",
        "roles": population.roles,
        "rows": len(population.rows),
        "high": int((population.levels == "HIGH").sum()),
        **measured,
        "importance": importance,
        "champion_unmeasured": unanswered,
        "cv": version.facts["cv"],
        "fit_seconds": version.facts["fit_seconds"],
        "targets": _targets(measured, version),
        "holdout_roles": len(holdout) if population.name == "holdout" else 0,
    }


def _rival_opinions(
    reigning: VersionRow | None, opinions_of: Callable[[VersionRow], list[Opinion]]
) -> tuple[list[Opinion], str | None]:
    """What the champion says, or why it could not be asked, which must not stop the version that could replace it."""
    if reigning is None:
        return [], None
    try:
        opinions = opinions_of(reigning)
    except (MissingExtraError, InvalidParametersError, NothingToLearnError) as error:
        return [], f"The deployed version {reigning.version} could not be measured: {error}"
    if not all(np.isfinite(opinion.probabilities).all() for opinion in opinions):
        return [], f"The deployed version {reigning.version} gives probabilities that are no numbers."
    return opinions, None


def _backtests(
    dataset: Dataset, older: list[DatasetRow], configuration: Configuration, feature_set: FeatureSet, store: Store
) -> list[dict[str, Any]]:
    """The back-test on the newest older dataset whose decisions differ; empty when there is none, or labels are the rules'.

    An older dataset that is no longer in the store is passed over: what it could add is no reason to fail.
    """
    if dataset.row.label_source == "bootstrap":
        return []
    for row in older:
        try:
            then = load_dataset(store, row)
        except (ArtifactMissingError, DatasetChangedError):
            continue
        later = later_decisions(then, dataset)
        if len(later):
            found = backtest(then, later, configuration, feature_set)
            return [found] if found else []
    return []


def _targets(measured: dict[str, Any], version: VersionRow) -> dict[str, Any]:
    """The original design's targets, each with the distance to it (negative: missed)."""
    weighted = measured["overall"]["weighted_f1"]["value"]
    spread = version.facts["cv"].get("weighted_f1", {}).get("std")
    seconds = version.facts["fit_seconds"]
    return {
        "weighted_f1": {"target": 0.95, "value": weighted, "distance": None if weighted is None else weighted - 0.95},
        "cv_std": {"target": 0.01, "value": spread, "distance": None if spread is None else 0.01 - spread},
        "training_seconds": {"target": 60.0, "value": seconds, "distance": 60.0 - seconds},
    }
