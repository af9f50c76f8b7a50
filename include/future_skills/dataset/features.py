"""The 11 features of a pair (job role, skill): computed in one place, for training and prediction alike.

Each is a function of the snapshot alone, never of a label. Positions into `snapshot.roles` and `snapshot.skills` address
pairs, so that millions of them cost an index each.
"""

import numpy as np
import pandas as pd

from future_skills.dataset import keywords
from future_skills.dataset.sectors import economic_percentile, newest_trends, sector_key
from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import FEATURES, NUMERIC_FEATURES

NEUTRAL = 0.5
"""What a trend or an economic indicator is where the database knows none."""


class PairValues:
    """Values of some pairs, looked up by key: sparse, so that memory follows what is stored."""

    def __init__(self, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, width: int) -> None:
        """Keep `values[i]` for the pair (`rows[i]`, `columns[i]`), columns below `width`, each pair once."""
        keys = rows.astype(np.int64) * width + columns
        order = np.argsort(keys, kind="stable")
        self._keys, self._values, self._width = keys[order], values[order].astype(float), width

    def get(self, rows: np.ndarray, columns: np.ndarray, default: np.ndarray | float) -> np.ndarray:
        """The values of pairs, `default` where none is stored."""
        result = np.broadcast_to(np.asarray(default, dtype=float), rows.shape).copy()
        if len(self._keys):
            keys = rows.astype(np.int64) * self._width + columns
            found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            hit = self._keys[found] == keys
            result[hit] = self._values[found[hit]]
        return result


