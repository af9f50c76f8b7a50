"""Path attribution: what each split on a row's way through a tree changed (Saabas 2014, "Interpreting random forests").

A node's expected value is the mean of the leaves below it, weighted by their training rows. A row's leaf differs from the
root by the sum of the differences along its path, each credited to the feature of its split, so roots and contributions sum
to the prediction exactly. Written here because the shap library explains a few hundred rows a second, where a batch needs ten
thousand: a table per tree holds the contributions of every node, and a row costs one look-up in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

from future_skills.domain import FEATURES


@dataclass(frozen=True)
class Tree:
    """Children (-1: none), column, value and weight of each node of a tree, each of shape (nodes,); the root is the first.

    Only the values of leaves are read, unless `expected` says that those of inner nodes are means of their leaves already.
    """

    left: np.ndarray
    right: np.ndarray
    column: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    expected: bool = False


def path_table(tree: Tree, feature_of_column: np.ndarray) -> tuple[np.ndarray, float]:
    """For each node the contributions of the features on its path, shape (nodes, 11), and the root's expected value."""
    levels = list(_inner_levels(tree))
    value = tree.value if tree.expected else _expected_values(tree, levels)
    table = np.zeros((len(value), len(FEATURES)))
    for parents in levels:
        feature = feature_of_column[tree.column[parents]]
        for children in (tree.left[parents], tree.right[parents]):
            table[children] = table[parents]
            table[children, feature] += value[children] - value[parents]
    return table, float(value[0])


def _inner_levels(tree: Tree) -> Iterator[np.ndarray]:
    """The nodes that split, depth by depth."""
    nodes = np.array([0])
    while len(parents := nodes[tree.left[nodes] >= 0]):
        yield parents
        nodes = np.concatenate([tree.left[parents], tree.right[parents]])


def _expected_values(tree: Tree, levels: list[np.ndarray]) -> np.ndarray:
    value = tree.value.copy()
    for parents in reversed(levels):
        left, right = tree.left[parents], tree.right[parents]
        value[parents] = np.average([value[left], value[right]], axis=0, weights=[tree.weight[left], tree.weight[right]])
    return value


def forest_paths(forest: RandomForestClassifier, matrix: Any, points: np.ndarray) -> Iterator[tuple[Tree, np.ndarray]]:
    """Each tree with the mean `points` of the classes as its values, and the leaf of each row, shape (n,)."""
    leaves = forest.apply(matrix)
    for number, estimator in enumerate(forest.estimators_):
        tree = estimator.tree_
        shares = tree.value[:, 0, :]
        value = shares @ points / shares.sum(axis=1)
        yield _of_scikit_learn(tree, value, expected=True), leaves[:, number]


def boosting_paths(boosting: GradientBoostingClassifier, matrix: Any, weights: np.ndarray) -> Iterator[tuple[Tree, np.ndarray]]:
    """Each tree, times the learning rate and the weight of its column of the raw score, and the leaf of each row."""
    leaves = boosting.apply(matrix).astype(int).reshape(matrix.shape[0], len(boosting.estimators_), -1)
    for number, column in zip(*np.nonzero(np.broadcast_to(weights, boosting.estimators_.shape)), strict=True):
        tree = boosting.estimators_[number, column].tree_
        value = tree.value[:, 0, 0] * boosting.learning_rate * weights[column]
        yield _of_scikit_learn(tree, value, expected=False), leaves[:, number, column]


def histogram_paths(
    boosting: HistGradientBoostingClassifier, matrix: np.ndarray, weights: np.ndarray
) -> Iterator[tuple[Tree, np.ndarray]]:
    """Each tree, times the weight of its column of the raw score, and the leaf of each row.

    scikit-learn 1.7 gives neither nodes nor leaves of these trees in public. A predictor whose nodes hold their own numbers
    as values tells the leaves at the speed of a prediction.
    """
    known, positions = boosting._bin_mapper.make_known_categories_bitsets()
    matrix = np.asarray(matrix, dtype=np.float64)
    for trees in boosting._predictors:
        for predictor, weight in zip(trees, weights, strict=True):
            if weight == 0:
                continue
            nodes, numbered = predictor.nodes, predictor.nodes.copy()
            numbered["value"] = np.arange(len(nodes))
            finder = TreePredictor(numbered, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets)
            leaves = finder.predict(matrix, known, positions, 1).astype(int)
            left, right = (np.where(nodes["is_leaf"], -1, nodes[side].astype(int)) for side in ("left", "right"))
            yield Tree(left, right, nodes["feature_idx"], nodes["value"] * weight, nodes["count"].astype(float)), leaves


def _of_scikit_learn(tree: Any, value: np.ndarray, *, expected: bool) -> Tree:
    return Tree(tree.children_left, tree.children_right, tree.feature, value, tree.weighted_n_node_samples, expected)
