"""The charts of the pages: Plotly figures whose colours are names of our style sheet, each with a table that says the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from future_skills.domain import LEVELS
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


def shown(value: float | None) -> str:
    """A figure with three digits, or that it is unknown."""
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
            shown(one["ap_high"]["value"]),
            _interval(one["ap_high"]),
            shown(one["macro_f1"]["value"]),
            shown(one["accuracy"]["value"]),
            shown(one["rules"]["ap_high"]),
            shown(one["skill_share"]["ap_high"]),
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
        f"{shown(newest['ap_high']['value'])} and macro-F1 {shown(newest['macro_f1']['value'])}.",
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
    beside = ", ".join(f"{other} {shown(value)}" for other, value in known.items())
    rows = [
        ["this version", shown(own["value"]), _interval(own)],
        *([other, shown(v), "–"] for other, v in known.items()),
    ]
    summary = f"{label} {shown(own['value'])}, interval {_interval(own)}; {beside}."
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
        [level, shown(one["predicted"]), shown(one["observed"]), f"{one['n']:,}"]
        for level in LEVELS
        for one in reliability[level]
    ]
    furthest = max((abs(float(row["predicted"] - row["observed"])) for bins in reliability.values() for row in bins), default=0.0)
    summary = f"A line per level; the furthest point is {furthest:.2f} away from the diagonal of perfect reliability."
    columns = ["level", "predicted probability", "share decided so", "n"]
    return Chart("reliability", "Reliability", summary, plots.reliability_plot(reliability), columns, rows)


def _slices(slices: list[dict[str, Any]]) -> Chart:
    rows = [
        [part["name"], f"{part['n']:,}", f"{part['high']:,}", shown(part["base_rate"]), shown(part["ap_high"])]
        for part in sorted(slices, key=lambda part: -part["n"])
    ]
    summary = f"AP(HIGH) of {len(slices)} departments beside their share of HIGH."
    columns = ["department", "n", "HIGH", "share of HIGH", "AP(HIGH)"]
    return Chart("slices", "Departments", summary, plots.slices_plot(slices), columns, rows)


def _importance(importance: list[dict[str, Any]]) -> Chart:
    ordered = sorted(importance, key=lambda one: -one["drop"])
    rows = [[one["feature"], shown(one["drop"]), shown(one["std"]), f"{one['n']:,}"] for one in ordered]
    summary = f"{ordered[0]['feature']} matters most: without it AP(HIGH) falls by {shown(ordered[0]['drop'])}."
    columns = ["feature", "drop in AP(HIGH)", "standard deviation", "n"]
    return Chart("importance", "What the model relies on", summary, plots.importance_plot(importance), columns, rows)
