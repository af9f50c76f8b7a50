"""One version: what it is, what it is worth, why the gate let it through or not, and its card."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from psycopg2.extensions import connection as Connection
from starlette.responses import PlainTextResponse, Response

from dashboard.charts import Chart
from dashboard.database import Configured, Ledger
from dashboard.evaluation_charts import evaluation_charts
from dashboard.rendering import page
from future_skills.database import fetch_rows
from future_skills.domain import Verdict
from future_skills.ledger.realised import performance_of
from future_skills.ledger.versions import champion
from future_skills.model.evaluation_report import POPULATIONS, TARGETS
from future_skills.model.gate import refresh_rule
from future_skills.model.libraries import deployable_here
from future_skills.registry.card import LABELS, render_card
from future_skills.registry.story import tell_version

VERDICTS: dict[Verdict, tuple[str, str]] = {
    "promote": ("ok", "promote: it may be put to an HR manager"),
    "keep": ("ok", "keep: the deployed version stays"),
    "reject": ("problem", "reject: a check failed"),
    "insufficient": ("attention", "insufficient: too little evidence to judge"),
    "bootstrap": ("attention", "bootstrap: it repeats the rules, accuracy unknown"),
}
"""A verdict's status and what it means."""
CHECKS = {
    "fail": ("problem", "failed"),
    "insufficient": ("attention", "too little"),
    "pass": ("ok", "passed"),
    "info": ("", "not judged"),
}
"""A check's verdict -> its status and word, in the order in which they matter."""

WEEKS_SHOWN = 60
"""Rows of realised performance: a week has one or two."""

router = APIRouter()


def shown_version(connection: Connection, wanted: str | None) -> str | None:
    """The version asked for, else the deployed one, else the newest; None when nothing was trained."""
    if wanted:
        return wanted
    reigning = champion(connection)
    return reigning.version if reigning else next(iter(version_names(connection)), None)


def version_names(connection: Connection) -> list[str]:
    """Every version, the newest first."""
    rows = fetch_rows(connection, "SELECT version FROM future_skills_ops.model_version ORDER BY number DESC")
    return [row["version"] for row in rows]


def check_in_words(check: dict[str, Any]) -> str:
    """A gate check as a sentence: what was found, and what it had to reach."""
    where = "" if check["slice"] == "all" else f", {check['slice']}"
    value = "unknown" if check["value"] is None else _plain(check["value"])
    if check["threshold"] is None:
        return f"{check['name']}{where}: {value}"
    beside = f" ({check['baseline']})" if check["baseline"] else ""
    return f"{check['name']}{where}: {value}, wanted {_plain(check['threshold'])} or more{beside}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:z.3f}"


@router.get("/model")
def model(
    request: Request, connection: Ledger, settings: Configured, version: Annotated[str | None, Query(max_length=50)] = None
) -> Response:
    """The page."""
    name = shown_version(connection, version)
    if name is None:
        return page(request, "model_none", "model")
    story = tell_version(connection, name)
    metrics = story.evaluation.metrics if story.evaluation else None
    checks = (story.evaluation.checks or []) if story.evaluation else []
    charts: dict[str, Chart] = evaluation_charts(metrics) if metrics else {}
    return page(
        request,
        "model",
        "model",
        story=story,
        version=story.version,
        metrics=metrics,
        charts=charts,
        names=version_names(connection),
        labels=LABELS,
        populations=POPULATIONS,
        targets=TARGETS,
        verdicts=VERDICTS,
        checks=sorted(checks, key=lambda check: list(CHECKS).index(check["verdict"])),
        refresh=refresh_rule(checks, story.evaluation.champion_version if story.evaluation else None),
        outcomes=CHECKS,
        check_in_words=check_in_words,
        deployable_here=deployable_here,
        realised=performance_of(connection, name)[:WEEKS_SHOWN],
        largest_slice=settings.gate.slice_minimum_rows,
    )


@router.get("/model/card")
def card(connection: Ledger, version: Annotated[str, Query(max_length=50)]) -> Response:
    """The model card as Markdown, to keep."""
    headers = {"Content-Disposition": f'attachment; filename="model-card-{safe_name(version)}.md"'}
    return PlainTextResponse(render_card(connection, version), media_type="text/markdown; charset=utf-8", headers=headers)


def safe_name(text: str) -> str:
    """Text as part of a file's name in a header: letters, digits and dashes of ASCII."""
    return "".join(character if character.isascii() and character.isalnum() else "-" for character in text)[:60]
