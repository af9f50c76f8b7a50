"""Estimators of packages that not every installation has: imported when they are asked for, and only then."""

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone

from future_skills.domain import LEVELS, MissingExtraError

ONE_THREAD = 1
"""OpenMP's threads wait for each other far longer than they work at these sizes, and without end on a busy machine."""


def xgboost(random_state: int, _threads: int) -> ClassifierMixin:
    """XGBoost's trees by histogram. Raises MissingExtraError."""
    module = _imported("future_skills.model.level_xgboost", "xgboost", "extras")
    classifier: ClassifierMixin = module.LevelXGBoost(
        n_estimators=150, learning_rate=0.06, max_depth=4, tree_method="hist", random_state=random_state, n_jobs=ONE_THREAD
    )
    return classifier


def lightgbm(random_state: int, _threads: int) -> ClassifierMixin:
    """LightGBM's trees, the same whatever the number of threads. Raises MissingExtraError."""
    module = _imported("future_skills.model.level_lightgbm", "lightgbm", "extras")
    classifier: ClassifierMixin = module.LevelLightGBM(
        n_estimators=150,
        learning_rate=0.06,
        num_leaves=15,
        random_state=random_state,
        n_jobs=ONE_THREAD,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    return classifier


def keras(random_state: int, _threads: int) -> ClassifierMixin:
    """A small dense network, always with one thread. Raises MissingExtraError."""
    module = _imported("future_skills.model.level_keras", "keras", "extras-keras")
    classifier: ClassifierMixin = module.LevelNetwork(random_state=random_state)
    return classifier


def try_out(estimator: Any, objective: str | None) -> None:
    """Fit one round of a boosted estimator to a few rows, and explain two: its library checks most hyperparameters only then.

    Raises ValueError or TypeError with the library's own reason, and for another `objective` than the one given.
    """
    if estimator.objective != objective:
        raise ValueError(f"objective has to stay {objective!r}: another one need not give probabilities of levels.")
    rounds = estimator.n_estimators
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"n_estimators has to be a whole number of at least 1, not {rounds!r}.")
    rows = np.random.default_rng(0).normal(size=(60, 4))
    fitted = clone(estimator).set_params(n_estimators=1).fit(rows, np.repeat(LEVELS, 20), sample_weight=np.ones(len(rows)))
    for _ in fitted.shapley_values(rows[:2]):  # what cannot be explained would be noticed by the first prediction only
        pass


def _imported(module: str, package: str, target: str) -> ModuleType:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("future_skills"):
            raise
        raise MissingExtraError(
            f"The estimator {package} needs a package that is not installed ({error.name}): run `make {target}`."
        ) from error
    except OSError as error:  # LightGBM takes OpenMP from the system, which a bare machine lacks
        raise MissingExtraError(
            f"The estimator {package} is installed but cannot be loaded: {error}. On Debian, libgomp is the package libgomp1."
        ) from error
