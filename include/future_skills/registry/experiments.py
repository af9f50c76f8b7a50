"""An experiment from order to pages: measured, kept in the ledger, and, when somebody wants it, made the next default."""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.dataset.reading import load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.domain import FeatureSet, FutureSkillsError
from future_skills.ledger.datasets import DatasetRow, UnknownDatasetError, get_dataset, newest_dataset
from future_skills.ledger.experiments import (
    ExperimentRow,
    find_experiment,
    get_experiment,
    insert_experiment,
    next_experiment_id,
)
from future_skills.ledger.training_default import TrainingDefault, choose_default, forget_default, training_default
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.experiment import Plan, compare
from future_skills.model.libraries import library_versions
from future_skills.registry.comparison_html import render_html
from future_skills.registry.comparison_page import write_comparison
from future_skills.store.artifacts import Store

logger = logging.getLogger(__name__)


class NoDefaultError(FutureSkillsError):
    """An experiment has nothing that could become the default."""


@dataclass(frozen=True)
class ExperimentOrder:
    """What to compare, and for whom; `run_id` makes a repeated task find what it made.

    No `feature_sets`: the configured one. `default`: an estimator to make the default, `recommended` the one the experiment
    recommends; neither changes nothing.
    """

    run_id: str
    estimators: tuple[str, ...]
    preprocessings: tuple[str, ...]
    feature_sets: tuple[FeatureSet, ...] = ()
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    dataset_id: str | None = None
    requested_by: str | None = None
    recommended: bool = False
    default: str | None = None
    forget: bool = False


def run_experiment(connection: Connection, store: Store, settings: Settings, order: ExperimentOrder) -> ExperimentRow:
    """Compare, write the HTML page, record the experiment, and render MODEL_COMPARISON.md.

    Raises NoDefaultError for an order that contradicts itself, UnknownDatasetError, and what `compare` raises.
    """
    _require_consistent(order)
    with connection:
        made = find_experiment(connection, order.run_id)
        dataset_row, holdout = _dataset(connection, settings, order), holdout_role_ids(connection)
    if made is None:
        made = _experiment(connection, store, settings, order, dataset_row, holdout)
        with connection:
            insert_experiment(connection, made)
    write_comparison(connection, store)
    logger.info("%s With plots: %s", made.recommendation["reason"], made.page_uri)
    return made


def _require_consistent(order: ExperimentOrder) -> None:
    if not order.estimators or not order.preprocessings:
        raise NoDefaultError("Nothing to compare: choose at least one estimator and one preprocessing.")
    if order.forget and (order.default or order.recommended):
        raise NoDefaultError("Either the chosen default is forgotten or another one is chosen: choose one of both.")
    if order.default and order.recommended:
        raise NoDefaultError("Either the recommended estimator becomes the default or the one you name: choose one of both.")
    if order.default and order.default not in order.estimators:
        raise NoDefaultError(f"{order.default} cannot become the default without being compared: add it to the estimators.")


def _dataset(connection: Connection, settings: Settings, order: ExperimentOrder) -> DatasetRow:
    if order.dataset_id:
        return get_dataset(connection, order.dataset_id)
    newest = newest_dataset(connection, settings.horizon_years)
    if newest is None:
        raise UnknownDatasetError("There is no dataset to compare estimators on yet: run future_skills_retraining first.")
    return newest


def _experiment(
    connection: Connection,
    store: Store,
    settings: Settings,
    order: ExperimentOrder,
    dataset_row: DatasetRow,
    holdout: frozenset[int],
) -> ExperimentRow:
    with connection:
        default = training_default(connection, settings.training)
    known = (settings.training, default)
    own = {one.estimator: one.parameters for one in known if one.parameters and one.estimator in order.estimators}
    plan = Plan(
        estimators=order.estimators,
        preprocessings=order.preprocessings,
        parameters={**own, **order.parameters},
        folds=settings.training.folds,
        random_state=settings.training.random_state,
        threads=settings.threads,
        resamples=settings.gate.resamples,
        feature_sets=order.feature_sets or (settings.training.feature_set,),
        maximum_rows=settings.training.maximum_rows,
    )
    comparison = compare(load_dataset(store, dataset_row), holdout, plan)
    with connection:
        experiment_id = next_experiment_id(connection)
    row = ExperimentRow(
        experiment_id=experiment_id,
        dataset_id=dataset_row.dataset_id,
        request_key=order.run_id,
        label_source=dataset_row.label_source,
        facts=comparison.facts,
        contenders=[contender.to_dict() for contender in comparison.contenders],
        baselines=comparison.baselines,
        recommendation=comparison.recommendation.to_dict(),
        libraries=library_versions(),
        page_uri=str(store.path(f"experiments/{experiment_id}/comparison.html")),
        requested_by=order.requested_by,
        created_at=datetime.now(UTC),
    )
    store.write(f"experiments/{experiment_id}/comparison.html", render_html(row).encode())
    return row


def apply_choice(connection: Connection, store: Store, order: ExperimentOrder, experiment_id: int | None) -> str:
    """Make what the order wants the default of the next trainings, or forget the chosen one; returns what was done in words.

    Raises NoDefaultError when what the order wants could not be measured, or nothing was recommended.
    """
    with connection:
        if order.forget:
            done = "forgotten" if forget_default(connection) else "nothing to forget"
            words = f"The chosen default: {done}; trainings use the configured one."
        elif experiment_id is None or not (order.recommended or order.default):
            words = "The default of the next trainings stays as it is."
        else:
            default = _choice(get_experiment(connection, experiment_id), order)
            choose_default(connection, default)
            words = f"The next trainings use {default}."
    write_comparison(connection, store)
    logger.info("%s", words)
    return words


def _choice(experiment: ExperimentRow, order: ExperimentOrder) -> TrainingDefault:
    if order.default is None:
        contender = experiment.recommended
        if contender is None:
            raise NoDefaultError(f"The default stays as it is. {experiment.recommendation['reason']}")
    else:
        known = [one for one in experiment.contenders if one["estimator"] == order.default]
        measured = [one for one in known if one["measures"]]
        if not measured:
            reason = known[0]["reason"] if known else "it was not compared"
            raise NoDefaultError(f"{order.default} does not become the default: {reason}")
        contender = _best_of(measured)
    return TrainingDefault(
        contender["estimator"],
        contender["preprocessing"],
        contender["parameters"],
        contender["feature_set"],
        order.requested_by,
        experiment.experiment_id,
    )


def _best_of(contenders: list[dict[str, Any]]) -> dict[str, Any]:
    """The best AP(HIGH) of one estimator; within its standard error, one that the HR application can load comes first."""
    value = {number: one["measures"]["ap_high"]["value"] for number, one in enumerate(contenders)}
    best = max(value.values())

    def preference(number: int) -> tuple[bool, float]:
        one = contenders[number]
        close = best - value[number] <= one["measures"]["behind_best"]["standard_error"]
        return close and loadable_by_hr(one["estimator"], one["feature_set"]), value[number]

    return contenders[max(value, key=preference)]
