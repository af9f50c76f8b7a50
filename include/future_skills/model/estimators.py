"""The estimators a training may use: one table, one entry each."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier

from future_skills.domain import FeatureSet, FutureSkillsError
from future_skills.model import extras

UNWORKABLE = (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, MemoryError)
"""What libraries raise for hyperparameters they cannot work with."""

Factory = Callable[[int, int], ClassifierMixin]


class UnknownEstimatorError(FutureSkillsError):
    """No estimator has that name."""


class InvalidParametersError(FutureSkillsError):
    """An estimator does not know a hyperparameter, or refuses its value."""


@dataclass(frozen=True)
class EstimatorEntry:
    """How to make an estimator from (random_state, threads), what it needs, and whether the HR application can load it."""

    factory: Factory
    description: str
    needs_dense: bool = False
    loadable_by_hr: bool = True


def _forest(random_state: int, threads: int) -> RandomForestClassifier:
    return RandomForestClassifier(n_estimators=200, min_samples_leaf=3, random_state=random_state, n_jobs=threads)


def _logistic(
    random_state: int, penalty: str | None = "l2", strength: float = 1.0, ratio: float | None = None
) -> LogisticRegression:
    solver = "lbfgs" if penalty == "l2" else "saga"
    return LogisticRegression(
        penalty=penalty, C=strength, l1_ratio=ratio, solver=solver, max_iter=1_000, tol=1e-3, random_state=random_state
    )


def _boosting(random_state: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(  # chosen by grouped cross-validation on the training roles of O*NET 29.0
        learning_rate=0.05,
        max_iter=160,
        max_leaf_nodes=15,
        max_features=0.3,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=random_state,
    )


def _members(random_state: int) -> list[tuple[str, ClassifierMixin]]:
    return [
        ("random_forest", _forest(random_state, 1)),
        ("logistic_regression", _logistic(random_state)),
        ("hist_gradient_boosting", _boosting(random_state)),
    ]


ESTIMATORS: Mapping[str, EstimatorEntry] = {
    "random_forest": EstimatorEntry(_forest, "200 trees, at least 3 rows a leaf"),
    "logistic_regression": EstimatorEntry(lambda seed, _: _logistic(seed), "multinomial, L2 penalty, C=1"),
    "ridge": EstimatorEntry(lambda seed, _: _logistic(seed, strength=0.05), "logistic regression, strong L2 penalty"),
    "lasso": EstimatorEntry(lambda seed, _: _logistic(seed, "l1", 0.1), "logistic regression, L1 penalty"),
    "elastic_net": EstimatorEntry(
        lambda seed, _: _logistic(seed, "elasticnet", 0.1, 0.5), "logistic regression, half L1, half L2"
    ),
    "gradient_boosting": EstimatorEntry(lambda seed, _: GradientBoostingClassifier(random_state=seed), "exact gradient boosting"),
    "hist_gradient_boosting": EstimatorEntry(
        lambda seed, _: _boosting(seed), "160 rounds, 15 leaves, a third of the columns at each split", needs_dense=True
    ),
    "mlp": EstimatorEntry(  # without early stopping, which scikit-learn 1.7 cannot do with levels that are text
        lambda seed, _: MLPClassifier((32,), alpha=0.01, max_iter=200, random_state=seed), "one hidden layer of 32"
    ),
    "voting": EstimatorEntry(
        lambda seed, _: VotingClassifier(_members(seed), voting="soft"),
        "mean probability of forest, logistic and boosting",
        needs_dense=True,
    ),
    "stacking": EstimatorEntry(
        lambda seed, _: StackingClassifier(
            _members(seed), LogisticRegression(max_iter=1_000), cv=StratifiedKFold(2, shuffle=True, random_state=seed)
        ),
        "logistic regression over the three",
        needs_dense=True,
    ),
    "xgboost": EstimatorEntry(extras.xgboost, "150 rounds, depth 4, learning rate .06", loadable_by_hr=False),
    "lightgbm": EstimatorEntry(extras.lightgbm, "150 rounds, 15 leaves, learning rate .06", loadable_by_hr=False),
    "keras": EstimatorEntry(extras.keras, "a network with one hidden layer of 32", needs_dense=True, loadable_by_hr=False),
}


def first_line(error: BaseException) -> str:
    """What an error says in its first line, or else its kind."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def find_estimator(name: str) -> EstimatorEntry:
    """The table's entry. Raises UnknownEstimatorError, naming those there are."""
    if name not in ESTIMATORS:
        raise UnknownEstimatorError(f"There is no estimator {name!r}; there are {', '.join(ESTIMATORS)}.")
    return ESTIMATORS[name]


def loadable_by_hr(name: str, feature_set: FeatureSet) -> bool:
    """Can the HR application load an artefact of this estimator? It has scikit-learn alone, and the 11 columns of core."""
    return feature_set == "core" and name in ESTIMATORS and ESTIMATORS[name].loadable_by_hr


def build_estimator(name: str, parameters: Mapping[str, Any], *, random_state: int, threads: int) -> ClassifierMixin:
    """A fresh estimator with its hyperparameters.

    Raises UnknownEstimatorError, MissingExtraError, or InvalidParametersError for a hyperparameter it does not have or a
    value it refuses.
    """
    estimator = find_estimator(name).factory(random_state, threads)
    unknown = sorted(set(parameters) - set(estimator.get_params()))
    if unknown:
        known = ", ".join(sorted(estimator.get_params(deep=False)))
        raise InvalidParametersError(f"{name} has no hyperparameter {', '.join(unknown)}; it has {known}.")
    try:
        json.dumps(dict(parameters), allow_nan=False)  # the ledger keeps them
    except (TypeError, ValueError):
        raise InvalidParametersError(f"{name}: a hyperparameter is no finite number, or nothing that JSON can say.") from None
    try:
        estimator.set_params(**parameters)
        _require_workable(estimator)
    except UNWORKABLE as error:
        raise InvalidParametersError(f"{name} refuses its hyperparameters: {first_line(error)}") from None
    return estimator


def _require_workable(estimator: Any) -> None:
    """Scikit-learn's own check of an estimator and of those it combines, before hours of fitting rather than after."""
    members = dict(getattr(estimator, "estimators", {"itself": estimator}))
    for name, member in members.items():
        if member != "drop" and not isinstance(member, BaseEstimator):
            raise ValueError(f"{name} has to be an estimator or 'drop', not {member!r}.")
    if all(member == "drop" for member in members.values()):
        raise ValueError("There is no estimator left to combine.")
    for part in (estimator, *estimator.get_params().values()):
        if isinstance(part, BaseEstimator):
            part._validate_params()
    if not hasattr(estimator, "predict_proba"):
        raise ValueError("It would give levels without probabilities.")
