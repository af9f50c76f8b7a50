"""The columns of the extended feature set: what HR decided about other roles, and what surrounds the pair."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from future_skills.dataset.context import STRUCTURE, PairContext
from future_skills.domain import FEATURES, LEVELS, NUMERIC_FEATURES
from future_skills.model.counts import PairCounts
from future_skills.model.folds import role_folds
from future_skills.model.inputs import PairInputs
from future_skills.model.neighbours import NOISE, ROLE_NOISE, RoleRegression

CROSS_FITS = 10
CATEGORY_WEIGHT, DEPARTMENT_WEIGHT, SKILL_WEIGHT, CELL_WEIGHT = 5.0, 5.0, 2.0, 3.0
"""Pseudo-decisions of the wider group mixed into a share, so that one decision does not decide."""
EXPECTED_WEIGHT, EXPECTED_HIGH = 4.0, 0.08
"""Pseudo-decisions, and HIGH ones among them, behind the share of HIGH that a skill is expected to have in any role."""

SHARES = ("category", "department", "department_category", "skill", "department_skill")
OF_SHARE = ("skill_category", "job_department", "job_department", "skill_name", "job_department")
EVIDENCE: dict[str, str] = {
    **{f"high_{share}": feature for share, feature in zip(SHARES, OF_SHARE, strict=True)},
    **{f"medium_{share}": feature for share, feature in zip(SHARES, OF_SHARE, strict=True)},
    "skill_decisions": "skill_name",
    "skill_high": "skill_name",
    "similar_roles_high": "job_role_name",
    "similar_roles_surplus": "job_role_name",
    "similar_roles_demand": "job_role_name",
    "similar_roles_any_high": "job_role_name",
    "similar_roles_distance": "job_role_name",
    "role_high_of_similar": "job_role_name",
    "role_high_of_skills": "job_role_name",
}
"""The columns made of labels, each with the user-facing feature it belongs to."""
COLUMNS: dict[str, str] = {**EVIDENCE, **STRUCTURE, **{name: name for name in NUMERIC_FEATURES}}


class EvidenceEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encodes pairs by the levels that HR decided for other roles, and by their surroundings.

    `fit_transform` cross-fits: the rows of a role are encoded from the roles of the other folds (10, by role), so no row's
    columns know a label of its role. `transform` of a role it was fitted to counts the other roles alone, and regresses from
    the other roles alone; its decisions still count in what a skill is expected to have in those roles. Only decided rows are
    evidence. Keeps ids and levels; the surroundings come with the pairs that are encoded.
    """

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, pairs: PairInputs, levels: np.ndarray) -> Self:
        """Remember the decided pairs."""
        known = pairs.decided
        self.role_ids_ = pairs.context.role_ids[pairs.role[known]]
        self.skill_ids_ = pairs.context.skill_ids[pairs.skill[known]]
        self.codes_ = _codes(levels[known])
        self._tables: tuple[PairContext, _Tables] | None = None
        return self

    def fit_transform(self, pairs: PairInputs, levels: np.ndarray, **_: Any) -> np.ndarray:
        """Fit, and encode the same pairs without the labels of their own fold, shape (n, columns), float32."""
        self.fit(pairs, levels)
        fold = role_folds(pairs.context.role_ids[pairs.role], CROSS_FITS, self.random_state)
        evidence, codes = np.empty((len(pairs), len(EVIDENCE))), _codes(levels)
        for number in np.unique(fold):
            inside = fold == number
            outside = ~inside & pairs.decided
            tables = _Tables(pairs.context, pairs.role[outside], pairs.skill[outside], codes[outside], leave_out=False)
            evidence[inside] = tables.columns(pairs.role[inside], pairs.skill[inside])
        return self._with_surroundings(pairs, evidence)

    def transform(self, pairs: PairInputs) -> np.ndarray:
        """Encode pairs, shape (n, columns), float32."""
        if self._tables is None or self._tables[0] is not pairs.context:
            self._tables = pairs.context, self._tables_in(pairs.context)
        return self._with_surroundings(pairs, self._tables[1].columns(pairs.role, pairs.skill))

    def _tables_in(self, context: PairContext) -> "_Tables":
        known = np.isin(self.role_ids_, context.role_ids) & np.isin(self.skill_ids_, context.skill_ids)
        positions = context.features.positions(pd.Series(self.role_ids_[known]), pd.Series(self.skill_ids_[known]))
        return _Tables(context, *positions, self.codes_[known], leave_out=True)

    def _with_surroundings(self, pairs: PairInputs, evidence: np.ndarray) -> np.ndarray:
        context = pairs.context
        parts = evidence, context.structure(pairs.role, pairs.skill), context.features.numeric(pairs.role, pairs.skill)
        return np.hstack(parts, dtype=np.float32, casting="same_kind")

    @property
    def feature_of_column(self) -> np.ndarray:
        """For each column, the position in FEATURES of the user-facing feature it belongs to."""
        return np.array([FEATURES.index(feature) for feature in COLUMNS.values()])

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}
        return {**state, "_tables": None} if "_tables" in state else state


