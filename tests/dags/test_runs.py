"""Each DAG, run to its end by Airflow itself on a small real company."""

import pytest

from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.ledger.training_default import chosen_default
from future_skills.ledger.versions import champion
from future_skills.store.artifacts import Store
from orchestration.answers import given_answer

PREDICTED = "SELECT count(*) FROM future_skills_futureskillprediction"


@pytest.fixture
def deployed(run_dag, installation):
    """An installation with a champion and its first predictions."""
    for dag_id in ("retraining", "promotion", "deployment", "prediction"):
        assert run_dag(dag_id).state == "success"
    return installation


@pytest.fixture
def gauges():
    """The last value of each gauge that Airflow's metrics are told of while the test runs."""
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.sdk.observability import stats

    kept = {}

    class Keeping(NoStatsLogger):
        @classmethod
        def gauge(cls, stat, value, *_arguments, **_named):
            kept[stat] = value

    stats.initialize(factory=Keeping, export_legacy_names=False)
    yield kept
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


def test_a_first_week(run_dag, installation, gauges):
    waiting = run_dag("prediction")
    assert waiting.state == "success"
    assert waiting.tasks["plan"] == waiting.tasks["publish"] == "skipped"
    trained = run_dag("retraining")
    assert trained.tasks == {
        **dict.fromkeys(["export", "validate", "train", "evaluate", "gate", "register_candidate"], "success"),
        **dict.fromkeys(["keep", "investigate"], "skipped"),
    }
    promoted = run_dag("promotion")
    assert promoted.tasks["request_approval"] == "skipped"
    assert promoted.tasks["request_deployment"] == "success"
    assert run_dag("deployment").state == "success"
    assert champion(installation).version == "v1"
    predicted = run_dag("prediction")
    assert predicted.tasks["score[0]"] == predicted.tasks["score[1]"] == predicted.tasks["digest"] == "success"
    assert fetch_value(installation, PREDICTED) == 30 * 60
    reported = run_dag("drift")
    assert reported.tasks == {
        **dict.fromkeys(["report", "decide", "realise"], "success"),
        **dict.fromkeys(["alert", "request_retraining", "application_log"], "skipped"),
    }
    assert run_dag("watch").state == "success"
    assert fetch_value(installation, "SELECT count(*) FROM future_skills_ops.refusal") == 0
    ours = {name.removeprefix("future_skills."): value for name, value in gauges.items() if name.startswith("future_skills.")}
    assert (ours["dataset.decided"], ours["publish.pairs"], ours["publish.inserted"]) == (900, 30 * 60, 30 * 60)
    assert (ours["drift.drifted"], ours["drift.unknown"]) == (0, 0)
    assert 0 <= ours["watch.age_hours"] < 1


def test_the_same_dataset_again_scores_and_writes_nothing(run_dag, deployed):
    before = fetch_rows(deployed, "SELECT id, xmin::text FROM future_skills_futureskillprediction ORDER BY id")
    deployed.rollback()
    again = run_dag("prediction")
    assert again.state == "success"
    assert again.tasks["publish"] == "success"
    assert "score[0]" not in again.tasks
    assert fetch_rows(deployed, "SELECT id, xmin::text FROM future_skills_futureskillprediction ORDER BY id") == before


def test_an_unchanged_second_week_is_kept(run_dag, deployed):
    kept = run_dag("retraining")
    assert kept.tasks["keep"] == "success"
    assert kept.tasks["register_candidate"] == "skipped"
    assert run_dag("prediction").state == "success"
    counts = fetch_row(deployed, "SELECT counts FROM future_skills_ops.prediction_batch ORDER BY planned_at DESC LIMIT 1")[
        "counts"
    ]
    assert (counts["inserted"], counts["updated"], counts["deleted"]) == (0, 0, 0)


@pytest.mark.parametrize("option, state", [("Approve", "approved"), ("Reject", "rejected")])
def test_a_person_answers(run_dag, installation, monkeypatch, answer, option, state):
    monkeypatch.setenv("APPROVAL", "required")
    monkeypatch.setenv("DEPLOY", "manual")
    run_dag("retraining")
    answer(option, reason="seen in the committee")
    asked = run_dag("promotion")
    assert asked.tasks["record_decision"] == "success"
    assert asked.tasks["request_deployment"] == "skipped"
    settled = fetch_row(installation, "SELECT * FROM future_skills_ops.approval ORDER BY event_id DESC LIMIT 1")
    assert (settled["event"], settled["actor"], settled["reason"]) == (state, "drh.one", "seen in the committee")
    installation.rollback()
    assert run_dag("deployment").state == ("success" if state == "approved" else "failed")


