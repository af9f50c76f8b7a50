"""The plots of an evaluation's report, as Plotly figures in plain dictionaries."""

import html
from typing import Any

from plotly.io import to_html

from future_skills.domain import LEVELS
from future_skills.model.baselines import BASELINE_NAMES

Figure = dict[str, Any]

MODEL, BASELINE, CHAMPION = "#2457a6", "#8a94a3", "#c77700"
LEVEL_COLOURS = {"LOW": "#5b8fb9", "MEDIUM": "#d99a2b", "HIGH": "#b5362c"}
MOST_SLICES = 30
CONFIG = {"displayModeBar": False, "responsive": True, "plotlyServerURL": ""}


def to_fragment(figure: Figure, name: str) -> str:
    """The figure as HTML to be put into a page that holds Plotly's script already; `name` is its id there."""
    return str(to_html(figure, config=CONFIG, full_html=False, include_plotlyjs=False, div_id=name, validate=False))


def as_text(value: Any) -> str:
    """Text as Plotly shows it literally: it reads a few HTML tags, links among them, in every label."""
    return html.escape(str(value), quote=False)


def figure(data: list[dict[str, Any]], height: int, **layout: Any) -> Figure:
    """Traces in the house style, `height` pixels high; `layout` goes before it."""
    base = {
        "height": height,
        "margin": {"l": 10, "r": 20, "t": 10, "b": 45},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1f2933"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
    }
    return {"data": data, "layout": {**base, **layout}}


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis in the house style; `more` goes before it."""
    return {
        "title": {"text": title, "font": {"size": 12}},
        "gridcolor": "#e6e9ee",
        "zerolinecolor": "#c3cad3",
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def headline_plot(metrics: dict[str, Any], name: str) -> Figure:
    """One headline figure with its interval above the baselines and the champion; points on one scale from 0 to 1."""
    own, others = metrics["overall"][name], [name for name in BASELINE_NAMES if name in metrics["baselines"]]
    low, high = own["ci"] or (own["value"], own["value"])
    labels = ["this version", *(BASELINE_NAMES[other] for other in others)]
    values = [own["value"], *(metrics["baselines"][other][name] for other in others)]
    nothing = [0.0] * len(others)
    known = own["value"] is not None
    marker = {
        "size": 13,
        "color": [MODEL, *(CHAMPION if other == "champion" else BASELINE for other in others)],
    }
    error = {
        "type": "data",
        "symmetric": False,
        "array": [high - own["value"] if known else 0.0, *nothing],
        "arrayminus": [own["value"] - low if known else 0.0, *nothing],
        "color": MODEL,
        "thickness": 2,
    }
    trace = {
        "type": "scatter",
        "mode": "markers+text",
        "x": values,
        "y": labels,
        "text": ["" if value is None else f"{value:.3f}" for value in values],
        "textposition": "top center",
        "cliponaxis": False,
        "marker": marker,
        "error_x": error,
    }
    return figure([trace], 60 + 44 * len(labels), xaxis=axis(range=[0, 1.02]), yaxis=axis(autorange="reversed"))


def confusion_plot(counts: list[list[int]]) -> Figure:
    """Counts of true against given level; the shade is the share of the true level's rows."""
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    labels = [
        [f"{count:,}<br>{share:.0%}" for count, share in zip(*pair, strict=True)] for pair in zip(counts, shares, strict=True)
    ]
    trace = {
        "type": "heatmap",
        "x": list(LEVELS),
        "y": list(LEVELS),
        "z": shares,
        "text": labels,
        "texttemplate": "%{text}",
        "hoverinfo": "skip",
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "colorscale": [[0, "#f4f6f9"], [1, MODEL]],
    }
    return figure([trace], 320, xaxis=axis("given by the model"), yaxis=axis("decided", autorange="reversed"))


def reliability_plot(reliability: dict[str, list[dict[str, float]]]) -> Figure:
    """Observed share over predicted probability, a line per level; on the diagonal a probability is what it says."""
    diagonal = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "line": {"color": BASELINE, "dash": "dot"}}
    curves: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": level,
            "x": [one["predicted"] for one in bins],
            "y": [one["observed"] for one in bins],
            "text": [f"n = {one['n']:,}" for one in bins],
            "marker": {"color": LEVEL_COLOURS[level], "size": [6 + min(one["n"], 900) ** 0.5 / 3 for one in bins]},
            "line": {"color": LEVEL_COLOURS[level]},
        }
        for level in LEVELS
        if (bins := reliability[level])
    ]
    return figure(
        [{**diagonal, "showlegend": False, "hoverinfo": "skip"}, *curves],
        360,
        showlegend=True,
        legend={"orientation": "h", "y": 1.12},
        xaxis=axis("predicted probability", range=[-0.02, 1.02]),
        yaxis=axis("share that was decided so", range=[-0.02, 1.02]),
    )


def importance_plot(importance: list[dict[str, Any]]) -> Figure:
    """Drop in AP(HIGH) per feature, largest above, with its standard deviation over repetitions."""
    ordered = sorted(importance, key=lambda one: -one["drop"])
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [one["drop"] for one in ordered],
        "y": [one["feature"] for one in ordered],
        "marker": {"color": MODEL},
        "error_x": {"type": "data", "array": [one["std"] for one in ordered], "color": "#52606d"},
    }
    return figure([trace], 380, xaxis=axis("drop in AP(HIGH)"), yaxis=axis(autorange="reversed"))


def slices_plot(slices: list[dict[str, Any]]) -> Figure:
    """AP(HIGH) of each department beside its base rate, the largest departments first."""
    largest = sorted((one for one in slices if one["ap_high"] is not None), key=lambda one: -one["n"])[:MOST_SLICES]
    names = [f"{as_text(one['name'])} (n = {one['n']:,})" for one in largest]
    points = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label,
            "x": [one[key] for one in largest],
            "y": names,
            "cliponaxis": False,
            "marker": {"color": colour, "size": 12, "symbol": symbol, "line": {"width": 3 if key == "base_rate" else 0}},
        }
        for key, label, colour, symbol in (
            ("base_rate", "share of HIGH: what guessing reaches", BASELINE, "line-ns-open"),
            ("ap_high", "AP(HIGH)", MODEL, "circle"),
        )
    ]
    return figure(
        points,
        110 + 26 * len(largest),
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        xaxis=axis(range=[0, 1.02]),
        yaxis=axis(autorange="reversed"),
    )


def difference_plot(comparison: dict[str, Any]) -> Figure:
    """The differences to the deployed model with their intervals, around 0."""
    shown = [("AP(HIGH)", comparison["ap_high"]), ("macro-F1", comparison["macro_f1"])]
    known = [(name, one) for name, one in shown if one["difference"] is not None and one["ci"]]
    error = {
        "type": "data",
        "symmetric": False,
        "array": [one["ci"][1] - one["difference"] for _, one in known],
        "arrayminus": [one["difference"] - one["ci"][0] for _, one in known],
        "thickness": 2,
        "color": MODEL,
    }
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [one["difference"] for _, one in known],
        "y": [name for name, _ in known],
        "error_x": error,
        "marker": {"size": 13, "color": MODEL},
    }
    reach = max([0.05, *(abs(bound) * 1.15 for _, one in known for bound in one["ci"])])
    scale = axis("this version minus the deployed one", range=[-reach, reach], zerolinewidth=2, zerolinecolor="#52606d")
    return figure([trace], 170, xaxis=scale, yaxis=axis(autorange="reversed"))
