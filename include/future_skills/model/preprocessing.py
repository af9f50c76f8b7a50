"""From the 11 features to numbers: the first step of every pipeline, made of scikit-learn built-ins alone."""

from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from future_skills.domain import NUMERIC_FEATURES, TEXT_FEATURES

ENCODED_BY_TARGET = ("skill_name", "skill_category", "job_department")
"""job_role_name is accepted and dropped: a role never seen has no history of its own."""


def build_pipeline(
    preprocessing: str, estimator: ClassifierMixin, *, classes: int, random_state: int, dense: bool = False
) -> Pipeline:
    """A pipeline `preprocess` (text first, numbers second) and `clf`, for `classes` distinct levels (at least 2).

    `target` encodes text by the level shares of its rows, cross-fitted so that no row sees its own label; `onehot` gives
    every text value a column, sparse unless the estimator needs them `dense`.
    """
    if preprocessing == "target":
        target_type = "binary" if classes == 2 else "multiclass"  # noqa: PLR2004
        encoder = TargetEncoder(target_type=target_type, smooth="auto", cv=5, shuffle=True, random_state=random_state)
        text = ("cat", encoder, list(ENCODED_BY_TARGET))
    else:
        text = ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=not dense), list(TEXT_FEATURES))
    columns = ColumnTransformer([text, ("num", StandardScaler(), list(NUMERIC_FEATURES))], remainder="drop")
    return Pipeline([("preprocess", columns), ("clf", estimator)])
