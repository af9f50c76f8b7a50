"""An experiment as one HTML file with plots; it loads nothing from elsewhere, so it can be mailed and read offline."""

from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from future_skills.config import TEMPLATE_FOLDER
from future_skills.ledger.experiments import ExperimentRow
from future_skills.model.recommendation import RULE
from future_skills.registry.comparison_page import table_rows, training_rows

BLUE, GREY, ORANGE = "#2f6fab", "#8a8f98", "#d9822b"
LAYOUT = {"template": "plotly_white", "margin": {"l": 60, "r": 20, "t": 40, "b": 40}, "showlegend": False}


def render_html(experiment: ExperimentRow) -> str:
    """The page: table, AP(HIGH) beside the baselines, its spread over folds, and what it costs in training time."""
    rows = table_rows(experiment)
    measured = [row for row in rows if row["measures"]]
    figures = [_standing(measured, experiment.baselines), _spread(measured), _cost(measured)] if measured else []
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    return environment.get_template("comparison.html.j2").render(
        experiment=experiment,
        rows=rows,
        rule=RULE,
        **training_rows(experiment),
        script=get_plotlyjs(),
        figures=[_markup(figure) for figure in figures],
    )


def _name(row: dict[str, Any]) -> str:
    return f"{row['estimator']}, {row['preprocessing']}, {row['feature_set']}"


def _markup(figure: Any) -> str:
    options = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["toImage"]}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=options))


def _standing(rows: list[dict[str, Any]], baselines: dict[str, dict[str, Any]]) -> Any:
    values = [row["measures"]["ap_high"] for row in rows]
    bars = go.Bar(
        x=[value["value"] for value in values],
        y=[_name(row) for row in rows],
        orientation="h",
        marker_color=[ORANGE if row["recommended"] else BLUE for row in rows],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [value["ci"][1] - value["value"] for value in values],
            "arrayminus": [value["value"] - value["ci"][0] for value in values],
        },
    )
    figure = go.Figure(bars, layout={**LAYOUT, "title": "AP(HIGH) on unseen job roles, 95 % interval; lines: baselines"})
    for number, (name, summary) in enumerate(baselines.items()):
        label = {"text": name.replace("_", " "), "yshift": 14 * number}  # two baselines may stand at nearly the same place
        figure.add_vline(x=summary["ap_high"], line_dash="dot", line_color=GREY, annotation=label, annotation_position="top")
    return figure.update_layout(
        yaxis={"autorange": "reversed", "automargin": True}, xaxis_range=[0, 1], margin_t=90, height=200 + 32 * len(rows)
    )


def _spread(rows: list[dict[str, Any]]) -> Any:
    traces = [
        go.Scatter(
            x=row["measures"]["ap_high"]["folds"], y=[_name(row)] * len(row["measures"]["ap_high"]["folds"]), mode="markers"
        )
        for row in rows
    ]
    figure = go.Figure(traces, layout={**LAYOUT, "title": "AP(HIGH) in each fold of job roles"})
    figure.update_traces(marker={"color": BLUE, "size": 9, "opacity": 0.7})
    return figure.update_layout(yaxis={"autorange": "reversed", "automargin": True}, height=160 + 28 * len(rows))


def _cost(rows: list[dict[str, Any]]) -> Any:
    trace = go.Scatter(
        x=[row["measures"]["fit_seconds"] for row in rows],
        y=[row["measures"]["ap_high"]["value"] for row in rows],
        text=[_name(row) for row in rows],
        mode="markers+text",
        textposition="top center",
        marker={"size": 12, "color": [ORANGE if row["recommended"] else BLUE for row in rows]},
    )
    figure = go.Figure(trace, layout={**LAYOUT, "title": "AP(HIGH) against CPU seconds of training"})
    return figure.update_layout(xaxis={"type": "log", "title": "CPU seconds"}, yaxis={"title": "AP(HIGH)"}, height=420)
