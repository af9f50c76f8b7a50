"""Every entry of the estimator table: it fits, it is stored, loaded and scored by pair index."""

import io
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from joblib.numpy_pickle import NumpyUnpickler

from future_skills.dataset.features import FeatureTables
from future_skills.domain import ESTIMATOR_NAMES, FEATURES, LEVELS
from future_skills.model.estimators import ESTIMATORS, InvalidParametersError, UnknownEstimatorError, build_estimator
from future_skills.model.fitting import NothingToLearnError, fit_folds, fit_pipeline
from future_skills.model.metrics import cross_entropy
from future_skills.model.scores import probabilities_of
from future_skills.prediction.scoring import PairScorer
from future_skills.store.models import load_model, save_model
from support.estimators import configuration, needed

BUILT_IN = {"sklearn", "numpy", "scipy", "joblib", "builtins", "copyreg", "collections", "_loss"}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def features(dataset):
    return FeatureTables(dataset.snapshot)


@pytest.fixture(scope="module", params=[(name, text) for name in ESTIMATORS for text in ("target", "onehot")], ids="-".join)
def fitted(request, dataset):
    """A pipeline of each estimator and preprocessing, fitted once."""
    return needed(request.param[0]), fit_pipeline(dataset.training, configuration(*request.param))


def test_the_table_and_the_list_for_forms_are_one():
    assert tuple(ESTIMATORS) == ESTIMATOR_NAMES


def test_every_estimator_gives_probabilities_and_is_the_same_when_loaded_again(fitted, dataset, store, keys):
    name, pipeline = fitted
    probabilities = probabilities_of(pipeline, dataset.training)
    assert set(pipeline.classes_) == set(LEVELS)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    loaded = load_model(store, save_model(store, f"models/{name}.pkl", pipeline, keys), keys)
    np.testing.assert_array_equal(probabilities_of(loaded, dataset.training), probabilities)


def test_a_vote_can_do_without_a_member(dataset, store, keys):
    parameters = {"random_forest": "drop", "hist_gradient_boosting__max_iter": 3}
    pipeline = fit_pipeline(dataset.training, replace(configuration("voting"), parameters=parameters))
    loaded = load_model(store, save_model(store, "models/voting-of-two.pkl", pipeline, keys), keys)
    alone = [fit_pipeline(dataset.training, configuration(name)) for name in ("logistic_regression", "hist_gradient_boosting")]
    expected = np.mean([probabilities_of(one, dataset.training) for one in alone], axis=0)
    np.testing.assert_allclose(probabilities_of(loaded, dataset.training), expected, atol=1e-12)


def test_stacking_does_not_take_the_order_of_the_rows_for_a_pattern(dataset):
    """Datasets come role by role, implicit rows last: folds cut from them in their order would not resemble each other."""
    decided = dataset.training[dataset.training["population"] == "decided"]
    orders = decided.sort_values("trend_score"), decided.sample(frac=1, random_state=0)
    losses = []
    for rows in orders:
        probabilities = probabilities_of(fit_pipeline(rows, configuration("stacking")), decided)
        losses.append(cross_entropy(decided["future_need_level"].to_numpy(), probabilities))
    assert losses[0] < 1.1 * losses[1]


class RecordingUnpickler(NumpyUnpickler):
    """Notes the package of everything it unpickles."""

    def find_class(self, module, name):
        self.__dict__.setdefault("packages", set()).add(module.split(".")[0])
        return super().find_class(module, name)


def test_an_artefact_is_made_of_scikit_learn_alone_unless_its_entry_says_otherwise(fitted, store, keys):
    name, pipeline = fitted
    content = zlib.decompress(store.read(save_model(store, f"models/{name}.pkl", pipeline, keys).uri))
    unpickler = RecordingUnpickler("", io.BytesIO(content), ensure_native_byte_order=True)
    unpickler.load()
    assert (unpickler.packages <= BUILT_IN) == ESTIMATORS[name].loadable_by_hr


def test_pairs_are_scored_as_the_pipeline_scores_their_rows(fitted, features):
    _, pipeline = fitted
    random = np.random.default_rng(7)
    pairs = random.integers(0, 30, 300), random.integers(0, 60, 300)
    scorer = PairScorer(pipeline, features)
    expected = probabilities_of(pipeline, features.frame(*pairs))
    np.testing.assert_allclose(scorer.probabilities(*pairs), expected, rtol=0, atol=1e-12)


