"""The training rows of a dataset: decided pairs with their features, and sampled undecided ones as implicit LOW."""

import numpy as np
import pandas as pd

from future_skills.config import TrainingSettings
from future_skills.dataset.features import FeatureTables
from future_skills.dataset.labels import Labels, rule_levels
from future_skills.dataset.scope import Pairs, pairs_of_roles
from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import FEATURES, PairScope

TRAINING_COLUMNS = (
    "job_role_id", "skill_id", *FEATURES, "future_need_level", "label_source", "weight", "population", "decided_at",
)  # fmt: skip
BOOTSTRAP_ROWS = 20_000
"""Pairs labelled by the rules when HR has decided too little; more would teach nothing new."""


def training_rows(
    snapshot: Snapshot, labels: Labels, scope: PairScope, holdout: pd.Series, settings: TrainingSettings
) -> pd.DataFrame:
    """Build the rows of dataset.csv: TRAINING_COLUMNS, sorted by population, role and skill.

    `holdout` says for each row of snapshot.roles whether the role is held out; implicit rows come from the others only.
    """
    features = FeatureTables(snapshot)
    random = np.random.default_rng(settings.random_state)
    if labels.source == "bootstrap":
        return _bootstrap_rows(snapshot, features, scope, random)
    pairs = features.positions(labels.frame["job_role_id"], labels.frame["skill_id"])
    decided = _rows(snapshot, features, pairs).assign(
        future_need_level=labels.frame["level"].to_numpy(),
        label_source=labels.source,
        weight=1.0,
        population="decided",
        decided_at=labels.frame["decided_at"].to_numpy(),
    )
    wanted = round(settings.implicit_ratio * len(decided))
    sampled = _undecided(snapshot, scope, pairs, np.flatnonzero(~holdout.to_numpy()), wanted, random)
    implicit = _rows(snapshot, features, sampled).assign(
        future_need_level="LOW", label_source="implicit", weight=settings.implicit_weight, population="implicit", decided_at=""
    )
    return pd.concat([decided, implicit], ignore_index=True)[list(TRAINING_COLUMNS)]


def _rows(snapshot: Snapshot, features: FeatureTables, pairs: Pairs) -> pd.DataFrame:
    frame = features.frame(*pairs)
    frame.insert(0, "job_role_id", snapshot.roles["job_role_id"].to_numpy()[pairs[0]])
    frame.insert(1, "skill_id", snapshot.skills["skill_id"].to_numpy()[pairs[1]])
    return frame


def _undecided(
    snapshot: Snapshot, scope: PairScope, decided: Pairs, roles: np.ndarray, wanted: int, random: np.random.Generator
) -> Pairs:
    role, skill = pairs_of_roles(snapshot, scope, roles)
    width = len(snapshot.skills)
    free = ~np.isin(role * width + skill, decided[0] * width + decided[1])
    return _sample(role[free], skill[free], wanted, random)


def _sample(role: np.ndarray, skill: np.ndarray, wanted: int, random: np.random.Generator) -> Pairs:
    chosen = np.sort(random.permutation(len(role))[:wanted])
    return role[chosen], skill[chosen]


def _bootstrap_rows(snapshot: Snapshot, features: FeatureTables, scope: PairScope, random: np.random.Generator) -> pd.DataFrame:
    role, skill = pairs_of_roles(snapshot, scope, np.arange(len(snapshot.roles)))
    rows = _rows(snapshot, features, _sample(role, skill, BOOTSTRAP_ROWS, random))
    levels = rule_levels(rows)[1]
    rows = rows.assign(future_need_level=levels, label_source="bootstrap", weight=1.0, population="decided", decided_at="")
    return rows[list(TRAINING_COLUMNS)]
