"""Predictions: find a role or a skill, its ranking with reasons, one pair's history, what moved, and CSV to take away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from psycopg2.extensions import connection as Connection
from starlette.responses import Response, StreamingResponse

from dashboard.access import require_download
from dashboard.charts import history_chart
from dashboard.database import Configured, Ledger, dashboard_dsn, open_ledger
from dashboard.pages.model import safe_name
from dashboard.paging import PageNumber, limits, sliced
from dashboard.predictions import WRITTEN_BY, Subject, all_rows, changes, movers, named, pair, ranking, search
from dashboard.rendering import page, reason
from dashboard.spreadsheet import csv_pieces
from future_skills.config import Settings
from future_skills.domain import Level
from future_skills.ledger.batches import newest_published
from future_skills.ledger.versions import champion

FOUND, RANKED, MOVERS = 12, 100, 20
WEEK = timedelta(days=7)
LARGEST_ID = 2**63 - 1
COLUMNS = {
    "job role": "job_role",
    "department": "department",
    "skill": "skill",
    "category": "category",
    "horizon in years": "horizon_years",
    "score": "score",
    "level": "level",
    "confidence in %": "confidence",
    "low confidence": "low_confidence",
    "written by": "written_by",
    "HR's own decision": "decision",
    "reason": "reason",
    "model version": "version",
    "batch": "batch",
}

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
OptionalId = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
PageOf = Annotated[PageNumber, Query(alias="page")]

router = APIRouter()


@router.get("/predictions")
def predictions(
    request: Request,
    connection: Ledger,
    settings: Configured,
    text: Annotated[str, Query(alias="q", max_length=200)] = "",
    number: PageOf = 1,
) -> Response:
    """Search, and what moved in the newest batch."""
    batch = newest_published(connection, settings.horizon_years)
    wanted = text.strip()
    return page(
        request,
        "predictions",
        "predictions",
        text=wanted,
        roles=sliced(search(connection, "role", wanted, limits(number, FOUND)), number, FOUND),
        skills=sliced(search(connection, "skill", wanted, limits(number, FOUND)), number, FOUND),
        batch=batch,
        lately=batch is not None and batch.published_at is not None and datetime.now(UTC) - batch.published_at <= WEEK,
        movers=movers(connection, batch.batch_id, MOVERS) if batch else [],
        horizon=settings.horizon_years,
        bootstrap=_learned_from_rules(connection),
    )


def _learned_from_rules(connection: Connection) -> bool:
    reigning = champion(connection)
    return reigning is not None and reigning.label_source == "bootstrap"


def _ranking_page(
    request: Request,
    connection: Connection,
    settings: Settings,
    subject: Subject,
    subject_id: int,
    level: Level | None,
    number: int,
) -> Response:
    since = datetime.now(UTC) - WEEK
    found = ranking(
        connection,
        subject,
        subject_id,
        horizon_years=settings.horizon_years,
        level=level,
        since=since,
        page=limits(number, RANKED),
    )
    return page(
        request,
        "ranking",
        "predictions",
        subject=subject,
        of=named(connection, subject, subject_id),
        ranking=sliced(found, number, RANKED),
        written_by=WRITTEN_BY,
        level=level,
        horizon=settings.horizon_years,
        bootstrap=_learned_from_rules(connection),
    )


@router.get("/predictions/role/{role_id}")
def role_ranking(
    request: Request, connection: Ledger, settings: Configured, role_id: Id, level: Level | None = None, number: PageOf = 1
) -> Response:
    """The skills of a job role."""
    return _ranking_page(request, connection, settings, "role", role_id, level, number)


@router.get("/predictions/skill/{skill_id}")
def skill_ranking(
    request: Request, connection: Ledger, settings: Configured, skill_id: Id, level: Level | None = None, number: PageOf = 1
) -> Response:
    """The job roles of a skill."""
    return _ranking_page(request, connection, settings, "skill", skill_id, level, number)


@router.get("/predictions/pair/{role_id}/{skill_id}")
def pair_page(request: Request, connection: Ledger, settings: Configured, role_id: Id, skill_id: Id) -> Response:
    """One pair: its score, its reasons, its history."""
    role, skill = named(connection, "role", role_id), named(connection, "skill", skill_id)
    found = pair(connection, role_id, skill_id, settings.horizon_years)
    past = changes(connection, role_id, skill_id, settings.horizon_years)
    explanation = found["explanation"] if isinstance(found["explanation"], dict) else {}
    return page(
        request,
        "pair",
        "predictions",
        role=role,
        skill=skill,
        prediction=found,
        explanation=explanation,
        writer=WRITTEN_BY[found["origin"]],
        chart=history_chart(past, found["score"]) if past else None,
        horizon=settings.horizon_years,
        bootstrap=_learned_from_rules(connection),
    )


@router.get("/predictions/download", dependencies=[Depends(require_download)])
def download(
    connection: Ledger,
    settings: Configured,
    dsn: Annotated[str, Depends(dashboard_dsn)],
    role: OptionalId = None,
    skill: OptionalId = None,
    level: Level | None = None,
) -> Response:
    """A role's, a skill's, or the company's predictions as CSV."""
    subject: Subject | None = "role" if role else "skill" if skill else None
    of = named(connection, subject, role or skill or 0)["name"] if subject else "all"
    rows = all_rows(open_ledger(dsn), subject, role or skill, level, settings.horizon_years)
    first = list(next_rows(rows))  # what is wrong with the database is said before the file begins
    name = "-".join(["predictions", safe_name(of), *([level.lower()] if level else [])])
    pieces = csv_pieces(COLUMNS, (_told(row) for row in chain(first, rows)))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "reason": reason(row["rationale"]), "written_by": WRITTEN_BY[row["origin"]]}


def next_rows(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The first row, if there is one."""
    for row in rows:
        yield row
        return
