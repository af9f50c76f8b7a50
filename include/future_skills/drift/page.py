"""What Evidently's page does not say, put on top of it: the verdict, and features, predictions and decisions apart."""

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from future_skills.config import TEMPLATE_FOLDER
from future_skills.domain import LEVELS
from future_skills.drift.columns import ColumnDrift

GROUPS = {
    "Features": {"feature"},
    "Predictions": {"level", "score"},
    "HR's decisions": {"target"},
}
"""The kinds of columns under each heading: a moved feature, a moved answer and a moved truth are different news."""
PROBLEMS = {
    "missing": "values are missing",
    "empty": "there is no value",
    "constant": "one value is left where there were many",
    "halved": "a source lost rows",
}


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("drift_heading.html.j2")


def with_heading(page: str, summary: dict[str, Any], columns: dict[str, ColumnDrift], names: dict[str, str]) -> str:
    """The page under its heading. `names` has verdict, current, reference and origin; `summary` is what drift.json holds."""
    groups = [
        {
            "title": title,
            "rows": [_row(name, column) for name, column in columns.items() if column.kind in kinds],
            "shares": _shares(summary, "decided_levels" if kinds == {"target"} else "levels" if "level" in kinds else None),
        }
        for title, kinds in GROUPS.items()
    ]
    heading = _template().render(
        **names,
        rows={side: summary[side]["rows"] for side in ("reference", "current")},
        sentences=summary["alarms"],
        groups=[group for group in groups if group["rows"]],
    )
    return page.replace("<body>", f"<body>{heading}", 1)


def _row(name: str, column: ColumnDrift) -> dict[str, str]:
    remarks = [PROBLEMS[column.problem]] if column.problem else []
    if column.missing:
        remarks.append(f"missing: {column.missing['reference']} before, {column.missing['current']} now")
    if column.new_categories:
        remarks.append(f"never seen before: {', '.join(column.new_categories)}")
    return {
        "name": name,
        "value": "–" if column.value is None else f"{column.value:.3f}",
        "threshold": f"{column.threshold:g}",
        "method": column.method,
        "result": "unknown" if column.drift is None else "drift" if column.drift else "same",
        "remarks": "; ".join(remarks),
    }


def _shares(summary: dict[str, Any], key: str | None) -> list[tuple[str, str, str]]:
    if key is None or not all(summary[side].get(key) for side in ("reference", "current")):
        return []
    before, now = summary["reference"][key], summary["current"][key]
    return [(level, f"{before[level]:.1%}", f"{now[level]:.1%}") for level in LEVELS]
