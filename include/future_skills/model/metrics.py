"""What a set of predictions is worth, on decided rows."""

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from future_skills.domain import LEVELS

CALIBRATION_BINS = 10


def ap_high(levels: np.ndarray, ranking: np.ndarray) -> float | None:
    """Average precision of HIGH when rows are ranked by `ranking` (P(HIGH)); None without a HIGH row."""
    truth = levels == "HIGH"
    return float(average_precision_score(truth, ranking)) if truth.any() else None


def f1(levels: np.ndarray, predicted: np.ndarray, average: str) -> float:
    """Macro or weighted F1 over the levels that occur in the truth."""
    occurring = [level for level in LEVELS if (levels == level).any()]
    return float(f1_score(levels.astype(str), predicted.astype(str), labels=occurring, average=average, zero_division=0))


def per_class(levels: np.ndarray, predicted: np.ndarray) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of each level."""
    values = precision_recall_fscore_support(levels.astype(str), predicted.astype(str), labels=list(LEVELS), zero_division=0)
    names = ("precision", "recall", "f1", "support")
    return {
        level: {name: float(value[row]) for name, value in zip(names, values, strict=True)} for row, level in enumerate(LEVELS)
    }


def cross_entropy(levels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean log-loss in nats; probabilities are clipped at 1e-15."""
    clipped = np.clip(probabilities, 1e-15, 1)
    order = np.argsort(LEVELS)
    normalised = (clipped / clipped.sum(axis=1, keepdims=True))[:, order]
    return float(log_loss(levels.astype(str), normalised, labels=sorted(LEVELS)))


def expected_calibration_error(levels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean gap between confidence and accuracy of the likeliest level, over 10 equal bins, weighted by their rows.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    confidence = probabilities.max(axis=1)
    hit = np.array(LEVELS, dtype=object)[probabilities.argmax(axis=1)] == levels
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=confidence - hit, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(levels))


def confusion(levels: np.ndarray, predicted: np.ndarray) -> list[list[int]]:
    """How many rows of each true level (LOW, MEDIUM, HIGH, from the top) were given which level (from the left)."""
    counts = confusion_matrix(levels.astype(str), predicted.astype(str), labels=list(LEVELS)) if len(levels) else np.zeros((3, 3))
    return [[int(count) for count in row] for row in counts]


def reliability(levels: np.ndarray, probabilities: np.ndarray) -> dict[str, list[dict[str, float]]]:
    """For each level, the bins of its predicted probability: mean predicted, observed share, number of rows.

    Ten equal bins over 0 to 1, those without a row left out: the reliability diagram of DeGroot and Fienberg 1983, "The
    Comparison and Evaluation of Forecasters".
    """
    result: dict[str, list[dict[str, float]]] = {}
    for column, level in enumerate(LEVELS):
        predicted, observed = probabilities[:, column], levels == level
        bins = np.minimum((predicted * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        rows = np.bincount(bins, minlength=CALIBRATION_BINS)
        total, found = (np.bincount(bins, weights=what, minlength=CALIBRATION_BINS) for what in (predicted, observed))
        result[level] = [
            {"predicted": float(total[at] / rows[at]), "observed": float(found[at] / rows[at]), "n": int(rows[at])}
            for at in np.flatnonzero(rows)
        ]
    return result


def summary(levels: np.ndarray, ranking: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """AP(HIGH), macro-F1 and weighted F1: what every baseline is compared in."""
    return {
        "ap_high": ap_high(levels, ranking),
        "macro_f1": f1(levels, predicted, "macro"),
        "weighted_f1": f1(levels, predicted, "weighted"),
    }
