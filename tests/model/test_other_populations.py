"""Known roles and the past stay apart from the headline: nothing held out is learned from, nothing later is known then."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from future_skills.config import GateSettings
from future_skills.database import execute, fetch_value
from future_skills.ledger.datasets import get_dataset, older_datasets
from future_skills.model import evaluation as evaluations
from future_skills.model import held_pairs
from future_skills.model.backtest import PAIR, backtest, later_decisions
from future_skills.model.baselines import guesses
from future_skills.model.fitting import Configuration, fit_pipeline
from future_skills.model.gate import judge
from future_skills.model.held_pairs import hold_out_pairs, measure_known_roles
from future_skills.model.metrics import ap_high
from future_skills.model.scores import probabilities_of
from support.snapshots import MONDAY

LOGISTIC = Configuration("logistic_regression", "target", {}, random_state=1, threads=1)
EARLIER = MONDAY - timedelta(days=120)


def pairs(rows: pd.DataFrame) -> set[tuple[int, int]]:
    return set(rows[PAIR].itertuples(index=False, name=None))


# Known roles


def test_a_fifth_of_the_decided_pairs_is_held_out_and_every_implicit_row_stays(dataset):
    rest, held = hold_out_pairs(dataset.training, seed=1)
    assert len(held) == len(dataset.decided) // 5
    assert set(held["population"]) == {"decided"}
    assert (rest["population"] == "implicit").sum() == (dataset.training["population"] == "implicit").sum()
    assert pairs(rest) | pairs(held) == pairs(dataset.training)
    assert not pairs(rest) & pairs(held)
    assert pairs(hold_out_pairs(dataset.training, seed=1)[1]) == pairs(held) != pairs(hold_out_pairs(dataset.training, seed=2)[1])


def test_nothing_held_out_reaches_a_fit_and_no_held_out_role_is_measured(dataset, holdout, monkeypatch):
    seen = []

    def watched(rows, configuration, context):
        seen.append(rows)
        return fit_pipeline(rows, configuration, context)

    monkeypatch.setattr(held_pairs, "fit_pipeline", watched)
    inside = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    _, held = hold_out_pairs(inside, seed=1)
    measured = measure_known_roles(dataset.training, holdout, LOGISTIC, 100, seed=1)
    assert len(seen) == 2
    for rows in seen:
        assert not pairs(rows) & pairs(held)
        assert not set(rows["job_role_id"]) & holdout
        assert set(rows["population"]) == {"decided", "implicit"}
    assert measured["rows"] == len(held)
    assert measured["high"] == (held["future_need_level"] == "HIGH").sum()


def test_known_roles_are_measured_beside_baselines_of_the_same_rows(dataset, holdout):
    measured = measure_known_roles(dataset.training, holdout, LOGISTIC, 200, seed=1)
    inside = dataset.training[~dataset.training["job_role_id"].isin(holdout)].reset_index(drop=True)
    rest, held = hold_out_pairs(inside, seed=1)
    truth = held["future_need_level"].to_numpy(dtype=object)
    own = probabilities_of(fit_pipeline(rest, LOGISTIC), held)[:, 2]
    assert measured["overall"]["ap_high"]["value"] == pytest.approx(ap_high(truth, own))
    low, high = measured["overall"]["ap_high"]["ci"]
    assert low <= measured["overall"]["ap_high"]["value"] <= high
    share = guesses(rest[rest["population"] == "decided"], held)["skill_share"]
    assert measured["baselines"]["skill_share"]["ap_high"] == pytest.approx(ap_high(truth, share.ranking))
    assert set(measured["baselines"]) == {"majority", "rules", "skill_share"}
    assert measured["population"] == "known_roles"
    assert sum(part["n"] for part in measured["slices"]) == measured["rows"] == sum(map(sum, measured["confusion"]))


def test_a_role_without_another_decision_is_not_a_known_one(dataset):
    decided = dataset.decided
    one_each = decided.drop_duplicates("job_role_id")
    assert measure_known_roles(one_each, frozenset(), LOGISTIC, 100, seed=1) is None


def test_too_little_to_hold_out_or_to_learn_from_is_not_measured(dataset):
    assert measure_known_roles(dataset.training.iloc[:0], frozenset(), LOGISTIC, 100, seed=1) is None
    assert measure_known_roles(dataset.decided.head(4), frozenset(), LOGISTIC, 100, seed=1) is None
    assert measure_known_roles(dataset.training, frozenset(dataset.decided["job_role_id"]), LOGISTIC, 100, seed=1) is None
    refused = replace(LOGISTIC, estimator="random_forest", parameters={"min_samples_leaf": 0})
    assert measure_known_roles(dataset.training, frozenset(), refused, 100, seed=1) is None


def test_no_check_of_the_gate_reads_known_roles_or_the_back_test(bench):
    metrics = bench.evaluate(bench.train(bench.export())).metrics
    assert metrics["known_roles"]
    arguments = {"mode": "normal", "has_champion": False, "label_source": "hr_decision"}
    as_measured = judge(metrics, GateSettings(), **arguments)
    without = {name: value for name, value in metrics.items() if name not in {"known_roles", "backtest", "importance"}}
    assert judge(without, GateSettings(), **arguments) == as_measured


# The past


def revised(dataset, level: str, rows: slice):
    """The same dataset where some decided pairs were decided anew, a day later."""
    training = dataset.training.copy()
    decided = training.index[training["population"] == "decided"][rows]
    training.loc[decided, ["future_need_level", "decided_at"]] = [level, "2026-11-22T00:00:00+00:00"]
    return replace(dataset, training=training)


def older(dataset, without: slice):
    """The dataset before some of its pairs were decided."""
    decided = dataset.training.index[dataset.training["population"] == "decided"][without]
    return replace(dataset, training=dataset.training.drop(decided).reset_index(drop=True))


def test_equal_decisions_are_not_later_ones(dataset):
    assert later_decisions(dataset, dataset).empty
    shuffled = replace(dataset, training=dataset.training.sample(frac=1, random_state=1))
    assert later_decisions(shuffled, dataset).empty


def test_new_decisions_and_decisions_made_anew_are_told_apart(dataset):
    then = older(dataset, slice(0, 50))
    now = revised(dataset, "HIGH", slice(50, 80))
    later = later_decisions(then, now)
    assert (len(later), later["undecided"].sum()) == (80, 50)
    assert set(later.loc[later["undecided"], "persisting"]) == {"LOW"}
    again = later[~later["undecided"]]
    assert set(again["future_need_level"]) == {"HIGH"}
    assert again["persisting"].tolist() == dataset.decided["future_need_level"].iloc[50:80].tolist()


def test_pairs_of_roles_and_skills_unknown_then_are_left_out(dataset):
    then = older(dataset, slice(0, 50))
    new = dataset.decided.head(50)
    role, skill = int(new["job_role_id"].iloc[0]), int(new["skill_id"].iloc[-1])
    roles, skills = then.snapshot.roles, then.snapshot.skills
    snapshot = replace(then.snapshot, roles=roles[roles["job_role_id"] != role], skills=skills[skills["skill_id"] != skill])
    left = new[(new["job_role_id"] != role) & (new["skill_id"] != skill)]
    assert pairs(later_decisions(replace(then, snapshot=snapshot), dataset)) == pairs(left)
    assert 0 < len(left) < 50


def test_the_back_test_stands_beside_persistence_and_knows_nothing_later(dataset):
    then, now = older(dataset, slice(0, 120)), revised(dataset, "HIGH", slice(120, 150))
    result = backtest(then, later_decisions(then, now), LOGISTIC)
    undecided, redecided = result["populations"]["undecided"], result["populations"]["redecided"]
    truth = dataset.decided["future_need_level"].head(120)
    assert (undecided["n"], undecided["high"]) == (120, (truth == "HIGH").sum())
    assert undecided["changed"] == (truth != "LOW").sum()
    assert undecided["persistence"]["ap_high"] == pytest.approx((truth == "HIGH").mean())
    assert undecided["model"]["ap_high"] > 2 * undecided["persistence"]["ap_high"]
    assert (redecided["n"], redecided["high"]) == (30, 30)
    assert redecided["changed"] == (dataset.decided["future_need_level"].iloc[120:150] != "HIGH").sum()
    flipped = now.training.assign(future_need_level=now.training["future_need_level"].replace({"LOW": "HIGH", "HIGH": "LOW"}))
    other = backtest(then, later_decisions(then, replace(now, training=flipped)), LOGISTIC)
    assert other["populations"]["undecided"]["n"] == 120
    assert other["populations"]["undecided"]["model"] != undecided["model"]


def test_an_older_dataset_with_too_little_to_learn_from_gives_no_back_test(dataset):
    then = replace(dataset, training=dataset.training.head(1))
    assert backtest(then, later_decisions(then, dataset), LOGISTIC) is None


def test_an_answer_that_is_no_number_is_not_measured_anywhere(bench, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    version = bench.train(bench.export())
    monkeypatch.setattr(LogisticRegression, "predict_proba", lambda _, rows: np.full((rows.shape[0], 3), np.nan))
    evaluation = bench.evaluate(version)
    assert evaluation.verdict == "reject"
    assert evaluation.metrics["importance"] is None
    assert evaluation.metrics["known_roles"]["overall"]["ap_high"]["value"] is None
    assert b"values that are no numbers" in bench.store.read(evaluation.metrics["report_uri"])


def test_a_back_test_that_gives_no_numbers_is_none(dataset, monkeypatch):
    from future_skills.model import backtest as backtests

    then = older(dataset, slice(0, 50))
    monkeypatch.setattr(backtests, "probabilities_of", lambda _, rows, *__: np.full((len(rows), 3), np.nan))
    assert backtest(then, later_decisions(then, dataset), LOGISTIC) is None


@pytest.fixture
def counted(monkeypatch) -> list:
    """Back-tests that were really made."""
    made = []

    def counting(*arguments):
        made.append(arguments)
        return backtest(*arguments)

    monkeypatch.setattr(evaluations, "backtest", counting)
    return made


def test_without_an_older_dataset_or_with_the_same_decisions_nothing_is_fitted(bench, counted):
    assert bench.evaluate(bench.train(bench.export())).metrics["backtest"] == []
    later = bench.export(MONDAY + timedelta(days=1))  # a day apart: no week has passed
    assert bench.evaluate(bench.train(later)).metrics["backtest"] == []
    execute(bench.connection, "UPDATE future_skills_ops.dataset SET as_of = as_of - 14 WHERE as_of <= %s", (MONDAY,))
    bench.connection.commit()
    assert bench.evaluate(bench.train(later)).metrics["backtest"] == []
    assert counted == []


def test_the_newest_older_dataset_whose_decisions_differ_is_tested_on(bench, counted):
    with bench.connection:
        execute(bench.connection, "UPDATE public.future_skills_hrinvestmentrecommendation SET created_at = %s"
                " WHERE id %% 4 = 0", (MONDAY - timedelta(days=30),))  # fmt: skip
        execute(bench.connection, "UPDATE public.future_skills_hrinvestmentrecommendation SET created_at = %s"
                " WHERE id %% 4 <> 0", (EARLIER - timedelta(days=30),))  # fmt: skip
    first, second = bench.export(EARLIER), bench.export(EARLIER + timedelta(days=7))
    newest = bench.export(MONDAY + timedelta(days=1))
    metrics = bench.evaluate(bench.train(newest)).metrics
    (found,) = metrics["backtest"]
    assert (found["dataset_id"], found["as_of"]) == (second.dataset_id, second.as_of.isoformat())
    assert found["populations"]["undecided"]["n"] == newest.decided_rows - second.decided_rows
    assert len(counted) == 1
    bench.store.resolve(f"{second.uri}/dataset.csv").unlink()
    with bench.connection:
        execute(bench.connection, "UPDATE future_skills_ops.dataset SET as_of = %s WHERE as_of = %s", (date(2020, 1, 1), MONDAY))
    again = bench.evaluate(bench.train(newest, parameters={"C": 0.5})).metrics
    assert [one["dataset_id"] for one in again["backtest"]] == [first.dataset_id]


def test_only_older_datasets_of_the_same_horizon_and_labels_count(bench):
    newest = bench.export(MONDAY + timedelta(days=1))
    execute(
        bench.connection, "UPDATE future_skills_ops.dataset SET as_of = as_of - 14 WHERE dataset_id <> %s", (newest.dataset_id,)
    )

    def found(**fields) -> int:
        row = replace(get_dataset(bench.connection, newest.dataset_id), **fields)
        return len(older_datasets(bench.connection, row, days=6, at_most=2))

    assert found() == 1
    assert found(horizon_years=3) == found(label_source="hr_decision_any_horizon") == 0
    assert found(as_of=newest.as_of - timedelta(days=10)) == 0
    execute(bench.connection, "UPDATE future_skills_ops.chain SET stages = stages || '{\"export\": {}}'")
    assert found() == 0


# In the evaluation


def test_an_evaluation_says_what_the_model_relies_on_from_pipelines_that_have_not_seen_the_rows(bench):
    metrics = bench.evaluate(bench.train(bench.export())).metrics
    assert metrics["population"] == "cv"
    assert len(metrics["importance"]) == 11
    assert metrics["importance"][0] == {"feature": "job_role_name", "drop": 0.0, "std": 0.0, "n": metrics["rows"]}
    assert sum(map(sum, metrics["confusion"])) == metrics["rows"]
    assert {sum(one["n"] for one in bins) for bins in metrics["reliability"].values()} == {metrics["rows"]}


def test_the_parts_of_a_cross_validated_opinion_are_those_that_answered(dataset):
    from future_skills.model.population import cross_validated_opinions

    for opinion in cross_validated_opinions(dataset, LOGISTIC, 3):
        answered = np.concatenate([positions for _, positions in opinion.parts])
        assert sorted(answered.tolist()) == list(range(len(dataset.decided)))
        for pipeline, positions in opinion.parts:
            expected = probabilities_of(pipeline, dataset.decided.iloc[positions])
            np.testing.assert_array_equal(opinion.probabilities[positions], expected)


def test_the_report_is_written_under_the_evaluations_own_number(bench):
    version = bench.train(bench.export())
    for _ in range(2):
        evaluation = bench.evaluate(version)
        name = f"models/future_skills_model_v2.evaluation-{evaluation.evaluation_id}.html"
        assert evaluation.metrics["report_uri"] == str(bench.store.path(name))
        assert b"Evaluation of v2" in bench.store.read(evaluation.metrics["report_uri"])
    assert fetch_value(bench.connection, "SELECT count(*) FROM future_skills_ops.evaluation") == 3
