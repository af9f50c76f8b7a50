"""Labels: what HR decided, or, when that is too little, what the documented rule formula says."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from future_skills.config import DatasetSettings
from future_skills.domain import LEVELS, LabelSource

RULE_HIGH, RULE_MEDIUM = 0.7, 0.4
RULE_SCARCE, RULE_HARD = 0.7, 0.7
RULE_LIFT_SCARCE, RULE_LIFT_TREND = 0.6, 0.6
LABEL_COLUMNS = ["job_role_id", "skill_id", "level", "decided_at"]
CLASSES_NEEDED = 2


@dataclass(frozen=True)
class Labels:
    """Decided pairs [job_role_id, skill_id, level, decided_at], sorted and unique by pair; empty when source is bootstrap."""

    frame: pd.DataFrame
    source: LabelSource


def decide_labels(decisions: pd.DataFrame, horizon_years: int, settings: DatasetSettings) -> Labels:
    """Choose the labels: decisions of the horizon; when too few, of all horizons; when still too few, none (bootstrap).

    Too few: below `minimum_decided_pairs`, or fewer than two classes with `minimum_pairs_per_class`, or no HIGH.
    """
    own = _newest_per_pair(decisions[decisions["horizon_years"] == horizon_years])
    if _enough(own, settings):
        return Labels(own, "hr_decision")
    any_horizon = _newest_per_pair(decisions)
    if _enough(any_horizon, settings):
        return Labels(any_horizon, "hr_decision_any_horizon")
    return Labels(own.iloc[:0], "bootstrap")


def rule_levels(features: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The HR application's rule formula: need scores in 0-100 and levels, one per row of the 11 features.

    s = 0.5 trend + 0.3 usage + 0.2 min(1, requests / 100); HIGH from 0.7, MEDIUM from 0.4; then a MEDIUM with scarcity and
    hiring difficulty above 0.7 becomes HIGH, a LOW with scarcity and trend above 0.6 becomes MEDIUM.
    """
    trend, usage = features["trend_score"].clip(0, 1), features["internal_usage"].clip(0, 1)
    need = (0.5 * trend + 0.3 * usage + 0.2 * (features["training_requests"] / 100).clip(0, 1)).to_numpy()
    level = np.select([need >= RULE_HIGH, need >= RULE_MEDIUM], ["HIGH", "MEDIUM"], "LOW").astype(object)
    scarcity = features["scarcity_index"].to_numpy()
    raised = (level == "MEDIUM") & (scarcity > RULE_SCARCE) & (features["hiring_difficulty"].to_numpy() > RULE_HARD)
    lifted = (level == "LOW") & (scarcity > RULE_LIFT_SCARCE) & (trend.to_numpy() > RULE_LIFT_TREND)
    level[raised], level[lifted] = "HIGH", "MEDIUM"
    return np.round(100 * need, 2), level


def _newest_per_pair(decisions: pd.DataFrame) -> pd.DataFrame:
    ordered = decisions.sort_values(["job_role_id", "skill_id", "decided_at", "decision_id"], kind="stable")
    return ordered.drop_duplicates(["job_role_id", "skill_id"], keep="last")[LABEL_COLUMNS].reset_index(drop=True)


def _enough(labels: pd.DataFrame, settings: DatasetSettings) -> bool:
    counts = labels["level"].value_counts().reindex(LEVELS, fill_value=0)
    classes = int((counts >= settings.minimum_pairs_per_class).sum())
    return len(labels) >= settings.minimum_decided_pairs and classes >= CLASSES_NEEDED and counts["HIGH"] > 0
