"""What follows from a drift report: a mail, a retraining, a question to a person, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from psycopg2.extensions import connection as Connection

from future_skills.config import DriftSettings, Settings
from future_skills.database import execute, fetch_value
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.drift_reports import DriftReportRow, get_report, newest_reports
from future_skills.ledger.retraining_requests import RetrainingRequest, add_request, list_requests, request_of_report

REQUEST_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_retraining_request'))"
REUSABLE_FOR = timedelta(hours=24)
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Decision:
    """Is a retraining asked for (`request_id` then names it), or wanted but held back, and by what?

    cooldown: the last one was too short a time ago; budget: a month has no more of them, a person has to look.
    """

    retrain: bool
    reason: str
    held_back: Literal["cooldown", "budget"] | None = None
    request_id: int | None = None


def decide_retraining(
    reports: Sequence[DriftReportRow], requests: Sequence[RetrainingRequest], thresholds: DriftSettings, now: datetime
) -> Decision:
    """Decide from the counted reports and the requests made so far, both newest first.

    Wanted when enough of the newest reports drift, the newest among them; those of another version do not count, as what
    they saw led to this one. Held back by `retrain_cooldown` since the last request, doubled for each request that this
    version has outlived (its retraining failed, or was kept or rejected), and by `retrain_budget` requests in 30 days.
    """
    window = reports[: thresholds.retrain_window]
    if not window or not window[0].drifted:
        return Decision(retrain=False, reason="the newest dataset does not drift")
    drifted = [report for report in window if report.drifted and report.version == window[0].version]
    reason = f"{len(drifted)} of the last {len(window)} datasets drift ({', '.join(one.dataset_id for one in drifted)})"
    if len(drifted) < thresholds.retrain_drifted:
        return Decision(retrain=False, reason=f"{reason}, {thresholds.retrain_drifted} are needed")
    reason = f"{reason}; in the newest: {', '.join(window[0].drifted_columns)}"
    waits = [(requests[0], thresholds.retrain_cooldown)] if requests else []
    outlived = [request for request in requests if request.version == window[0].version]
    if outlived:
        waits.append((outlived[0], thresholds.retrain_cooldown * 2 ** (len(outlived) - 1)))
    if any(now - request.requested_at < wait for request, wait in waits):
        return Decision(retrain=False, reason=reason, held_back="cooldown")
    if sum(now - request.requested_at < MONTH for request in requests) >= thresholds.retrain_budget:
        return Decision(retrain=False, reason=reason, held_back="budget")
    return Decision(retrain=True, reason=reason)


def next_tasks(report: DriftReportRow, decision: Decision) -> list[str]:
    """The tasks that follow: a mail for whatever drifts, is unknown or waits for a person; a retraining where drift asks."""
    told = report.drifted or report.unknown or decision.held_back == "budget"
    return ["alert"] * told + ["request_retraining"] * decision.retrain


def request_retraining(connection: Connection, settings: Settings, report_id: int) -> Decision:
    """Decide whether drift asks for a retraining, and record the request when it does.

    The same report again returns the request it made. A report that is not counted, or no longer the newest, never asks.
    Raises UnknownReportError.
    """
    with connection:
        execute(connection, REQUEST_LOCK)
        report = get_report(connection, report_id)
        made = request_of_report(connection, report_id)
        if made:
            return Decision(retrain=True, reason=made.reason, request_id=made.request_id)
        reports = newest_reports(connection, report.horizon_years, settings.drift.retrain_window)
        if not reports or reports[0].report_id != report_id:
            return Decision(retrain=False, reason="another report decides: this one is not counted, or no longer the newest")
        requests = list_requests(connection, report.horizon_years)
        decision = decide_retraining(reports, requests, settings.drift, fetch_value(connection, "SELECT now()"))
        if not decision.retrain:
            return decision
        return Decision(retrain=True, reason=decision.reason, request_id=add_request(connection, report_id, decision.reason))


def reusable_dataset(connection: Connection, report_id: int, now: datetime | None = None) -> str | None:
    """The dataset of a report, for a retraining to use, while it is younger than 24 hours; later None: a fresh export.

    Raises UnknownReportError.
    """
    dataset = get_dataset(connection, get_report(connection, report_id).dataset_id)
    return dataset.dataset_id if (now or datetime.now(UTC)) - dataset.created_at < REUSABLE_FOR else None
