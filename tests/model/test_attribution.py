"""Contributions and base of every estimator that can be explained sum to the quantity they explain, and the rest say so."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from future_skills.dataset.features import FeatureTables
from future_skills.dataset.reading import load_dataset
from future_skills.domain import ESTIMATOR_NAMES, FEATURES, LEVELS
from future_skills.ledger.datasets import newest_dataset
from future_skills.model.fitting import fit_pipeline
from future_skills.model.scores import SCORE_WEIGHTS
from future_skills.prediction import attribution
from future_skills.prediction.attribution import attribute
from future_skills.prediction.responsible import Committee
from future_skills.prediction.scoring import PairScorer
from support.estimators import QUICK, configuration, needed

METHODS = {
    "random_forest": "path",
    "gradient_boosting": "path",
    "hist_gradient_boosting": "path",
    "logistic_regression": "coefficients",
    "ridge": "coefficients",
    "lasso": "coefficients",
    "elastic_net": "coefficients",
    "xgboost": "tree_shap",
    "lightgbm": "tree_shap",
}
TOLERANCE = {"xgboost": 2e-5}  # its floats have 32 bits
LEVEL_SETS = [("LOW", "HIGH"), ("MEDIUM", "HIGH"), ("LOW", "MEDIUM"), LEVELS]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def features(dataset):
    return FeatureTables(dataset.snapshot)


@pytest.fixture(scope="module")
def scorers(dataset, features):
    """A scorer of (estimator, preprocessing, levels), fitted once."""
    made = {}

    def scorer(estimator, preprocessing, levels):
        if (estimator, preprocessing, levels) not in made:
            rows = dataset.training[dataset.training["future_need_level"].isin(levels)]
            pipeline = fit_pipeline(rows, configuration(needed(estimator), preprocessing))
            made[estimator, preprocessing, levels] = PairScorer(pipeline, features)
        return made[estimator, preprocessing, levels]

    return scorer


def explained_quantity(estimator: str, probabilities: np.ndarray, levels: tuple[str, ...]) -> np.ndarray:
    """The score of a forest; of all others the levels' log-probabilities, weighted so that what they share falls out."""
    known = [LEVELS.index(level) for level in levels]
    if estimator == "random_forest":
        return probabilities @ SCORE_WEIGHTS
    weights = SCORE_WEIGHTS[known] / 100
    return np.log(probabilities[:, known]) @ (weights - weights.mean())


@pytest.mark.parametrize("estimator", METHODS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_contributions_and_base_sum_to_what_they_explain(scorers, estimator, data):
    preprocessing = data.draw(st.sampled_from(["target", "onehot"]))
    levels = data.draw(st.sampled_from(LEVEL_SETS))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 59)), min_size=1, max_size=50))
    roles, skills = np.array(pairs).T
    scorer = scorers(estimator, preprocessing, levels)
    found = attribute(scorer, roles, skills)
    assert found.method == METHODS[estimator]
    assert found.contributions.shape == (len(pairs), len(FEATURES))
    quantity = explained_quantity(estimator, scorer.probabilities(roles, skills), levels)
    tolerance = TOLERANCE.get(estimator, 1e-9)
    np.testing.assert_allclose(found.base + found.contributions.sum(axis=1), quantity, rtol=0, atol=tolerance)
    assert np.ptp(found.base) <= tolerance


@pytest.mark.parametrize("estimator", METHODS)
@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
def test_a_feature_is_credited_only_with_what_it_changes(dataset, features, estimator, preprocessing):
    """With one feature that decides everything, it has the contributions; what the model cannot see has none."""
    decisive = "internal_usage"
    use = dataset.training[decisive]
    levels = np.select([use > use.quantile(0.8), use > use.quantile(0.6)], ["HIGH", "MEDIUM"], "LOW")
    rows = dataset.training.assign(future_need_level=levels)
    pipeline = fit_pipeline(rows, configuration(needed(estimator), preprocessing))
    pairs = np.repeat(np.arange(30), 60), np.tile(np.arange(60), 30)
    found = attribute(PairScorer(pipeline, features), *pairs).contributions
    size = np.abs(found).mean(axis=0)
    assert FEATURES[np.argmax(size)] == decisive
    used = features.frame(*pairs)[decisive].to_numpy()
    high = found[used > use.quantile(0.8), FEATURES.index(decisive)].mean()
    assert high > found[used <= use.quantile(0.5), FEATURES.index(decisive)].mean()
    if preprocessing == "target":
        assert not found[:, FEATURES.index("job_role_name")].any()


@pytest.mark.parametrize("estimator", ["random_forest", "gradient_boosting", "hist_gradient_boosting"])
def test_later_pairs_are_explained_as_the_first_whether_tables_are_kept_or_not(scorers, features, monkeypatch, estimator):
    pipeline = scorers(estimator, "target", LEVELS).pipeline
    pairs = np.repeat(np.arange(30), 60), np.tile(np.arange(60), 30)
    keeping, forgetting = PairScorer(pipeline, features), PairScorer(pipeline, features)
    first, second = attribute(keeping, *pairs), attribute(keeping, *(part[900:] for part in pairs))
    monkeypatch.setattr(attribution, "MOST_NODES_KEPT", 0)
    without = attribute(forgetting, *pairs)
    assert keeping.leaf_tables
    assert forgetting.leaf_tables is None
    np.testing.assert_array_equal(second.contributions, first.contributions[900:])
    np.testing.assert_array_equal(without.contributions, first.contributions)
    np.testing.assert_array_equal(without.base, first.base)


