"""What the one-shot services of an installation do: the demo's HR database, and the preparation before anything starts."""

import itertools
import signal
import smtplib
import subprocess
import sys
import time
from contextlib import closing

import pytest
from psycopg2 import sql
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.config import SQL_FOLDER
from future_skills.database import HRDatabaseDownError, connect, execute, fetch_value
from future_skills.hr.rights import check_database
from future_skills.hr.schema import HRTablesMissingError
from future_skills.ledger.migrate import newest_revision
from runtime.demo_database import fill
from runtime.prepare import migrate_when_ready
from support.mailbox import free_port

ROOT = SQL_FOLDER.parents[1]
_numbers = itertools.count(1)


@pytest.fixture
def empty_dsn(hr_dsn):
    """A database without tables, as its owner sees it."""
    with closing(connect(hr_dsn)) as connection, connection:
        execute(connection, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA future_skills_ops CASCADE")
    return hr_dsn


@pytest.fixture
def pipeline_dsn(empty_dsn):
    """The same database as the pipeline's role sees it, once that exists; removed with what it owns."""
    role = f"pipeline_{next(_numbers)}"
    yield make_dsn(**{**parse_dsn(empty_dsn), "user": role, "password": "it's secret"})
    with closing(connect(empty_dsn)) as connection, connection:
        for statement in ("DROP OWNED BY {} CASCADE", "DROP ROLE {}"):
            execute(connection, sql.SQL(statement).format(sql.Identifier(role)))


def test_a_demo_database_is_ready_for_the_pipeline_and_filling_it_again_changes_nothing(empty_dsn, pipeline_dsn):
    dashboard_dsn = make_dsn(**{**parse_dsn(empty_dsn), "user": "future_skills_dashboard", "password": "another"})
    with pytest.raises(HRTablesMissingError):
        migrate_when_ready(empty_dsn, patience_seconds=0)
    fill(empty_dsn, pipeline_dsn, dashboard_dsn)
    assert migrate_when_ready(pipeline_dsn, patience_seconds=0) == newest_revision()
    with closing(connect(pipeline_dsn)) as connection:
        assert all(finding.passed for finding in check_database(connection))
        decisions = fetch_value(connection, "SELECT count(id) FROM future_skills_hrinvestmentrecommendation")
    fill(empty_dsn, pipeline_dsn, dashboard_dsn)
    assert migrate_when_ready(pipeline_dsn, patience_seconds=0) == newest_revision()
    with closing(connect(pipeline_dsn)) as connection:
        assert fetch_value(connection, "SELECT count(id) FROM future_skills_hrinvestmentrecommendation") == decisions > 0


def test_a_database_that_does_not_answer_is_named_after_the_patience():
    with pytest.raises(HRDatabaseDownError, match="cannot be reached"):
        migrate_when_ready("host=127.0.0.1 port=9 dbname=hr user=hr", patience_seconds=0)


def test_every_missing_secret_is_named_at_once():
    done = subprocess.run(
        [sys.executable, "-m", "runtime.prepare"],
        env={"PYTHONPATH": str(ROOT / "include"), "SIGNING_KEYS": '{"k1": "0123456789abcdef0123456789abcdef"}'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Missing secrets: HR_DSN, HR_DASHBOARD_DSN, FUTURE_SKILLS_USERS.")


def test_the_mail_sink_keeps_mails_until_it_is_asked_to_stop(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "runtime.mail_sink", str(tmp_path / "mail"), str(port)]
    with subprocess.Popen(command, env={"PYTHONPATH": str(ROOT / "include")}) as sink:
        deadline = time.monotonic() + 60
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                    client.sendmail("a@example.com", ["b@example.com"], "Subject: kept\n\nHello")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        sink.send_signal(signal.SIGTERM)
        assert sink.wait(20) == 0
    (mail,) = (tmp_path / "mail").iterdir()
    assert b"Subject: kept" in mail.read_bytes()


def test_a_container_that_cannot_be_healthy_says_why():
    environment = {
        "PYTHONPATH": str(ROOT / "include"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": "echo postgresql+psycopg2://u@127.0.0.1:9/d",
    }
    command = [sys.executable, "-m", "runtime.health", "scheduler"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("scheduler: connection to server at")