def test_only_where_nobody_was_asked_does_the_setting_answer():
    rejected = {"chosen_options": ["Reject"], "responded_at": "2026-11-25", "responded_by_user": {"name": "drh.one"}}
    assert given_answer(rejected, asked=True)["decision"] == "rejected"
    assert given_answer(None, asked=True) is None
    assert given_answer(None, asked=False) == {
        "decision": "approved",
        "actor": "APPROVAL=auto",
        "reason": "nobody is asked in this installation",
    }


def test_a_question_that_was_never_asked_fails_the_run(run_dag, installation, monkeypatch):
    run_dag("retraining")
    monkeypatch.setenv("SIGNING_KEYS", "{}")
    unasked = run_dag("promotion")
    assert unasked.state == "failed"
    assert unasked.tasks["record_decision"] == "failed"


def test_an_existing_version_is_evaluated_again(run_dag, deployed):
    judged = run_dag("retraining", {"only_evaluate": True, "version": "v1"})
    assert judged.state == "success"
    assert fetch_value(deployed, "SELECT count(*) FROM future_skills_ops.model_version") == 1
    assert fetch_value(deployed, "SELECT count(*) FROM future_skills_ops.evaluation") == 2


def test_an_error_a_person_must_mend_is_not_retried_and_is_mailed(run_dag, installation):
    execute(installation, "TRUNCATE future_skills_employee, future_skills_employee_skills, future_skills_skill CASCADE")
    installation.commit()
    failed = run_dag("export")
    assert failed.state == "failed"
    assert failed.tasks["validate"] == "failed"
    mails = fetch_rows(installation, "SELECT recipient, subject, text_part FROM future_skills_ops.outbox")
    assert [mail["recipient"] for mail in mails] == ["devops@example.com"]
    assert "0 skills" in mails[0]["text_part"]


def test_a_dataset_to_look_at_starts_nothing(run_dag, installation):
    looked_at = run_dag("export", {"as_of": "2026-11-23"})
    assert looked_at.state == "success"
    assert looked_at.pull("validate")["decided_rows"] == 900


def test_publishing_can_be_switched_off(run_dag, installation, monkeypatch):
    monkeypatch.setenv("PUBLISH", "off")
    for dag_id in ("retraining", "promotion", "deployment", "prediction", "drift"):
        assert run_dag(dag_id).state == "success"
    assert fetch_value(installation, PREDICTED) == 0
    assert fetch_value(installation, "SELECT state FROM future_skills_ops.prediction_batch") == "withheld"


def newest_version(hr):
    return fetch_row(hr, "SELECT * FROM future_skills_ops.model_version ORDER BY number DESC LIMIT 1")


def test_an_experiment_recommends_and_its_choice_is_the_next_default_until_it_is_forgotten(run_dag, installation, settings):
    early = run_dag("experiment", {"estimators": ["ridge"]})
    assert (early.state, early.tasks["compare"]) == ("failed", "failed")  # there is no dataset yet
    run_dag("retraining")
    compared = run_dag(
        "experiment", {"estimators": ["logistic_regression", "lasso"], "use": "lasso", "parameters": {"lasso": {"C": 0.2}}}
    )
    assert compared.tasks == {"compare": "success", "set_default": "success"}
    assert compared.pull("set_default").startswith("The next trainings use lasso, target, extended features (chosen by")
    page = Store.open(settings.store_uri).path("MODEL_COMPARISON.md").read_text()
    assert "lasso" in page
    installation.rollback()

    run_dag("retraining")
    made = newest_version(installation)
    assert (made["estimator"], made["parameters"]) == ("lasso", {"C": 0.2})
    installation.rollback()

    forgotten = run_dag("experiment", {"forget_default": True})
    assert forgotten.tasks == {"compare": "skipped", "set_default": "success"}
    assert chosen_default(installation) is None
