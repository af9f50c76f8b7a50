"""Why a pair has its score: exact contributions of the features on the model's additive scale."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import TargetEncoder

from future_skills.domain import FEATURES, LEVELS
from future_skills.model.scores import SCORE_WEIGHTS
from future_skills.prediction.scoring import PairScorer
from future_skills.prediction.tree_paths import (
    LeafTable,
    Tree,
    boosting_leaves,
    boosting_trees,
    forest_leaves,
    forest_trees,
    histogram_leaves,
    histogram_trees,
    leaf_table,
)

Method = Literal["path", "coefficients", "tree_shap", "none"]

CHECKED_ROWS = 200
SMALLEST_PROBABILITY = 1e-12
TOLERANCE = 1e-3
VALUES_AT_ONCE = 20_000_000
"""How many Shapley values a library may give at once: one per row, column and class."""

MOST_NODES_KEPT = 2_000_000
"""Nodes of a model whose tables are kept: half of them are leaves, which take 88 bytes each, some 100 MB in all."""


@dataclass(frozen=True)
class Attribution:
    """Contributions (n, 11) in FEATURES order and the base (n,) of pairs: their sum is the additive quantity of each.

    Forests: points of score, from the mean of the roots. All others: q = sum over the known levels of (w - mean w) * raw, raw
    being the log-odds of the decision function (for two levels -d/2 and d/2), w 0, 0.5, 1 for LOW, MEDIUM, HIGH. A constant
    common to all levels changes no probability, and as the weights sum to 0, no attribution.
    """

    contributions: np.ndarray
    base: np.ndarray
    method: Method


def attribute(scorer: PairScorer, role_index: np.ndarray, skill_index: np.ndarray) -> Attribution | None:
    """What each of the 11 features adds to each pair; None where the estimator has no exact additive form."""
    if scorer.constant:
        return None
    matrix = scorer.matrix(role_index, skill_index)
    found = _attribution(scorer, matrix)
    return found if found and _is_exact(scorer, matrix[:CHECKED_ROWS], found) else None


def _attribution(scorer: PairScorer, matrix: Any) -> Attribution | None:
    classifier = scorer.pipeline["clf"]
    for kind, explain in _EXPLAINERS:
        if isinstance(classifier, kind):
            return explain(scorer, matrix)
    if hasattr(classifier, "shapley_values"):  # a wrapper of a boosting library, which may not be installed
        return _by_shapley_values(scorer, matrix)
    return None


def _is_exact(scorer: PairScorer, matrix: Any, found: Attribution) -> bool:
    """Do contributions and base sum to what the probabilities say? Some hyperparameters make levels of raw values otherwise.

    One model against the rest, an exponential loss, averaged trees: the sum is then another quantity than the one promised.
    """
    classifier = scorer.pipeline["clf"]
    probabilities = classifier.predict_proba(matrix)
    certain = (probabilities <= _smallest_readable(probabilities)).any(axis=1)
    total = (found.contributions.sum(axis=1) + found.base)[: len(probabilities)]
    if isinstance(classifier, RandomForestClassifier):
        return bool(np.allclose(total, probabilities @ _points(classifier.classes_), atol=TOLERANCE))
    points = _points(classifier.classes_) / SCORE_WEIGHTS.max()
    expected = np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)) @ (points - points.mean())
    return bool(np.allclose(total[~certain], expected[~certain], atol=TOLERANCE, rtol=TOLERANCE))


def _smallest_readable(probabilities: np.ndarray) -> float:
    """Below it a logarithm says more about rounding than about the row: of two levels, one probability is 1 minus the other."""
    rounding = float(np.finfo(probabilities.dtype).eps) / TOLERANCE if probabilities.shape[1] == 2 else 0.0  # noqa: PLR2004
    return max(SMALLEST_PROBABILITY, rounding)


def raw_weights(classes: np.ndarray) -> np.ndarray:
    """The weight in q of each column of the decision function: one for each class, or a single one for two classes."""
    points = _points(classes) / SCORE_WEIGHTS.max()
    centred: np.ndarray = points - points.mean()
    return centred if len(classes) > 2 else centred[1:]  # noqa: PLR2004


def _points(classes: np.ndarray) -> np.ndarray:
    return np.array([SCORE_WEIGHTS[LEVELS.index(level)] for level in classes])


def _forest(scorer: PairScorer, matrix: Any) -> Attribution:
    forest = scorer.pipeline["clf"]
    trees = forest_trees(forest, _points(forest.classes_) / len(forest.estimators_))
    return _by_paths(leaf_tables(scorer, trees), forest_leaves(forest, matrix), np.zeros(matrix.shape[0]))


def _boosting(scorer: PairScorer, matrix: Any) -> Attribution:
    boosting = scorer.pipeline["clf"]
    weights = raw_weights(boosting.classes_)
    tables, leaves = leaf_tables(scorer, boosting_trees(boosting, weights)), boosting_leaves(boosting, weights, matrix)
    return _by_paths(tables, leaves, boosting._raw_predict_init(matrix) @ weights)


def _histogram_boosting(scorer: PairScorer, matrix: np.ndarray) -> Attribution | None:
    boosting = scorer.pipeline["clf"]
    if boosting.is_categorical_ is not None:  # it sorts its columns anew then
        return None
    weights = raw_weights(boosting.classes_)
    start = np.full(len(matrix), (boosting._baseline_prediction @ weights).item())
    tables, leaves = leaf_tables(scorer, histogram_trees(boosting, weights)), histogram_leaves(boosting, weights, matrix)
    return _by_paths(tables, leaves, start)


def leaf_tables(scorer: PairScorer, trees: Iterator[Tree]) -> Iterable[LeafTable]:
    """The tables of the scorer's trees: kept with it, or made again one after the other where all would take too much memory."""
    if scorer.leaf_tables is not None:
        return scorer.leaf_tables
    known = list(trees)
    tables = (leaf_table(tree, scorer.feature_of_column) for tree in known)
    if sum(len(tree.left) for tree in known) > MOST_NODES_KEPT:
        return tables
    scorer.leaf_tables = list(tables)
    return scorer.leaf_tables


