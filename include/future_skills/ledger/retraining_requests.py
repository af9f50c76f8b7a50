"""Retrainings that drift asked for, in the ledger."""

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_rows, fetch_value

REMEMBERED = 100
"""Requests looked back at: decades of a working budget."""


@dataclass(frozen=True)
class RetrainingRequest:
    """A row of `retraining_request`: the report that asked, and the version it was about.

    `outcome` is the gate's verdict, "failed" when there is none a day later, or None while its run may still be on.
    """

    request_id: int
    report_id: int
    version: str
    reason: str
    requested_at: datetime
    dag_run_id: str | None = None
    outcome: str | None = None


def run_id_of(report_id: int) -> str:
    """The id of the retraining's run that a report asks for: the same for the same report, so that it is started once."""
    return f"drift__{report_id}"


def list_requests(connection: Connection, horizon_years: int) -> list[RetrainingRequest]:
    """The newest requests of a horizon, newest first, each with what became of it."""
    parameters = {"horizon_years": horizon_years, "at_most": REMEMBERED}
    return [RetrainingRequest(**row) for row in fetch_rows(connection, read_sql("drift/requests"), parameters)]


def request_of_report(connection: Connection, report_id: int) -> RetrainingRequest | None:
    """The request a report made, or None; without its outcome."""
    row = fetch_row(
        connection,
        "SELECT id AS request_id, report_id, version, reason, requested_at, dag_run_id"
        " FROM future_skills_ops.retraining_request JOIN future_skills_ops.drift_report USING (report_id) WHERE report_id = %s",
        (report_id,),
    )
    return RetrainingRequest(**row) if row else None


def add_request(connection: Connection, report_id: int, reason: str) -> int:
    """Record that a report asks for a retraining, in the caller's transaction; returns the request's id."""
    return int(
        fetch_value(
            connection,
            "INSERT INTO future_skills_ops.retraining_request (report_id, reason, dag_run_id) VALUES (%s, %s, %s) RETURNING id",
            (report_id, reason, run_id_of(report_id)),
        )
    )
