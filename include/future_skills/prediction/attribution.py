"""Why a pair has its score: exact contributions of the features on the model's additive scale."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import TargetEncoder

from future_skills.domain import FEATURES, LEVELS
from future_skills.model.scores import SCORE_WEIGHTS
from future_skills.prediction.scoring import PairScorer


def contributions(scorer: PairScorer, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray | None:
    """Contributions of the 11 features to each pair, shape (n, 11); None for estimators without an additive form.

    Forests: points of score, each split of a path credited with the change it makes to the expected score, averaged over
    trees (Saabas 2014, "Interpreting random forests"); with the mean score of the roots they sum to the score.
    Logistic regression: log-odds of HIGH (or the highest level known) against LOW, relative to the average row.
    """
    if scorer.constant:
        return None
    classifier = scorer.pipeline["clf"]
    if isinstance(classifier, RandomForestClassifier):
        return _forest(classifier, scorer.matrix(role_index, skill_index), scorer.feature_of_column)
    if isinstance(classifier, LogisticRegression):
        return _linear(scorer, scorer.matrix(role_index, skill_index))
    return None


def _forest(forest: RandomForestClassifier, matrix: Any, feature_of_column: np.ndarray) -> np.ndarray:
    points = np.array([SCORE_WEIGHTS[LEVELS.index(level)] for level in forest.classes_])
    leaves = forest.apply(matrix)
    total = np.zeros((matrix.shape[0], len(FEATURES)))
    for number, tree in enumerate(forest.estimators_):
        total += _path_table(tree.tree_, points, feature_of_column)[leaves[:, number]]
    result: np.ndarray = total / len(forest.estimators_)
    return result


def _path_table(tree: Any, points: np.ndarray, feature_of_column: np.ndarray) -> np.ndarray:
    """For each node, the contributions of the features along its path from the root, shape (nodes, 11)."""
    value = tree.value[:, 0, :]
    score = value @ points / value.sum(axis=1)
    table = np.zeros((tree.node_count, len(FEATURES)))
    parents = np.array([0])
    while len(parents := parents[tree.children_left[parents] >= 0]):
        feature = feature_of_column[tree.feature[parents]]
        for children in (tree.children_left[parents], tree.children_right[parents]):
            table[children] = table[parents]
            table[children, feature] += score[children] - score[parents]
        parents = np.concatenate([tree.children_left[parents], tree.children_right[parents]])
    return table


def _linear(scorer: PairScorer, matrix: Any) -> np.ndarray:
    classifier = scorer.pipeline["clf"]
    classes = list(classifier.classes_)
    known = [level for level in LEVELS if level in classes]
    if len(classifier.coef_) == 1:
        slope = classifier.coef_[0] * (1 if classes[1] == known[-1] else -1)
    else:
        slope = classifier.coef_[classes.index(known[-1])] - classifier.coef_[classes.index(known[0])]
    encoder = scorer.pipeline["preprocess"].named_transformers_["cat"]
    centre = np.zeros(len(slope))
    if isinstance(encoder, TargetEncoder):
        averages = np.tile(np.atleast_1d(encoder.target_mean_), encoder.n_features_in_)
        centre[: len(averages)] = averages  # numbers are scaled: their average is 0
    group = np.eye(len(FEATURES))[scorer.feature_of_column] * slope[:, None]
    product = matrix @ group
    dense: np.ndarray = np.asarray(product.todense() if sparse.issparse(product) else product) - centre @ group
    return dense
