"""Trains a version: the evaluated, the served and the fold pipelines of one configuration, signed and registered."""

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_row, fetch_value
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.domain import FEATURES, FeatureSet
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import VersionRow, fold_artifact, get_version
from future_skills.model.cuts import choose_cuts, levels_of
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.evidence import COLUMNS
from future_skills.model.fitting import (
    Configuration,
    OutOfFold,
    bounded_threads,
    fit_folds,
    fit_pipeline,
    nothing,
    require_fittable,
)
from future_skills.model.folds import FEWEST_ROLES
from future_skills.model.inputs import context_of
from future_skills.model.libraries import library_versions
from future_skills.model.metrics import summary
from future_skills.model.reference import reference_predictions
from future_skills.model.scores import scores_of
from future_skills.store.artifacts import Store
from future_skills.store.models import Packed, pack, save_model
from future_skills.store.signing import SigningKeys


@dataclass(frozen=True)
class TrainingRequest:
    """What to train, on which dataset, and for whom; `request_key` makes a repeated request find its version."""

    dataset_id: str
    request_key: str
    estimator: str
    preprocessing: str
    parameters: dict[str, Any]
    feature_set: FeatureSet
    requested_by: str | None


@dataclass(frozen=True)
class Fitted:
    """Everything one training yields; `artifacts` has the names of VersionRow's."""

    artifacts: dict[str, Packed]
    cuts: dict[str, float]
    facts: dict[str, Any]


def configuration_of(version: VersionRow | TrainingRequest, settings: Settings) -> Configuration:
    """The configuration of a version or request, with this installation's seed and threads."""
    defaults = settings.training
    return Configuration(
        version.estimator,
        version.preprocessing,
        version.parameters,
        defaults.random_state,
        settings.threads,
        defaults.maximum_rows,
    )


def train_version(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, request: TrainingRequest
) -> VersionRow:
    """Train, sign and register a version; a request key seen before returns the version it made.

    Raises UnknownEstimatorError or InvalidParametersError before anything is fitted, NothingToLearnError without rows.
    """
    with connection:
        made = fetch_value(
            connection, "SELECT version FROM future_skills_ops.model_version WHERE request_key = %s", (request.request_key,)
        )
        if made:
            return get_version(connection, made)
        dataset_row = get_dataset(connection, request.dataset_id)
        holdout = holdout_role_ids(connection)
    configuration = configuration_of(request, settings)
    require_fittable(configuration, request.feature_set)
    dataset = load_dataset(store, dataset_row)
    with bounded_threads(settings.threads):
        fitted = fit_version(dataset, holdout, configuration, settings.training.folds, request.feature_set)
    with connection:
        number = fetch_value(connection, "SELECT nextval('future_skills_ops.model_version_number')")
    stem = f"models/future_skills_model_v{number}"
    artifacts = {
        name: asdict(save_model(store, f"{stem}.pkl" if name == "served" else f"{stem}.{name}.pkl", model, keys))
        for name, model in fitted.artifacts.items()
    }
    with connection:
        return _register(connection, number, request, dataset, artifacts, fitted)