class _Tables:
    """Everything that the columns of EVIDENCE look up, for decided pairs (positions) with their level codes."""

    def __init__(self, context: PairContext, role: np.ndarray, skill: np.ndarray, codes: np.ndarray, *, leave_out: bool) -> None:
        high, medium = codes >= LEVELS.index("HIGH"), codes >= LEVELS.index("MEDIUM")
        self._decided = PairCounts(context, role, skill)
        self._reached = {
            "high": PairCounts(context, role[high], skill[high]),
            "medium": PairCounts(context, role[medium], skill[medium]),
        }
        self._regress(context, np.unique(role), leave_out=leave_out)
        self._expect(context)

    def _regress(self, context: PairContext, known: np.ndarray, *, leave_out: bool) -> None:
        """Regress the surplus over each skill's expected share, for the skills that were ever HIGH: others have none."""
        high, decided = self._reached["high"].matrix, self._decided.matrix
        of_skill = self._reached["high"].skill
        self._expected = _expected(of_skill, self._decided.skill)
        ever = np.flatnonzero(of_skill)
        self._column = np.full(len(of_skill), -1)
        self._column[ever] = np.arange(len(ever))
        surplus = (high[known][:, ever] - decided[known][:, ever].multiply(self._expected[ever])).toarray()
        self._surplus = RoleRegression(context.similarity, known, NOISE, leave_out=leave_out).mean(surplus)
        role_high, expected = self._reached["high"].role[known], decided[known] @ self._expected
        any_high = (role_high > 0).astype(float)
        demand = np.column_stack(
            [(role_high - expected) / np.sqrt(expected + 0.5), any_high - (any_high.mean() if len(known) else 0)]
        )
        of_role = RoleRegression(context.similarity, known, ROLE_NOISE, leave_out=leave_out)
        self._demand, self._distance = of_role.mean(demand), of_role.variance()

    def _expect(self, context: PairContext) -> None:
        """How many of each role's listed skills would be HIGH: by similar roles, and by the skills alone."""
        role, skill = context.listed.nonzero()
        expected = _expected(*(counts.without_own(role, skill)["skill"] for counts in (self._reached["high"], self._decided)))
        ever = self._column[skill] >= 0
        similar = np.where(ever, np.clip(expected + self._surplus_of(role, skill), 0, 1), 0)
        self._of_similar = np.bincount(role, weights=similar, minlength=context.listed.shape[0])
        self._of_skills = np.bincount(role, weights=expected, minlength=context.listed.shape[0])

    def _surplus_of(self, role: np.ndarray, skill: np.ndarray) -> np.ndarray:
        column = self._column[skill]
        return np.where(column >= 0, self._surplus[role, column], 0.0) if self._surplus.size else np.zeros(len(role))

    def columns(self, role: np.ndarray, skill: np.ndarray) -> np.ndarray:
        """The columns EVIDENCE of the pairs, shape (n, 19)."""
        decided = self._decided.without_own(role, skill)
        high, medium = (self._reached[name].without_own(role, skill) for name in ("high", "medium"))
        surplus = self._surplus_of(role, skill)
        estimate = np.where(self._column[skill] >= 0, _expected(high["skill"], decided["skill"]) + surplus, 0.0)
        return np.column_stack(
            [
                *_shares(high, decided),
                *_shares(medium, decided),
                decided["skill"],
                high["skill"],
                estimate,
                surplus,
                self._demand[role],
                self._distance[role],
                self._of_similar[role],
                self._of_skills[role],
            ]
        )


def _codes(levels: np.ndarray) -> np.ndarray:
    """The position of each level in LEVELS."""
    return np.array([LEVELS.index(level) for level in levels], dtype=np.int8)


def _expected(high: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """The share of HIGH that a skill has in any role, from its counts."""
    share: np.ndarray = (high + EXPECTED_HIGH) / (decided + EXPECTED_WEIGHT)
    return share


def _shares(reached: dict[str, np.ndarray], decided: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The share of decisions that reached a level, in the groups SHARES, each smoothed by the wider group."""

    def smoothed(group: str, prior: np.ndarray, weight: float) -> np.ndarray:
        share: np.ndarray = (reached[group] + weight * prior) / (decided[group] + weight)
        return share

    everywhere = reached["all"] / np.maximum(decided["all"], 1)
    category = smoothed("category", everywhere, CATEGORY_WEIGHT)
    skill = smoothed("skill", category, SKILL_WEIGHT)
    return [
        category,
        smoothed("department", everywhere, DEPARTMENT_WEIGHT),
        smoothed("department_category", category, CATEGORY_WEIGHT),
        skill,
        smoothed("department_skill", skill, CELL_WEIGHT),
    ]
