"""A version is what it says: nothing of the held-out roles is in what is evaluated, and no label is remembered."""

from dataclasses import replace

import numpy as np
import pytest

from future_skills.database import fetch_rows, fetch_value
from future_skills.model.cuts import choose_cuts
from future_skills.model.estimators import InvalidParametersError, UnknownEstimatorError
from future_skills.model.fitting import Configuration, NothingToLearnError, fit_folds
from future_skills.model.scores import probabilities_of, scores_of
from future_skills.model.training import TrainingRequest, find_trained, fit_version
from future_skills.store.models import load_model
from support.pipeline import unpacked

QUICK = Configuration("logistic_regression", "target", {}, random_state=1, threads=1)
FOREST = Configuration("random_forest", "target", {"n_estimators": 5}, random_state=1, threads=1)


def test_what_is_served_has_learned_from_every_role(dataset, holdout):
    fitted = fit_version(dataset, holdout, FOREST, 3)
    assert fitted.facts["rows"] == {"decided": 600, "implicit": 600}
    assert fitted.facts["training_rows"] == (~dataset.training["job_role_id"].isin(holdout)).sum()
    folds = unpacked(fitted.artifacts["folds"])
    assert set(folds) == set(dataset.training["job_role_id"])
    assert {name for name in fitted.artifacts if name.startswith("fold-")} == {f"fold-{number}" for number in set(folds.values())}


def test_cuts_are_chosen_out_of_fold_on_decided_rows_alone(dataset, holdout):
    inside = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    decided = (inside["population"] == "decided").to_numpy()
    levels = inside["future_need_level"].to_numpy()
    scores = scores_of(fit_folds(inside, QUICK, 3, QUICK.random_state).probabilities)
    chosen = fit_version(dataset, holdout, QUICK, 3).cuts
    assert chosen == choose_cuts(scores[decided], levels[decided]).to_dict()
    assert chosen != choose_cuts(scores, levels).to_dict()


@pytest.mark.parametrize("kept", [[1], [1, 2]], ids=["all but one role held out", "all roles held out"])
def test_a_company_whose_roles_are_almost_all_held_out_still_gets_a_model(dataset, kept):
    few = dataset.training[dataset.training["job_role_id"].isin([1, 2])].reset_index(drop=True)
    fitted = fit_version(replace(dataset, training=few), frozenset(kept), QUICK, 3)
    assert fitted.facts["training_rows"] == len(few)


def test_decisions_of_held_out_roles_alone_still_give_cuts(dataset, holdout):
    rows = dataset.training
    alone = rows[rows["job_role_id"].isin(holdout) | (rows["population"] == "implicit")].reset_index(drop=True)
    fitted = fit_version(replace(dataset, training=alone), holdout, QUICK, 3)
    assert 0 < fitted.cuts["medium"] <= fitted.cuts["high"] <= 100
    assert fitted.facts["training_rows"] == len(alone)


def test_a_single_role_gives_a_clear_error(dataset):
    one = dataset.training[dataset.training["job_role_id"] == 1].reset_index(drop=True)
    with pytest.raises(NothingToLearnError, match="one job role"):
        fit_version(replace(dataset, training=one), frozenset(), QUICK, 3)


def test_the_same_request_returns_the_same_version(bench):
    dataset = bench.export()
    one = bench.train(dataset, request_key="again")
    assert bench.train(dataset, request_key="again") == one
    assert bench.train(dataset, request_key="other").number == one.number + 1


def test_a_version_is_registered_with_everything_that_made_it(bench):
    dataset = bench.export()
    version = bench.train(dataset, estimator="random_forest", parameters={"n_estimators": 5}, requested_by="ada")
    assert version.version == "v2"
    assert (version.dataset_id, version.label_source, version.requested_by) == (dataset.dataset_id, "hr_decision", "ada")
    assert {"python", "scikit-learn", "numpy", "pandas", "joblib"} <= set(version.libraries)
    assert set(version.libraries) <= {"python", "scikit-learn", "numpy", "pandas", "joblib", "xgboost", "lightgbm", "keras"}
    assert version.facts["classes"]["LOW"] > version.facts["classes"]["HIGH"]
    assert set(version.artifacts) == {"served", "evaluated", "folds", "fold-0", "fold-1"}
    assert version.artifacts["served"].name == "future_skills_model_v2.pkl"
    served = load_model(bench.store, version.artifacts["served"], bench.keys)
    assert served["clf"].n_estimators == 5
    assert served["clf"].n_jobs == 1
    stages = fetch_value(
        bench.connection, "SELECT stages FROM future_skills_ops.chain WHERE chain_id = %s", (dataset.dataset_id,)
    )
    assert stages["training"]["version"] == "v2"


def test_a_wrong_estimator_or_hyperparameter_is_noticed_before_anything_is_read_or_fitted(bench):
    dataset = bench.export()
    bench.store.resolve(f"{dataset.uri}/dataset.csv").unlink()
    with pytest.raises(UnknownEstimatorError):
        bench.train(dataset, estimator="forest")
    with pytest.raises(InvalidParametersError):
        bench.train(dataset, parameters={"trees": 5})


def test_what_was_trained_before_is_found_by_its_configuration(bench):
    dataset = bench.export()
    one = bench.train(dataset, parameters={"C": 0.5, "max_iter": 500})
    again = TrainingRequest(
        dataset.dataset_id, "any", one.estimator, one.preprocessing, {"max_iter": 500, "C": 0.5}, "core", None
    )
    assert find_trained(bench.connection, again) == one.version
    assert find_trained(bench.connection, replace(again, parameters={"C": 0.5})) is None
    assert find_trained(bench.connection, replace(again, estimator="ridge")) is None


def test_a_training_run_row_is_written_once_per_version_with_the_uri_of_the_artefact(bench):
    version = bench.train(bench.export(), estimator="random_forest", parameters={"n_estimators": 5})
    evaluation = bench.evaluate(version)
    bench.evaluate(version)
    rows = fetch_rows(bench.connection, "SELECT * FROM public.future_skills_trainingrun WHERE model_version = %s", ("v2",))
    assert len(rows) == 1
    row = rows[0]
    assert row["model_path"] == f"file://{version.artifacts['served'].uri}"
    assert (row["n_estimators"], row["total_samples"], row["status"]) == (5, 1_200, "COMPLETED")
    assert row["f1_score"] == evaluation.metrics["overall"]["weighted_f1"]["value"]
    assert row["hyperparameters"] == {"estimator": "random_forest", "preprocessing": "target", "n_estimators": 5}
    assert set(row["per_class_metrics"]) == {"LOW", "MEDIUM", "HIGH"}
    assert sum(level["support"] for level in row["per_class_metrics"].values()) == row["test_samples"]
    assert len(row["features_used"]) == 11


def test_the_served_model_alone_reproduces_its_probabilities(bench, dataset):
    version = bench.train(bench.export())
    served = load_model(bench.store, version.artifacts["served"], bench.keys)
    evaluated = load_model(bench.store, version.artifacts["evaluated"], bench.keys)
    assert not np.allclose(probabilities_of(served, dataset.training), probabilities_of(evaluated, dataset.training))
