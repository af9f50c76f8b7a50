"""The HTML report of an evaluation: every figure with its interval, baseline and count, in one file that loads nothing."""

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from future_skills.config import TEMPLATE_FOLDER
from future_skills.domain import LEVELS
from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.versions import VersionRow
from future_skills.model import evaluation_plots as plots
from future_skills.model.baselines import BASELINE_NAMES

POPULATIONS = {
    "holdout": "job roles held out from this model from the beginning",
    "cv": "all job roles, each judged by a model fitted without it (grouped cross-validation)",
    "none": "nothing: fewer than two job roles have decisions",
}
TARGETS = {
    "weighted_f1": "weighted F1, at least",
    "cv_std": "spread of weighted F1 between folds, at most",
    "training_seconds": "training time in seconds, at most",
}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.3f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+z.3f}"


def _interval(ci: list[float] | None) -> str:
    return f"[{ci[0]:.3f}, {ci[1]:.3f}]" if ci else ""


def render_report(version: VersionRow, dataset: DatasetRow, metrics: dict[str, Any]) -> str:
    """The report as one HTML page: text is escaped, the script inside, and a policy forbids the browser to load anything."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=True
    )
    environment.filters.update(number=_number, signed=_signed, interval=_interval)
    return environment.get_template("evaluation.html.j2").render(
        version=version,
        dataset=dataset,
        metrics=metrics,
        population_in_words=POPULATIONS[metrics["population"]],
        target_names=TARGETS,
        baseline_names=BASELINE_NAMES,
        levels=LEVELS,
        plots=_plots(metrics),
        plotly=Markup(get_plotlyjs()),  # noqa: S704 - the library's own file
    )


def _plots(metrics: dict[str, Any]) -> dict[str, Markup]:
    """The plots there is something to show in, by name, as HTML."""
    figures: dict[str, plots.Figure] = {}
    if metrics["baselines"]:
        figures |= {name: plots.headline_plot(metrics, name) for name in ("ap_high", "macro_f1")}
        figures["confusion"] = plots.confusion_plot(metrics["confusion"])
        figures["reliability"] = plots.reliability_plot(metrics["reliability"])
        figures["slices"] = plots.slices_plot(metrics["slices"])
    if metrics["importance"]:
        figures["importance"] = plots.importance_plot(metrics["importance"])
    if metrics["comparison"]:
        figures["difference"] = plots.difference_plot(metrics["comparison"])
    if metrics["known_roles"] and metrics["known_roles"]["baselines"]:
        known = metrics["known_roles"]
        figures |= {f"known_{name}": plots.headline_plot(known, name) for name in ("ap_high", "macro_f1")}
    return {name: Markup(plots.to_fragment(figure, f"plot-{name}")) for name, figure in figures.items()}  # noqa: S704 - escaped
