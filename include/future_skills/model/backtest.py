"""The temporal back-test: what this configuration, trained on an older dataset, would have said about later decisions."""

from typing import Any

import numpy as np
import pandas as pd

from future_skills.dataset.features import FeatureTables
from future_skills.dataset.reading import Dataset
from future_skills.domain import LEVELS, FeatureSet
from future_skills.model import metrics
from future_skills.model.cuts import levels_of
from future_skills.model.estimators import InvalidParametersError
from future_skills.model.fitting import Configuration, NothingToLearnError
from future_skills.model.held_pairs import fit_and_cut
from future_skills.model.inputs import context_of
from future_skills.model.scores import probabilities_of, scores_of

PAIR = ["job_role_id", "skill_id"]


def later_decisions(older: Dataset, newer: Dataset) -> pd.DataFrame:
    """Pairs whose decision in `newer` is not the one of `older`: [*PAIR, future_need_level, undecided, persisting].

    A decision is another when its date or its level is; `persisting` is the level of then, LOW for a pair `undecided` then.
    Pairs of roles or skills the older dataset does not know are left out, as it could say nothing about them.
    """
    columns = [*PAIR, "future_need_level", "decided_at"]
    pairs = newer.decided[columns].merge(older.decided[columns], how="left", on=PAIR, suffixes=("", "_then"))
    same = (pairs["future_need_level"] == pairs["future_need_level_then"]) & (pairs["decided_at"] == pairs["decided_at_then"])
    known = pairs["job_role_id"].isin(older.snapshot.roles["job_role_id"]) & pairs["skill_id"].isin(
        older.snapshot.skills["skill_id"]
    )
    later = pairs[~same & known].reset_index(drop=True)
    then = later["future_need_level_then"]
    return later[[*PAIR, "future_need_level"]].assign(undecided=then.isna(), persisting=then.fillna("LOW"))


def backtest(
    older: Dataset, later: pd.DataFrame, configuration: Configuration, feature_set: FeatureSet = "core"
) -> dict[str, Any] | None:
    """Fit the configuration to the older dataset and measure it on `later_decisions`, beside persistence.

    Features are the older snapshot's. Persistence repeats the level of then, LOW for a pair undecided then, and ranks by
    it. Pairs undecided then and pairs decided anew are shown apart, as only for the latter is there something to repeat;
    the model too has learned from the decision they had. Roles of both sides are in it: it asks about time, not about new
    roles, and nothing is chosen by it. Costs one fit: a fifth of the older decisions is kept from it to choose the cuts.
    None when the older dataset has too little to learn from, or an answer is no number.
    """
    context = context_of(older, feature_set)
    try:
        pipeline, cuts = fit_and_cut(older.training, configuration, context)
    except (NothingToLearnError, InvalidParametersError):
        return None
    tables = FeatureTables(older.snapshot)
    rows = later[PAIR].join(tables.frame(*tables.positions(later["job_role_id"], later["skill_id"])))
    probabilities = probabilities_of(pipeline, rows, context)
    if not np.isfinite(probabilities).all():
        return None
    predicted = levels_of(scores_of(probabilities), cuts)
    truth = later["future_need_level"].to_numpy(dtype=object)
    undecided, persisting = later["undecided"].to_numpy(dtype=bool), later["persisting"].to_numpy(dtype=object)
    persistence_ranking = np.array([LEVELS.index(level) for level in persisting], dtype=float)
    populations = {}
    for name, chosen in (("undecided", undecided), ("redecided", ~undecided)):
        if chosen.any():
            populations[name] = {
                "n": int(chosen.sum()),
                "high": int((truth[chosen] == "HIGH").sum()),
                "changed": int((truth[chosen] != persisting[chosen]).sum()),
                "model": metrics.summary(truth[chosen], probabilities[chosen, 2], predicted[chosen]),
                "persistence": metrics.summary(truth[chosen], persistence_ranking[chosen], persisting[chosen]),
            }
    return {"dataset_id": older.row.dataset_id, "as_of": older.row.as_of.isoformat(), "populations": populations}
