"""Estimators are compared on the same folds of training roles, and the recommendation follows a stated rule."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from future_skills.domain import ESTIMATOR_NAMES
from future_skills.model import experiment
from future_skills.model.estimators import ESTIMATORS, InvalidParametersError, UnknownEstimatorError
from future_skills.model.experiment import Plan, compare
from future_skills.model.fitting import Configuration, NothingToLearnError, fit_folds
from future_skills.model.metrics import ap_high
from future_skills.model.recommendation import INTERPRETABILITY, behind_best, recommend

PLAN = Plan(("logistic_regression", "random_forest"), ("target",), folds=3, random_state=1, threads=1, resamples=200)
QUICK = {"random_forest": {"n_estimators": 10}}


@pytest.fixture(scope="module")
def comparison(dataset, holdout):
    return compare(dataset, holdout, replace(PLAN, parameters=QUICK, preprocessings=("target", "onehot")))


def test_every_combination_is_a_row_with_all_its_figures(comparison):
    assert [(row.estimator, row.preprocessing) for row in comparison.contenders] == [
        (estimator, preprocessing) for estimator in PLAN.estimators for preprocessing in ("target", "onehot")
    ]
    for row in comparison.contenders:
        assert row.reason is None
        low, high = row.measures["ap_high"]["ci"]
        assert 0 < low < row.measures["ap_high"]["value"] < high < 1
        assert len(row.measures["ap_high"]["folds"]) == 3
        assert row.measures["ap_high"]["mean"] == pytest.approx(np.mean(row.measures["ap_high"]["folds"]))
        assert all(row.measures[name] > 0 for name in ("macro_f1", "weighted_f1", "stability", "log_loss", "ece"))
        assert row.measures["fit_seconds"] > 0
        assert row.measures["rows_per_second"] > 1_000
    assert set(comparison.baselines) == {"majority", "rules", "skill_share"}


def test_a_row_is_what_cross_validation_over_training_roles_says(comparison, dataset, holdout):
    rows = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    decided = (rows["population"] == "decided").to_numpy()
    configuration = Configuration("logistic_regression", "target", {}, random_state=1, threads=1)
    expected = fit_folds(rows, configuration, 3, 1).probabilities[decided, 2]
    found = comparison.contenders[0].measures["ap_high"]["value"]
    assert found == pytest.approx(ap_high(rows["future_need_level"].to_numpy()[decided], expected))
    assert comparison.facts["decided"] == decided.sum() < len(dataset.decided)


def test_no_more_rows_are_fitted_than_a_training_would_fit(dataset, holdout):
    rows = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    decided = (rows["population"] == "decided").to_numpy()
    configuration = Configuration("logistic_regression", "target", {}, random_state=1, threads=1, maximum_rows=300)
    expected = fit_folds(rows, configuration, 3, 1).probabilities[decided, 2]
    plan = replace(PLAN, estimators=("logistic_regression",), maximum_rows=300)
    found = compare(dataset, holdout, plan).contenders[0].measures["ap_high"]["value"]
    assert found == pytest.approx(ap_high(rows["future_need_level"].to_numpy()[decided], expected))


def test_held_out_roles_are_never_touched(comparison, dataset, holdout):
    training = dataset.training.copy()
    outside = training["job_role_id"].isin(holdout)
    training.loc[outside, "future_need_level"] = "HIGH"
    training.loc[outside, "internal_usage"] = np.nan
    again = compare(replace(dataset, training=training), holdout, replace(PLAN, parameters=QUICK))
    timeless = lambda row: {k: v for k, v in row.measures.items() if k not in {"fit_seconds", "rows_per_second", "behind_best"}}  # noqa: E731
    assert [timeless(row) for row in again.contenders] == [timeless(row) for row in comparison.contenders[::2]]


def test_what_cannot_be_fitted_is_a_row_with_its_reason(dataset, holdout, monkeypatch):
    def broken(seed, threads):
        raise ImportError("No module named 'xgboost'")

    monkeypatch.setitem(ESTIMATORS, "mlp", replace(ESTIMATORS["mlp"], factory=broken))
    plan = replace(PLAN, estimators=("mlp", "random_forest", "ridge"), parameters={"random_forest": {"trees": 5}})
    missing, wrong, fine = compare(dataset, holdout, plan).contenders
    assert (missing.measures, missing.reason) == (None, "ImportError: No module named 'xgboost'")
    assert wrong.measures is None
    assert "has no hyperparameter trees" in wrong.reason
    assert fine.measures["behind_best"] == {"difference": 0.0, "standard_error": 0.0}


@pytest.mark.parametrize("parameters", [[1], "C=1", 5, None])
def test_hyperparameters_that_are_no_object_are_an_error_in_words(dataset, holdout, parameters):
    with pytest.raises(InvalidParametersError, match="have to be a JSON object"):
        compare(dataset, holdout, replace(PLAN, parameters={"logistic_regression": parameters}))


def test_an_answer_that_is_no_number_is_a_reason_too(dataset, holdout, monkeypatch):
    real = experiment.fit_folds
    monkeypatch.setattr(
        experiment, "fit_folds", lambda *known: replace(real(*known), probabilities=np.full((len(known[0]), 3), np.nan))
    )
    result = compare(dataset, holdout, replace(PLAN, estimators=("ridge",)))
    assert result.contenders[0].reason == "Its probabilities are no numbers."
    assert result.recommendation.contender is None


def test_an_unknown_estimator_is_an_error_before_anything_is_fitted(dataset, holdout):
    for plan in (replace(PLAN, estimators=("forest",)), replace(PLAN, parameters={"forest": {}})):
        with pytest.raises(UnknownEstimatorError, match="no estimator forest; there are random_forest"):
            compare(dataset, holdout, plan)


def test_too_few_roles_are_told_in_words(dataset, holdout):
    roles = dataset.decided["job_role_id"].unique()
    with pytest.raises(NothingToLearnError, match="Fewer than two job roles"):
        compare(dataset, frozenset(roles[1:].tolist()), PLAN)
    inside = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    fold = experiment.role_folds(inside["job_role_id"].to_numpy(), 3, 1)
    together = inside[(fold == 0) | (inside["population"] == "implicit")]
    with pytest.raises(NothingToLearnError, match="one fold"):
        compare(replace(dataset, training=together.reset_index(drop=True)), frozenset(), PLAN)


@pytest.mark.parametrize("levels", [{"HIGH": "MEDIUM"}, {"HIGH": "LOW", "MEDIUM": "LOW"}], ids=["no HIGH", "one level"])
def test_a_company_without_a_high_decision_gets_reasons_instead_of_figures(dataset, holdout, levels):
    training = dataset.training.assign(future_need_level=dataset.training["future_need_level"].replace(levels))
    result = compare(replace(dataset, training=training), holdout, replace(PLAN, parameters=QUICK))
    assert {row.reason for row in result.contenders} == {"No job role outside the held-out fifth has a HIGH decision."}
    assert result.recommendation.reason == "Nothing is recommended: none could be measured."


def test_labels_of_our_own_making_recommend_nothing(dataset, holdout):
    bootstrap = replace(dataset, row=replace(dataset.row, label_source="bootstrap"))
    result = compare(bootstrap, holdout, replace(PLAN, estimators=("ridge",)))
    assert result.contenders[0].measures
    assert result.recommendation.contender is None
    assert "agreement with the rules" in result.recommendation.reason


# The rule


@dataclass(frozen=True)
class Row:
    estimator: str
    value: float
    fit_seconds: float = 1.0
    behind: float = 0.0
    error: float = 0.01
    preprocessing: str = "target"
    feature_set: str = "core"

    @property
    def measures(self):
        if self.value is None:
            return None
        distance = {"difference": self.behind, "standard_error": self.error}
        return {"ap_high": {"value": self.value}, "fit_seconds": self.fit_seconds, "behind_best": distance}


BASELINES = {"majority": {"ap_high": 0.1}, "skill_share": {"ap_high": 0.4}}


def chosen(*rows: Row, label_source="hr_decision") -> str | None:
    contender = recommend(rows, BASELINES, label_source).contender
    return None if contender is None else rows[contender].estimator


def test_the_rule_prefers_the_interpretable_only_among_those_that_are_close():
    best = Row("stacking", 0.7)
    assert chosen(best, Row("ridge", 0.69, behind=0.01)) == "ridge"
    assert chosen(best, Row("ridge", 0.6899, behind=0.0101)) == "stacking"
    assert chosen(best, Row("random_forest", 0.695, behind=0.005), Row("ridge", 0.69, behind=0.01)) == "ridge"
    assert chosen(best, Row("random_forest", 0.695, behind=0.005), Row("mlp", 0.69, behind=0.01)) == "random_forest"


def test_then_what_the_hr_application_can_load_then_the_faster(monkeypatch):
    slow, fast = Row("random_forest", 0.7, fit_seconds=2), Row("gradient_boosting", 0.7, fit_seconds=1)
    assert chosen(slow, fast) == "gradient_boosting"
    monkeypatch.setitem(ESTIMATORS, "gradient_boosting", replace(ESTIMATORS["gradient_boosting"], loadable_by_hr=False))
    assert chosen(slow, fast) == "random_forest"
    assert chosen(slow, Row("xgboost_of_tomorrow", 0.7, fit_seconds=0.1)) == "random_forest"


def test_what_is_not_above_every_baseline_is_not_recommended():
    assert chosen(Row("ridge", 0.4)) is None
    assert chosen(Row("ridge", 0.4001)) == "ridge"
    assert chosen(Row("ridge", None)) is None
    assert "could be measured" in recommend([Row("ridge", None)], BASELINES, "hr_decision").reason
    assert chosen(Row("ridge", 0.9), label_source="bootstrap") is None
    assert chosen(Row("ridge", 0.9), label_source="hr_decision_any_horizon") == "ridge"


def test_the_standard_error_is_paired():
    common = np.random.default_rng(1).normal(0.6, 0.1, 500)
    standings = {0: common, 1: common - 0.01}
    distance = behind_best([Row("ridge", 0.6), Row("lasso", 0.59)], standings)[1]["behind_best"]
    assert distance == {"difference": pytest.approx(0.01), "standard_error": pytest.approx(0, abs=1e-12)}


def test_every_estimator_of_the_table_has_a_grade():
    assert set(INTERPRETABILITY) >= set(ESTIMATOR_NAMES)
