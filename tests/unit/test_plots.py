"""Plots are drawn from whatever a company calls its things, and from samples as they come."""

from datetime import timedelta

import pandas as pd
import pytest

from future_skills.alerts.plots import Bar, bar_plot, comparison_plot, line_plot
from future_skills.alerts.words import WORDS
from support.published import NOW

WORDS_EN = WORDS["en"]


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n")
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def test_names_are_drawn_as_they_are():
    bars = [Bar("$\\frac{$", 1, "+1"), Bar("x" * 500, 3, "+3"), Bar("Évaluation & <b>é</b>", 0, "0"), Bar("人工", 2, "2")]
    width, height = size(bar_plot(bars))
    assert width == 1088
    assert height < 600


def test_the_same_bars_are_the_same_picture_and_others_are_not():
    bars = [Bar("Rust", 3, "3", part=1), Bar("SQL", 2, "2")]
    assert bar_plot(bars) == bar_plot(bars)
    assert bar_plot(bars) != bar_plot(bars, legend=("new", "as before"))
    assert bar_plot([*bars, Bar("Go", 0, "0")]) != bar_plot(bars)


def test_nothing_but_zeros_is_drawn_too():
    assert size(bar_plot([Bar("Rust", 0, "0")]))[0] == 1088
    assert size(line_plot([(NOW, 0), (NOW, 0), (NOW, 0)], WORDS_EN))[0] == 1088


def test_a_year_of_weeks_fits():
    points = [(NOW + timedelta(weeks=week), 900 + week) for week in range(52)]
    assert size(line_plot(points, WORDS_EN))[0] == 1088


@pytest.mark.parametrize(
    "reference, current",
    [
        (pd.Series([0.1, 0.2, None, 0.4]), pd.Series([0.6, 0.7])),
        (pd.Series([0.5] * 5), pd.Series([0.5] * 5)),
        (pd.Series([0.1, 0.2]), pd.Series([], dtype=float)),
        (pd.Series(["LOW", "HIGH", None]), pd.Series(["HIGH", "$new$"])),
        (pd.Series([f"category {number}" for number in range(200)]), pd.Series(["only one"] * 9)),
        (pd.Series([], dtype=object), pd.Series(["LOW"])),
    ],
)
def test_samples_are_compared_whatever_they_hold(reference, current):
    width, height = size(comparison_plot(reference, current, WORDS_EN))
    assert width == 1088
    assert height < 1_000
