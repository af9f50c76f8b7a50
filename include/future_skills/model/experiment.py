"""Compares estimators and preprocessings on the same folds of training roles; held-out roles are never touched."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from future_skills.dataset.context import PairContext
from future_skills.dataset.reading import Dataset
from future_skills.domain import ESTIMATOR_NAMES, FeatureSet, FutureSkillsError
from future_skills.model import metrics, resampling
from future_skills.model.baselines import guesses_by_fold
from future_skills.model.cuts import levels_by_fold
from future_skills.model.estimators import ESTIMATORS, InvalidParametersError, UnknownEstimatorError
from future_skills.model.fitting import Configuration, NothingToLearnError, bounded_threads, fit_folds, fit_pipeline
from future_skills.model.folds import FEWEST_ROLES, role_folds
from future_skills.model.inputs import context_of
from future_skills.model.population import role_numbers
from future_skills.model.recommendation import Recommendation, behind_best, recommend
from future_skills.model.scores import probabilities_of, scores_of

logger = logging.getLogger(__name__)

TIMED_ROWS = 20_000
"""Rows scored to measure the speed of prediction: enough for the slowest to take longer than the clock's noise."""

cpu_seconds = time.process_time
"""CPU seconds of all threads of this process: an experiment runs beside other tasks, which must not change what it finds."""


class UnmeasurableError(FutureSkillsError):
    """An estimator was fitted, and its answers cannot be measured."""


@dataclass(frozen=True)
class Plan:
    """What to compare: all combinations; `parameters` are hyperparameters by estimator, `maximum_rows` as in Configuration."""

    estimators: tuple[str, ...]
    preprocessings: tuple[str, ...]
    folds: int
    random_state: int
    threads: int
    resamples: int
    parameters: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    feature_sets: tuple[FeatureSet, ...] = ("core",)
    maximum_rows: int | None = None


@dataclass(frozen=True)
class Contender:
    """One row of the table; `measures` is None when it could not be measured, and `reason` says why.

    `measures`: ap_high {value, ci, mean, std, folds}, macro_f1, weighted_f1, stability (std of weighted F1 over folds),
    log_loss (nats), ece, fit_seconds and rows_per_second (of CPU time), and behind_best {difference, standard_error}.
    """

    estimator: str
    preprocessing: str
    feature_set: FeatureSet
    parameters: dict[str, Any]
    measures: dict[str, Any] | None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """The table, the baselines on the same rows, what is recommended, and on what all of it was measured."""

    contenders: tuple[Contender, ...]
    baselines: dict[str, dict[str, Any]]
    recommendation: Recommendation
    facts: dict[str, Any]


Finding = tuple[Contender, np.ndarray | None]
"""A row of the table, and its AP(HIGH) in each resample of job roles when it could be measured."""


Measure = Callable[["Ground", Plan, Contender, Dataset], Finding]
"""How a combination is measured: here, or in a process of its own."""


def compare(dataset: Dataset, holdout: frozenset[int], plan: Plan) -> Comparison:
    """Measure every combination of the plan by grouped cross-validation over the roles that are not held out.

    Raises UnknownEstimatorError for a name the table does not have, NothingToLearnError when there are too few roles.
    """
    *_, complete = comparisons(dataset, holdout, plan)
    return complete


def measured(ground: "Ground", plan: Plan, contender: Contender, dataset: Dataset) -> Finding:
    """Measure one combination; whatever goes wrong is that row's reason and nobody else's."""
    with bounded_threads(plan.threads):
        return _contender(ground, plan, contender, dataset)


