"""The charts of one evaluation: the plots of its report, in the colours of the page, each with its table."""

from typing import Any

from dashboard.charts import Chart, as_interval, as_number
from future_skills.domain import LEVELS
from future_skills.model import evaluation_plots as plots
from future_skills.model.baselines import BASELINE_NAMES


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
    beside = ", ".join(f"{other} {as_number(value)}" for other, value in known.items())
    rows = [
        ["this version", as_number(own["value"]), as_interval(own)],
        *([other, as_number(v), "–"] for other, v in known.items()),
    ]
    summary = f"{label} {as_number(own['value'])}, interval {as_interval(own)}; {beside}."
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
        [level, as_number(one["predicted"]), as_number(one["observed"]), f"{one['n']:,}"]
        for level in LEVELS
        for one in reliability[level]
    ]
    furthest = max((abs(float(row["predicted"] - row["observed"])) for bins in reliability.values() for row in bins), default=0.0)
    summary = f"A line per level; the furthest point is {furthest:.2f} away from the diagonal of perfect reliability."
    columns = ["level", "predicted probability", "share decided so", "n"]
    return Chart("reliability", "Reliability", summary, plots.reliability_plot(reliability), columns, rows)


def _slices(slices: list[dict[str, Any]]) -> Chart:
    rows = [
        [part["name"], f"{part['n']:,}", f"{part['high']:,}", as_number(part["base_rate"]), as_number(part["ap_high"])]
        for part in sorted(slices, key=lambda part: -part["n"])
    ]
    summary = f"AP(HIGH) of {len(slices)} departments beside their share of HIGH."
    columns = ["department", "n", "HIGH", "share of HIGH", "AP(HIGH)"]
    return Chart("slices", "Departments", summary, plots.slices_plot(slices), columns, rows)


def _importance(importance: list[dict[str, Any]]) -> Chart:
    ordered = sorted(importance, key=lambda one: -one["drop"])
    rows = [[one["feature"], as_number(one["drop"]), as_number(one["std"]), f"{one['n']:,}"] for one in ordered]
    summary = f"{ordered[0]['feature']} matters most: without it AP(HIGH) falls by {as_number(ordered[0]['drop'])}."
    columns = ["feature", "drop in AP(HIGH)", "standard deviation", "n"]
    return Chart("importance", "What the model relies on", summary, plots.importance_plot(importance), columns, rows)
