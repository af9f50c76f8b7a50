"""The words every part shares: levels, feature names, pair scope, and the error people see."""

from typing import Final, Literal

Level = Literal["LOW", "MEDIUM", "HIGH"]
LabelSource = Literal["hr_decision", "hr_decision_any_horizon", "bootstrap"]
PairScope = Literal["all", "evidence"]
FeatureSet = Literal["core", "extended"]
Verdict = Literal["promote", "keep", "reject", "insufficient", "bootstrap"]
Language = Literal["en", "fr"]

LEVELS: Final[tuple[Level, ...]] = ("LOW", "MEDIUM", "HIGH")

TEXT_FEATURES: Final = ("job_role_name", "skill_name", "skill_category", "job_department")
NUMERIC_FEATURES: Final = (
    "trend_score",
    "internal_usage",
    "training_requests",
    "scarcity_index",
    "hiring_difficulty",
    "avg_salary_k",
    "economic_indicator",
)
FEATURES: Final = TEXT_FEATURES + NUMERIC_FEATURES
"""The 11 columns of the HR application's contract, in its order."""

ESTIMATOR_NAMES: Final = (
    "random_forest",
    "logistic_regression",
    "ridge",
    "lasso",
    "elastic_net",
    "gradient_boosting",
    "hist_gradient_boosting",
    "mlp",
    "voting",
    "stacking",
    "xgboost",
    "lightgbm",
    "keras",
)
"""The entries of the estimator table, for forms and settings that must not import scikit-learn."""

MISSING_TEXT: Final = "General"
SIGNATURE: Final = " (Future Skills model)"
"""Ends every rationale of ours, so that a recommendation copied from a prediction is recognised as an echo."""

LEDGER_SCHEMA: Final = "future_skills_ops"


class FutureSkillsError(Exception):
    """Something a person can mend: the message says what is wrong, where, and what to do."""


class MissingExtraError(FutureSkillsError):
    """An optional package is not installed, or cannot be loaded."""
