"""The first page: within ten seconds, is it healthy, what is the model worth, what changed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from psycopg2.extensions import connection as Connection
from starlette.responses import Response

from dashboard.airflow_runs import AirflowState
from dashboard.charts import mark, trend_chart
from dashboard.database import Configured, Ledger
from dashboard.health import WORDS, Reading, findings, overall
from dashboard.rendering import page
from future_skills.alerts.lateness import look_for_late
from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_rows, fetch_value
from future_skills.drift.page import PROBLEMS
from future_skills.ledger.batches import newest_published
from future_skills.ledger.deployments import newest_deployment
from future_skills.ledger.drift_reports import newest_reports
from future_skills.ledger.versions import champion
from future_skills.registry.approvals import open_requests, undeployed_version
from future_skills.registry.story import VersionStory, tell_version

DAYS = (30, 365)
WRITTEN = ("inserted", "updated", "deleted")
NEWEST_STAGE = (
    "SELECT stages -> %(stage)s AS facts FROM future_skills_ops.chain JOIN future_skills_ops.dataset ON dataset_id = chain_id"
    " WHERE horizon_years = %(horizon_years)s AND stages ? coalesce(%(of)s, %(stage)s)"
    " ORDER BY as_of DESC, dataset.created_at DESC LIMIT 1"
)
"""A stage's facts in the newest chain that has it, or that has the stage `of` it would come with."""

router = APIRouter()


@dataclass(frozen=True)
class Today:
    """What was published since midnight, UTC: batches, and rows by operation."""

    batches: int
    rows: dict[str, int]


def deployed_story(connection: Connection) -> VersionStory | None:
    """The story of the deployed version, or None before the first."""
    reigning = champion(connection)
    return tell_version(connection, reigning.version) if reigning else None


def published_today(connection: Connection, horizon_years: int, now: datetime) -> Today:
    """Sums over the batches of today; the predictions themselves are not counted."""
    rows = fetch_rows(
        connection,
        "SELECT counts FROM future_skills_ops.prediction_batch"
        " WHERE horizon_years = %s AND state = 'published' AND published_at >= %s",
        (horizon_years, now.replace(hour=0, minute=0, second=0, microsecond=0)),
    )
    return Today(len(rows), {name: sum(row["counts"].get(name, 0) for row in rows) for name in WRITTEN})


def evaluations_since(connection: Connection, horizon_years: int, since: datetime) -> list[dict[str, Any]]:
    """The evaluations of the trend, the oldest first: version, evaluated_at, rows, and {value, ci} of each headline."""
    return fetch_rows(connection, read_sql("dashboard/trend"), {"since": since, "horizon_years": horizon_years})


def held_back(connection: Connection, horizon_years: int) -> list[str]:
    """What the audit found about the newest dataset's predictions, when it let them not be published."""
    row = fetch_row(connection, NEWEST_STAGE, {"stage": "prediction", "of": None, "horizon_years": horizon_years})
    return row["facts"]["findings"] if row and row["facts"]["state"] == "audit failed" else []


def newest_decay(connection: Connection, horizon_years: int, version: str) -> dict[str, Any] | None:
    """What the newest measured week says of a version that decays: metric, value, threshold, n; or None."""
    row = fetch_row(connection, NEWEST_STAGE, {"stage": "decay", "of": "realised", "horizon_years": horizon_years})
    return row["facts"] if row and row["facts"] and row["facts"]["version"] == version else None


def _level_totals(levels: dict[str, dict[str, int]]) -> dict[str, int]:
    return {level: sum(side.get(level, 0) for side in levels.values()) for level in ("HIGH", "MEDIUM", "LOW")}


@router.get("/")
def overview(
    request: Request,
    connection: Ledger,
    settings: Configured,
    airflow: AirflowState,
    days: Annotated[int, Query(ge=1, le=3_650)] = 30,
) -> Response:
    """The page."""
    now, horizon = datetime.now(UTC), settings.horizon_years
    story, batch = deployed_story(connection), newest_published(connection, horizon)
    reports = newest_reports(connection, horizon, 1)
    reading = Reading(
        now=now,
        newest_chain=fetch_value(
            connection, "SELECT max(created_at) FROM future_skills_ops.dataset WHERE horizon_years = %s", (horizon,)
        ),
        story=story,
        batch=batch,
        drift=reports[0] if reports else None,
        requests=open_requests(connection),
        undeployed=undeployed_version(connection),
        unsent_mails=fetch_value(
            connection,
            "SELECT count(*) FROM future_skills_ops.outbox WHERE sent_at IS NULL AND given_up_at IS NULL AND attempts > 0",
        ),
        dags=airflow.dags(),
        late=look_for_late(connection, settings, now),
        held_back=held_back(connection, horizon),
        decay=newest_decay(connection, horizon, story.version.version) if story else None,
    )
    since = now - timedelta(days=days)
    evaluations = evaluations_since(connection, horizon, since)
    found = findings(reading)
    return page(
        request,
        "overview",
        "overview",
        reading=reading,
        state=overall(found),
        words=WORDS,
        findings=found,
        today=published_today(connection, horizon, now),
        levels=_level_totals(batch.levels) if batch else {},
        trend=trend_chart(evaluations, since, now) if evaluations else None,
        bootstrap_in_trend=any(one["label_source"] == "bootstrap" for one in evaluations),
        days=days,
        choices=DAYS,
        horizon=horizon,
        mark=mark,
        problems=PROBLEMS,
        deployment=newest_deployment(connection),
    )
