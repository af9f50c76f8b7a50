"""Is the weekly chain late, or a part of it missing?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings, read_sql
from future_skills.database import fetch_row
from future_skills.ledger.settings import read_setting, write_setting

LATE_AFTER = timedelta(days=8)
"""A week, and a day for a chain that takes its time or was started again."""
PART_LATE_AFTER = timedelta(hours=24)
"""What follows a dataset within the same chain."""
WATCHED_SINCE = "watched_since"

Stage = Literal["dataset", "predictions", "drift_report"]
DAG_OF_STAGE: dict[Stage, str] = {
    "dataset": "future_skills_retraining",
    "predictions": "future_skills_prediction",
    "drift_report": "future_skills_drift",
}


@dataclass(frozen=True)
class Late:
    """The first part of the chain that is missing, since when, and after which dataset (None: there never was one)."""

    stage: Stage
    since: datetime
    dataset_id: str | None

    @property
    def allowed_days(self) -> int:
        """How many days a new dataset may take."""
        return LATE_AFTER.days

    @property
    def dag_id(self) -> str:
        """The DAG that should have made it."""
        return DAG_OF_STAGE[self.stage]


def find_late(connection: Connection, settings: Settings, now: datetime) -> Late | None:
    """What is late at `now`, as `look_for_late`; keeps when the first watch was. Commits."""
    with connection:
        if read_setting(connection, WATCHED_SINCE) is None:
            write_setting(connection, WATCHED_SINCE, now.isoformat())
        return look_for_late(connection, settings, now)


def look_for_late(connection: Connection, settings: Settings, now: datetime) -> Late | None:
    """What is late at `now`, or None; an installation without any dataset is late from its first watch on. Only reads.

    A dataset is late after 8 days; its predictions, where a model is deployed, and their drift report after 24 hours.
    """
    state = fetch_row(connection, read_sql("alerts/lateness"), {"horizon_years": settings.horizon_years})
    if state is None:
        kept = read_setting(connection, WATCHED_SINCE)
        watched_since = datetime.fromisoformat(kept) if kept else now
        return Late("dataset", watched_since, None) if now - watched_since > LATE_AFTER else None
    if now - state["accepted_at"] > LATE_AFTER:
        return Late("dataset", state["accepted_at"], state["dataset_id"])
    if state["deployed"] and state["finished_at"] is None:
        waits_since = max(state["accepted_at"], state["deployed_at"])
        return Late("predictions", waits_since, state["dataset_id"]) if now - waits_since > PART_LATE_AFTER else None
    if state["finished_at"] and not state["reported"] and now - state["finished_at"] > PART_LATE_AFTER:
        return Late("drift_report", state["finished_at"], state["dataset_id"])
    return None
