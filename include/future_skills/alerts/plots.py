"""Plots as PNG files, which every mail program shows: twice as large as they are shown, on white, with few colours."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from future_skills.alerts.words import Words

WIDTH = 5.44
"""Inches; at 200 dots each, twice the 544 pixels it is shown in."""
STYLE: Any = {
    "text.parse_math": False,  # a name may hold dollar signs
    "font.size": 8.5,
    "text.color": "#1f2933",
    "axes.labelcolor": "#5b6876",
    "xtick.color": "#5b6876",
    "ytick.color": "#1f2933",
    "axes.edgecolor": "#d8dee6",
    "axes.linewidth": 0.8,
}
NOW, PALE, BEFORE, MUTED = "#2457a6", "#a9c1e6", "#b3bdc9", "#5b6876"
LONGEST_LABEL = 34
BINS = 30
MOST_DATES = 5
MOST_CATEGORIES = 8


def _png(height: float, draw: Callable[[Any], None]) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=200, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _label(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1].rstrip() + "…"


@dataclass(frozen=True)
class Bar:
    """A bar with what is written at its end; `part` of its length stands out."""

    label: str
    length: float
    text: str
    part: float = 0


def bar_plot(bars: Sequence[Bar], legend: tuple[str, str] | None = None) -> bytes:
    """Bars, the first above. With a `legend`, the names of part and rest, the parts are coloured and the rest is pale."""
    places = range(len(bars))

    def draw(axes: Any) -> None:
        axes.barh(places, [bar.length for bar in bars], color=PALE if legend else NOW, height=0.62, label=legend and legend[1])
        if legend:
            axes.barh(places, [bar.part for bar in bars], color=NOW, height=0.62, label=legend[0])
            _legend(axes)
        axes.set_yticks(places, [_label(bar.label) for bar in bars])
        axes.invert_yaxis()
        longest = max([bar.length for bar in bars], default=1) or 1
        for place, bar in zip(places, bars, strict=True):
            axes.annotate(bar.text, (bar.length, place), (4, 0), textcoords="offset points", va="center", color=MUTED)
        axes.set_xlim(0, longest * 1.3)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)

    return _png((0.6 if legend else 0.35) + 0.26 * len(bars), draw)


def line_plot(points: Sequence[tuple[datetime, int]], words: Words) -> bytes:
    """Counts over time, from zero, with the newest written beside its point."""
    days, counts = zip(*points, strict=True)

    def draw(axes: Any) -> None:
        axes.plot(days, counts, color=NOW, linewidth=2, marker="o", markersize=4)
        axes.annotate(words.count(counts[-1]), (days[-1], counts[-1]), (7, 0), textcoords="offset points", va="center", color=NOW)
        axes.set_ylim(0, max(*counts, 1) * 1.15)
        axes.margins(x=0.08)
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.count(round(value))))
        marked = days[:: max(1, -(-len(days) // MOST_DATES))]
        axes.set_xticks(marked, [f"{day.astimezone(UTC):%Y-%m-%d}" for day in marked])
        axes.grid(axis="y", color="#e8ecf1", linewidth=0.8)
        axes.set_axisbelow(True)

    return _png(1.7, draw)


def comparison_plot(reference: pd.Series, current: pd.Series, words: Words) -> bytes:
    """How two samples of one column spread: numbers as outlines, texts as pairs of bars, both as shares of their rows."""
    if pd.api.types.is_numeric_dtype(reference) and pd.api.types.is_numeric_dtype(current):
        return _png(2.1, lambda axes: _draw_numbers(axes, reference.dropna(), current.dropna(), words))
    shares = _category_shares(reference, current, words)
    return _png(0.75 + 0.34 * len(shares), lambda axes: _draw_categories(axes, shares, words))


def _draw_numbers(axes: Any, reference: pd.Series, current: pd.Series, words: Words) -> None:
    both = np.concatenate([reference, current])
    edges = np.histogram_bin_edges(both, bins=BINS)
    for values, colour, label, filled in (
        (reference, BEFORE, words.reference, True),
        (current, NOW, words.current, False),
    ):
        weights = np.full(len(values), 1 / max(len(values), 1))
        kind = {"histtype": "stepfilled"} if filled else {"histtype": "step", "linewidth": 1.8}
        axes.hist(values, bins=edges, weights=weights, color=colour, label=label, **kind)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.percent(value)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_ylabel(words.share)
    _legend(axes)


def _category_shares(reference: pd.Series, current: pd.Series, words: Words) -> pd.DataFrame:
    """Shares before and now of the categories whose shares are largest, the rest summed up."""
    shares = pd.DataFrame({"before": reference.value_counts(normalize=True), "now": current.value_counts(normalize=True)}).fillna(
        0.0
    )
    order = (shares["now"] - shares["before"]).abs().sort_values(ascending=False, kind="stable").index
    shown = shares.loc[order[:MOST_CATEGORIES]]
    rest = shares.loc[order[MOST_CATEGORIES:]]
    if len(rest):
        shown = pd.concat([shown, pd.DataFrame([rest.sum()], index=[words.others])])
    return shown


def _draw_categories(axes: Any, shares: pd.DataFrame, words: Words) -> None:
    places = np.arange(len(shares))
    for name, colour, label, shift in (("before", BEFORE, words.reference, -0.19), ("now", NOW, words.current, 0.19)):
        axes.barh(places + shift, shares[name], color=colour, height=0.36, label=label)
    axes.set_yticks(places, [_label(str(name)) for name in shares.index])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.percent(value)))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    _legend(axes)


def _legend(axes: Any) -> None:
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2, handlelength=1.2)