def fit_version(
    dataset: Dataset, holdout: frozenset[int], configuration: Configuration, folds: int, feature_set: FeatureSet = "core"
) -> Fitted:
    """Fit everything a version consists of; nothing of the held-out roles reaches the evaluated artefact or the cuts."""
    rows, context = dataset.training, context_of(dataset, feature_set)
    inside = rows[~rows["job_role_id"].isin(holdout)].reset_index(drop=True)
    kept_apart = inside.loc[inside["population"] == "decided", "job_role_id"].nunique() >= FEWEST_ROLES
    if not kept_apart:
        inside = rows  # nearly all decided roles fell into the held-out fifth: such a company is evaluated by cross-validation
    out_of_fold = fit_folds(inside, configuration, folds, configuration.random_state, context, nothing)
    decided = (inside["population"] == "decided").to_numpy()
    levels, scores = inside["future_need_level"].to_numpy(), scores_of(out_of_fold.probabilities)
    cuts = choose_cuts(scores[decided], levels[decided])
    evaluated = pack(fit_pipeline(inside, configuration, context))
    start = time.perf_counter()
    served = fit_pipeline(rows, configuration, context)
    seconds = time.perf_counter() - start
    reference = reference_predictions(served, rows, context)
    packed = pack(served)
    del served
    whole = fit_folds(rows, configuration, folds, configuration.random_state, context, pack)
    fold_of_role = dict(zip(rows["job_role_id"].tolist(), whole.folds.tolist(), strict=True))
    facts = {
        "fit_seconds": round(seconds, 3),
        "rows": {
            "decided": int((rows["population"] == "decided").sum()),
            "implicit": int((rows["population"] == "implicit").sum()),
        },
        "training_rows": len(inside),
        "maximum_rows": configuration.maximum_rows,
        "holdout_kept_apart": bool(kept_apart),
        "classes": rows["future_need_level"].value_counts().to_dict(),
        "features": list(COLUMNS if context else FEATURES),
        "uninformative": dataset.row.manifest["uninformative"],
        "random_state": configuration.random_state,
        "reference": reference,
        "cv": _cross_validation(out_of_fold, levels, decided, cuts),
    }
    artifacts = {"evaluated": evaluated, "served": packed, "folds": pack(fold_of_role)}
    artifacts |= {fold_artifact(number): pipeline for number, pipeline in whole.pipelines.items()}
    return Fitted(artifacts, cuts.to_dict(), facts)


def _cross_validation(out_of_fold: OutOfFold, levels: np.ndarray, decided: np.ndarray, cuts: Any) -> dict[str, Any]:
    """Mean and standard deviation over folds of training roles, decided rows only."""
    predicted = levels_of(scores_of(out_of_fold.probabilities), cuts)
    folds = pd.DataFrame(
        [
            summary(levels[chosen], out_of_fold.probabilities[chosen, 2], predicted[chosen])
            for fold in np.unique(out_of_fold.folds)
            if (chosen := decided & (out_of_fold.folds == fold)).any()
        ]
    ).astype(float)
    values = {name: {"mean": _number(folds[name].mean()), "std": _number(folds[name].std(ddof=0))} for name in folds.columns}
    return {"folds": len(folds), **values}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _register(
    connection: Connection,
    number: int,
    request: TrainingRequest,
    dataset: Dataset,
    artifacts: dict[str, Any],
    fitted: Fitted,
) -> VersionRow:
    version = f"v{number}"
    execute(
        connection,
        "INSERT INTO future_skills_ops.model_version (version, number, dataset_id, request_key, estimator, preprocessing,"
        " parameters, feature_set, horizon_years, label_source, loadable_by_hr, artifacts, libraries, cuts, facts, requested_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            version,
            number,
            request.dataset_id,
            request.request_key,
            request.estimator,
            request.preprocessing,
            json.dumps(request.parameters),
            request.feature_set,
            dataset.row.horizon_years,
            dataset.row.label_source,
            loadable_by_hr(request.estimator, request.feature_set),
            json.dumps(artifacts),
            json.dumps(library_versions()),
            json.dumps(fitted.cuts),
            json.dumps(fitted.facts),
            request.requested_by,
        ),
    )
    record_stage(connection, request.dataset_id, "training", "trained", version=version)
    return get_version(connection, version)


def find_trained(connection: Connection, request: TrainingRequest) -> str | None:
    """The newest version already trained on that dataset with that configuration, or None."""
    row = fetch_row(
        connection,
        "SELECT version FROM future_skills_ops.model_version WHERE (dataset_id, estimator, preprocessing, feature_set)"
        " = (%s, %s, %s, %s) AND parameters = %s::jsonb ORDER BY number DESC LIMIT 1",
        (request.dataset_id, request.estimator, request.preprocessing, request.feature_set, json.dumps(request.parameters)),
    )
    return row["version"] if row else None
