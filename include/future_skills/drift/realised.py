"""What predictions are worth on decisions that HR made after them, and whether a model decays."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from psycopg2.extensions import connection as Connection

from future_skills.config import GateSettings, Settings
from future_skills.database import fetch_value
from future_skills.domain import LEVELS
from future_skills.ledger.chains import forget_stage, record_stage
from future_skills.ledger.realised import decisions_of
from future_skills.ledger.versions import champion, get_version, newest_evaluation
from future_skills.model import metrics, resampling

NEWEST_WEEK = "SELECT max(week) FROM future_skills_ops.realised_decision WHERE version = %s"


@dataclass(frozen=True)
class Decay:
    """A deployed version that does clearly worse on HR's new decisions than its evaluation promised.

    `metric` is "ap_high" or "macro_f1"; `value`, its 95 % interval `ci` and the `threshold` the interval lies below are of
    the `n` newest decisions, made up to the `week` that begins on that Monday.
    """

    version: str
    metric: str
    value: float
    ci: tuple[float, float]
    n: int
    threshold: float
    week: date


def measure_decisions(rows: pd.DataFrame, gate: GateSettings, seed: int) -> dict[str, Any]:
    """Accuracy, macro-F1 and AP(HIGH) of decisions [job_role_id, level, predicted, probability_high, persisting, overwritten].

    Each with its 95 % interval over roles (None with a single role), beside what repeating the last level would reach.
    """
    levels, predicted = (rows[name].to_numpy(dtype=object) for name in ("level", "predicted"))
    persisting, ranking = rows["persisting"].to_numpy(dtype=object), rows["probability_high"].to_numpy(dtype=float)
    role, names = pd.factorize(rows["job_role_id"])
    drawn = resampling.resample_roles(len(names), gate.resamples, seed)
    resampled = {
        "accuracy": resampling.accuracy_of(levels, predicted, role, drawn),
        "macro_f1": resampling.macro_f1_of(levels, predicted, role, drawn),
        "ap_high": resampling.ap_high_of(levels, ranking, role, drawn),
    }
    values = _values(levels, ranking, predicted)
    persistence_ranking = np.array([LEVELS.index(level) for level in persisting], dtype=float)
    return {
        **{
            name: {"value": value, "ci": resampling.interval(resampled[name]) if len(names) > 1 else None}
            for name, value in values.items()
        },
        "persistence": _values(levels, persistence_ranking, persisting),
        "high": int((levels == "HIGH").sum()),
        "roles": len(names),
        "overwritten": int(rows["overwritten"].sum()),
    }


def _values(levels: np.ndarray, ranking: np.ndarray, predicted: np.ndarray) -> dict[str, float | None]:
    summary = metrics.summary(levels, ranking, predicted)
    return {
        "accuracy": float((levels == predicted).mean()),
        "macro_f1": summary["macro_f1"],
        "ap_high": summary["ap_high"],
    }


def decay(connection: Connection, settings: Settings, version: str | None = None) -> Decay | None:
    """Does a version (default: the deployed one) decay on pairs that were undecided when it was trained?

    It does when the 95 % interval of AP(HIGH), or of macro-F1, over the newest `decay_weeks` lies wholly below what must
    remain of its evaluation. None too while the decisions are too few, or where its accuracy was never known.
    """
    with connection:
        row = get_version(connection, version) if version else champion(connection)
        week = fetch_value(connection, NEWEST_WEEK, (row.version,)) if row else None
        evaluation = newest_evaluation(connection, row.version) if row else None
        if row is None or week is None or evaluation is None or not evaluation.metrics["accuracy_known"]:
            return None
        first = week - timedelta(weeks=settings.drift.decay_weeks - 1)
        rows = decisions_of(connection, row.version, "undecided", first, week)
    if len(rows) < settings.drift.decay_minimum_decisions:
        return None
    measured = measure_decisions(rows, settings.gate, settings.training.random_state)
    if measured["roles"] < settings.gate.insufficient_roles:
        return None
    for metric, threshold in _thresholds(evaluation.metrics["overall"], measured, len(rows), settings).items():
        value, ci = measured[metric]["value"], measured[metric]["ci"]
        if ci is not None and ci[1] < threshold:
            return Decay(row.version, metric, value, (ci[0], ci[1]), len(rows), threshold, week)
    return None


def watch_decay(connection: Connection, settings: Settings, dataset_id: str) -> Decay | None:
    """`decay` of the deployed version, kept as a stage of the chain that showed it; taken back when it shows no more."""
    found = decay(connection, settings)
    with connection:
        if found is None:
            forget_stage(connection, dataset_id, "decay")
        else:
            facts = {**asdict(found), "week": found.week.isoformat()}
            record_stage(connection, dataset_id, "decay", "decays", **facts)
    return found


def _thresholds(promised: dict[str, Any], measured: dict[str, Any], n: int, settings: Settings) -> dict[str, float]:
    """The lowest values that are no decay; AP(HIGH) is compared above chance, as HR decides other shares of HIGH each week."""
    thresholds = {}
    ap_high, base = promised["ap_high"]["value"], promised["base_rate"]
    if ap_high is not None and base < 1 and measured["high"] >= settings.drift.decay_minimum_high:
        chance = measured["high"] / n
        thresholds["ap_high"] = chance + settings.drift.decay_ap_high_kept * (ap_high - base) / (1 - base) * (1 - chance)
    if promised["macro_f1"]["value"] is not None:
        thresholds["macro_f1"] = promised["macro_f1"]["value"] - settings.drift.decay_macro_f1_lost
    return thresholds
