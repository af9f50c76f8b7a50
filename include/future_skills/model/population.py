"""On which roles a version is measured, and what each contender says about them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from future_skills.config import GateSettings
from future_skills.dataset.context import PairContext
from future_skills.dataset.reading import Dataset
from future_skills.ledger.versions import VersionRow
from future_skills.model.baselines import Guess, guesses, guesses_by_fold
from future_skills.model.cuts import Cuts, levels_by_fold, levels_of
from future_skills.model.fitting import Configuration, fit_folds, fit_pipeline
from future_skills.model.folds import FEWEST_ROLES, role_folds
from future_skills.model.importance import Part
from future_skills.model.scores import probabilities_of, scores_of
from future_skills.store.artifacts import Store
from future_skills.store.models import load_model
from future_skills.store.signing import SigningKeys

CROSS_VALIDATIONS = 2
"""Repetitions of grouped cross-validation where too few roles are held out."""

PopulationName = Literal["holdout", "cv", "none", "known_roles"]
"""How rows were kept unseen. Headline and gate know the first three: `known_roles` are pairs, not roles, nobody had seen."""


@dataclass(frozen=True)
class Opinion:
    """What a model says about rows it has not seen: probabilities (n, 3), the ranking by P(HIGH), levels after the cuts.

    `parts` are the pipelines that answered, each with the positions of its rows.
    """

    probabilities: np.ndarray
    levels: np.ndarray
    parts: tuple[Part, ...] = ()

    @property
    def ranking(self) -> np.ndarray:
        """P(HIGH), which AP(HIGH) ranks by."""
        return np.asarray(self.probabilities[:, 2])


@dataclass(frozen=True)
class Population:
    """Decided rows to measure on, with each role's number and the baselines; `name` says how they were kept unseen."""

    name: PopulationName
    rows: pd.DataFrame
    role: np.ndarray
    baselines: dict[str, Guess]

    @property
    def levels(self) -> np.ndarray:
        """The truth."""
        return self.rows["future_need_level"].to_numpy(dtype=object)

    @property
    def roles(self) -> int:
        """How many roles there are."""
        return int(self.role.max()) + 1 if len(self.role) else 0


def choose_population(dataset: Dataset, holdout: frozenset[int], folds: int, seed: int, gate: GateSettings) -> Population:
    """The held-out roles when they suffice, else all roles by cross-validation, else nothing (fewer than two roles).

    They suffice with `minimum_roles` and `minimum_high` there, and two roles elsewhere to learn from.
    """
    decided = dataset.decided
    outside = decided["job_role_id"].isin(holdout)
    held, inside = decided[outside].reset_index(drop=True), decided[~outside]
    high = int((held["future_need_level"] == "HIGH").sum())
    learnable = inside["job_role_id"].nunique() >= FEWEST_ROLES
    if learnable and held["job_role_id"].nunique() >= gate.minimum_roles and high >= gate.minimum_high:
        return Population("holdout", held, role_numbers(held), guesses(inside, held))
    if decided["job_role_id"].nunique() < FEWEST_ROLES:
        return Population("none", decided, role_numbers(decided), {})
    fold = role_folds(decided["job_role_id"].to_numpy(), folds, seed)
    return Population("cv", decided, role_numbers(decided), guesses_by_fold(decided, fold))


def holdout_opinion(
    version: VersionRow, population: Population, store: Store, keys: SigningKeys, context: PairContext | None = None
) -> list[Opinion]:
    """What the version's evaluated artefact, which never saw these roles, says about them."""
    return [_opinion(load_model(store, version.artifacts["evaluated"], keys), version, population, context)]


def refitted_opinion(
    version: VersionRow,
    population: Population,
    dataset: Dataset,
    holdout: frozenset[int],
    configuration: Configuration,
    context: PairContext | None = None,
) -> list[Opinion]:
    """What the version's configuration, fitted anew without these roles, says: for artefacts of another scikit-learn."""
    inside = dataset.training[~dataset.training["job_role_id"].isin(holdout)]
    return [_opinion(fit_pipeline(inside, configuration, context), version, population, context)]


def _opinion(pipeline: Any, version: VersionRow, population: Population, context: PairContext | None) -> Opinion:
    probabilities = probabilities_of(pipeline, population.rows, context)
    levels = levels_of(scores_of(probabilities), Cuts(**version.cuts))
    return Opinion(probabilities, levels, ((pipeline, np.arange(len(levels))),))


def cross_validated_opinions(
    dataset: Dataset, configuration: Configuration, folds: int, context: PairContext | None = None
) -> list[Opinion]:
    """What the configuration says about each decided row when fitted without its role, once per repetition."""
    rows = dataset.training
    decided = (rows["population"] == "decided").to_numpy()
    levels = rows["future_need_level"].to_numpy()[decided]
    opinions = []
    for repetition in range(CROSS_VALIDATIONS):
        out_of_fold = fit_folds(rows, configuration, folds, configuration.random_state + repetition, context)
        probabilities, fold = out_of_fold.probabilities[decided], out_of_fold.folds[decided]
        given = levels_by_fold(scores_of(probabilities), levels, fold)
        parts = tuple((pipeline, np.flatnonzero(fold == number)) for number, pipeline in out_of_fold.pipelines.items())
        opinions.append(Opinion(probabilities, given, parts))
    return opinions


def role_numbers(rows: pd.DataFrame) -> np.ndarray:
    """Each row's role, numbered from 0."""
    return pd.factorize(rows["job_role_id"])[0].astype(np.int64)
