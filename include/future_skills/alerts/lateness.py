"""Is the weekly chain late?"""

from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import fetch_value

LATE_AFTER = timedelta(days=8)
"""A week, and a day for a chain that takes its time or was started again."""


def late_since(connection: Connection, settings: Settings, now: datetime) -> datetime | None:
    """When the newest dataset was accepted, if that is more than 8 days ago; None when it is not, or never was."""
    query = "SELECT max(created_at) FROM future_skills_ops.dataset WHERE horizon_years = %s"
    newest: datetime | None = fetch_value(connection, query, (settings.horizon_years,))
    return newest if newest is not None and now - newest > LATE_AFTER else None