def test_pairs_never_seen_in_training_are_scored_as_the_pipeline_scores_them(dataset, features):
    known = dataset.training[dataset.training["job_department"].isin(["IT", "Data"]) & (dataset.training["skill_id"] < 30)]
    pairs = np.repeat(np.arange(30), 60), np.tile(np.arange(60), 30)
    for preprocessing in ("target", "onehot"):
        pipeline = fit_pipeline(known, configuration("logistic_regression", preprocessing))
        expected = probabilities_of(pipeline, features.frame(*pairs))
        np.testing.assert_allclose(PairScorer(pipeline, features).probabilities(*pairs), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("levels", [["LOW", "HIGH"], ["MEDIUM", "HIGH"], ["LOW", "MEDIUM"], ["HIGH"], list(LEVELS)])
@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
def test_pairs_are_scored_whatever_levels_occur(dataset, features, levels, preprocessing):
    rows = dataset.training[dataset.training["future_need_level"].isin(levels)]
    pairs = features.positions(rows["job_role_id"].head(100), rows["skill_id"].head(100))
    for estimator in ("logistic_regression", "random_forest", "hist_gradient_boosting"):
        pipeline = fit_pipeline(rows, configuration(estimator, preprocessing))
        probabilities = PairScorer(pipeline, features).probabilities(*pairs)
        np.testing.assert_allclose(probabilities, probabilities_of(pipeline, rows.head(100)), rtol=0, atol=1e-12)
        assert not probabilities[:, [code for code, level in enumerate(LEVELS) if level not in levels]].any()


@pytest.mark.parametrize("estimator", [name for name, entry in ESTIMATORS.items() if entry.needs_dense])
def test_a_dense_matrix_has_a_bounded_number_of_columns(dataset, features, monkeypatch, estimator):
    monkeypatch.setattr("future_skills.model.preprocessing.DENSE_CATEGORIES", 20)
    known = dataset.training[dataset.training["skill_id"] < 50]
    pipeline = fit_pipeline(known, configuration(needed(estimator), "onehot"))
    columns = pipeline["preprocess"].transform(known).shape[1]
    assert columns == 20 + 20 + known["skill_category"].nunique() + known["job_department"].nunique() + 7
    pairs = np.repeat(np.arange(30), 60), np.tile(np.arange(60), 30)
    scorer = PairScorer(pipeline, features)
    assert len(scorer.feature_of_column) == columns
    expected = probabilities_of(pipeline, features.frame(*pairs))
    np.testing.assert_allclose(scorer.probabilities(*pairs), expected, rtol=0, atol=1e-6 if estimator == "keras" else 1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
def test_nothing_to_tell_pairs_apart_gives_the_shares_of_the_levels(dataset, estimator, preprocessing):
    first = dataset.training.iloc[0]
    rows = dataset.training.head(200).assign(**{name: first[name] for name in FEATURES}, weight=1.0)
    rows["future_need_level"] = np.resize(["LOW", "LOW", "MEDIUM", "HIGH"], len(rows))
    rounds = {"epochs": 200} if estimator == "keras" else {"max_iter": 200} if estimator == "mlp" else {}
    probabilities = probabilities_of(fit_pipeline(rows, configuration(needed(estimator), preprocessing, **rounds)), rows)
    assert np.ptp(probabilities, axis=0).max() < 1e-6
    np.testing.assert_allclose(probabilities[0], [0.5, 0.25, 0.25], atol=0.08)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("preprocessing", ["target", "onehot"])
def test_levels_of_two_rows_each_are_enough(dataset, estimator, preprocessing):
    rows = pd.concat([dataset.training[dataset.training["future_need_level"] == level].head(2) for level in LEVELS])
    probabilities = probabilities_of(fit_pipeline(rows, configuration(needed(estimator), preprocessing)), rows)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_an_unknown_estimator_or_hyperparameter_is_named_with_those_there_are():
    with pytest.raises(UnknownEstimatorError, match="no estimator 'forest'; there are random_forest, logistic_regression"):
        build_estimator("forest", {}, random_state=1, threads=1)
    with pytest.raises(InvalidParametersError, match=r"no hyperparameter trees; it has .*n_estimators"):
        build_estimator("random_forest", {"trees": 5}, random_state=1, threads=1)


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("random_forest", {"n_estimators": -1}),
        ("voting", {"random_forest__n_estimators": -1}),
        ("stacking", {"hist_gradient_boosting__max_iter": -1}),
        ("stacking", {"final_estimator__C": -1}),
        ("voting", {"random_forest": 5}),
        ("voting", {"voting": "hard"}),
        ("voting", {"estimators": []}),
        ("voting", dict.fromkeys(("random_forest", "logistic_regression", "hist_gradient_boosting"), "drop")),
        ("voting", {"estimators": [["a"]]}),
        ("voting", {"estimators": [["a", "b", "c"]]}),
        ("voting", {"random_forest": 5, "random_forest__n_estimators": 10}),
        ("stacking", {"final_estimator": 5, "final_estimator__C": 1}),
    ],
)
def test_a_value_an_estimator_cannot_take_is_refused_in_words(name, parameters):
    with pytest.raises(InvalidParametersError, match=f"{name} refuses its hyperparameters"):
        build_estimator(name, parameters, random_state=1, threads=1)


