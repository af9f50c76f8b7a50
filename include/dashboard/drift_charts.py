"""The charts of what moves from report to report, and of one prediction over time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dashboard.charts import Chart, shown
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.model import evaluation_plots as plots

MOST_RATIO = 2.0
"""A drift value of twice its threshold has the strongest colour."""
AT_THRESHOLD = 1 / MOST_RATIO


def mark(column: dict[str, Any] | None) -> str:
    """A drift column in one word."""
    if column is None:
        return "not watched"
    return {True: "drift", False: "normal", None: "unknown"}[column["drift"]]


def drift_chart(reports: Sequence[DriftReportRow]) -> Chart:
    """Each column's distance over its threshold, report by report, the oldest on the left."""
    ordered = list(reversed(reports))
    names = list(dict.fromkeys(name for report in reports for name in report.columns))
    cells = [[report.columns.get(name) for report in ordered] for name in names]
    days = _labels([report.created_at for report in ordered])
    trace = {
        "type": "heatmap",
        "x": days,
        "y": [plots.as_text(name) for name in names],
        "z": [[_ratio(column) for column in row] for row in cells],
        "text": [[{"drift": "▲", "unknown": "?"}.get(mark(column), "") for column in row] for row in cells],
        "texttemplate": "%{text}",
        "customdata": [[_described(column) for column in row] for row in cells],
        "hovertemplate": "%{y}, %{x}<br>%{customdata}<extra></extra>",
        "zmin": 0,
        "zmax": MOST_RATIO,
        "xgap": 2,
        "ygap": 2,
        "showscale": False,
        "colorscale": [
            [0, "#f4f6f9"],
            [AT_THRESHOLD, "#c3cad3"],
            [AT_THRESHOLD, plots.LEVEL_COLOURS["MEDIUM"]],
            [1, plots.LEVEL_COLOURS["HIGH"]],
        ],
    }
    rows = [[name, *(_described(column) for column in row)] for name, row in zip(names, cells, strict=True)]
    drifted = sum(report.drifted for report in reports)
    return Chart(
        "drift",
        "Distance from the reference, by column and report",
        f"{len(reports)} reports, {drifted} of them drift. A triangle marks a column over its threshold, a question mark one "
        "that could not be compared.",
        plots.figure(
            [trace], 90 + 26 * len(names), xaxis=plots.axis(type="category", nticks=12), yaxis=plots.axis(autorange="reversed")
        ),
        ["column", *days],
        rows,
    )


def _labels(times: Sequence[datetime]) -> list[str]:
    """Days, with the time where a day has several; no two are the same."""
    days = [f"{at:%d %b %Y}" for at in times]
    return [day if days.count(day) == 1 else f"{at:%d %b %Y %H:%M:%S}" for day, at in zip(days, times, strict=True)]


def _ratio(column: dict[str, Any] | None) -> float | None:
    if column is None or column["value"] is None or not column["threshold"]:
        return None
    return min(float(column["value"]) / float(column["threshold"]), MOST_RATIO)


def _described(column: dict[str, Any] | None) -> str:
    if column is None:
        return "not watched"
    return f"{shown(column['value'])} of {shown(column['threshold'])}, {mark(column)}"


def history_chart(changes: Sequence[dict[str, Any]], score: float) -> Chart:
    """The score of one pair over time: what each change made of it, the oldest first."""
    ordered = list(reversed(changes))
    times = [change["at"].isoformat() for change in ordered]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "score",
        "x": times,
        "y": [change["new_score"] for change in ordered],
        "line": {"color": plots.MODEL, "shape": "hv"},
        "marker": {"color": plots.MODEL, "size": 8},
        "hovertemplate": "%{y:.1f}<extra></extra>",
    }
    rows = [
        [
            f"{change['at']:%d %b %Y}",
            change["kind"].replace("_", " "),
            "–" if change["old_score"] is None else f"{change['old_score']:.1f}",
            f"{change['new_score']:.1f}",
            f"{change['old_level'] or '–'} to {change['new_level']}",
        ]
        for change in changes
    ]
    return Chart(
        "history",
        "Score over time",
        f"{len(changes)} changes are kept; the score now is {score:.1f} of 100.",
        plots.figure([trace], 240, xaxis=plots.axis(type="date"), yaxis=plots.axis(range=[0, 100])),
        ["when", "what", "score before", "score after", "level"],
        rows,
    )
