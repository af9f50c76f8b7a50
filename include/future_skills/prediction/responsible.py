"""Which pipeline answers for which pair, so that no prediction is the memory of its own label."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from future_skills.dataset.features import FeatureTables, PairValues
from future_skills.dataset.reading import Dataset
from future_skills.domain import FEATURES, LEVELS
from future_skills.ledger.versions import VersionRow
from future_skills.model.inputs import context_of
from future_skills.prediction.attribution import attribute
from future_skills.prediction.scoring import PairScorer
from future_skills.store.artifacts import Store
from future_skills.store.models import load_model
from future_skills.store.signing import SigningKeys

SERVED = -1
LEVEL_OF_CODE = np.array([None, *LEVELS], dtype=object)


@dataclass(frozen=True)
class Answers:
    """Probabilities (n, 3) of some pairs, the pipeline that gave each (fold number, or -1: served)."""

    probabilities: np.ndarray
    responsible: np.ndarray


class Committee:
    """A version over the pairs of one dataset: the served pipeline, and the fold pipelines for pairs it was trained on."""

    def __init__(self, store: Store, keys: SigningKeys, version: VersionRow, trained_on: Dataset, scored: Dataset) -> None:
        """Load and verify the version's pipelines; `trained_on` is its training dataset, `scored` the one to predict."""
        context = context_of(scored, version.feature_set)
        self.features = context.features if context else FeatureTables(scored.snapshot)
        folds = load_model(store, version.artifacts["folds"], keys)
        self._scorers = {SERVED: PairScorer(load_model(store, version.artifacts["served"], keys), self.features, context)}
        self._scorers |= {fold: PairScorer(pipeline, self.features, context) for fold, pipeline in folds["pipelines"].items()}
        self._width = max(len(scored.snapshot.skills), 1)
        learned = trained_on.decided if version.label_source != "bootstrap" else trained_on.decided.iloc[:0]
        self._fold_of_pair = self._by_pair(learned, learned["job_role_id"].map(folds["fold_of_role"]) - SERVED, scored)
        decided = scored.decided if scored.row.label_source != "bootstrap" else scored.decided.iloc[:0]
        codes = decided["future_need_level"].map({level: code for code, level in enumerate(LEVELS, start=1)})
        self._decision = self._by_pair(decided, codes, scored)
        self._familiar_skill = self.features.skill_text["skill_name"].isin(set(trained_on.decided["skill_name"])).to_numpy()
        self._familiar_department = (
            self.features.role_text["job_department"].isin(set(trained_on.decided["job_department"])).to_numpy()
        )

    def _by_pair(self, rows: pd.DataFrame, codes: pd.Series, scored: Dataset) -> PairValues:
        """Positive codes of those rows whose role and skill the scored dataset still has."""
        known = rows["job_role_id"].isin(scored.snapshot.roles["job_role_id"]) & rows["skill_id"].isin(
            scored.snapshot.skills["skill_id"]
        )
        positions = self.features.positions(rows.loc[known, "job_role_id"], rows.loc[known, "skill_id"])
        return PairValues(*positions, codes[known].to_numpy(dtype=float), self._width)

    def answer(self, role_index: np.ndarray, skill_index: np.ndarray) -> Answers:
        """Score the pairs, each by the pipeline responsible for it."""
        responsible = self._fold_of_pair.get(role_index, skill_index, 0.0).astype(int) + SERVED
        probabilities = np.zeros((len(role_index), len(LEVELS)))
        for number in np.unique(responsible).tolist():
            own = responsible == number
            probabilities[own] = self._scorers[number].probabilities(role_index[own], skill_index[own])
        return Answers(probabilities, responsible)

    def attributions(
        self, role_index: np.ndarray, skill_index: np.ndarray, responsible: np.ndarray, *, wanted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Contributions (n, 11) of the pairs `wanted` by the pipeline responsible for each, and the method (n,) of each.

        0 and `none` for the others, and where the pipeline has no exact additive form.
        """
        contributions = np.zeros((len(role_index), len(FEATURES)))
        methods = np.full(len(role_index), "none", dtype=object)
        for number in np.unique(responsible[wanted]).tolist():
            own = wanted & (responsible == number)
            part = attribute(self._scorers[number], role_index[own], skill_index[own])
            if part is not None:
                contributions[own], methods[own] = part.contributions, part.method
        return contributions, methods

    def decisions(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        """HR's own level for each pair, None where it has not decided."""
        found: np.ndarray = LEVEL_OF_CODE[self._decision.get(role_index, skill_index, 0.0).astype(int)]
        return found

    def unfamiliar(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        """Pairs of a skill or a department that no decision in the training data speaks of."""
        strange: np.ndarray = ~(self._familiar_skill[skill_index] & self._familiar_department[role_index])
        return strange
