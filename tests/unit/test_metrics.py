"""The numbers behind every decision: right on any input, and the same as scikit-learn's where it has them."""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from future_skills.domain import LEVELS
from future_skills.model import metrics, resampling
from future_skills.model.baselines import guesses
from future_skills.model.cuts import Cuts, choose_cuts, levels_of
from future_skills.model.folds import role_folds
from future_skills.model.measuring import measure
from future_skills.model.population import Opinion, Population
from future_skills.model.scores import in_level_order, scores_of

LEVEL = st.sampled_from(LEVELS)
SCORE = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)
COARSE = st.integers(0, 5).map(lambda step: step / 5)
JUDGED_ROW = st.tuples(LEVEL, LEVEL, COARSE, st.integers(0, 3))


def population(levels: np.ndarray, role: np.ndarray, departments: str | list[str] = "IT") -> Population:
    rows = pd.DataFrame({"future_need_level": levels, "job_department": departments})
    return Population("holdout", rows, role, {})


def probabilities(seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet([1, 1, 1], rows)


def macro_f1(levels: np.ndarray, predicted: np.ndarray) -> float:
    """As textbooks have it, over the levels that occur."""
    parts = [
        2 * ((levels == level) & (predicted == level)).sum() / ((levels == level).sum() + (predicted == level).sum())
        for level in set(levels)
    ]
    return sum(parts) / len(parts)


@settings(deadline=None, max_examples=50)
@given(st.lists(JUDGED_ROW, min_size=1, max_size=40), st.integers(0, 100))
def test_resampled_metrics_are_those_of_the_drawn_rows(rows, seed):
    levels, predicted = (np.array([row[at] for row in rows], dtype=object) for at in (0, 1))
    ranking, role = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    drawn = resampling.resample_roles(4, 2, seed)
    ap = resampling.ap_high_of(levels, ranking, role, drawn)
    macro = resampling.macro_f1_of(levels, predicted, role, drawn)
    for number in range(len(drawn)):
        weight = drawn[number][role].astype(int)
        if ((levels == "HIGH") & (weight > 0)).any():
            assert ap[number] == pytest.approx(average_precision_score(levels == "HIGH", ranking, sample_weight=weight))
        else:
            assert np.isnan(ap[number])
        if weight.any():
            repeated = np.repeat(levels, weight), np.repeat(predicted, weight)
            assert macro[number] == pytest.approx(metrics.f1(*repeated, "macro")) == pytest.approx(macro_f1(*repeated))


def test_more_resamples_than_a_block_are_all_measured():
    levels, role = np.array(["HIGH", "LOW"] * 10, dtype=object), np.arange(20) // 2
    drawn = resampling.resample_roles(10, 250, 1)
    assert (drawn.sum(axis=1) == 10).all()
    assert (resampling.ap_high_of(levels, (levels == "HIGH").astype(float), role, drawn) == 1).all()


def test_an_interval_is_the_middle_95_percent_of_what_could_be_measured():
    assert resampling.interval(np.append(np.arange(1_001.0), np.nan)) == [25.0, 975.0]
    assert resampling.interval(np.array([np.nan])) is None


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(SCORE, LEVEL), min_size=1, max_size=12))
def test_the_chosen_cuts_are_the_best_there_are(rows):
    scores, levels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=object)
    chosen = choose_cuts(scores, levels)
    everything = combinations_with_replacement([*sorted(set(scores)), 100.01], 2)
    best = max(macro_f1(levels, levels_of(scores, Cuts(*pair))) for pair in everything)
    assert macro_f1(levels, levels_of(scores, chosen)) == pytest.approx(best)
    assert chosen.medium <= chosen.high


@given(st.lists(SCORE, min_size=2), SCORE, SCORE)
def test_a_higher_score_never_has_a_lower_level(scores, one, other):
    levels = levels_of(np.sort(scores), Cuts(min(one, other), max(one, other)))
    codes = [LEVELS.index(level) for level in levels]
    assert codes == sorted(codes)


def test_a_cut_belongs_to_the_level_above_it():
    assert levels_of(np.array([9.99, 10, 19.99, 20]), Cuts(10, 20)).tolist() == ["LOW", "MEDIUM", "MEDIUM", "HIGH"]


def test_cuts_without_a_decided_row_are_those_of_the_rules():
    assert choose_cuts(np.array([]), np.array([], dtype=object)) == Cuts(40, 70)


def test_calibration_error_of_a_perfect_and_of_an_overconfident_model():
    levels = np.array(["HIGH"] * 80 + ["LOW"] * 20, dtype=object)
    calibrated = np.tile([0.2, 0.0, 0.8], (100, 1))
    overconfident = np.tile([0.0, 0.0, 1.0], (100, 1))
    assert metrics.expected_calibration_error(levels, calibrated) == pytest.approx(0)
    assert metrics.expected_calibration_error(levels, overconfident) == pytest.approx(0.2)


