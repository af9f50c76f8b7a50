"""Fits one configuration to some rows; used alike for the evaluated, the served and the fold pipelines."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from future_skills.dataset.context import PairContext
from future_skills.domain import FeatureSet, FutureSkillsError
from future_skills.model.estimators import UNWORKABLE, InvalidParametersError, build_estimator, find_estimator, first_line
from future_skills.model.finishing import finish
from future_skills.model.folds import FEWEST_ROLES, role_folds
from future_skills.model.inputs import pipeline_input
from future_skills.model.preprocessing import TARGET_FOLDS, build_extended_pipeline, build_pipeline
from future_skills.model.sampling import bounded_sample
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
    """What is fitted: estimator, preprocessing, hyperparameters, seed, threads, and to how many rows at most (None: to all)."""

    estimator: str
    preprocessing: str
    parameters: dict[str, Any]
    random_state: int
    threads: int
    maximum_rows: int | None = None


def require_fittable(configuration: Configuration, feature_set: FeatureSet) -> None:
    """Refuse, before anything is read or fitted, what cannot be built.

    Raises UnknownEstimatorError, MissingExtraError or InvalidParametersError.
    """
    _build(configuration)
    if feature_set == "extended" and configuration.preprocessing != "target":
        raise InvalidParametersError(
            f"The extended feature set encodes text in its own way: preprocessing {configuration.preprocessing!r} is for core."
        )


def _build(configuration: Configuration) -> ClassifierMixin:
    seed, threads = configuration.random_state, configuration.threads
    return build_estimator(configuration.estimator, configuration.parameters, random_state=seed, threads=threads)


def fit_pipeline(rows: pd.DataFrame, configuration: Configuration, context: PairContext | None = None) -> Pipeline:
    """Fit to rows with ids, the 11 features, `future_need_level`, `weight` and `population`.

    With the `context` of the rows' snapshot the features are the extended ones, without it the core ones.

    A level with a single row is left out, as nothing can be learned of it; with one level left the pipeline answers that
    level always. The result predicts with one thread. Raises NothingToLearnError without rows, MissingExtraError,
    InvalidParametersError.
    """
    counts = rows["future_need_level"].value_counts()
    rows = rows[rows["future_need_level"].isin(counts.index[counts >= FEWEST_PER_CLASS])]
    if configuration.maximum_rows is not None:
        rows = bounded_sample(rows, configuration.maximum_rows, configuration.random_state)
    if rows.empty:
        raise NothingToLearnError("No level has two rows: HR has to decide more pairs before a model can be trained.")
    classes = rows["future_need_level"].nunique()
    if classes == 1:
        pipeline = Pipeline([("clf", DummyClassifier(strategy="prior"))])
    else:
        pipeline = _unfitted(configuration, classes, int(counts.max()), extended=context is not None)
    weights = rows["weight"].to_numpy()
    try:
        given = pipeline_input(rows, context)
        pipeline.fit(given, rows["future_need_level"].to_numpy(dtype=str), clf__sample_weight=weights)
        probabilities_of(pipeline, rows.head(2), context)
    except UNWORKABLE as error:
        reason = first_line(error)
        raise InvalidParametersError(f"{configuration.estimator} cannot be fitted to {len(rows)} rows: {reason}") from error
    finish(pipeline)
    return pipeline


def _unfitted(configuration: Configuration, classes: int, most_rows: int, *, extended: bool) -> Pipeline:
    estimator, seed = _build(configuration), configuration.random_state
    if extended:
        return build_extended_pipeline(estimator, random_state=seed)
    dense, folds = find_estimator(configuration.estimator).needs_dense, min(TARGET_FOLDS, most_rows)
    return build_pipeline(configuration.preprocessing, estimator, classes=classes, random_state=seed, dense=dense, folds=folds)


@dataclass(frozen=True)
class OutOfFold:
    """Fold of each row, what was kept of each fold's pipeline, and the probabilities (n, 3) of each row by the one without it."""

    folds: np.ndarray
    pipelines: dict[int, Any]
    probabilities: np.ndarray


def whole(pipeline: Pipeline) -> Pipeline:
    """Keep a pipeline as it is."""
    return pipeline


def nothing(_: Pipeline) -> None:
    """Keep nothing of a pipeline: a forest takes hundreds of megabytes."""


def fit_folds(
    rows: pd.DataFrame,
    configuration: Configuration,
    folds: int,
    random_state: int,
    context: PairContext | None = None,
    keep: Callable[[Pipeline], Any] = whole,
) -> OutOfFold:
    """Grouped cross-validation by role: each row is scored by the pipeline fitted to the other folds' rows.

    `keep` turns each pipeline into what is kept of it, so that only one is in memory at a time.
    Raises NothingToLearnError when there are no two roles.
    """
    if rows["job_role_id"].nunique() < FEWEST_ROLES:
        raise NothingToLearnError("Every row is about one job role: HR has to decide pairs of a second one.")
    fold = role_folds(rows["job_role_id"].to_numpy(), folds, random_state)
    probabilities = np.zeros((len(rows), 3))
    kept: dict[int, Any] = {}
    for number in np.unique(fold).tolist():
        inside = fold == number
        pipeline = fit_pipeline(rows[~inside], configuration, context)
        probabilities[inside] = probabilities_of(pipeline, rows[inside], context)
        kept[number] = keep(pipeline)
        del pipeline
    return OutOfFold(fold, kept, probabilities)
