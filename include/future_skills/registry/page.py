"""MODEL_REGISTRY.md: the ledger for people, newest first; rendered, never parsed."""

import re
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from psycopg2.extensions import connection as Connection

from future_skills.config import TEMPLATE_FOLDER
from future_skills.database import fetch_rows
from future_skills.ledger.versions import champion, list_versions, newest_evaluation
from future_skills.registry.approvals import request_of_version
from future_skills.store.artifacts import Store

NAME = "MODEL_REGISTRY.md"


def _cell(value: Any) -> str:
    """Text that stays inside its table cell, without markup or links of its own."""
    if value is None:
        return "–"
    return " ".join(re.sub(r"([|`\[])", r"\\\1", str(value)).replace("<", "&lt;").split())


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(metric: dict[str, Any]) -> str:
    ci = metric.get("ci")
    return _number(metric["value"]) + (f" [{ci[0]:.3f}, {ci[1]:.3f}]" if ci else "")


def markdown_environment() -> Environment:
    """Templates of Markdown pages; the filters cell, number and interval make values inert and short."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown; the cell filter makes values inert
    )
    environment.filters.update(cell=_cell, number=_number, interval=_interval)
    return environment


def render_registry(connection: Connection) -> str:
    """The page as Markdown: champion, versions with metrics beside their baselines, deployments."""
    versions = [
        {
            "row": version,
            "evaluation": newest_evaluation(connection, version.version),
            "request": request_of_version(connection, version.version),
        }
        for version in list_versions(connection)
    ]
    deployments = fetch_rows(connection, "SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id DESC")
    return (
        markdown_environment()
        .get_template("registry.md.j2")
        .render(champion=champion(connection), versions=versions, deployments=deployments)
    )


def write_registry(connection: Connection, store: Store) -> str:
    """Render the page into the store; returns its URI."""
    return store.replace(NAME, render_registry(connection).encode())
