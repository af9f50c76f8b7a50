"""The charts of the pages: Plotly figures whose colours are names of our style sheet, each with a table that says the same."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.model import evaluation_plots as plots

COLOURS: Final = {
    plots.MODEL: "model",
    plots.BASELINE: "baseline",
    plots.CHAMPION: "champion",
    plots.LEVEL_COLOURS["LOW"]: "low",
    plots.LEVEL_COLOURS["MEDIUM"]: "medium",
    plots.LEVEL_COLOURS["HIGH"]: "high",
    "#1f2933": "text",
    "#e6e9ee": "grid",
    "#c3cad3": "line",
    "#52606d": "muted",
    "#f4f6f9": "surface",
}
"""A report's colour -> the name of ours, `--chart-<name>` in dashboard.css, which differs between light and dark."""
MOST_RATIO = 2.0
"""A drift value of twice its threshold has the strongest colour."""
AT_THRESHOLD = 1 / MOST_RATIO
MOST_TICKS = 3


@dataclass(frozen=True)
class Chart:
    """A figure with its title, one sentence for those who do not see it, and its figures as a table."""

    key: str
    title: str
    summary: str
    figure: plots.Figure
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def themed(value: Any) -> Any:
    """A figure with every colour by name, as `colour:<name>`. Raises KeyError for a colour that has none."""
    if isinstance(value, dict):
        return {key: themed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [themed(one) for one in value]
    return f"colour:{COLOURS[value]}" if isinstance(value, str) and value.startswith("#") else value


def as_number(value: float | None) -> str:
    """A figure in a table, with three decimals."""
    return "unknown" if value is None else f"{value:z.3f}"


def as_bounds(ci: Sequence[float] | None) -> str:
    """Both ends of an interval, or a dash."""
    return f"{ci[0]:z.3f} to {ci[1]:z.3f}" if ci else "–"


def as_interval(measured: dict[str, Any]) -> str:
    """The 95 % interval of a figure in a table."""
    return as_bounds(measured.get("ci"))


def trend_chart(evaluations: Sequence[dict[str, Any]], since: datetime, until: datetime) -> Chart:
    """AP(HIGH) and macro-F1 of each evaluation over time, the interval of the first, and its hardest baselines."""
    times = [one["evaluated_at"].isoformat() for one in evaluations]
    traces = [
        _line("AP(HIGH)", times, [one["ap_high"]["value"] for one in evaluations], plots.MODEL, "circle", _error(evaluations)),
        _line("macro-F1", times, [one["macro_f1"]["value"] for one in evaluations], plots.CHAMPION, "square"),
        *(
            _line(label, times, [one[key]["ap_high"] for one in evaluations], plots.BASELINE, None, dash=dash)
            for key, label, dash in (("rules", "AP(HIGH) of the rules", "dot"), ("skill_share", "of skill share", "dash"))
        ),
    ]
    layout = {
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": plots.axis(
            type="date", range=[since.isoformat(), (until + (until - since) / 40).isoformat()], tickformat="%d %b<br>%Y"
        ),
        "yaxis": plots.axis(range=[0, 1.02]),
        "hovermode": "x unified",
    }
    rows = [
        [
            f"{one['evaluated_at']:%d %b %Y}",
            one["version"],
            as_number(one["ap_high"]["value"]),
            as_interval(one["ap_high"]),
            as_number(one["macro_f1"]["value"]),
            as_number(one["accuracy"]["value"]),
            as_number(one["rules"]["ap_high"]),
            as_number(one["skill_share"]["ap_high"]),
            f"{one['rows']:,}",
            "accuracy unknown" if one["label_source"] == "bootstrap" else "HR's decisions",
        ]
        for one in reversed(evaluations)
    ]
    newest = evaluations[-1]
    return Chart(
        "trend",
        "Metrics of each evaluation",
        f"{len(evaluations)} evaluations; the newest, of {newest['version']}, reaches AP(HIGH) "
        f"{as_number(newest['ap_high']['value'])} and macro-F1 {as_number(newest['macro_f1']['value'])}.",
        plots.figure(traces, 320, **layout),
        [
            "evaluated",
            "version",
            "AP(HIGH)",
            "95 % interval",
            "macro-F1",
            "accuracy",
            "rule formula",
            "skill share",
            "n",
            "labels",
        ],
        rows,
    )


def _line(
    name: str,
    x: list[str],
    y: list[Any],
    colour: str,
    symbol: str | None,
    error: dict[str, Any] | None = None,
    dash: str = "solid",
) -> dict[str, Any]:
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines+markers" if symbol else "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": {"color": colour, "dash": dash, "width": 2 if symbol else 1.5},
        "hovertemplate": "%{y:.3f}",
    }
    if symbol or len(x) == 1:
        trace |= {"mode": "lines+markers", "marker": {"color": colour, "size": 7, "symbol": symbol or "line-ew-open"}}
    if error:
        trace["error_y"] = error
    return trace


def _error(evaluations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values = [one["ap_high"] for one in evaluations]
    bounds = [value.get("ci") or (value["value"] or 0.0, value["value"] or 0.0) for value in values]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - (value["value"] or 0.0) for value, (_, high) in zip(values, bounds, strict=True)],
        "arrayminus": [(value["value"] or 0.0) - low for value, (low, _) in zip(values, bounds, strict=True)],
        "color": plots.MODEL,
        "thickness": 1,
        "width": 3,
    }


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
    times = [report.created_at for report in ordered]
    days = _labels(times)
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
            [trace],
            90 + 26 * len(names),
            xaxis={**plots.axis(type="category", tickangle=0, tickfont={"size": 11}), **_ticks(times, days)},
            yaxis=plots.axis(autorange="reversed"),
        ),
        ["column", *days],
        rows,
    )


def _labels(times: Sequence[datetime]) -> list[str]:
    """Days, with the time where a day has several; no two are the same."""
    days = [f"{at:%d %b %Y}" for at in times]
    return [day if days.count(day) == 1 else f"{at:%d %b %Y %H:%M:%S}" for day, at in zip(days, times, strict=True)]


def _ticks(times: Sequence[datetime], labels: Sequence[str]) -> dict[str, list[str]]:
    """A few of the days, short enough for a narrow screen, the newest among them."""
    shown = range(len(times) - 1, -1, -math.ceil(len(times) / MOST_TICKS))
    short = [f"{at:%d %b}" for at in times]
    texts = [short[place] if short.count(short[place]) == 1 else f"{times[place]:%d %b<br>%H:%M}" for place in shown]
    return {"tickvals": [labels[place] for place in shown], "ticktext": texts}


def _ratio(column: dict[str, Any] | None) -> float | None:
    if column is None or column["value"] is None or not column["threshold"]:
        return None
    return min(float(column["value"]) / float(column["threshold"]), MOST_RATIO)


def _described(column: dict[str, Any] | None) -> str:
    if column is None:
        return "not watched"
    return f"{as_number(column['value'])} of {as_number(column['threshold'])}, {mark(column)}"


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
