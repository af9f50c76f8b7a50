"""What the pages about predictions read: names, rankings, one pair, its history, and what moved; by index, never by counting."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, Final, Literal

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_rows
from future_skills.domain import FutureSkillsError, Level

Subject = Literal["role", "skill"]
TABLES: Final[dict[Subject, tuple[str, str]]] = {
    "role": ("future_skills_jobrole", "department"),
    "skill": ("future_skills_skill", "category"),
}
"""Where a name is kept, and what stands beside it."""
COLUMNS: Final[dict[Subject, str]] = {"role": "job_role_id", "skill": "skill_id"}
Origin = Literal["ours", "changed", "application"]
WRITTEN_BY: Final[dict[Origin, str]] = {
    "ours": "Future Skills",
    "changed": "changed in the HR application",
    "application": "the HR application",
}
"""Whose the values of a row are, in the words of people."""
CHANGES = 200
FETCHED = 2_000
"""Rows of a download held at once."""


class UnknownSubjectError(FutureSkillsError):
    """No such job role, skill or prediction."""


def search(connection: Connection, subject: Subject, text: str, page: dict[str, int]) -> list[dict[str, Any]]:
    """Job roles or skills (id, name, detail) whose name contains `text`, whatever its case; `page` has limit and offset."""
    table, detail = TABLES[subject]
    pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("\0", "")
    return fetch_rows(connection, read_sql("dashboard/search").format(table=table, detail=detail), {"pattern": pattern, **page})


def named(connection: Connection, subject: Subject, subject_id: int) -> dict[str, Any]:
    """One job role or skill (id, name, detail). Raises UnknownSubjectError."""
    table, detail = TABLES[subject]
    row = fetch_row(
        connection,
        f"SELECT id, name, {detail} AS detail FROM public.{table} WHERE id = %s",  # noqa: S608 - words of TABLES
        (subject_id,),
    )
    if row is None:
        what = "job role" if subject == "role" else "skill"
        raise UnknownSubjectError(f"The HR database has no {what} with the number {subject_id}: search for it by name.")
    return row


def ranking(
    connection: Connection,
    subject: Subject,
    subject_id: int,
    *,
    horizon_years: int,
    level: Level | None,
    since: datetime,
    page: dict[str, int],
) -> list[dict[str, Any]]:
    """The predictions of a role or of a skill, the highest score first, each with its score before what moved `since` then."""
    parameters = {"id": subject_id, "horizon_years": horizon_years, "level": level, "since": since, **page}
    statement = read_sql("dashboard/ranking").format(column=COLUMNS[subject], origin=read_sql("dashboard/origin"))
    return fetch_rows(connection, statement, parameters)


def pair(connection: Connection, role_id: int, skill_id: int, horizon_years: int) -> dict[str, Any]:
    """The prediction of one pair, with its `origin`. Raises UnknownSubjectError."""
    row = fetch_row(
        connection,
        f"SELECT score, level, rationale, explanation, created_at, {read_sql('dashboard/origin')} AS origin"  # noqa: S608 - ours
        " FROM public.future_skills_futureskillprediction AS prediction"
        " WHERE (job_role_id, skill_id, horizon_years) = (%s, %s, %s)",
        (role_id, skill_id, horizon_years),
    )
    if row is None:
        raise UnknownSubjectError(f"Nothing is predicted for this pair in {horizon_years} years.")
    return row


def changes(connection: Connection, role_id: int, skill_id: int, horizon_years: int) -> list[dict[str, Any]]:
    """What is kept of a pair's changes, the newest first."""
    return fetch_rows(
        connection,
        "SELECT * FROM future_skills_ops.prediction_change WHERE (job_role_id, skill_id) = (%s, %s) AND horizon_years = %s"
        " ORDER BY at DESC, id DESC LIMIT %s",
        (role_id, skill_id, horizon_years, CHANGES),
    )


def movers(connection: Connection, batch_id: str, limit: int) -> list[dict[str, Any]]:
    """What moved furthest in a batch, with today's names."""
    return fetch_rows(connection, read_sql("dashboard/movers"), {"batch_id": batch_id, "limit": limit})


def all_rows(
    connection: Connection, subject: Subject | None, subject_id: int | None, level: Level | None, horizon_years: int
) -> Iterator[dict[str, Any]]:
    """Every prediction of a role, of a skill, or of the company, of one level or of all; read piece by piece.

    The connection is closed when the last one is read, or the reader goes.
    """
    chosen, order = ["true"], "prediction.score DESC, prediction.id"
    if subject:
        chosen.append(f"prediction.{COLUMNS[subject]} = %(id)s")
    if level:
        chosen.append("prediction.level = %(level)s")
    if not subject:
        order = "prediction.job_role_id, prediction.id"  # millions are sent in the order of an index, not sorted first
    origin = read_sql("dashboard/origin")
    statement = read_sql("dashboard/download").format(chosen=" AND ".join(chosen), order=order, origin=origin)
    with closing(connection), connection.cursor(name="download") as cursor:
        cursor.itersize = FETCHED
        cursor.execute(statement, {"id": subject_id, "level": level, "horizon_years": horizon_years})
        names: list[str] = []
        for row in cursor:
            names = names or [column.name for column in cursor.description or ()]
            yield dict(zip(names, row, strict=True))
