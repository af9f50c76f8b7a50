"""Each DAG, run to its end by Airflow itself on a small real company."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from future_skills.config import SQL_FOLDER
from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.ledger.training_default import chosen_default
from future_skills.ledger.versions import champion
from future_skills.store.artifacts import Store
from orchestration.answers import given_answer
from support.metrics import documented_gauges, statsd_server

ROOT = SQL_FOLDER.parents[1]
PREDICTED = "SELECT count(*) FROM future_skills_futureskillprediction"


@pytest.fixture
def deployed(run_dag, installation):
    """An installation with a champion and its first predictions."""
    for dag_id in ("retraining", "promotion", "deployment", "prediction"):
        assert run_dag(dag_id).state == "success"
    return installation


@pytest.fixture
def metrics(monkeypatch):
    """What arrives at a StatsD server while the test runs, sent as any task sends it."""
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

    with statsd_server() as received:
        for name, value in received.statsd.items():
            monkeypatch.setenv(name, value)
        stats.initialize(factory=get_stats_factory(), export_legacy_names=True)
        yield received
    stats.initialize(factory=NoStatsLogger, export_legacy_names=True)


def test_a_first_week(run_dag, installation, metrics):
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
    ours = metrics.settled().ours()
    assert (ours["dataset.decided"], ours["publish.pairs"], ours["publish.inserted"]) == (900, 30 * 60, 30 * 60)
    assert (ours["drift.drifted"], ours["drift.unknown"]) == (0, 0)
    assert 0 <= ours["watch.age_hours"] < 1
    assert set(ours) == set(documented_gauges())
    assert {f"airflow.future_skills.{name}" for name in ours} <= metrics.kinds["g"]
    assert {"airflow.task.duration", "airflow.dag.future_skills_prediction.publish.duration"} <= metrics.kinds["ms"]
    assert metrics.values["airflow.dag.future_skills_prediction.publish.duration"] > 0


def test_the_watch_removes_old_logs_of_our_tasks(run_dag, installation, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path / "logs"))
    monkeypatch.setenv("RETENTION__TASK_LOGS", "P7D")
    for days in (6.9, 7.1):
        log = tmp_path / "logs" / "dag_id=future_skills_drift" / f"run_id={days}" / "task_id=report" / "attempt=1.log"
        log.parent.mkdir(parents=True)
        log.write_text("told")
        moment = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(log, (moment, moment))
    watched = run_dag("watch")
    assert (watched.tasks["sweep"], watched.pull("sweep")["task_logs"]) == ("success", 1)
    assert [path.name for path in (tmp_path / "logs" / "dag_id=future_skills_drift").iterdir()] == ["run_id=6.9"]


def test_a_week_goes_on_after_airflow_forgot_its_runs(run_dag, deployed):
    """The command of docs/mlops.md, as if everything were older than 400 days."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    def runs() -> int:
        with create_session(scoped=False) as session:
            return session.scalar(select(func.count()).where(DagRun.run_type == "manual"))

    assert runs() >= 4
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    page = (ROOT / "docs" / "mlops.md").read_text(encoding="utf-8")
    command = re.search(r"^airflow (db clean --skip-archive .*) --clean-before-timestamp .*$", page, re.MULTILINE)[1]
    cleaned = subprocess.run(
        [sys.executable, "-m", "airflow", *command.split(), "--clean-before-timestamp", f"{tomorrow:%F}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert cleaned.returncode == 0, cleaned.stderr[-2_000:]
    assert runs() == 0
    again = run_dag("retraining")
    assert (again.state, again.tasks["keep"]) == ("success", "success")
    assert run_dag("prediction").state == run_dag("drift").state == run_dag("watch").state == "success"


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