class FeatureTables:
    """Everything the features need, computed once per snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Precompute per role, per skill and per stored pair."""
        self.role_text = snapshot.roles[["job_role_name", "job_department"]].reset_index(drop=True)
        self.skill_text = snapshot.skills[["skill_name", "skill_category"]].reset_index(drop=True)
        self._role_position = pd.Series(np.arange(len(snapshot.roles)), index=snapshot.roles["job_role_id"])
        self._skill_position = pd.Series(np.arange(len(snapshot.skills)), index=snapshot.skills["skill_id"])
        self._set_trends(snapshot)
        self._set_usage(snapshot)
        self._set_heuristics()
        self._economy = economic_percentile(snapshot.reports, self.role_text["job_department"], NEUTRAL)
        self._views = {
            "training_requests": self._view(snapshot.training_requests),
            "hiring_difficulty": self._view(snapshot.hiring_difficulty),
            "avg_salary_k": self._view(snapshot.salaries),
        }

    def frame(self, role_index: np.ndarray, skill_index: np.ndarray) -> pd.DataFrame:
        """The 11 features of the pairs, in the contract's order, one row per pair."""
        roles = self.role_text.take(role_index).reset_index(drop=True)
        skills = self.skill_text.take(skill_index).reset_index(drop=True)
        numbers = pd.DataFrame(self.numeric(role_index, skill_index), columns=list(NUMERIC_FEATURES))
        return pd.concat([roles, skills, numbers], axis=1)[list(FEATURES)]

    def numeric(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        """The numeric features of the pairs, shape (n, 7), in NUMERIC_FEATURES order."""
        role_index, skill_index = np.asarray(role_index), np.asarray(skill_index)
        scarcity = self._scarcity[skill_index]
        trend = self._category_trend[skill_index]
        usage = self._usage.get(self._usage_row[role_index], skill_index, 0.0)
        requests = np.clip(self._skill_requests[skill_index] * self._role_requests[role_index], 5, 60)
        difficulty = np.minimum(scarcity + self._skill_difficulty[skill_index], 1)
        difficulty = np.minimum(difficulty + self._role_difficulty[role_index], 1)
        requests = self._views["training_requests"].get(role_index, skill_index, requests)
        difficulty = self._views["hiring_difficulty"].get(role_index, skill_index, difficulty)
        salary = self._role_salary[role_index] * self._skill_salary[skill_index] * (1 + 0.4 * difficulty)
        columns = {
            "trend_score": np.where(np.isnan(trend), self._department_trend[role_index], trend),
            "internal_usage": usage,
            "training_requests": requests,
            "scarcity_index": scarcity,
            "hiring_difficulty": difficulty,
            "avg_salary_k": self._views["avg_salary_k"].get(role_index, skill_index, salary),
            "economic_indicator": self._economy[role_index],
        }
        return np.column_stack([columns[name] for name in NUMERIC_FEATURES])

    def positions(self, job_role_ids: pd.Series, skill_ids: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Positions of ids that the snapshot holds."""
        return self._role_position.loc[job_role_ids].to_numpy(), self._skill_position.loc[skill_ids].to_numpy()

    def _set_trends(self, snapshot: Snapshot) -> None:
        newest, overall = newest_trends(snapshot.trends)
        fallback = NEUTRAL if overall is None else overall
        self._category_trend = sector_key(self.skill_text["skill_category"]).map(newest).to_numpy(dtype=float)
        self._department_trend = sector_key(self.role_text["job_department"]).map(newest).fillna(fallback).to_numpy(dtype=float)

    def _set_usage(self, snapshot: Snapshot) -> None:
        sizes = snapshot.role_sizes.set_index("job_role_id")["employees"]
        size = snapshot.roles["job_role_id"].map(sizes).fillna(0).to_numpy(dtype=float)
        department, names = pd.factorize(self.role_text["job_department"])
        self._usage_row = np.where(size > 0, np.arange(len(size)), len(size) + department)
        department_size = np.bincount(department, weights=size, minlength=len(names))
        width = max(len(self.skill_text), 1)
        usage = snapshot.usage[snapshot.usage["job_role_id"] != 0]
        rows, columns = self.positions(usage["job_role_id"], usage["skill_id"])
        held = usage["employees"].to_numpy(dtype=float)
        by_department = pd.Series(held).groupby([department[rows], columns]).sum()
        areas = by_department.index.get_level_values(0).to_numpy(dtype=int)
        self._usage = PairValues(
            np.concatenate([rows, len(size) + areas]),
            np.concatenate([columns, by_department.index.get_level_values(1).to_numpy(dtype=int)]),
            np.concatenate([held / size[rows], by_department.to_numpy() / department_size[areas]]),
            width,
        )
        holders = snapshot.usage.groupby("skill_id")["employees"].sum()
        share = snapshot.skills["skill_id"].map(holders).fillna(0).to_numpy(dtype=float) / max(snapshot.employees, 1)
        self._scarcity = np.clip(1 - share, 0, 1)

    def _set_heuristics(self) -> None:
        skill, role, department = self.skill_text["skill_name"], self.role_text["job_role_name"], self.role_text["job_department"]
        technical, senior = keywords.has_word(skill, keywords.TECHNICAL), keywords.has_word(role, keywords.SENIOR)
        self._skill_requests = np.where(keywords.has_word(skill, keywords.SOUGHT_AFTER), 40.0, 10.0)
        level = np.where(keywords.has_word(role, ("lead", "senior")), 0.9, 1.0)
        level = np.where(keywords.has_word(role, ("junior",)), 1.2, level)
        self._role_requests = np.where(keywords.has_word(department, ("tech", "digital")), 1.1, 1.0) * level
        self._skill_difficulty, self._role_difficulty = np.where(technical, 0.20, 0.0), np.where(senior, 0.15, 0.0)
        self._skill_salary = np.where(technical, 1.2, 1.0)
        self._role_salary = keywords.base_salary(department) * np.where(senior, 1.5, 1.0)

    def _view(self, view: pd.DataFrame) -> PairValues:
        rows, columns = self.positions(view["job_role_id"], view["skill_id"])
        return PairValues(rows, columns, view["value"].to_numpy(dtype=float), max(len(self.skill_text), 1))
