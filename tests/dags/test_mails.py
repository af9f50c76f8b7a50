"""Mails out of real runs: the mail server refuses, is slow or dies, the tasks succeed, and every mail arrives once, later."""

import json

import pytest

from future_skills.database import execute, fetch_rows
from future_skills.domain import SIGNATURE
from orchestration.hr_connections import hr_connection_json
from support.mailbox import DyingAfterData, Inbox, Slow, free_port, serving
from support.outbox import later
from support.snapshots import exported


def waiting(hr):
    with hr:
        return fetch_rows(hr, "SELECT cause, recipient, message_id FROM future_skills_ops.outbox WHERE sent_at IS NULL")


@pytest.fixture
def failing_export(installation):
    """A company without skills: its export fails, and DevOps is mailed."""
    execute(installation, "TRUNCATE future_skills_employee, future_skills_employee_skills, future_skills_skill CASCADE")
    installation.commit()


def test_every_mail_of_a_first_week_arrives_once_the_server_is_back(run_dag, installation, monkeypatch):
    monkeypatch.setenv("APPROVAL", "auto")
    monkeypatch.setenv("DEPLOY", "manual")
    monkeypatch.setenv("MAIL__PORT", str(free_port()))
    for dag_id in ("retraining", "promotion", "deployment", "prediction"):
        ran = run_dag(dag_id)
        assert ran.state == "success", ran.tasks
    expected = {("deployment_wanted", "devops@example.com"), ("deployment", "devops@example.com"), ("digest", "drh@example.com")}
    assert {(row["cause"], row["recipient"]) for row in waiting(installation)} == expected
    known = {row["message_id"] for row in waiting(installation)}

    monkeypatch.setenv("MAIL__TIMEOUT", "0.5")
    arrived = set()
    for handler in (Slow(seconds=2, times=1), DyingAfterData(times=1), Inbox()):
        with serving(handler) as box:
            monkeypatch.setenv("MAIL__PORT", str(box.port))
            later(installation)
            watched = run_dag("watch")
            assert watched.state == "success", watched.tasks
        arrived |= {str(message["Message-ID"]) for _, message in handler.mails}
    assert waiting(installation) == []
    assert arrived == known

    digest = fetch_rows(installation, "SELECT subject, attempts FROM future_skills_ops.outbox WHERE cause = 'digest'")
    assert digest[0]["subject"] == "Future skills: where your company starts"


def test_what_no_address_takes_is_told_to_devops_and_shown(run_dag, installation, failing_export, monkeypatch):
    monkeypatch.setenv("MAIL__DEVOPS", json.dumps(["nobody@example.com", "devops@example.com"]))
    with serving(Inbox()) as box:
        monkeypatch.setenv("MAIL__PORT", str(box.port))
        assert run_dag("export").state == "failed"
    subjects = [str(message["Subject"]) for _, message in box.mails]
    assert subjects == ["Failed: future_skills_export.validate", "1 mail could not be delivered"]
    assert all(recipients == ["devops@example.com"] for recipients, _ in box.mails)
    assert "550 no such person" in box.mails[1][1].get_body(("plain",)).get_content()


@pytest.mark.parametrize("dag_id", ["export", "retraining"])
def test_decisions_that_became_echoes_are_told_to_whoever_can_stop_it(
    run_dag, installation, store, settings, monkeypatch, dag_id
):
    exported(installation, store, settings)
    execute(
        installation, "UPDATE future_skills_hrinvestmentrecommendation SET rationale = 'x' || %s WHERE id <= 700", (SIGNATURE,)
    )
    installation.commit()
    with serving(Inbox()) as box:
        monkeypatch.setenv("MAIL__PORT", str(box.port))
        assert run_dag(dag_id).tasks["validate"] == "failed"
    told = {recipients[0]: message for recipients, message in box.mails if "fell from 900 to 200" in str(message["Subject"])}
    assert set(told) == {"scientist@example.com", "drh@example.com", "devops@example.com"}
    assert "700 of them became echoes" in " ".join(told["drh@example.com"].get_body(("plain",)).get_content().split())
    (failure,) = [message for _, message in box.mails if str(message["Subject"]).startswith("Failed")]
    assert "700 of the 900 decisions" in failure.get_body(("plain",)).get_content()


def test_the_watch_that_fails_every_half_hour_is_mailed_once_a_day(run_dag, installation, monkeypatch):
    execute(installation, "ALTER TABLE future_skills_ops.prediction_change RENAME TO gone")
    installation.commit()
    with serving(Inbox()) as box:
        monkeypatch.setenv("MAIL__PORT", str(box.port))
        for _ in range(2):
            assert run_dag("watch").tasks["sweep"] == "failed"
    assert len(box.mails) == 1
    assert "not mailed today" in box.mails[0][1].get_body(("plain",)).get_content()


def test_a_database_that_is_down_is_mailed_once_a_day_whatever_fails(run_dag, installation, hr_dsn, monkeypatch):
    nowhere = hr_connection_json(f"host=127.0.0.1 port={free_port()} dbname=hr user=hr")
    monkeypatch.setenv("AIRFLOW_CONN_HR_DATABASE", nowhere)
    with serving(Inbox()) as box:
        monkeypatch.setenv("MAIL__PORT", str(box.port))
        for dag_id in ("export", "watch"):
            assert run_dag(dag_id).state == "failed"
    assert len(box.mails) == 1
    assert "cannot be reached" in box.mails[0][1].get_body(("plain",)).get_content()
