"""Estimators that fit in a blink, and which of them this environment has."""

from importlib.util import find_spec

import pytest

from future_skills.model.fitting import Configuration

QUICK = {
    "random_forest": {"n_estimators": 10},
    "gradient_boosting": {"n_estimators": 3},
    "hist_gradient_boosting": {"max_iter": 3},
    "mlp": {"max_iter": 3},
    "voting": {"random_forest__n_estimators": 5, "hist_gradient_boosting__max_iter": 3},
    "stacking": {"random_forest__n_estimators": 5, "hist_gradient_boosting__max_iter": 3},
    "xgboost": {"n_estimators": 5},
    "lightgbm": {"n_estimators": 5},
    "keras": {"epochs": 2},
}
EXTRAS = {"xgboost": "extras", "lightgbm": "extras", "keras": "extras-keras"}


def needed(estimator: str) -> str:
    """The estimator; where its package is absent the test is skipped."""
    if estimator in EXTRAS and find_spec(estimator) is None:
        pytest.skip(f"{estimator} is not installed: make {EXTRAS[estimator]}")
    return estimator


def configuration(estimator: str, preprocessing: str = "target", **parameters) -> Configuration:
    """A quick configuration of the estimator, with one thread and a fixed seed."""
    return Configuration(estimator, preprocessing, {**QUICK.get(estimator, {}), **parameters}, random_state=1, threads=1)
