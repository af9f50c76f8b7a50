"""The pure parts of an evaluation: counts add up, probabilities are binned whole, what is not used has no importance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from future_skills.domain import FEATURES, LEVELS, NUMERIC_FEATURES, TEXT_FEATURES
from future_skills.model.fitting import Configuration, fit_pipeline
from future_skills.model.importance import LARGEST_SAMPLE, permutation_importance
from future_skills.model.metrics import confusion, reliability
from future_skills.model.preprocessing import build_pipeline, feature_of_column

levels_of_rows = st.lists(st.tuples(st.sampled_from(LEVELS), st.sampled_from(LEVELS)), min_size=1, max_size=60)
probability_rows = st.lists(
    st.tuples(st.sampled_from(LEVELS), *[st.floats(0, 1) for _ in LEVELS]).filter(lambda row: sum(row[1:]) > 0),
    min_size=1,
    max_size=60,
)


def made_rows(count: int, seed: int = 1) -> pd.DataFrame:
    """Rows whose level depends on trend_score and the skill alone."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({name: random.choice([f"{name} {i}" for i in range(6)], count) for name in TEXT_FEATURES})
    rows = rows.assign(**{name: random.random(count) for name in NUMERIC_FEATURES})
    need = rows["trend_score"] + 0.1 * rows["skill_name"].str[-1].astype(int)
    return rows.assign(
        future_need_level=np.select([need > 1.0, need > 0.6], ["HIGH", "MEDIUM"], "LOW"),
        weight=1.0,
        job_role_id=random.integers(0, 12, count),
    )


def fitted(rows: pd.DataFrame, preprocessing: str = "target"):
    configuration = Configuration("random_forest", preprocessing, {"n_estimators": 20}, random_state=1, threads=1)
    return fit_pipeline(rows, configuration)


@given(levels_of_rows)
def test_the_confusion_counts_every_row_once_by_its_true_level(rows):
    truth, given_levels = (np.array(column, dtype=object) for column in zip(*rows, strict=True))
    counts = confusion(truth, given_levels)
    assert [sum(row) for row in counts] == [int((truth == level).sum()) for level in LEVELS]
    assert [sum(column) for column in zip(*counts, strict=True)] == [int((given_levels == level).sum()) for level in LEVELS]


def test_the_confusions_rows_are_the_truth():
    counts = confusion(np.array(["LOW", "HIGH", "HIGH"], dtype=object), np.array(["LOW", "MEDIUM", "MEDIUM"], dtype=object))
    assert counts == [[1, 0, 0], [0, 0, 0], [0, 2, 0]]


@given(probability_rows)
def test_every_row_is_in_one_bin_of_each_level_and_no_bin_is_empty(rows):
    levels = np.array([row[0] for row in rows], dtype=object)
    probabilities = np.array([row[1:] for row in rows])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    for column, (level, bins) in enumerate(reliability(levels, probabilities).items()):
        assert sum(one["n"] for one in bins) == len(rows)
        assert all(one["n"] > 0 and 0 <= one["observed"] <= 1 for one in bins)
        assert sum(one["n"] * one["observed"] for one in bins) == pytest.approx((levels == level).sum())
        assert sum(one["n"] * one["predicted"] for one in bins) == pytest.approx(probabilities[:, column].sum())


def test_the_bins_are_ten_equal_ones_and_certainty_is_in_the_last():
    probabilities = np.array([[0.05, 0.0, 0.95], [0.09, 0.0, 0.91], [0.0, 0.0, 1.0], [0.15, 0.0, 0.85]])
    bins = reliability(np.array(["HIGH", "LOW", "HIGH", "HIGH"], dtype=object), probabilities)
    assert [(one["n"], one["observed"]) for one in bins["HIGH"]] == [(1, 1.0), (3, pytest.approx(2 / 3))]
    assert [one["n"] for one in bins["MEDIUM"]] == [4]


@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
def test_what_decides_is_important_and_the_dropped_role_name_is_not(preprocessing):
    rows = made_rows(500)
    importance = permutation_importance(rows, [(fitted(rows, preprocessing), np.arange(500))], seed=1)
    drops = {one["feature"]: one["drop"] for one in importance}
    assert tuple(drops) == FEATURES
    assert max(drops, key=drops.get) == "trend_score"
    assert drops["trend_score"] > 0.2
    assert preprocessing == "onehot" or (drops["job_role_name"] == 0)


@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
@pytest.mark.parametrize("ignored", FEATURES)
def test_a_feature_the_model_ignores_has_no_importance(preprocessing, ignored):
    rows = made_rows(60)
    pipeline = build_pipeline(preprocessing, LogisticRegression(), classes=3, random_state=1)
    pipeline.fit(rows[list(FEATURES)], rows["future_need_level"].to_numpy(dtype=str))
    pipeline["clf"].coef_[:, feature_of_column(pipeline) == FEATURES.index(ignored)] = 0
    importance = permutation_importance(rows, [(pipeline, np.arange(60))], seed=2)
    found = next(one for one in importance if one["feature"] == ignored)
    assert (found["drop"], found["std"]) == (0, 0)


def test_each_pipeline_answers_for_its_own_rows():
    rows = made_rows(200)
    first, second = np.arange(0, 200, 2), np.arange(1, 200, 2)
    blind = fit_pipeline(rows.assign(trend_score=0.5, skill_name="one"), Configuration("random_forest", "target", {}, 1, 1))
    seeing = fitted(rows)

    def drop(parts) -> float:
        return next(one["drop"] for one in permutation_importance(rows, parts, seed=3) if one["feature"] == "trend_score")

    assert drop([(blind, first), (blind, second)]) == 0
    assert 0 < drop([(seeing, first), (blind, second)]) < drop([(seeing, first), (seeing, second)])


def test_importance_is_the_same_again_and_looks_at_a_bounded_sample():
    rows = made_rows(LARGEST_SAMPLE + 500)
    parts = [(fitted(rows.head(300)), np.arange(len(rows)))]
    importance = permutation_importance(rows, parts, seed=4)
    assert importance == permutation_importance(rows, parts, seed=4)
    assert importance != permutation_importance(rows, parts, seed=5)
    assert {one["n"] for one in importance} == {LARGEST_SAMPLE}


def test_a_constant_pipeline_and_rows_without_high_have_no_importance():
    rows = made_rows(100)
    constant = fitted(rows.assign(future_need_level="LOW"))
    assert permutation_importance(rows, [(constant, np.arange(100))], seed=1) is None
    assert permutation_importance(rows.assign(future_need_level="LOW"), [(fitted(rows), np.arange(100))], seed=1) is None
    assert permutation_importance(rows, [], seed=1) is None
    half = [(constant, np.arange(50)), (fitted(rows), np.arange(50, 100))]
    assert len(permutation_importance(rows, half, seed=1)) == 11


@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
def test_every_matrix_column_belongs_to_the_feature_it_was_made_of(preprocessing):
    rows = made_rows(80)
    pipeline = fitted(rows, preprocessing)
    owner = feature_of_column(pipeline)
    dense = lambda frame: np.asarray(getattr(m := pipeline["preprocess"].transform(frame), "todense", lambda: m)())  # noqa: E731
    before = dense(rows[list(FEATURES)])
    assert before.shape[1] == len(owner)
    for number, name in enumerate(FEATURES):
        changed = (dense(rows.assign(**{name: rows[name].to_numpy()[::-1]})[list(FEATURES)]) != before).any(axis=0)
        assert set(owner[changed]) <= {number}
        assert changed.any() == (number in owner)
