"""What a model must beat: the majority, the rule formula, and the share of HIGH among past decisions on the skill."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from future_skills.dataset.labels import rule_levels

PRIOR_WEIGHT = 2.0
"""Pseudo-decisions of the base rate mixed into a skill's share, so that one decision does not decide."""

BASELINE_NAMES = {"majority": "majority", "rules": "rule formula", "skill_share": "skill share", "champion": "deployed model"}
"""What a model is shown beside, in this order, in words."""


@dataclass(frozen=True)
class Guess:
    """A baseline's answer for some rows: `ranking` orders them by HIGH, `levels` are its levels."""

    ranking: np.ndarray
    levels: np.ndarray


def guesses(training: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Guess]:
    """The baselines for `rows`, having seen the decided rows of `training` (other roles' decisions) alone."""
    levels = training["future_need_level"]
    majority = levels.value_counts().idxmax()
    scores, by_rule = rule_levels(rows)
    return {
        "majority": Guess(np.zeros(len(rows)), np.full(len(rows), majority, dtype=object)),
        "rules": Guess(scores, by_rule),
        "skill_share": _skill_share(training, rows, str(majority)),
    }


def guesses_by_fold(decided: pd.DataFrame, fold: np.ndarray) -> dict[str, Guess]:
    """The baselines for every decided row, each answered from the rows of the other folds."""
    parts = {number: guesses(decided[fold != number], decided[fold == number]) for number in np.unique(fold).tolist()}
    result = {}
    for name in next(iter(parts.values())):
        ranking, levels = np.zeros(len(decided)), np.empty(len(decided), dtype=object)
        for number, part in parts.items():
            ranking[fold == number], levels[fold == number] = part[name].ranking, part[name].levels
        result[name] = Guess(ranking, levels)
    return result


def _skill_share(training: pd.DataFrame, rows: pd.DataFrame, majority: str) -> Guess:
    by_skill = training.groupby("skill_id")["future_need_level"]
    high = by_skill.agg(lambda levels: (levels == "HIGH").sum())
    base = float((training["future_need_level"] == "HIGH").mean())
    share = (high + PRIOR_WEIGHT * base) / (by_skill.size() + PRIOR_WEIGHT)
    commonest = by_skill.agg(lambda levels: levels.value_counts().sort_index(ascending=False).idxmax())
    skills = rows["skill_id"]
    return Guess(
        skills.map(share).fillna(base).to_numpy(dtype=float), skills.map(commonest).fillna(majority).to_numpy(dtype=object)
    )
