"""95 % percentile intervals from 2,000 resamples of job roles, paired between models."""

import numpy as np

from future_skills.domain import LEVELS

BLOCK = 100
INTERVAL = (2.5, 97.5)


def resample_roles(roles: int, resamples: int, random_state: int) -> np.ndarray:
    """How often each role is drawn in each resample, shape (resamples, roles)."""
    random = np.random.default_rng(random_state)
    return random.multinomial(roles, np.full(roles, 1 / roles), size=resamples).astype(np.float64)


def ap_high_of(levels: np.ndarray, ranking: np.ndarray, role: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """AP(HIGH) in each resample; `role` is each row's column in `drawn`. NaN where a resample has no HIGH row.

    Equals scikit-learn's average_precision_score with the draws as sample weights, ties included.
    """
    order = np.argsort(-ranking, kind="stable")
    truth, role = (levels == "HIGH")[order], role[order]
    ends = np.append(np.flatnonzero(np.diff(ranking[order])), len(order) - 1)
    result = np.empty(len(drawn))
    for start in range(0, len(drawn), BLOCK):
        weight = drawn[start : start + BLOCK][:, role]
        seen = weight.cumsum(axis=1)[:, ends]
        found = np.where(truth, weight, 0).cumsum(axis=1)[:, ends]
        gained = np.diff(found, axis=1, prepend=0)
        precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        total = found[:, -1]
        summed = (gained * precision).sum(axis=1)
        result[start : start + BLOCK] = np.divide(summed, total, out=np.full_like(total, np.nan), where=total > 0)
    return result


def macro_f1_of(levels: np.ndarray, predicted: np.ndarray, role: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Macro-F1 in each resample, over the levels that occur in it."""
    codes = {level: code for code, level in enumerate(LEVELS)}
    truth = np.array([codes[level] for level in levels], dtype=np.int64)
    given = np.array([codes[level] for level in predicted], dtype=np.int64)
    cells = len(LEVELS) ** 2
    counts = np.bincount(role * cells + truth * len(LEVELS) + given, minlength=drawn.shape[1] * cells).reshape(-1, cells)
    confusion = (drawn @ counts).reshape(len(drawn), len(LEVELS), len(LEVELS))
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    actual, predicted_total = confusion.sum(axis=2), confusion.sum(axis=1)
    scores = 2 * hits / np.maximum(actual + predicted_total, 1)
    occurring = actual > 0
    mean: np.ndarray = np.where(occurring, scores, 0).sum(axis=1) / np.maximum(occurring.sum(axis=1), 1)
    return mean


def accuracy_of(levels: np.ndarray, predicted: np.ndarray, role: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Share of right levels in each resample; NaN where it has no row."""
    hits, rows = (np.bincount(role, weights=one, minlength=drawn.shape[1]) for one in (levels == predicted, np.ones(len(role))))
    total = drawn @ rows
    share: np.ndarray = np.divide(drawn @ hits, total, out=np.full_like(total, np.nan), where=total > 0)
    return share


def interval(values: np.ndarray) -> list[float] | None:
    """The 2.5th and 97.5th percentile, or None when no resample could be measured."""
    known = values[np.isfinite(values)]
    return [float(bound) for bound in np.percentile(known, INTERVAL)] if len(known) else None