def comparisons(
    dataset: Dataset,
    holdout: frozenset[int],
    plan: Plan,
    measure: Measure = measured,
) -> Iterator[Comparison]:
    """The comparison after each combination, as `measure` finds it; the last one is complete. Raises what `compare` raises."""
    _require_known(plan)
    rows = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    ground = Ground.of(rows, plan)
    baselines, facts = ground.baselines(), ground.facts(plan)
    contenders: list[Contender] = []
    standings: dict[int, np.ndarray] = {}
    for planned in _contenders(plan):
        contender, resampled = measure(ground, plan, planned, dataset)
        if resampled is not None:
            standings[len(contenders)] = resampled
        contenders.append(contender)
        placed = _placed(contenders, standings)
        yield Comparison(tuple(placed), baselines, recommend(placed, baselines, dataset.row.label_source), facts)


def _placed(contenders: list[Contender], standings: Mapping[int, np.ndarray]) -> list[Contender]:
    """The contenders, each measured one with its distance to the best."""
    distances = behind_best(contenders, standings)
    return [
        replace(contender, measures={**contender.measures, **distances[number]}) if contender.measures else contender
        for number, contender in enumerate(contenders)
    ]


def _contenders(plan: Plan) -> Iterator[Contender]:
    """All combinations; the extended feature set has one encoding of text, called target like the one it resembles."""
    for estimator, preprocessing, feature_set in product(
        dict.fromkeys(plan.estimators), dict.fromkeys(plan.preprocessings), dict.fromkeys(plan.feature_sets)
    ):
        encoding = preprocessing if feature_set == "core" else "target"
        if feature_set == "core" or preprocessing == plan.preprocessings[0]:
            yield Contender(estimator, encoding, feature_set, dict(plan.parameters.get(estimator, {})), None)


def _require_known(plan: Plan) -> None:
    unknown = sorted({*plan.estimators, *plan.parameters} - {*ESTIMATOR_NAMES, *ESTIMATORS})
    if unknown:
        raise UnknownEstimatorError(f"There is no estimator {', '.join(unknown)}; there are {', '.join(ESTIMATOR_NAMES)}.")
    for name, parameters in plan.parameters.items():
        if not isinstance(parameters, dict):
            raise InvalidParametersError(f"The hyperparameters of {name} have to be a JSON object, not {parameters!r}.")


