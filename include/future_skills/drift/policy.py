"""When drift asks for a retraining, and which dataset it should use."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from psycopg2.extensions import connection as Connection

from future_skills.config import DriftSettings, Settings
from future_skills.database import execute, fetch_value
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.drift_reports import DriftReportRow, get_report, newest_reports

REQUEST_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_retraining_request'))"
REUSABLE_FOR = timedelta(hours=24)


def is_retraining_due(
    reports: Sequence[DriftReportRow], last_request: datetime | None, thresholds: DriftSettings, now: datetime
) -> bool:
    """Do enough of the newest counted reports (newest first) drift, the newest among them, and not too soon again?"""
    window = reports[: thresholds.retrain_window]
    if not window or not window[0].drifted:
        return False
    if last_request is not None and now - last_request < thresholds.retrain_cooldown:
        return False
    return sum(report.drifted for report in window) >= thresholds.retrain_drifted


def request_retraining(connection: Connection, settings: Settings, report_id: int) -> int | None:
    """Record that drift asks for a retraining, when it does; returns the request's id, or None.

    The same report again returns the request it made. A report that is not counted, or no longer the newest, never asks.
    Raises UnknownReportError.
    """
    with connection:
        execute(connection, REQUEST_LOCK)
        made = fetch_value(connection, "SELECT id FROM future_skills_ops.retraining_request WHERE report_id = %s", (report_id,))
        if made:
            return int(made)
        report = get_report(connection, report_id)
        reports = newest_reports(connection, report.horizon_years, settings.drift.retrain_window)
        if not reports or reports[0].report_id != report_id:
            return None
        last = fetch_value(
            connection,
            "SELECT max(requested_at) FROM future_skills_ops.retraining_request"
            " JOIN future_skills_ops.drift_report USING (report_id) WHERE horizon_years = %s",
            (report.horizon_years,),
        )
        if not is_retraining_due(reports, last, settings.drift, fetch_value(connection, "SELECT now()")):
            return None
        return int(
            fetch_value(
                connection,
                "INSERT INTO future_skills_ops.retraining_request (report_id, reason) VALUES (%s, %s) RETURNING id",
                (report_id, _reason(reports)),
            )
        )


def _reason(reports: Sequence[DriftReportRow]) -> str:
    drifted = [report.dataset_id for report in reports if report.drifted]
    columns = ", ".join(reports[0].drifted_columns)
    return f"{len(drifted)} of the last {len(reports)} datasets drift ({', '.join(drifted)}); in the newest: {columns}"


def reusable_dataset(connection: Connection, report_id: int, now: datetime | None = None) -> str | None:
    """The dataset of a report, for a retraining to use, while it is younger than 24 hours; later None: a fresh export.

    Raises UnknownReportError.
    """
    dataset = get_dataset(connection, get_report(connection, report_id).dataset_id)
    return dataset.dataset_id if (now or datetime.now(UTC)) - dataset.created_at < REUSABLE_FOR else None
