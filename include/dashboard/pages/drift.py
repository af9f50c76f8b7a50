"""Drift: every column over time, the newest comparison in numbers, and Evidently's own report in a frame that reaches nothing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import HTMLResponse, Response

from dashboard.access import require_drift
from dashboard.charts import drift_chart, mark
from dashboard.database import Artifacts, Configured, Ledger
from dashboard.headers import REPORT_POLICY
from dashboard.rendering import page
from future_skills.drift.page import PROBLEMS
from future_skills.ledger.drift_reports import get_report, newest_reports
from future_skills.ledger.retraining_requests import list_requests

SHOWN = 53
"""Reports over time: a year of weeks."""
LARGEST_ID = 2**63 - 1

ReportId = Annotated[int, Path(ge=1, le=LARGEST_ID)]

router = APIRouter(dependencies=[Depends(require_drift)])


@router.get("/drift")
def drift(
    request: Request,
    connection: Ledger,
    settings: Configured,
    report: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
) -> Response:
    """The page, with the newest report unless another is asked for."""
    reports = newest_reports(connection, settings.horizon_years, SHOWN)
    everything = newest_reports(connection, settings.horizon_years, SHOWN, counted_only=False)
    shown = get_report(connection, report) if report else next(iter([*reports, *everything]), None)
    return page(
        request,
        "drift",
        "drift",
        reports=reports,
        everything=everything,
        shown=shown,
        chart=drift_chart(reports) if reports else None,
        mark=mark,
        problems=PROBLEMS,
        policy=settings.drift,
        requests=list_requests(connection, settings.horizon_years),
    )


@router.get("/drift/reports/{report_id}")
def report_file(connection: Ledger, store: Artifacts, report_id: ReportId) -> Response:
    """Evidently's report itself. Its policy forbids it to load anything or to act as our site, even opened on its own."""
    content = store.read(get_report(connection, report_id).html_uri)
    return HTMLResponse(content, headers={"Content-Security-Policy": REPORT_POLICY})
