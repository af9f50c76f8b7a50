"""Which pairs are predicted: all of them, or those with a trace in the company."""

import numpy as np
import pandas as pd

from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import PairScope

Pairs = tuple[np.ndarray, np.ndarray]
"""Positions into snapshot.roles and snapshot.skills, one pair per index, sorted by role, then skill."""


def pairs_of_roles(snapshot: Snapshot, scope: PairScope, role_positions: np.ndarray) -> Pairs:
    """The pairs in scope of some roles.

    `all`: every skill. `evidence`: skills decided for the role, held by an employee of it, or either of these in another
    role of its department.
    """
    positions = np.sort(np.asarray(role_positions, dtype=np.int64))
    skills = len(snapshot.skills)
    if scope == "all":
        return np.repeat(positions, skills), np.tile(np.arange(skills), len(positions))
    departments, known = _evidence(snapshot)
    lists = [known.get(departments[position], np.empty(0, dtype=np.int64)) for position in positions]
    return np.repeat(positions, [len(found) for found in lists]), np.concatenate([np.empty(0, dtype=np.int64), *lists])


def _evidence(snapshot: Snapshot) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """The department code of each role, and by code the skills with a trace in any of its roles.

    A skill with a trace in the role itself has one in its department, so the department's list is the role's.
    """
    departments = pd.factorize(snapshot.roles["job_department"])[0]
    role_position = pd.Series(np.arange(len(snapshot.roles)), index=snapshot.roles["job_role_id"])
    skill_position = pd.Series(np.arange(len(snapshot.skills)), index=snapshot.skills["skill_id"])
    traces = pd.concat([snapshot.usage[["job_role_id", "skill_id"]], snapshot.decisions[["job_role_id", "skill_id"]]])
    traces = traces[traces["job_role_id"] != 0].drop_duplicates()
    codes = departments[role_position.loc[traces["job_role_id"]].to_numpy()]
    skills = skill_position.loc[traces["skill_id"]].to_numpy()
    by_code = pd.Series(skills).groupby(codes).unique()
    return departments, {code: np.sort(found) for code, found in zip(by_code.index.tolist(), by_code, strict=True)}
