"""The whole loop by the real DAGs: shifted data, a report, a mail, after two of three datasets one retraining, then a pause."""

import email.policy
from email import message_from_bytes

import pytest

from future_skills.database import execute, fetch_rows, fetch_value
from support.mailbox import serving

REPORTS = "SELECT drifted, unknown, counted, columns FROM future_skills_ops.drift_report ORDER BY report_id"
REQUESTS = "SELECT report_id, dag_run_id FROM future_skills_ops.retraining_request ORDER BY id"


class Inbox:
    """A mail server that keeps what arrives."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def subjects(self, word):
        return [str(mail["Subject"]) for mail in self.mails if word in str(mail["Subject"])]


@pytest.fixture
def inbox(monkeypatch):
    with serving(Inbox()) as handler:
        monkeypatch.setenv("MAIL__PORT", str(handler.port))
        monkeypatch.setenv("MAIL__TIMEOUT", "20")
        yield handler


def rows(hr, query):
    found = fetch_rows(hr, query)
    hr.rollback()
    return found


def shift_the_company(hr):
    """Every market trend turns round, the economy is another, and half of the people learn what the other half knows."""
    execute(hr, "UPDATE future_skills_markettrend SET trend_score = 1 - trend_score")
    execute(hr, "UPDATE future_skills_economicreport SET value = -value")
    execute(
        hr,
        "UPDATE future_skills_employee SET current_skills = (SELECT jsonb_agg(name) FROM future_skills_skill WHERE id % 2 = 0)"
        " WHERE id % 2 = 0",
    )
    hr.commit()


def test_drift_is_mailed_and_asks_for_one_retraining(run_dag, installation, inbox, monkeypatch):
    for dag_id in ("retraining", "promotion", "deployment", "prediction", "drift"):
        assert run_dag(dag_id).state == "success"
    monkeypatch.setenv("TRAINING_CADENCE", "on_drift")
    monkeypatch.setenv("PREDICTION__LARGEST_LEVEL_SHIFT", "1")  # a shift like this would stop at the audit
    assert inbox.subjects("Drift") == []
    shift_the_company(installation)

    def week():
        for dag_id in ("retraining", "prediction"):
            assert run_dag(dag_id).state == "success"
        return run_dag("drift")

    first = week()
    assert (first.tasks["alert"], first.tasks["request_retraining"]) == ("success", "skipped")
    report = rows(installation, REPORTS)[-1]
    moved = {name for name, column in report["columns"].items() if column["drift"]}
    assert report["drifted"]
    assert {"trend_score", "economic_indicator"} <= moved
    assert rows(installation, REQUESTS) == []
    (subject,) = inbox.subjects("Drift")
    mail = next(mail for mail in inbox.mails if mail["Subject"] == subject)
    assert mail["To"] == "scientist@example.com"
    for kind in ("plain", "html"):
        assert "trend_score" in mail.get_body((kind,)).get_content()

    second = week()
    assert (second.tasks["alert"], second.tasks["request_retraining"]) == ("success", "success")
    (request,) = rows(installation, REQUESTS)
    assert request["dag_run_id"] == f"drift__{request['report_id']}"
    assert len(inbox.subjects("Drift")) == 2
    started = dag_run("future_skills_retraining", request["dag_run_id"])
    assert started.conf["report_id"] == request["report_id"]

    third = week()
    assert (third.tasks["alert"], third.tasks["request_retraining"]) == ("success", "skipped")
    assert len(rows(installation, REQUESTS)) == 1, "the cooldown holds"
    assert fetch_value(installation, "SELECT count(*) FROM future_skills_ops.outbox WHERE sent_at IS NULL") == 0
    installation.rollback()

    refreshed = run_dag("retraining", dict(started.conf))
    assert refreshed.state == "success"
    newest = rows(installation, "SELECT mode FROM future_skills_ops.evaluation ORDER BY evaluation_id DESC LIMIT 1")
    assert newest == [{"mode": "refresh"}]


def test_a_shift_that_the_audit_stops_is_mailed_and_published_once_it_is_allowed(run_dag, installation, inbox, monkeypatch):
    for dag_id in ("retraining", "promotion", "deployment", "prediction", "drift"):
        assert run_dag(dag_id).state == "success"
    monkeypatch.setenv("TRAINING_CADENCE", "on_drift")
    monkeypatch.setenv("PREDICTION__LARGEST_LEVEL_SHIFT", "0.02")
    shift_the_company(installation)
    assert run_dag("retraining").state == "success"
    stopped = run_dag("prediction")
    assert (stopped.state, stopped.tasks["audit"]) == ("failed", "failed")
    (subject,) = inbox.subjects("Data alarm")
    assert "held back, share of" in subject
    mail = next(mail for mail in inbox.mails if mail["Subject"] == subject)
    assert mail["To"] == "scientist@example.com"
    assert "PREDICTION__LARGEST_LEVEL_SHIFT" in mail.get_body(("plain",)).get_content()
    monkeypatch.setenv("PREDICTION__LARGEST_LEVEL_SHIFT", "1")
    assert run_dag("prediction").state == "success"


def dag_run(dag_id, run_id):
    """The run another DAG has started."""
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()


def test_a_broken_export_is_a_data_alarm_and_asks_for_nothing(run_dag, installation, inbox, monkeypatch):
    for dag_id in ("retraining", "promotion", "deployment", "prediction", "drift"):
        assert run_dag(dag_id).state == "success"
    monkeypatch.setenv("TRAINING_CADENCE", "on_drift")
    execute(installation, "UPDATE future_skills_markettrend SET trend_score = 0.5")
    installation.commit()
    for _ in range(2):
        for dag_id in ("retraining", "prediction", "drift"):
            assert run_dag(dag_id).state == "success"
    broken = rows(installation, REPORTS)[1:]
    assert [(report["drifted"], report["unknown"]) for report in broken] == [(False, True)] * 2
    assert broken[0]["columns"]["trend_score"]["problem"] == "constant"
    assert rows(installation, REQUESTS) == []
    assert (len(inbox.subjects("Data alarm")), inbox.subjects("Drift")) == (2, [])