def test_log_loss_is_in_nats_and_finite_for_an_impossible_level():
    levels = np.array(["HIGH", "LOW"], dtype=object)
    assert metrics.cross_entropy(levels, np.array([[0.25, 0.25, 0.5], [0.5, 0.25, 0.25]])) == pytest.approx(np.log(2))
    assert np.isfinite(metrics.cross_entropy(levels, np.array([[1.0, 0, 0], [0, 0, 1.0]])))


@given(st.permutations(LEVELS).flatmap(lambda order: st.integers(1, 3).map(lambda known: order[:known])))
def test_probabilities_have_one_order_and_an_absent_class_has_none(classes):
    given_ones = np.array([[float(LEVELS.index(level) + 1) for level in classes]])
    expected = [float(code + 1) if level in classes else 0.0 for code, level in enumerate(LEVELS)]
    assert in_level_order(given_ones, np.array(classes)).tolist() == [expected]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_scores_have_two_decimals_within_0_and_100(seed):
    shares = probabilities(seed, 20)
    scores = scores_of(shares)
    np.testing.assert_allclose(scores, 100 * (shares[:, 2] + 0.5 * shares[:, 1]), atol=0.0051)
    assert ((scores >= 0) & (scores <= 100)).all()
    assert (scores == np.round(scores, 2)).all()


@given(st.lists(st.integers(1, 60), min_size=1), st.integers(2, 6))
def test_a_role_is_in_one_fold_whatever_the_order_of_the_rows(roles, folds):
    roles = np.array(roles)
    fold = role_folds(roles, folds, 42)
    assert len({(role, number) for role, number in zip(roles, fold, strict=True)}) == len(set(roles))
    assert (role_folds(roles[::-1], folds, 42)[::-1] == fold).all()
    sizes = np.bincount([fold[roles == role][0] for role in set(roles)], minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def test_a_skills_share_is_smoothed_and_an_unknown_skill_has_the_base_rate():
    learned = pd.DataFrame({"skill_id": [1, 1, 1, 2], "future_need_level": ["HIGH", "HIGH", "LOW", "LOW"]})
    numbers = dict.fromkeys(("trend_score", "internal_usage", "training_requests", "scarcity_index", "hiring_difficulty"), 0.5)
    answers = guesses(learned, pd.DataFrame({"skill_id": [1, 2, 9]}).assign(**numbers))
    assert answers["skill_share"].ranking.tolist() == [(2 + 2 * 0.5) / 5, (0 + 2 * 0.5) / 3, 0.5]
    assert answers["skill_share"].levels.tolist() == ["HIGH", "LOW", "HIGH"]
    assert len(set(answers["majority"].ranking)) == 1


def test_the_difference_to_the_rival_is_paired():
    levels, role = np.array(["HIGH", "LOW", "MEDIUM", "LOW"] * 30, dtype=object), np.arange(120) // 6
    one = Opinion(probabilities(1, 120), levels_of(scores_of(probabilities(1, 120)), Cuts(40, 70)))
    same = measure(population(levels, role), [one], [one, one], 300, 1)
    assert same["comparison"]["ap_high"] == {"difference": pytest.approx(0, abs=1e-12), "ci": pytest.approx([0, 0], abs=1e-12)}
    assert same["overall"]["ap_high"]["ci"][0] < same["overall"]["ap_high"]["value"] < same["overall"]["ap_high"]["ci"][1]
    perfect = Opinion(np.eye(3)[[LEVELS.index(level) for level in levels]], levels)
    better = measure(population(levels, role), [perfect], [one], 300, 1)["comparison"]
    assert better["ap_high"]["ci"][0] > 0
    assert better["macro_f1"]["ci"][0] > 0


def test_slices_have_their_rows_and_a_slice_without_high_no_precision():
    levels = np.array(["HIGH", "LOW", "LOW"], dtype=object)
    opinion = Opinion(np.eye(3)[[2, 0, 0]], levels)
    measured = measure(population(levels, np.arange(3), ["IT", "IT", "Legal"]), [opinion], [], 100, 1)
    assert [(part["name"], part["n"], part["high"], part["ap_high"]) for part in measured["slices"]] == [
        ("IT", 2, 1, 1.0),
        ("Legal", 1, 0, None),
    ]


def test_a_model_that_answers_nan_is_measured_as_nothing():
    levels = np.array(["HIGH", "LOW", "MEDIUM"], dtype=object)
    broken = Opinion(np.array([[np.nan] * 3, [1.0, 0, 0], [0, 1.0, 0]]), levels)
    measured = measure(population(levels, np.arange(3)), [broken], [], 100, 1)
    assert {measured["overall"][name]["value"] for name in ("ap_high", "macro_f1", "log_loss", "ece")} == {None}
