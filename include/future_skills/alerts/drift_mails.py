"""What data scientists are told of a drift report: which columns, how much, since when, and how the worst one looks."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import data_alarm, drift_alert
from future_skills.alerts.plots import comparison_plot
from future_skills.alerts.words import WORDS
from future_skills.config import Settings, read_sql
from future_skills.database import fetch_rows
from future_skills.dataset.reading import DatasetChangedError
from future_skills.drift.samples import Sample, load_sample
from future_skills.ledger.batches import get_batch
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.store.artifacts import ArtifactMissingError, Store

logger = logging.getLogger(__name__)

REPORTS_LOOKED_AT = 60
MAILED_FOR = timedelta(days=7)


@dataclass(frozen=True)
class Began:
    """When a column began to drift without a break, and how many reports have said so since, this one included."""

    at: datetime
    reports: int


def drift_mails(connection: Connection, store: Store, settings: Settings, report: DriftReportRow) -> list[Mail]:
    """The drift alert and the data alarm of a report; none for one that is fine, or when nobody is to be told."""
    if not settings.mail.data_scientists or not (report.drifted or report.unknown):
        return []
    with connection:
        since = drifting_since(connection, report)
    worst = report.worst_column
    plot = _plot(connection, store, settings, report, worst) if report.drifted and worst else None
    pictures = {"worst": plot} if plot else {}
    return [*drift_alert(settings, report, since=since, pictures=pictures), *data_alarm(settings, report)]


def drifting_since(connection: Connection, report: DriftReportRow) -> dict[str, Began]:
    """For each drifting column, since when every counted report against the same reference has said so."""
    earlier = fetch_rows(
        connection,
        read_sql("alerts/earlier_reports"),
        {"report_id": report.report_id, "reference": report.reference_batch_id, "limit": REPORTS_LOOKED_AT},
    )
    return {name: _began(name, report, earlier) for name in report.drifted_columns}


def _began(name: str, report: DriftReportRow, earlier: list[dict[str, Any]]) -> Began:
    began = Began(report.created_at, 1)
    for row in earlier:
        if not (row["columns"].get(name) or {}).get("drift"):
            break
        began = Began(row["created_at"], began.reports + 1)
    return began


def _plot(connection: Connection, store: Store, settings: Settings, report: DriftReportRow, column: str) -> bytes | None:
    """How a column spreads now and in the reference; None when a sample of theirs is gone: the mail goes without."""
    try:
        reference, current = (_sample(connection, store, settings, batch_id) for batch_id in _batches(report))
        return comparison_plot(reference.values(column), current.values(column), WORDS[settings.future_skills_language])
    except (ArtifactMissingError, DatasetChangedError) as error:
        logger.warning("The drift alert has no plot: %s", error)
        return None


def _batches(report: DriftReportRow) -> tuple[str, str]:
    return report.reference_batch_id, report.batch_id


def _sample(connection: Connection, store: Store, settings: Settings, batch_id: str) -> Sample:
    with connection:
        batch = get_batch(connection, batch_id)
    return load_sample(connection, store, settings, batch)


def unmailed_reports(connection: Connection, horizon_years: int) -> list[DriftReportRow]:
    """Reports of the last week whose drift alert or data alarm is not in the outbox, oldest first.

    A run of the drift DAG that was started for several batches at once, or that broke off, leaves such reports.
    """
    parameters = {"horizon_years": horizon_years, "since": MAILED_FOR}
    return [DriftReportRow(**row) for row in fetch_rows(connection, read_sql("alerts/unmailed_reports"), parameters)]
