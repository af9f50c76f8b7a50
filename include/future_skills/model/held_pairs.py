"""Pairs of known roles held out: the second population, where a role's other decisions are seen in training."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from future_skills.dataset.context import PairContext
from future_skills.model.baselines import guesses
from future_skills.model.cuts import Cuts, choose_cuts, levels_of
from future_skills.model.estimators import InvalidParametersError
from future_skills.model.fitting import Configuration, NothingToLearnError, fit_pipeline
from future_skills.model.folds import FEWEST_ROLES
from future_skills.model.measuring import measure
from future_skills.model.population import Opinion, Population, role_numbers
from future_skills.model.scores import probabilities_of, scores_of

PARTS = 5
"""One decided pair in five is held out."""


def hold_out_pairs(rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows without a seeded fifth of their decided pairs, and that fifth; both numbered anew."""
    decided = np.flatnonzero((rows["population"] == "decided").to_numpy())
    held = np.sort(np.random.default_rng(seed).permutation(decided)[: len(decided) // PARTS])
    mask = np.zeros(len(rows), dtype=bool)
    mask[held] = True
    return rows[~mask].reset_index(drop=True), rows[mask].reset_index(drop=True)


def fit_and_cut(rows: pd.DataFrame, configuration: Configuration, context: PairContext | None = None) -> tuple[Pipeline, Cuts]:
    """Fit without a fifth of the decided pairs, and choose the cuts on that fifth, which the pipeline has not seen.

    Raises what `fit_pipeline` raises.
    """
    inside, outside = hold_out_pairs(rows, configuration.random_state + 1)
    pipeline = fit_pipeline(inside, configuration, context)
    cuts = choose_cuts(scores_of(probabilities_of(pipeline, outside, context)), outside["future_need_level"].to_numpy())
    return pipeline, cuts


def measure_known_roles(
    rows: pd.DataFrame,
    holdout: frozenset[int],
    configuration: Configuration,
    resamples: int,
    seed: int,
    context: PairContext | None = None,
) -> dict[str, Any] | None:
    """Fit the configuration to training roles without a fifth of their decided pairs, and measure it on that fifth.

    The shape is an evaluation's own, beside the same baselines, with intervals over roles. It is easier than a role nobody
    has seen, so that it is never the headline, and no check of the gate reads it. Costs two fits. None when there is too
    little to hold out or to learn from.
    """
    inside = rows[~rows["job_role_id"].isin(holdout)].reset_index(drop=True)
    rest, held = hold_out_pairs(inside, seed)
    known = held["job_role_id"].isin(rest.loc[rest["population"] == "decided", "job_role_id"])
    held = held[known].reset_index(drop=True)
    if held["job_role_id"].nunique() < FEWEST_ROLES:
        return None
    try:
        cuts = fit_and_cut(rest, configuration, context)[1]
        probabilities = probabilities_of(fit_pipeline(rest, configuration, context), held, context)
    except (NothingToLearnError, InvalidParametersError):
        return None
    opinion = Opinion(probabilities, levels_of(scores_of(probabilities), cuts))
    decided = rest[rest["population"] == "decided"]
    population = Population("known_roles", held, role_numbers(held), guesses(decided, held))
    measured = measure(population, [opinion], [], resamples, seed)
    del measured["comparison"]
    return {
        "population": population.name,
        "roles": population.roles,
        "rows": len(held),
        "high": int((population.levels == "HIGH").sum()),
        **measured,
    }
