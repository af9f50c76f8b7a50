"""Sets rows aside that no feature or label can be made of, each with its reason."""

import numpy as np
import pandas as pd

from future_skills.domain import LEVELS

REJECTED_COLUMNS = ["source_table", "row_id", "reason"]
OPTIONAL_VIEWS = {
    "training_requests": ["job_role_id", "skill_id"],
    "hiring_difficulty": ["job_role_id", "skill_id"],
    "salaries": ["job_role_id", "skill_id"],
    "vacancies": ["job_role_id"],
}
"""Views that a company may have, each with its key columns; every one has `value` beside them."""


def screen(frames: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Split the snapshot's frames into usable rows and rejected ones [source_table, row_id, reason].

    A row that refers to a rejected or absent role or skill is dropped with it, and counted under its own table.
    """
    kept = dict(frames)
    rejected: list[pd.DataFrame] = []

    def reject(table: str, key: str, bad: pd.Series, reason: str) -> None:
        frame = kept[table]
        ids = frame.loc[bad, key]
        rejected.append(pd.DataFrame({"source_table": table, "row_id": ids.astype("int64"), "reason": reason}))
        kept[table] = frame[~bad].reset_index(drop=True)

    for table, key, name in (("roles", "job_role_id", "job_role_name"), ("skills", "skill_id", "skill_name")):
        reject(table, key, kept[table][name].str.strip().eq(""), "the name is blank")
    reject("trends", "trend_id", ~_finite(kept["trends"]["trend_score"]), "the score is not a finite number")
    reject("reports", "report_id", ~_finite(kept["reports"]["value"]), "the value is not a finite number")
    reject("decisions", "decision_id", ~kept["decisions"]["level"].isin(LEVELS), "the priority is not LOW, MEDIUM or HIGH")
    for view, keys in OPTIONAL_VIEWS.items():
        reject(view, "job_role_id", ~_finite(kept[view]["value"]), "the value is not a finite number")
        reject(view, "job_role_id", kept[view].duplicated(keys), f"its {' and '.join(keys)} stand there twice")
    roles, skills = kept["roles"]["job_role_id"], kept["skills"]["skill_id"]
    orphan = ~(kept["decisions"]["job_role_id"].isin(roles) & kept["decisions"]["skill_id"].isin(skills))
    reject("decisions", "decision_id", orphan, "its role or skill is unknown or was set aside")
    for view, keys in OPTIONAL_VIEWS.items():
        kept[view] = kept[view][kept[view]["job_role_id"].isin(roles)]
        if "skill_id" in keys:
            kept[view] = kept[view][kept[view]["skill_id"].isin(skills)]
    usage = kept["usage"]
    kept["usage"] = usage[usage["job_role_id"].isin([0, *roles]) & usage["skill_id"].isin(skills)].reset_index(drop=True)
    return kept, pd.concat(rejected, ignore_index=True)


def _finite(values: pd.Series) -> pd.Series:
    return pd.Series(np.isfinite(values.astype(float)), index=values.index)