@dataclass(frozen=True)
class Ground:
    """The rows all contenders meet on, and the fold of each row."""

    rows: pd.DataFrame
    fold: np.ndarray
    decided: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame, plan: Plan) -> "Ground":
        """Fold the rows by job role. Raises NothingToLearnError when the roles are too few."""
        decided = (rows["population"] == "decided").to_numpy()
        if rows.loc[decided, "job_role_id"].nunique() < FEWEST_ROLES:
            raise NothingToLearnError(
                "Fewer than two job roles outside the held-out fifth have decisions: HR has to decide pairs of more roles."
            )
        fold = role_folds(rows["job_role_id"].to_numpy(), plan.folds, plan.random_state)
        if len(np.unique(fold[decided])) < FEWEST_ROLES:
            raise NothingToLearnError(
                "All decisions outside the held-out fifth fall into one fold of job roles: HR has to decide pairs of more roles."
            )
        return cls(rows, fold, decided)

    @property
    def truth(self) -> np.ndarray:
        """The levels HR decided, a row per decided row."""
        levels: np.ndarray = self.rows.loc[self.decided, "future_need_level"].to_numpy(dtype=object)
        return levels

    def per_fold(self) -> Iterator[np.ndarray]:
        """The decided rows of each fold, as a mask over decided rows."""
        fold = self.fold[self.decided]
        return (fold == number for number in np.unique(fold))

    def drawn(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """Role number of each decided row, and how often each role is drawn in each resample."""
        role = role_numbers(self.rows[self.decided])
        return role, resampling.resample_roles(int(role.max()) + 1, plan.resamples, plan.random_state)

    def baselines(self) -> dict[str, dict[str, Any]]:
        """The measures of each baseline on the decided rows."""
        answers = guesses_by_fold(self.rows[self.decided].reset_index(drop=True), self.fold[self.decided])
        return {name: metrics.summary(self.truth, guess.ranking, guess.levels) for name, guess in answers.items()}

    def facts(self, plan: Plan) -> dict[str, Any]:
        """On what all of it was measured."""
        decided = self.rows[self.decided]
        return {
            "roles": int(decided["job_role_id"].nunique()),
            "decided": len(decided),
            "high": int((self.truth == "HIGH").sum()),
            "implicit": len(self.rows) - len(decided),
            "folds": plan.folds,
            "random_state": plan.random_state,
            "threads": plan.threads,
            "maximum_rows": plan.maximum_rows,
        }


def _contender(ground: Ground, plan: Plan, contender: Contender, dataset: Dataset) -> Finding:
    names = f"{contender.estimator} with {contender.preprocessing}, {contender.feature_set}"
    start = time.perf_counter()
    try:
        measures, resampled = _measured(ground, plan, contender, context_of(dataset, contender.feature_set))
    except FutureSkillsError as error:
        return replace(contender, reason=str(error)), None
    except Exception as error:  # a library's own error must not take the other contenders' results with it
        logger.exception("%s could not be measured", names)
        return replace(
            contender, reason=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason'}"
        ), None
    seconds = time.perf_counter() - start
    logger.info("%s: AP(HIGH) %.3f, %.1f s", names, measures["ap_high"]["value"], seconds)
    return replace(contender, measures=measures), resampled


def _measured(ground: Ground, plan: Plan, contender: Contender, context: PairContext | None) -> tuple[dict[str, Any], np.ndarray]:
    configuration = Configuration(
        estimator=contender.estimator,
        preprocessing=contender.preprocessing,
        parameters=contender.parameters,
        random_state=plan.random_state,
        threads=plan.threads,
        maximum_rows=plan.maximum_rows,
    )
    start = cpu_seconds()
    pipeline = fit_pipeline(ground.rows, configuration, context)
    fit_seconds = cpu_seconds() - start
    found = fit_folds(ground.rows, configuration, plan.folds, plan.random_state, context)
    probabilities = found.probabilities[ground.decided]
    if not np.isfinite(probabilities).all():
        raise UnmeasurableError("Its probabilities are no numbers.")
    truth = ground.truth
    levels = levels_by_fold(scores_of(probabilities), truth, ground.fold[ground.decided])
    role, drawn = ground.drawn(plan)
    resampled = resampling.ap_high_of(truth, probabilities[:, 2], role, drawn)
    folds = [metrics.summary(truth[inside], probabilities[inside, 2], levels[inside]) for inside in ground.per_fold()]
    ap_folds = [fold["ap_high"] for fold in folds if fold["ap_high"] is not None]
    overall = metrics.summary(truth, probabilities[:, 2], levels)
    if overall["ap_high"] is None:
        raise UnmeasurableError("No job role outside the held-out fifth has a HIGH decision.")
    return {
        "ap_high": {
            "value": overall["ap_high"],
            "ci": resampling.interval(resampled),
            "mean": float(np.mean(ap_folds)),
            "std": float(np.std(ap_folds)),
            "folds": ap_folds,
        },
        "macro_f1": overall["macro_f1"],
        "weighted_f1": overall["weighted_f1"],
        "stability": float(np.std([fold["weighted_f1"] for fold in folds])),
        "log_loss": metrics.cross_entropy(truth, probabilities),
        "ece": metrics.expected_calibration_error(truth, probabilities),
        "fit_seconds": round(fit_seconds, 3),
        "rows_per_second": _speed(pipeline, ground.rows, context),
    }, resampled


def _speed(pipeline: Any, rows: pd.DataFrame, context: PairContext | None) -> int:
    frame = rows.iloc[np.arange(TIMED_ROWS) % len(rows)]
    probabilities_of(pipeline, frame.head(1), context)  # what is prepared once for a snapshot is not the speed of a row
    start = cpu_seconds()
    probabilities_of(pipeline, frame, context)
    return round(TIMED_ROWS / (cpu_seconds() - start))