def _by_paths(tables: Iterable[LeafTable], leaves: Iterator[np.ndarray], base: np.ndarray) -> Attribution:
    total = np.zeros((len(base), len(FEATURES)))
    for table, nodes in zip(tables, leaves, strict=True):
        total += table.of(nodes)
        base = base + table.root
    return Attribution(total, base, "path")


def _by_coefficients(scorer: PairScorer, matrix: Any) -> Attribution:
    """Relative to the average row: numbers are scaled to an average of 0, shares of levels have the training rows'."""
    classifier, weights = scorer.pipeline["clf"], raw_weights(scorer.pipeline.classes_)
    slope = weights @ classifier.coef_
    centre = np.zeros(len(slope))
    columns = getattr(scorer.pipeline["preprocess"], "named_transformers_", {})  # the extended ones are all scaled
    if isinstance(encoder := columns.get("cat"), TargetEncoder):
        averages = np.tile(np.atleast_1d(encoder.target_mean_), encoder.n_features_in_)
        centre[: len(averages)] = averages
    groups = _groups(scorer) * slope[:, None]
    contributions = _dense(matrix @ groups) - centre @ groups
    base = float(weights @ classifier.intercept_ + centre @ slope)
    return Attribution(contributions, np.full(matrix.shape[0], base), "coefficients")


def _by_shapley_values(scorer: PairScorer, matrix: Any) -> Attribution:
    classifier, weights, groups = scorer.pipeline["clf"], raw_weights(scorer.pipeline.classes_), _groups(scorer)
    rows = max(1, VALUES_AT_ONCE // (matrix.shape[1] * len(weights)))
    contributions, base = np.zeros((matrix.shape[0], len(FEATURES))), np.zeros(matrix.shape[0])
    for start in range(0, matrix.shape[0], rows):
        part = slice(start, start + rows)
        for weight, values in zip(weights, classifier.shapley_values(matrix[part]), strict=True):
            contributions[part] += weight * _dense(values[:, :-1] @ groups)
            base[part] += weight * _dense(values[:, -1:])[:, 0]
    return Attribution(contributions, base, "tree_shap")


_EXPLAINERS: tuple[tuple[type, Callable[[PairScorer, Any], Attribution | None]], ...] = (
    (LogisticRegression, _by_coefficients),
    (RandomForestClassifier, _forest),
    (GradientBoostingClassifier, _boosting),
    (HistGradientBoostingClassifier, _histogram_boosting),
)


def _groups(scorer: PairScorer) -> np.ndarray:
    """Which of the 11 features each column belongs to, shape (columns, 11), 1 or 0."""
    groups: np.ndarray = np.eye(len(FEATURES))[scorer.feature_of_column]
    return groups


def _dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.todense() if sparse.issparse(matrix) else matrix)
