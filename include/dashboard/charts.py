"""The charts of the pages: Plotly figures whose colours are names of our style sheet, each with a table that says the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from future_skills.domain import LEVELS
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.model import evaluation_plots as plots
from future_skills.model.baselines import BASELINE_NAMES

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


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:z.3f}"


def _interval(measured: dict[str, Any]) -> str:
    ci = measured.get("ci")
    return f"{ci[0]:z.3f} to {ci[1]:z.3f}" if ci else "–"


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
            _number(one["ap_high"]["value"]),
            _interval(one["ap_high"]),
            _number(one["macro_f1"]["value"]),
            _number(one["accuracy"]["value"]),
            _number(one["rules"]["ap_high"]),
            _number(one["skill_share"]["ap_high"]),
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
        f"{_number(newest['ap_high']['value'])} and macro-F1 {_number(newest['macro_f1']['value'])}.",
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


def evaluation_charts(metrics: dict[str, Any]) -> dict[str, Chart]:
    """The charts of one evaluation by name; those there is nothing to show in are absent."""
    charts: dict[str, Chart] = {}
    if metrics["baselines"]:
        charts["reliability"] = _reliability(metrics["reliability"])
        charts["confusion"] = _confusion(metrics["confusion"])
        charts["slices"] = _slices(metrics["slices"])
        charts |= {name: _headline(metrics, name, label) for name, label in (("ap_high", "AP(HIGH)"), ("macro_f1", "macro-F1"))}
    if metrics.get("importance"):
        charts["importance"] = _importance(metrics["importance"])
    return charts


def _headline(metrics: dict[str, Any], name: str, label: str) -> Chart:
    own, baselines = metrics["overall"][name], metrics["baselines"]
    known = {BASELINE_NAMES[other]: baselines[other][name] for other in BASELINE_NAMES if other in baselines}
    beside = ", ".join(f"{other} {_number(value)}" for other, value in known.items())
    rows = [["this version", _number(own["value"]), _interval(own)], *([other, _number(v), "–"] for other, v in known.items())]
    summary = f"{label} {_number(own['value'])}, interval {_interval(own)}; {beside}."
    return Chart(f"headline-{name}", label, summary, plots.headline_plot(metrics, name), ["", "value", "95 % interval"], rows)


def _confusion(counts: list[list[int]]) -> Chart:
    rows = [[f"decided {level}", *(f"{count:,}" for count in row)] for level, row in zip(LEVELS, counts, strict=True)]
    right = sum(counts[number][number] for number in range(len(counts)))
    summary = f"{right:,} of {sum(map(sum, counts)):,} decisions are given the level HR decided."
    columns = ["", *(f"given {level}" for level in LEVELS)]
    figure = plots.confusion_plot(counts)
    figure["data"][0] |= {
        "colorscale": [[0, "colour:surface"], [1, "colour:heat"]]
    }  # dark enough for white figures in both themes
    return Chart("confusion", "Decided and given levels", summary, figure, columns, rows)


def _reliability(reliability: dict[str, list[dict[str, float]]]) -> Chart:
    rows = [
        [level, _number(one["predicted"]), _number(one["observed"]), f"{one['n']:,}"]
        for level in LEVELS
        for one in reliability[level]
    ]
    furthest = max((abs(float(row["predicted"] - row["observed"])) for bins in reliability.values() for row in bins), default=0.0)
    summary = f"A line per level; the furthest point is {furthest:.2f} away from the diagonal of perfect reliability."
    columns = ["level", "predicted probability", "share decided so", "n"]
    return Chart("reliability", "Reliability", summary, plots.reliability_plot(reliability), columns, rows)


def _slices(slices: list[dict[str, Any]]) -> Chart:
    rows = [
        [part["name"], f"{part['n']:,}", f"{part['high']:,}", _number(part["base_rate"]), _number(part["ap_high"])]
        for part in sorted(slices, key=lambda part: -part["n"])
    ]
    summary = f"AP(HIGH) of {len(slices)} departments beside their share of HIGH."
    columns = ["department", "n", "HIGH", "share of HIGH", "AP(HIGH)"]
    return Chart("slices", "Departments", summary, plots.slices_plot(slices), columns, rows)


def _importance(importance: list[dict[str, Any]]) -> Chart:
    ordered = sorted(importance, key=lambda one: -one["drop"])
    rows = [[one["feature"], _number(one["drop"]), _number(one["std"]), f"{one['n']:,}"] for one in ordered]
    summary = f"{ordered[0]['feature']} matters most: without it AP(HIGH) falls by {_number(ordered[0]['drop'])}."
    columns = ["feature", "drop in AP(HIGH)", "standard deviation", "n"]
    return Chart("importance", "What the model relies on", summary, plots.importance_plot(importance), columns, rows)


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
    return f"{_number(column['value'])} of {_number(column['threshold'])}, {mark(column)}"


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
