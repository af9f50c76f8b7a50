"""From features to numbers: the first step of every pipeline; for core made of scikit-learn built-ins alone."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from future_skills.domain import FEATURES, NUMERIC_FEATURES, TEXT_FEATURES
from future_skills.model.evidence import EvidenceEncoder

ENCODED_BY_TARGET = ("skill_name", "skill_category", "job_department")
"""job_role_name is accepted and dropped: a role never seen has no history of its own."""

TARGET_FOLDS = 5
DENSE_CATEGORIES = 255
"""Ten thousand skills in a dense matrix would be gigabytes; 255 columns of doubles are 130 MB in 65,000 rows."""


def build_pipeline(
    preprocessing: str,
    estimator: ClassifierMixin,
    *,
    classes: int,
    random_state: int,
    dense: bool = False,
    folds: int = TARGET_FOLDS,
) -> Pipeline:
    """A pipeline `preprocess` (text first, numbers second) and `clf`, for `classes` distinct levels (at least 2).

    `target` encodes text by the level shares of its rows, cross-fitted in `folds` (at most the rows of the most frequent
    level) so that no row sees its own label. `onehot` gives every text value a column, sparse unless the estimator needs
    them `dense`: then a feature has DENSE_CATEGORIES columns at most, for its most frequent values and one for all others,
    those never seen among them.
    """
    if preprocessing == "target":
        target_type = "binary" if classes == 2 else "multiclass"  # noqa: PLR2004
        encoder = TargetEncoder(target_type=target_type, smooth="auto", cv=folds, shuffle=True, random_state=random_state)
        text = ("cat", encoder, list(ENCODED_BY_TARGET))
    else:
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist" if dense else "ignore",
            max_categories=DENSE_CATEGORIES if dense else None,
            sparse_output=not dense,
        )
        text = ("cat", encoder, list(TEXT_FEATURES))
    columns = ColumnTransformer([text, ("num", StandardScaler(), list(NUMERIC_FEATURES))], remainder="drop")
    return Pipeline([("preprocess", columns), ("clf", estimator)])


def build_extended_pipeline(estimator: ClassifierMixin, *, random_state: int) -> Pipeline:
    """The same two steps for the extended feature set, whose encoding is its own."""
    encoded = Pipeline([("evidence", EvidenceEncoder(random_state)), ("scale", StandardScaler())])
    return Pipeline([("preprocess", encoded), ("clf", estimator)])


def is_extended(pipeline: Any) -> bool:
    """Is it a pipeline of the extended feature set?"""
    return isinstance(pipeline.named_steps.get("preprocess"), Pipeline)


def is_constant(pipeline: Any) -> bool:
    """Does the pipeline answer one level always, whatever it is asked?"""
    return "preprocess" not in pipeline.named_steps


def text_columns(pipeline: Any) -> dict[str, int]:
    """How many matrix columns each text feature has behind a fitted pipeline's first step, in the matrix's order."""
    encoder, names = pipeline["preprocess"].named_transformers_["cat"], pipeline["preprocess"].transformers_[0][2]
    if isinstance(encoder, TargetEncoder):
        classes = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
        return dict.fromkeys(names, classes)
    most = encoder.max_categories
    return {name: min(len(found), most or len(found)) for name, found in zip(names, encoder.categories_, strict=True)}


def feature_of_column(pipeline: Any) -> np.ndarray:
    """For each column of the matrix the classifier sees, the position in FEATURES of what it stems from.

    Empty for a constant pipeline.
    """
    if is_constant(pipeline):
        return np.zeros(0, dtype=int)
    if is_extended(pipeline):
        return pipeline["preprocess"]["evidence"].feature_of_column  # type: ignore[no-any-return]
    widths = text_columns(pipeline)
    text = np.repeat([FEATURES.index(name) for name in widths], list(widths.values()))
    return np.append(text, [FEATURES.index(name) for name in NUMERIC_FEATURES])
