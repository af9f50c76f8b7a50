"""Fits one configuration to some rows; used alike for the evaluated, the served and the fold pipelines."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from future_skills.domain import FEATURES, FutureSkillsError
from future_skills.model.estimators import InvalidParametersError, build_estimator, find_estimator
from future_skills.model.finishing import finish
from future_skills.model.folds import FEWEST_ROLES, role_folds
from future_skills.model.preprocessing import TARGET_FOLDS, build_pipeline
from future_skills.model.scores import probabilities_of

FEWEST_PER_CLASS = 2


class NothingToLearnError(FutureSkillsError):
    """There is no row to fit a model to."""


def bounded_threads(threads: int) -> threadpool_limits:
    """A context in which linear algebra has `threads` threads and OpenMP one.

    Boosting's OpenMP threads wait for each other far longer than they work at these sizes; a forest has threads of its own.
    """
    return threadpool_limits({"blas": threads, "openmp": 1})


@dataclass(frozen=True)
class Configuration:
    """What is fitted: estimator, preprocessing, hyperparameters, seed, threads."""

    estimator: str
    preprocessing: str
    parameters: dict[str, Any]
    random_state: int
    threads: int


def fit_pipeline(rows: pd.DataFrame, configuration: Configuration) -> Pipeline:
    """Fit to rows with the 11 features, `future_need_level` and `weight`.

    A level with a single row is left out, as nothing can be learned of it; with one level left the pipeline answers that
    level always. The result predicts with one thread. Raises NothingToLearnError without rows, MissingExtraError,
    InvalidParametersError.
    """
    counts = rows["future_need_level"].value_counts()
    rows = rows[rows["future_need_level"].isin(counts.index[counts >= FEWEST_PER_CLASS])]
    if rows.empty:
        raise NothingToLearnError("No level has two rows: HR has to decide more pairs before a model can be trained.")
    classes = rows["future_need_level"].nunique()
    if classes == 1:
        pipeline = Pipeline([("clf", DummyClassifier(strategy="prior"))])
    else:
        seed, threads = configuration.random_state, configuration.threads
        estimator = build_estimator(configuration.estimator, configuration.parameters, random_state=seed, threads=threads)
        dense = find_estimator(configuration.estimator).needs_dense
        folds = min(TARGET_FOLDS, int(counts.max()))
        pipeline = build_pipeline(
            configuration.preprocessing, estimator, classes=classes, random_state=seed, dense=dense, folds=folds
        )
    weights = rows["weight"].to_numpy()
    try:
        pipeline.fit(rows[list(FEATURES)], rows["future_need_level"].to_numpy(dtype=str), clf__sample_weight=weights)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidParametersError(f"{configuration.estimator} cannot be fitted to {len(rows)} rows: {reason}") from error
    finish(pipeline)
    return pipeline


@dataclass(frozen=True)
class OutOfFold:
    """Fold of each row, the pipeline of each fold, and the probabilities (n, 3) of each row by the pipeline without it."""

    folds: np.ndarray
    pipelines: dict[int, Pipeline]
    probabilities: np.ndarray


def fit_folds(rows: pd.DataFrame, configuration: Configuration, folds: int, random_state: int) -> OutOfFold:
    """Grouped cross-validation by role: each row is scored by the pipeline fitted to the other folds' rows.

    Raises NothingToLearnError when there are no two roles.
    """
    if rows["job_role_id"].nunique() < FEWEST_ROLES:
        raise NothingToLearnError("Every row is about one job role: HR has to decide pairs of a second one.")
    fold = role_folds(rows["job_role_id"].to_numpy(), folds, random_state)
    probabilities = np.zeros((len(rows), 3))
    pipelines: dict[int, Pipeline] = {}
    for number in np.unique(fold).tolist():
        inside = fold == number
        pipelines[number] = fit_pipeline(rows[~inside], configuration)
        probabilities[inside] = probabilities_of(pipelines[number], rows[inside])
    return OutOfFold(fold, pipelines, probabilities)
