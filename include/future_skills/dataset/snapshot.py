"""The HR database as it stood in one transaction: everything features and labels are made of, and nobody's name."""

from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_frame, fetch_row, fetch_value
from future_skills.dataset.screening import OPTIONAL_VIEWS, REJECTED_COLUMNS, screen
from future_skills.domain import LEDGER_SCHEMA, SIGNATURE


@dataclass(frozen=True)
class Snapshot:
    """Frames of one moment, each sorted by its ids.

    roles[job_role_id, job_role_name, job_department], skills[skill_id, skill_name, skill_category],
    trends[trend_id, year, sector, trend_score], reports[report_id, year, indicator, sector, value],
    usage[job_role_id, skill_id, employees] and role_sizes[job_role_id, employees] (role 0: employees without a role),
    decisions[decision_id, job_role_id, skill_id, horizon_years, level, decided_at (ISO text)];
    the optional views, [job_role_id, skill_id, value] and vacancies[job_role_id, value], are empty where the company has none.
    """

    roles: pd.DataFrame
    skills: pd.DataFrame
    trends: pd.DataFrame
    reports: pd.DataFrame
    usage: pd.DataFrame
    role_sizes: pd.DataFrame
    decisions: pd.DataFrame
    training_requests: pd.DataFrame
    hiring_difficulty: pd.DataFrame
    salaries: pd.DataFrame
    vacancies: pd.DataFrame

    @property
    def employees(self) -> int:
        """All employees, with and without a role."""
        return int(self.role_sizes["employees"].sum())


TABLES = tuple(field.name for field in fields(Snapshot))


@dataclass(frozen=True)
class SnapshotReading:
    """A snapshot, the rows it could not take [source_table, row_id, reason], and recommendations left out by kind."""

    snapshot: Snapshot
    rejected: pd.DataFrame
    left_out: dict[str, int]
    source_rows: dict[str, int]


def snapshot_sql(name: str) -> sql.Composed:
    """The text of `include/sql/snapshot/<name>.sql`, with the condition that makes an echo in place of {echo}."""
    return sql.SQL(read_sql(f"snapshot/{name}")).format(echo=sql.SQL(read_sql("snapshot/echo").rstrip()))


def read_snapshot(connection: Connection, as_of: date) -> SnapshotReading:
    """Read everything in one REPEATABLE READ READ ONLY transaction, which it begins and ends.

    Decisions are those made by the end of `as_of` (UTC), trends and reports those up to its year; roles, skills and
    employees are in their current state.
    """
    connection.rollback()
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    try:
        parameters = {"as_of": as_of, "signature": SIGNATURE}
        names = ("roles", "skills", "trends", "reports", "usage", "role_sizes", "decisions")
        frames = {name: fetch_frame(connection, snapshot_sql(name), parameters) for name in names}
        frames |= {view: _optional_view(connection, view) for view in OPTIONAL_VIEWS}
        left_out = fetch_row(connection, snapshot_sql("left_out"), parameters) or {}
    finally:
        connection.rollback()
        connection.set_session(isolation_level="DEFAULT", readonly=False)
    frames["decisions"]["decided_at"] = [moment.isoformat() for moment in frames["decisions"]["decided_at"]]
    source_rows = {name: len(frame) for name, frame in frames.items()}
    kept, rejected = screen(frames)
    return SnapshotReading(Snapshot(**kept), rejected[REJECTED_COLUMNS], left_out, source_rows)


def empty_view(view: str) -> pd.DataFrame:
    """What the snapshot has of an optional view that the company does not have."""
    return pd.DataFrame({**{column: np.empty(0, dtype=int) for column in OPTIONAL_VIEWS[view]}, "value": np.empty(0)})


def _optional_view(connection: Connection, view: str) -> pd.DataFrame:
    if fetch_value(connection, "SELECT to_regclass(%s) IS NULL", (f"{LEDGER_SCHEMA}.{view}",)):
        return empty_view(view)
    keys = ", ".join(OPTIONAL_VIEWS[view])
    query = "SELECT {keys}, value::double precision AS value FROM {schema}.{view} ORDER BY {keys}"
    return fetch_frame(connection, query.format(keys=keys, schema=LEDGER_SCHEMA, view=view))
