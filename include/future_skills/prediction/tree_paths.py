"""Path attribution: what each split on a row's way through a tree changed (Saabas 2014, "Interpreting random forests").

A node's expected value is the mean of the leaves below it, weighted by their training rows. A row's leaf differs from the
root by the sum of the differences along its path, each credited to the feature of its split, so roots and contributions sum
to the prediction exactly. Written here because the shap library explains a few hundred rows a second, where a batch needs ten
thousand: a table per tree holds the contributions of every leaf, and a row costs one look-up in it.
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


@dataclass(frozen=True)
class LeafTable:
    """What a tree adds to a row: contributions (leaves, 11), each node's place among the leaves (nodes,), the root's value."""

    contributions: np.ndarray
    place: np.ndarray
    root: float

    def of(self, nodes: np.ndarray) -> np.ndarray:
        """The contributions of rows by the leaf that each falls into, shape (n, 11)."""
        found: np.ndarray = self.contributions[self.place[nodes]]
        return found


def leaf_table(tree: Tree, feature_of_column: np.ndarray) -> LeafTable:
    """The contributions of the features on the path to each leaf, and the root's expected value."""
    levels = list(_inner_levels(tree))
    value = tree.value if tree.expected else _expected_values(tree, levels)
    table = np.zeros((len(value), len(FEATURES)))
    for parents in levels:
        feature = feature_of_column[tree.column[parents]]
        for children in (tree.left[parents], tree.right[parents]):
            table[children] = table[parents]
            table[children, feature] += value[children] - value[parents]
    leaf = tree.left < 0
    return LeafTable(table[leaf], (np.cumsum(leaf) - 1).astype(np.int32), float(value[0]))


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


def forest_trees(forest: RandomForestClassifier, points: np.ndarray) -> Iterator[Tree]:
    """Each tree with the mean `points` of the classes as its values."""
    for estimator in forest.estimators_:
        tree = estimator.tree_
        shares = tree.value[:, 0, :]
        yield _of_scikit_learn(tree, shares @ points / shares.sum(axis=1), expected=True)


def forest_leaves(forest: RandomForestClassifier, matrix: Any) -> Iterator[np.ndarray]:
    """For each tree the leaf of each row, shape (n,)."""
    yield from forest.apply(matrix).T


def boosting_trees(boosting: GradientBoostingClassifier, weights: np.ndarray) -> Iterator[Tree]:
    """Each tree, times the learning rate and the weight of its column of the raw score."""
    for number, column in _boosted(boosting, weights):
        tree = boosting.estimators_[number, column].tree_
        value = tree.value[:, 0, 0] * boosting.learning_rate * weights[column]
        yield _of_scikit_learn(tree, value, expected=False)


def boosting_leaves(boosting: GradientBoostingClassifier, weights: np.ndarray, matrix: Any) -> Iterator[np.ndarray]:
    """For each tree of `boosting_trees` the leaf of each row, shape (n,)."""
    leaves = boosting.apply(matrix).astype(int).reshape(matrix.shape[0], len(boosting.estimators_), -1)
    for number, column in _boosted(boosting, weights):
        yield leaves[:, number, column]


def _boosted(boosting: GradientBoostingClassifier, weights: np.ndarray) -> Iterator[tuple[int, int]]:
    return zip(*np.nonzero(np.broadcast_to(weights, boosting.estimators_.shape)), strict=True)


def histogram_trees(boosting: HistGradientBoostingClassifier, weights: np.ndarray) -> Iterator[Tree]:
    """Each tree, times the weight of its column of the raw score.

    scikit-learn 1.7 gives neither nodes nor leaves of these trees in public.
    """
    for predictor, weight in _predictors(boosting, weights):
        nodes = predictor.nodes
        left, right = (np.where(nodes["is_leaf"], -1, nodes[side].astype(int)) for side in ("left", "right"))
        yield Tree(left, right, nodes["feature_idx"], nodes["value"] * weight, nodes["count"].astype(float))


def histogram_leaves(boosting: HistGradientBoostingClassifier, weights: np.ndarray, matrix: np.ndarray) -> Iterator[np.ndarray]:
    """For each tree of `histogram_trees` the leaf of each row, shape (n,).

    A predictor whose nodes hold their own numbers as values tells the leaves at the speed of a prediction.
    """
    known, positions = boosting._bin_mapper.make_known_categories_bitsets()
    matrix = np.asarray(matrix, dtype=np.float64)
    for predictor, _ in _predictors(boosting, weights):
        numbered = predictor.nodes.copy()
        numbered["value"] = np.arange(len(numbered))
        finder = TreePredictor(numbered, predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets)
        yield finder.predict(matrix, known, positions, 1).astype(int)


def _predictors(boosting: HistGradientBoostingClassifier, weights: np.ndarray) -> Iterator[tuple[TreePredictor, float]]:
    for trees in boosting._predictors:
        yield from ((predictor, weight) for predictor, weight in zip(trees, weights, strict=True) if weight)


def _of_scikit_learn(tree: Any, value: np.ndarray, *, expected: bool) -> Tree:
    return Tree(tree.children_left, tree.children_right, tree.feature, value, tree.weighted_n_node_samples, expected)
