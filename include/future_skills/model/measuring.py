"""The numbers of one evaluation: point values, intervals over roles, slices, baselines, the paired comparison."""

from typing import Any

import numpy as np

from future_skills.model import metrics, resampling
from future_skills.model.population import Opinion, Population


def measure(population: Population, opinions: list[Opinion], rival: list[Opinion], resamples: int, seed: int) -> dict[str, Any]:
    """Measure a model, given its opinions (one per repetition), and its rival's on the same rows and resamples.

    Values are means over repetitions; levels and reliability are the first one's. What cannot be measured is None, never
    NaN: everything, when an answer is no number.
    """
    if not opinions or not all(np.isfinite(one.probabilities).all() for one in opinions):
        return _unmeasured()
    levels, role = population.levels, population.role
    drawn = resampling.resample_roles(population.roles, resamples, seed)
    ap, macro = _resampled(levels, role, drawn, opinions)
    overall: dict[str, Any] = {
        "ap_high": {"value": _mean(metrics.ap_high(levels, one.ranking) for one in opinions), "ci": resampling.interval(ap)},
        "macro_f1": {
            "value": _mean(metrics.f1(levels, one.levels, "macro") for one in opinions),
            "ci": resampling.interval(macro),
        },
        "weighted_f1": {"value": _mean(metrics.f1(levels, one.levels, "weighted") for one in opinions)},
        "accuracy": {"value": _mean(float((one.levels == levels).mean()) for one in opinions)},
        "log_loss": {"value": _mean(metrics.cross_entropy(levels, one.probabilities) for one in opinions)},
        "ece": {"value": _mean(metrics.expected_calibration_error(levels, one.probabilities) for one in opinions)},
        "base_rate": float((levels == "HIGH").mean()),
    }
    baselines = {name: metrics.summary(levels, guess.ranking, guess.levels) for name, guess in population.baselines.items()}
    comparison = None
    if rival:
        baselines["champion"] = _average([metrics.summary(levels, one.ranking, one.levels) for one in rival])
        rival_ap, rival_macro = _resampled(levels, role, drawn, rival)
        comparison = {
            "ap_high": _difference(overall["ap_high"]["value"], baselines["champion"]["ap_high"], ap - rival_ap),
            "macro_f1": _difference(overall["macro_f1"]["value"], baselines["champion"]["macro_f1"], macro - rival_macro),
        }
    return {
        "overall": overall,
        "per_class": metrics.per_class(levels, opinions[0].levels),
        "confusion": metrics.confusion(levels, opinions[0].levels),
        "reliability": metrics.reliability(levels, opinions[0].probabilities),
        "slices": _slices(population, opinions),
        "baselines": baselines,
        "comparison": comparison,
    }


def _unmeasured() -> dict[str, Any]:
    names = ("ap_high", "macro_f1", "weighted_f1", "accuracy", "log_loss", "ece")
    overall: dict[str, Any] = {name: {"value": None, "ci": None} for name in names}
    return {
        "overall": {**overall, "base_rate": None},
        "per_class": {},
        "confusion": None,
        "reliability": None,
        "slices": [],
        "baselines": {},
        "comparison": None,
    }


def _resampled(levels: np.ndarray, role: np.ndarray, drawn: np.ndarray, opinions: list[Opinion]) -> tuple[np.ndarray, np.ndarray]:
    ap = [resampling.ap_high_of(levels, one.ranking, role, drawn) for one in opinions]
    macro = [resampling.macro_f1_of(levels, one.levels, role, drawn) for one in opinions]
    return np.mean(ap, axis=0), np.mean(macro, axis=0)


def _slices(population: Population, opinions: list[Opinion]) -> list[dict[str, Any]]:
    departments, levels = population.rows["job_department"].to_numpy(), population.levels
    slices = []
    for name in np.unique(departments):
        inside = departments == name
        truth = levels[inside]
        values = _average([metrics.summary(truth, one.ranking[inside], one.levels[inside]) for one in opinions])
        high = int((truth == "HIGH").sum())
        slices.append(
            {
                "slice": "department",
                "name": str(name),
                "n": int(inside.sum()),
                "high": high,
                "base_rate": high / len(truth),
                "ap_high": values["ap_high"],
                "macro_f1": values["macro_f1"],
            }
        )
    return slices


def _average(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: _mean(one[name] for one in summaries) for name in summaries[0]}


def _mean(values: Any) -> float | None:
    known = list(values)
    if any(value is None or not np.isfinite(value) for value in known):
        return None
    return float(np.mean(known))


def _difference(value: float | None, other: float | None, resampled: np.ndarray) -> dict[str, Any]:
    known = value is not None and other is not None
    return {"difference": value - other if known else None, "ci": resampling.interval(resampled)}  # type: ignore[operator]
