"""How much of AP(HIGH) each of the 11 features carries: permutation importance on the matrix the classifier sees."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from future_skills.dataset.context import PairContext
from future_skills.domain import FEATURES
from future_skills.model.inputs import pipeline_input
from future_skills.model.metrics import ap_high
from future_skills.model.preprocessing import feature_of_column, is_constant
from future_skills.model.scores import in_level_order

REPETITIONS = 3
LARGEST_SAMPLE = 2_000
"""Decided rows looked at; 33 predictions of as many rows stay within a few seconds whatever the estimator."""

Part = tuple[Any, np.ndarray]
"""A fitted pipeline and the positions of the rows it answers for."""


def permutation_importance(
    rows: pd.DataFrame, parts: Sequence[Part], seed: int, context: PairContext | None = None
) -> list[dict[str, Any]] | None:
    """The drop in AP(HIGH) when one feature's values are exchanged between rows, per feature in the contract's order.

    `parts` says which pipeline answers for which of `rows`; values are exchanged among the rows of one pipeline. Text is
    encoded once, then all matrix columns of one feature move together. A drop of 0: the model makes no use of the feature.
    Mean and standard deviation over seeded repetitions (Breiman 2001, "Random Forests", section 10, with AP in place of
    accuracy). None without a HIGH row in the sample, or when every pipeline is constant.
    """
    random = np.random.default_rng(seed)
    sample = np.sort(random.permutation(len(rows))[:LARGEST_SAMPLE])
    seen = [(pipeline, np.intersect1d(sample, positions)) for pipeline, positions in parts]
    levels = rows["future_need_level"].to_numpy(dtype=object)
    answered = np.concatenate([positions for _, positions in seen]) if seen else sample[:0]
    if all(is_constant(pipeline) for pipeline, _ in seen) or not (levels[answered] == "HIGH").any():
        return None
    answers = [_Answers(pipeline, rows.iloc[positions], context) for pipeline, positions in seen if len(positions)]
    truth = levels[answered]
    whole = _ap_high(truth, [answer.as_they_are for answer in answers])
    result = []
    for number, name in enumerate(FEATURES):
        exchanged = [answer.without(number, random) for answer in answers]
        drops = [whole - _ap_high(truth, [part[repetition] for part in exchanged]) for repetition in range(REPETITIONS)]
        result.append({"feature": name, "drop": float(np.mean(drops)), "std": float(np.std(drops)), "n": len(truth)})
    return result


def _ap_high(truth: np.ndarray, rankings: Sequence[np.ndarray]) -> float:
    return ap_high(truth, np.concatenate(rankings)) or 0.0


class _Answers:
    """P(HIGH) of some rows by one pipeline, as they are and with one feature's values exchanged."""

    def __init__(self, pipeline: Any, rows: pd.DataFrame, context: PairContext | None) -> None:
        self._pipeline, self._columns = pipeline, feature_of_column(pipeline)
        constant = is_constant(pipeline)
        given = pipeline_input(rows, context)
        self._matrix = np.zeros((len(rows), 1)) if constant else pipeline["preprocess"].transform(given)
        self.as_they_are = _ranking(pipeline, self._matrix)

    def without(self, feature: int, random: np.random.Generator) -> np.ndarray:
        """P(HIGH) of each row with another row's value of the feature, shape (REPETITIONS, n)."""
        moved, rows = self._columns == feature, len(self.as_they_are)
        if not moved.any():
            return np.tile(self.as_they_are, (REPETITIONS, 1))
        copies = [_exchanged(self._matrix, moved, random.permutation(rows)) for _ in range(REPETITIONS)]
        stacked = sparse.vstack(copies, format="csr") if sparse.issparse(self._matrix) else np.vstack(copies)
        return _ranking(self._pipeline, stacked).reshape(REPETITIONS, rows)


def _ranking(pipeline: Any, matrix: Any) -> np.ndarray:
    """P(HIGH) of encoded rows, shape (n,)."""
    return np.asarray(in_level_order(pipeline["clf"].predict_proba(matrix), pipeline.classes_)[:, 2])


def _exchanged(matrix: Any, moved: np.ndarray, order: np.ndarray) -> Any:
    """The matrix with the columns `moved` taken from the rows in `order`; sparse stays sparse."""
    if sparse.issparse(matrix):
        keep, move = sparse.diags((~moved).astype(float)), sparse.diags(moved.astype(float))
        return sparse.csr_matrix(matrix @ keep + (matrix @ move).tocsr()[order])
    result = matrix.copy()
    result[:, moved] = matrix[order][:, moved]
    return result
