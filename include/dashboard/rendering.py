"""How a page becomes HTML: templates that escape everything, the registry's number formats, one way to write times."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from dashboard.assets import asset_url
from dashboard.charts import as_bounds, themed
from future_skills.config import TEMPLATE_FOLDER
from future_skills.domain import LEVELS, SIGNATURE
from future_skills.model.baselines import BASELINE_NAMES
from future_skills.registry.markdown import UNKNOWN_ACCURACY, markdown_environment

FOLDER = TEMPLATE_FOLDER / "dashboard"
UNITS = (("year", 365 * 86_400), ("month", 30 * 86_400), ("day", 86_400), ("hour", 3_600), ("minute", 60))


def _moment(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%d %b %Y, %H:%M} UTC" if value else "–"


def _day(value: date | None) -> str:
    return f"{value:%d %b %Y}" if value else "–"


def in_words(span: timedelta) -> str:
    """A span of time as people say it: 3 days, 1 hour, less than a minute."""
    seconds = abs(span.total_seconds())
    for unit, length in UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"


def _ago(value: datetime | None) -> str:
    if value is None:
        return "never"
    span = datetime.now(UTC) - value
    return f"{in_words(span)} ago" if span >= timedelta() else f"in {in_words(span)}"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def reason(rationale: str | None) -> str:
    """A prediction's sentence without the signature that only machines need."""
    return (rationale or "").removesuffix(SIGNATURE)


@cache
def environment() -> Environment:
    """The templates. A name that is not given is an error, and what is given is text, never markup."""
    created = Environment(
        loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    of_the_registry = markdown_environment().filters
    created.filters.update({name: of_the_registry[name] for name in ("number", "signed", "interval")})
    created.filters.update(
        moment=_moment,
        day=_day,
        ago=_ago,
        count=_count,
        percent=_percent,
        score=_score,
        bounds=as_bounds,
        reason=reason,
        themed=themed,
    )
    created.globals.update(
        asset_url=asset_url,
        baseline_names=BASELINE_NAMES,
        levels_order=tuple(reversed(LEVELS)),
        unknown_accuracy=UNKNOWN_ACCURACY,
    )
    return created


def page(request: Request, template: str, section: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of the dashboard; `section` is the entry of the navigation it belongs to.

    Every template also knows `root` and `airflow`, the addresses of the dashboard and of Airflow without a closing slash.
    """
    root = str(request.scope.get("root_path", ""))
    html = (
        environment()
        .get_template(f"{template}.html.j2")
        .render(
            root=root,
            airflow=root.rpartition("/")[0],
            section=section,
            visitor=getattr(request.state, "visitor", None),
            **values,
        )
    )
    return HTMLResponse(html, status_code=status)