def test_the_average_row_has_no_contributions(scorers, features):
    pipeline = scorers("logistic_regression", "target", LEVELS).pipeline

    class AverageRow(PairScorer):
        def matrix(self, *_):
            mean = np.zeros(len(self.feature_of_column))
            mean[:9] = np.tile(pipeline["preprocess"].named_transformers_["cat"].target_mean_, 3)
            return mean[None, :]

    found = attribute(AverageRow(pipeline, features), np.array([0]), np.array([0]))
    np.testing.assert_allclose(found.contributions, 0, atol=1e-12)


@pytest.mark.parametrize("estimator", ["xgboost", "lightgbm", "hist_gradient_boosting"])
def test_a_very_sure_model_of_two_levels_is_explained(dataset, features, estimator):
    """One probability is then 1 minus the other, in xgboost's 32 bits: its logarithm may be nothing but rounding."""
    names = {"hist_gradient_boosting": ("max_iter", "min_samples_leaf"), "xgboost": ("n_estimators", "min_child_weight")}
    rounds, smallest = names.get(estimator, ("n_estimators", "min_child_samples"))
    sure = {**QUICK.get(estimator, {}), rounds: 1_000, smallest: 0 if estimator == "xgboost" else 1}
    rows = dataset.training[dataset.training["future_need_level"].isin(("LOW", "HIGH"))]
    pipeline = fit_pipeline(rows, configuration(needed(estimator), **sure))
    pairs = np.repeat(np.arange(30), 60), np.tile(np.arange(60), 30)
    scorer = PairScorer(pipeline, features)
    assert scorer.probabilities(*pairs)[:, [0, 2]].min() < 1e-4
    assert attribute(scorer, *pairs).method == METHODS[estimator]


@pytest.mark.parametrize("estimator", sorted(set(ESTIMATOR_NAMES) - set(METHODS)))
def test_an_estimator_without_an_exact_form_has_no_contributions(scorers, estimator):
    assert attribute(scorers(estimator, "target", LEVELS), np.array([0]), np.array([0])) is None


def test_a_model_of_one_level_has_no_contributions(scorers):
    assert attribute(scorers("random_forest", "target", ("HIGH",)), np.array([0]), np.array([0])) is None


def test_columns_that_boosting_sorts_anew_are_not_explained_by_guess(dataset, features):
    pipeline = fit_pipeline(dataset.training, configuration("hist_gradient_boosting", categorical_features=[4]))
    assert attribute(PairScorer(pipeline, features), np.array([0]), np.array([0])) is None


@pytest.mark.parametrize(
    "estimator, parameters, levels",
    [
        ("logistic_regression", {"solver": "liblinear"}, LEVELS),
        ("gradient_boosting", {"loss": "exponential", "n_estimators": 10}, ("LOW", "HIGH")),
        ("lightgbm", {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1, "n_estimators": 10}, LEVELS),
    ],
)
def test_raw_values_that_make_levels_otherwise_are_not_explained(dataset, features, estimator, parameters, levels):
    rows = dataset.training[dataset.training["future_need_level"].isin(levels)]
    pipeline = fit_pipeline(rows, configuration(needed(estimator), **parameters))
    assert attribute(PairScorer(pipeline, features), np.arange(10), np.arange(10)) is None


def test_many_columns_are_explained_in_parts(scorers, monkeypatch):
    scorer = scorers("xgboost", "onehot", LEVELS)
    pairs = np.repeat(np.arange(30), 3), np.tile(np.arange(3), 30)
    whole = attribute(scorer, *pairs)
    monkeypatch.setattr("future_skills.prediction.attribution.VALUES_AT_ONCE", 3 * 7 * len(scorer.feature_of_column))
    parts = attribute(scorer, *pairs)
    np.testing.assert_allclose(parts.contributions, whole.contributions, atol=1e-6)
    np.testing.assert_allclose(parts.base, whole.base, atol=1e-6)


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "lightgbm", "mlp"])
def test_each_pair_is_explained_by_the_pipeline_that_answers_for_it(bench, estimator):
    row = newest_dataset(bench.connection, 5)
    version = bench.train(row, estimator=needed(estimator), parameters=QUICK[estimator])
    dataset = load_dataset(bench.store, row)
    committee = Committee(bench.store, bench.keys, version, dataset, dataset)
    pairs = np.repeat(np.arange(30), 60), np.tile(np.arange(60), 30)
    answers = committee.answer(*pairs)
    assert len(np.unique(answers.responsible)) == 3
    wanted = answers.probabilities[:, 2] > np.median(answers.probabilities[:, 2])
    contributions, methods = committee.attributions(*pairs, answers.responsible, wanted=wanted)
    assert (methods[wanted] == METHODS.get(estimator, "none")).all()
    assert (methods[~wanted] == "none").all()
    assert contributions[wanted].any() == (estimator in METHODS)
    assert not contributions[~wanted].any()
    if estimator in METHODS:
        quantity = explained_quantity(estimator, answers.probabilities, LEVELS) - contributions.sum(axis=1)
        for number in np.unique(answers.responsible):
            assert np.ptp(quantity[wanted & (answers.responsible == number)]) < 1e-9
