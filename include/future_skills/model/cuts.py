"""Two cuts turn a score into a level, so that a higher score never has a lower level."""

from dataclasses import asdict, dataclass

import numpy as np

from future_skills.dataset.labels import RULE_HIGH, RULE_MEDIUM
from future_skills.domain import LEVELS

CANDIDATES = 200
"""Quantiles of the scores tried as cuts."""


@dataclass(frozen=True)
class Cuts:
    """The lowest score of MEDIUM and of HIGH; medium <= high."""

    medium: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """As the ledger keeps them."""
        return asdict(self)


def levels_of(scores: np.ndarray, cuts: Cuts) -> np.ndarray:
    """LOW, MEDIUM or HIGH for each score."""
    levels: np.ndarray = np.array(LEVELS, dtype=object)[(scores >= cuts.medium).astype(int) + (scores >= cuts.high)]
    return levels


def choose_cuts(scores: np.ndarray, levels: np.ndarray) -> Cuts:
    """The cuts with the best macro-F1 over the levels that occur; ties go to the lowest cuts; without a row, the rules' cuts.

    `scores` must be out of fold, or the cuts would fit what was memorised.
    """
    if not len(scores):
        return Cuts(100 * RULE_MEDIUM, 100 * RULE_HIGH)
    tried = np.unique(np.round(np.quantile(scores, np.linspace(0, 1, CANDIDATES)), 2))
    tried = np.append(tried, 100.01)  # a cut above every score: the level is never given
    actual = np.array([(levels == level).sum() for level in LEVELS], dtype=float)
    above = np.array([[((levels == level) & (scores >= cut)).sum() for cut in tried] for level in LEVELS], dtype=float)
    medium, high = np.triu_indices(len(tried))
    hits = np.array([actual[0] - above[0][medium], above[1][medium] - above[1][high], above[2][high]])
    total = above.sum(axis=0)
    given = np.array([actual.sum() - total[medium], total[medium] - total[high], total[high]])
    occurring = actual > 0
    f1 = 2 * hits[occurring] / np.maximum(given[occurring] + actual[occurring, None], 1)
    best = int(f1.mean(axis=0).argmax())
    return Cuts(float(tried[medium[best]]), float(tried[high[best]]))


def levels_by_fold(scores: np.ndarray, levels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """The level of each row after cuts chosen on the other folds, so that no row is among those its cuts were chosen on."""
    given = np.empty(len(scores), dtype=object)
    for number in np.unique(fold):
        inside = fold == number
        given[inside] = levels_of(scores[inside], choose_cuts(scores[~inside], levels[~inside]))
    return given
