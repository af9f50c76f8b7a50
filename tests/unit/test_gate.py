"""The gate decides what reaches an HR manager: every threshold on both sides, every verdict, the order of the checks."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from future_skills.domain import Verdict
from future_skills.ledger.versions import EvaluationRow
from future_skills.model.gate import judge
from future_skills.registry.candidates import next_step
from support.gate_cases import CASES, SETTINGS, compared, evaluation


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_gate_answers(case):
    judgement = judge(case.metrics, case.thresholds, **case.asked())
    assert judgement.verdict == case.verdict
    assert tuple(check.name for check in judgement.checks if check.verdict == "fail") == case.failing


def test_every_verdict_is_asked_for():
    assert {case.verdict for case in CASES} == set(Verdict.__args__)


def test_macro_f1_against_the_champion_is_shown_but_decides_nothing():
    metrics = compared(0.01, 0.1)
    metrics["comparison"]["macro_f1"] = {"difference": -0.3, "ci": [-0.4, -0.2]}
    judgement = judge(metrics, SETTINGS, mode="normal", has_champion=True, label_source="hr_decision")
    assert judgement.verdict == "promote"
    assert ("macro-F1 minus champion's", "info") in [(check.name, check.verdict) for check in judgement.checks]


def test_a_model_of_the_products_own_rules_is_never_evidence_however_well_it_agrees_with_them():
    """The system before this one promoted on a weighted F1 of .986 against labels its own rules had made."""
    perfect = compared(0.3, 0.4, **{f"overall__{name}__value": 0.986 for name in ("ap_high", "macro_f1", "weighted_f1")})
    for mode in ("normal", "refresh"):
        for has_champion in (True, False):
            for champion_label_source in ("hr_decision", "bootstrap"):
                judgement = judge(
                    perfect,
                    SETTINGS,
                    mode=mode,
                    has_champion=has_champion,
                    label_source="bootstrap",
                    champion_label_source=champion_label_source,
                )
                assert judgement.verdict == ("keep" if has_champion else "bootstrap")


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
    before, after = (
        judge(one, SETTINGS, mode=mode, has_champion=True, label_source="hr_decision").verdict for one in (metrics, better)
    )
    assert before == after == "insufficient" or order.index(before) <= order.index(after)


def judged(verdict: str, gate_mode: str) -> EvaluationRow:
    facts = dict.fromkeys(EvaluationRow.__dataclass_fields__)
    return EvaluationRow(**{**facts, "verdict": verdict, "gate_mode": gate_mode, "metrics": evaluation()})


@pytest.mark.parametrize(
    "verdict, follows",
    [
        ("promote", "register_candidate"),
        ("bootstrap", "register_candidate"),
        ("keep", "keep"),
        ("reject", "investigate"),
        ("insufficient", "investigate"),
    ],
)
def test_what_follows_a_verdict_and_that_nothing_follows_a_dry_run(verdict, follows):
    assert next_step(judged(verdict, "enforce")) == follows
    assert next_step(judged(verdict, "dry_run")) == "keep"
