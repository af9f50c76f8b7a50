"""Which pipeline answers for which pair, so that no prediction is the memory of its own label."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from future_skills.dataset.features import FeatureTables, PairValues
from future_skills.dataset.reading import Dataset
from future_skills.domain import FEATURES, LEVELS
from future_skills.ledger.versions import VersionRow, fold_artifact
from future_skills.model.inputs import context_of
from future_skills.prediction.attribution import attribute
from future_skills.prediction.remembered import Remembered
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
    """A version over the pairs of one dataset: the served pipeline, and the fold pipelines for pairs it was trained on.

    The fold pipelines are large and answer for few pairs: each is loaded for those pairs, asked once, and let go.
    """

    def __init__(
        self,
        store: Store,
        keys: SigningKeys,
        version: VersionRow,
        trained_on: Dataset,
        scored: Dataset,
        *,
        explaining: bool = True,
    ) -> None:
        """Load and verify what is served; `trained_on` is the version's training dataset, `scored` the one to predict.

        Without `explaining` the fold pipelines, which are asked once, are not asked for attributions: there are none then.
        """
        self._explaining = explaining
        self._context = context_of(scored, version.feature_set)
        self.features = self._context.features if self._context else FeatureTables(scored.snapshot)
        self._store, self._keys, self._version = store, keys, version
        self.served = self._load("served")
        self._remembered = Remembered.empty()
        fold_of_role = load_model(store, version.artifacts["folds"], keys)
        self._width = max(len(scored.snapshot.skills), 1)
        learned = trained_on.decided if version.label_source != "bootstrap" else trained_on.decided.iloc[:0]
        self._fold_of_pair = self._by_pair(learned, learned["job_role_id"].map(fold_of_role) - SERVED, scored)
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
        responsible = self._responsible(role_index, skill_index)
        probabilities = np.zeros((len(role_index), len(LEVELS)))
        served = responsible == SERVED
        probabilities[served] = self.served.probabilities(role_index[served], skill_index[served])
        known = self._ask_folds(role_index[~served], skill_index[~served], responsible[~served])
        probabilities[~served] = self._remembered.probabilities[known]
        return Answers(probabilities, responsible)

    def _load(self, name: str) -> PairScorer:
        return PairScorer(load_model(self._store, self._version.artifacts[name], self._keys), self.features, self._context)

    def prepare(self, role_index: np.ndarray, skill_index: np.ndarray) -> None:
        """Ask the fold pipelines about all these pairs at once, so that chunks of them need load none again."""
        responsible = self._responsible(role_index, skill_index)
        learned = responsible != SERVED
        self._ask_folds(role_index[learned], skill_index[learned], responsible[learned])

    def _responsible(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = self._fold_of_pair.get(role_index, skill_index, 0.0).astype(int) + SERVED
        return numbers

    def _ask_folds(self, role_index: np.ndarray, skill_index: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Where in what is remembered the pairs are; those not asked about before are asked about now."""
        keys = role_index.astype(np.int64) * self._width + skill_index
        new = ~np.isin(keys, self._remembered.keys)
        for number in np.unique(fold[new]).tolist():
            own = new & (fold == number)
            self._remembered = self._remembered.joined(self._asked(number, keys[own], role_index[own], skill_index[own]))
        known: np.ndarray = np.searchsorted(self._remembered.keys, keys)
        return known

    def _asked(self, fold: int, keys: np.ndarray, role_index: np.ndarray, skill_index: np.ndarray) -> Remembered:
        scorer = self._load(fold_artifact(fold))
        part = attribute(scorer, role_index, skill_index) if self._explaining else None
        contributions = np.zeros((len(keys), len(FEATURES))) if part is None else part.contributions
        methods = np.full(len(keys), "none" if part is None else part.method, dtype=object)
        return Remembered(keys, scorer.probabilities(role_index, skill_index), contributions, methods)

    def attributions(
        self, role_index: np.ndarray, skill_index: np.ndarray, responsible: np.ndarray, *, wanted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Contributions (n, 11) of the pairs `wanted` by the pipeline responsible for each, and the method (n,) of each.

        0 and `none` for the others, and where the pipeline has no exact additive form.
        """
        contributions = np.zeros((len(role_index), len(FEATURES)))
        methods = np.full(len(role_index), "none", dtype=object)
        own = wanted & (responsible == SERVED)
        part = attribute(self.served, role_index[own], skill_index[own]) if own.any() else None
        if part is not None:
            contributions[own], methods[own] = part.contributions, part.method
        others = wanted & (responsible != SERVED)
        known = self._ask_folds(role_index[others], skill_index[others], responsible[others])
        contributions[others], methods[others] = self._remembered.contributions[known], self._remembered.methods[known]
        return contributions, methods

    def decisions(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        """HR's own level for each pair, None where it has not decided."""
        found: np.ndarray = LEVEL_OF_CODE[self._decision.get(role_index, skill_index, 0.0).astype(int)]
        return found

    def unfamiliar(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        """Pairs of a skill or a department that no decision in the training data speaks of."""
        strange: np.ndarray = ~(self._familiar_skill[skill_index] & self._familiar_department[role_index])
        return strange
