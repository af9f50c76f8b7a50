"""Probabilities in one order, and the score that people see."""

from typing import Any

import numpy as np
import pandas as pd

from future_skills.dataset.context import PairContext
from future_skills.domain import LEVELS
from future_skills.model.inputs import pipeline_input

SCORE_WEIGHTS = np.array([0.0, 50.0, 100.0])
"""Points of LOW, MEDIUM and HIGH: score = 100 * (P(HIGH) + 0.5 * P(MEDIUM))."""


def in_level_order(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Columns of `probabilities`, given for `classes`, in the order LOW, MEDIUM, HIGH; an absent class has probability 0."""
    ordered = np.zeros((len(probabilities), len(LEVELS)))
    for column, level in enumerate(classes):
        ordered[:, LEVELS.index(level)] = probabilities[:, column]
    return ordered


def probabilities_of(pipeline: Any, frame: pd.DataFrame, context: PairContext | None = None) -> np.ndarray:
    """P(LOW), P(MEDIUM), P(HIGH) of rows with the 11 features, shape (n, 3).

    A pipeline of the extended feature set needs the `context` of the snapshot the rows are of, and their ids.
    """
    if frame.empty:
        return np.zeros((0, len(LEVELS)))
    return in_level_order(pipeline.predict_proba(pipeline_input(frame, context)), pipeline.classes_)


def scores_of(probabilities: np.ndarray) -> np.ndarray:
    """Scores in 0-100, two decimals."""
    scores: np.ndarray = np.round(np.clip(probabilities @ SCORE_WEIGHTS, 0, 100), 2)
    return scores
