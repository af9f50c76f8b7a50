"""The gate decides what reaches an HR manager: every threshold on both sides, every verdict, the order of the checks."""

import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from future_skills.config import GateSettings
from future_skills.model.gate import judge

SETTINGS = GateSettings()
HEADLINES = ("ap_high", "macro_f1", "weighted_f1", "accuracy", "log_loss", "ece")
ABOVE = 1e-6


def evaluation(**changes) -> dict:
    """A good model's metrics, no champion; `changes` are paths such as overall__ap_high__value."""
    metrics = {
        "population": "holdout",
        "rows": 1_000,
        "roles": 30,
        "high": 100,
        "overall": {
            "ap_high": {"value": 0.6, "ci": [0.5, 0.7]},
            "macro_f1": {"value": 0.6, "ci": [0.5, 0.7]},
            **{name: {"value": 0.5} for name in HEADLINES[2:]},
            "base_rate": 0.1,
        },
        "baselines": {
            "majority": {"ap_high": 0.1, "macro_f1": 0.25},
            "rules": {"ap_high": 0.3, "macro_f1": 0.4},
            "skill_share": {"ap_high": 0.4, "macro_f1": 0.4},
        },
        "slices": [{"slice": "department", "name": "IT", "n": 200, "high": 10, "base_rate": 0.05, "ap_high": 0.5}],
        "comparison": None,
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = metrics
        for name in parents:
            target = target[int(name) if name.isdigit() else name]
        target[last] = value
    return metrics


def compared(lower: float, upper: float, **changes) -> dict:
    difference = {"difference": (lower + upper) / 2, "ci": [lower, upper]}
    return evaluation(comparison={"ap_high": difference, "macro_f1": difference, "champion": "v1"}, **changes)


def verdict(metrics: dict, **situation) -> str:
    known = {"mode": "normal", "has_champion": bool(metrics["comparison"]), "label_source": "hr_decision"}
    return judge(metrics, SETTINGS, **{**known, **situation}).verdict


def failing(metrics: dict, **situation) -> list[str]:
    known = {"mode": "normal", "has_champion": bool(metrics["comparison"]), "label_source": "hr_decision"}
    return [check.name for check in judge(metrics, SETTINGS, **{**known, **situation}).checks if check.verdict == "fail"]


def test_the_first_honest_model_that_passes_is_promoted():
    assert verdict(evaluation()) == "promote"


@pytest.mark.parametrize(
    "path, at, beyond",
    [
        ("overall__ap_high__value", 0.5, 0.5 - ABOVE),  # 2.5 x the base rate here: the baselines are lower
        ("overall__macro_f1__value", 0.35 + 1e-12, 0.35 - ABOVE),
        ("baselines__majority__ap_high", 0.6 - ABOVE, 0.6),
        ("baselines__rules__ap_high", 0.6 - ABOVE, 0.6),
        ("baselines__skill_share__ap_high", 0.6 - ABOVE, 0.6),
        ("slices__0__ap_high", 0.05, 0.05 - ABOVE),
    ],
)
def test_both_sides_of_every_floor_and_baseline(path, at, beyond):
    base = {"overall__base_rate": 0.25} if "overall__ap_high" in path else {}
    assert verdict(evaluation(**base, **{path: at})) == "promote"
    assert verdict(evaluation(**base, **{path: beyond})) == "reject"
    assert len(failing(evaluation(**base, **{path: beyond}))) == 1


@pytest.mark.parametrize("path", ["overall__ap_high__value", "baselines__rules__ap_high", "slices__0__ap_high"])
def test_what_could_not_be_measured_does_not_pass(path):
    assert verdict(evaluation(**{path: None})) == "reject"


@pytest.mark.parametrize("n, high, expected", [(200, 10, "reject"), (199, 10, "promote"), (200, 9, "promote")])
def test_a_slice_counts_from_enough_rows_and_enough_high(n, high, expected):
    assert verdict(evaluation(slices__0__n=n, slices__0__high=high, slices__0__ap_high=0.01)) == expected


@pytest.mark.parametrize("path, enough", [("high", 20), ("roles", 10)])
def test_both_sides_of_enough_evidence(path, enough):
    assert verdict(evaluation(**{path: enough})) == "promote"
    assert verdict(evaluation(**{path: enough - 1})) == "insufficient"


@pytest.mark.parametrize(
    "low, high, mode, expected",
    [
        (ABOVE, 0.1, "normal", "promote"),
        (0.0, 0.1, "normal", "keep"),
        (-0.1, 0.0, "normal", "keep"),
        (-0.1, -ABOVE, "normal", "reject"),
        (-0.02 + ABOVE, 0.1, "refresh", "promote"),
        (-0.02, 0.1, "refresh", "keep"),
        (-0.01, -ABOVE, "refresh", "reject"),
        (-0.02 + ABOVE, 0.1, "normal", "keep"),
    ],
)
def test_both_sides_of_the_comparison_with_the_champion(low, high, mode, expected):
    assert verdict(compared(low, high), mode=mode) == expected


def test_macro_f1_against_the_champion_is_shown_but_decides_nothing():
    metrics = compared(0.01, 0.1)
    metrics["comparison"]["macro_f1"] = {"difference": -0.3, "ci": [-0.4, -0.2]}
    judgement = judge(metrics, SETTINGS, mode="normal", has_champion=True, label_source="hr_decision")
    assert judgement.verdict == "promote"
    assert ("macro-F1 minus champion's", "info") in [(check.name, check.verdict) for check in judgement.checks]


def test_a_champion_that_could_not_be_compared_stays():
    assert verdict(evaluation(), has_champion=True) == "keep"


def test_a_difference_without_an_interval_never_promotes():
    metrics = compared(0.1, 0.2)
    metrics["comparison"]["ap_high"] = {"difference": None, "ci": None}
    assert verdict(metrics) == "reject"


def test_a_bootstrap_champion_never_stands_in_the_way_of_the_first_honest_model():
    worse = compared(-0.3, -0.2)
    assert verdict(worse, champion_label_source="hr_decision") == "reject"
    assert verdict(worse, champion_label_source="bootstrap") == "promote"
    assert verdict(compared(-0.3, -0.2, overall__ap_high__value=0.15), champion_label_source="bootstrap") == "reject"


def test_bootstrap_labels_need_neither_floors_nor_evidence():
    poor = evaluation(overall__ap_high__value=0.01, high=0, roles=2)
    assert verdict(poor, label_source="bootstrap") == "bootstrap"
    assert verdict(poor, label_source="bootstrap", has_champion=True) == "keep"


@pytest.mark.parametrize("name", HEADLINES)
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
@pytest.mark.parametrize("label_source", ["hr_decision", "bootstrap"])
def test_a_number_that_is_none_rejects_before_anything_else(name, value, label_source):
    metrics = evaluation(**{f"overall__{name}__value": value}, roles=3)
    assert verdict(metrics, label_source=label_source) == "reject"
    assert failing(metrics, label_source=label_source) == [f"{name} is a number"]


def test_nothing_measured_at_all_is_no_broken_number():
    unmeasured = evaluation(population="none", roles=1, high=60, overall__base_rate=None, baselines={}, slices=[])
    for name in HEADLINES:
        unmeasured["overall"][name] = {"value": None, "ci": None}
    assert verdict(unmeasured, label_source="bootstrap") == "bootstrap"
    assert verdict(unmeasured) == "insufficient"
    lenient = SETTINGS.model_copy(update={"insufficient_roles": 0})
    judgement = judge(unmeasured, lenient, mode="normal", has_champion=False, label_source="hr_decision")
    assert judgement.verdict == "insufficient"


@pytest.mark.parametrize("label_source, expected", [("hr_decision", "insufficient"), ("bootstrap", "bootstrap")])
def test_without_a_high_row_its_precision_is_unknown_not_broken(label_source, expected):
    assert verdict(evaluation(overall__ap_high__value=None, high=0), label_source=label_source) == expected


def test_too_little_evidence_comes_before_the_floors():
    assert verdict(evaluation(high=5, overall__ap_high__value=0.01)) == "insufficient"


def test_every_check_is_kept_with_what_it_compared_and_the_summary_names_those_that_failed():
    metrics = compared(-0.2, -0.1, overall__ap_high__value=0.15, slices__0__ap_high=0.01)
    judgement = judge(metrics, SETTINGS, mode="normal", has_champion=True, label_source="hr_decision")
    assert [(check.name, check.baseline) for check in judgement.checks if check.verdict == "fail"] == [
        ("AP(HIGH) floor", "base rate"),
        ("AP(HIGH) above baseline", "rules"),
        ("AP(HIGH) above baseline", "skill_share"),
        ("AP(HIGH) of a slice", "base rate"),
        ("AP(HIGH) minus champion's", "v1"),
    ]
    floor = next(check for check in judgement.checks if check.name == "AP(HIGH) floor").to_dict()
    assert floor == {
        "name": "AP(HIGH) floor",
        "slice": "all",
        "n": 1_000,
        "value": 0.15,
        "threshold": 0.2,
        "baseline": "base rate",
        "ci": [0.5, 0.7],
        "verdict": "fail",
    }
    assert "AP(HIGH) of a slice in department: IT is 0.010 against 0.050 (base rate)" in judgement.summary


@given(
    st.floats(-0.5, 0.5),
    st.floats(0, 0.5),
    st.sampled_from(["normal", "refresh"]),
    st.floats(0.02, 1),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_a_better_comparison_never_gives_a_worse_verdict(low, width, mode, ap_high, high, roles):
    order = ["reject", "keep", "promote"]
    metrics = compared(low, low + width, overall__ap_high__value=ap_high, high=high, roles=roles)
    better = copy.deepcopy(metrics)
    better["comparison"]["ap_high"]["ci"] = [low + 0.05, low + width + 0.05]
    before, after = verdict(metrics, mode=mode), verdict(better, mode=mode)
    assert before == after == "insufficient" or order.index(before) <= order.index(after)