def test_a_combination_scikit_learn_cannot_fit_is_an_error_of_the_parameters(dataset):
    with pytest.raises(InvalidParametersError, match="mlp cannot be fitted to 1200 rows"):
        fit_pipeline(dataset.training, configuration("mlp", early_stopping=True))


@pytest.mark.parametrize(
    "estimator, parameters",
    [
        ("voting", {"voting": "hard"}),
        ("voting", {"weights": [0, 0, 0]}),
        ("voting", {"weights": ["a", "b", "c"]}),
        ("random_forest", {"max_depth": 10**30}),
        ("lightgbm", {"class_weight": {"FOO": 1}}),
    ],
)
def test_whatever_a_library_raises_is_an_error_of_the_parameters(dataset, estimator, parameters):
    with pytest.raises(InvalidParametersError, match=estimator):
        fit_pipeline(dataset.training, configuration(needed(estimator), **parameters))


def test_a_level_with_a_single_row_is_left_out_and_no_row_at_all_is_an_error(dataset):
    low = dataset.training[dataset.training["future_need_level"] == "LOW"].head(20)
    high = dataset.training[dataset.training["future_need_level"] == "HIGH"].head(1)
    pipeline = fit_pipeline(pd.concat([low, high]), configuration("logistic_regression"))
    assert probabilities_of(pipeline, low).tolist() == [[1.0, 0, 0]] * 20
    with pytest.raises(NothingToLearnError, match="HR has to decide more pairs"):
        fit_pipeline(high, configuration("logistic_regression"))


def test_a_single_role_cannot_be_cross_validated(dataset):
    one = dataset.training[dataset.training["job_role_id"] == 1]
    with pytest.raises(NothingToLearnError, match="one job role"):
        fit_folds(one, configuration("logistic_regression"), 5, 1)


def test_the_same_seed_gives_the_same_model_however_many_threads(dataset):
    one, two = (fit_pipeline(dataset.training, replace(configuration("random_forest"), threads=threads)) for threads in (1, 2))
    np.testing.assert_array_equal(*(probabilities_of(pipeline, dataset.training) for pipeline in (one, two)))


def test_no_role_is_scored_by_a_fold_that_learned_from_it(dataset):
    rows = dataset.training.reset_index(drop=True)
    out_of_fold = fit_folds(rows, configuration("logistic_regression"), 3, 1)
    assert pd.Series(out_of_fold.folds).groupby(rows["job_role_id"]).nunique().max() == 1
    flipped = rows.assign(future_need_level=rows["future_need_level"].where(out_of_fold.folds != 0, "HIGH"))
    again = fit_folds(flipped, configuration("logistic_regression"), 3, 1)
    inside = out_of_fold.folds == 0
    np.testing.assert_array_equal(again.probabilities[inside], out_of_fold.probabilities[inside])
    assert not np.allclose(again.probabilities[~inside], out_of_fold.probabilities[~inside])
