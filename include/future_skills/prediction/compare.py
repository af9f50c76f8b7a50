"""What differs between scored and stored pairs, and whose a stored row is. Pure, on frames."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

KEY = ["job_role_id", "skill_id"]


@dataclass(frozen=True)
class Comparison:
    """For each scored pair its `operation` (insert, update, unchanged) and `kind` (None, restored, taken_over).

    `gone` has the keys of our stored rows whose pair is no longer scored.
    """

    operation: np.ndarray
    kind: np.ndarray
    gone: pd.DataFrame

    def counts(self) -> dict[str, int]:
        """Pairs by operation and kind."""
        return {
            "inserted": int((self.operation == "insert").sum()),
            "updated": int((self.operation == "update").sum()),
            "unchanged": int((self.operation == "unchanged").sum()),
            "deleted": len(self.gone),
            "restored": int((self.kind == "restored").sum()),
            "taken_over": int((self.kind == "taken_over").sum()),
        }


def compare(scored: pd.DataFrame, stored: pd.DataFrame, language: str) -> Comparison:
    """Compare scored pairs [job_role_id, skill_id, score, level, decision] with stored ones [.., ours, language, intact].

    A stored row of ours differs when its score, level, language or HR's own decision does, or when it is no longer what we
    wrote (`intact` is false: the HR application has overwritten it). A row that is not ours is taken over. Rows of others
    that are not scored are left alone.
    """
    both = scored.merge(stored, on=KEY, how="left", suffixes=("", "_stored"), indicator=True, validate="one_to_one")
    present = (both["_merge"] == "both").to_numpy()
    ours = present & both["ours"].eq(other=True).to_numpy(dtype=bool)
    intact = ours & both["intact"].eq(other=True).to_numpy(dtype=bool)
    decision, before = both["decision"].to_numpy(dtype=object), both["decision_stored"].to_numpy(dtype=object)
    same_decision = (decision == before) | (pd.isna(decision) & pd.isna(before))
    equal = (
        intact
        & (both["score"] == both["score_stored"]).to_numpy()
        & (both["level"] == both["level_stored"]).to_numpy()
        & (both["language"] == language).to_numpy()
        & same_decision
    )
    operation = np.select([~present, equal], ["insert", "unchanged"], "update").astype(object)
    kind = np.full(len(both), None, dtype=object)
    kind[present & ~ours] = "taken_over"
    kind[ours & ~intact] = "restored"
    left = stored.merge(scored[KEY], on=KEY, how="left", indicator="scored")
    gone = left.loc[(left["scored"] == "left_only") & left["ours"].astype(bool), KEY].reset_index(drop=True)
    return Comparison(operation, kind, gone)
