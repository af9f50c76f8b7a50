"""What a run leaves behind names no employee and holds no secret: logs, XCom, ledger, store, mails, pages."""

import gzip
import json
import logging
import os
import zlib
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn

from dashboard.database import settings as dashboard_settings
from future_skills.database import connect, execute, fetch_rows
from runtime.environment import hr_connection_json
from support.mailbox import Inbox, serving

NAME, ADDRESS = "Quillfeather", "private-mailbox"
SECRETS = {
    "the signing key": "sentinel-signing-key-0123456789abcdef",
    "the password of the HR database": "sentinel-database-word",
    "the password of the mail server": "sentinel-mail-word",
}
PAGES = ("/", "/model", "/registry", "/drift", "/predictions", "/predictions/role/1", "/predictions?level=HIGH", "/runs")
WRITTEN = ("future_skills_futureskillprediction", "future_skills_predictionrun", "future_skills_trainingrun")

pytestmark = pytest.mark.slow


@pytest.fixture
def watched(installation, hr_dsn, monkeypatch, caplog):
    """The installation with recognisable employees and secrets, some of the employees' rows odd, and everything logged."""
    caplog.set_level(logging.DEBUG)
    execute(
        installation,
        f"UPDATE future_skills_employee SET name = '{NAME} ' || id, email = '{ADDRESS}-' || id || '@example.org'",
    )
    execute(installation, """UPDATE future_skills_employee SET current_skills = '{"no": "list"}' WHERE id % 50 = 0""")
    execute(installation, "UPDATE future_skills_employee SET department = '' WHERE id % 60 = 0")
    execute(
        installation,
        "INSERT INTO future_skills_markettrend (title, source_name, year, sector, trend_score, created_at)"
        " VALUES ('t', 's', 2026, 'IT', 'NaN', now())",
    )
    installation.commit()
    signing, database, mail = SECRETS.values()
    monkeypatch.setenv("AIRFLOW_CONN_HR_DATABASE", hr_connection_json(make_dsn(hr_dsn, password=database)))
    monkeypatch.setenv("SIGNING_KEYS", json.dumps({"k1": signing}))
    monkeypatch.setenv("MAIL__USER", "mailer")
    monkeypatch.setenv("MAIL__PASSWORD", mail)
    return installation


def contents(folder: Path):
    """Every file below a folder with its bytes, unpacked where they are packed."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".pkl":
            content = zlib.decompress(content)
        yield str(path), content


def rows(hr):
    """Every row that the pipeline wrote, as text, by table."""
    tables = fetch_rows(
        hr, "SELECT relname FROM pg_class WHERE relnamespace = 'future_skills_ops'::regnamespace AND relkind = 'r'"
    )
    for table in (*WRITTEN, *(f"future_skills_ops.{row['relname']}" for row in tables)):
        yield table, "\n".join(row["row"] for row in fetch_rows(hr, f"SELECT t::text AS row FROM {table} t")).encode()


def pages(dsn):
    from support.dashboard import client

    for role in ("DRHManager", "DataScientist", "DevOps", "Developer"):
        with client(role, dsn, dashboard_settings()) as browser:
            for path in (*PAGES, "/predictions/download"):
                answer = browser.get(path)
                assert answer.status_code in {200, 403}, (role, path, answer.text)
                yield f"{role} {path}", answer.content


def test_a_run_names_no_employee_and_holds_no_secret(run_dag, watched, hr_dsn, monkeypatch, caplog, capfd, settings):
    ran = [run_dag(dag_id) for dag_id in ("retraining", "promotion", "deployment", "prediction", "drift", "experiment")]
    assert [run.state for run in ran] == ["success"] * 6
    monkeypatch.setenv("DATASET__MINIMUM_ROLES", "1000")
    with serving(Inbox()) as box:  # asks for no login: a client that has a password says that, and keeps the word to itself
        monkeypatch.setenv("MAIL__PORT", str(box.port))
        failed = [run_dag("export"), run_dag("export", {"as_of": "2026-01-01"})]
        nowhere = make_dsn("host=127.0.0.1 port=1 dbname=hr user=hr", password=SECRETS["the password of the HR database"])
        monkeypatch.setenv("AIRFLOW_CONN_HR_DATABASE", hr_connection_json(nowhere))
        failed.append(run_dag("watch"))
    assert [run.state for run in failed] == ["failed"] * 3

    printed = capfd.readouterr()
    found = {"log": caplog.text.encode(), "stdout": printed.out.encode(), "stderr": printed.err.encode()}
    found |= dict(contents(Path(settings.store_uri)))
    found |= dict(contents(Path(os.environ["AIRFLOW_HOME"])))  # task logs, and the metadata database with its XCom
    with connect(hr_dsn) as connection:
        found |= dict(rows(connection))
    found |= dict(pages(hr_dsn))
    assert sum(map(len, found.values())) > 1_000_000
    assert len(caplog.text) > 10_000
    for place, text in (
        ("quarantine.csv", "not a finite number"),
        ("airflow.db", "chain_id"),
        ("future_skills_ops.outbox", "devops@"),
    ):
        assert any(where.endswith(place) and text.encode() in content for where, content in found.items()), place

    forbidden = {"an employee's name": NAME, "an employee's address": ADDRESS, **SECRETS}
    leaks = [(where, what) for where, content in found.items() for what, text in forbidden.items() if text.encode() in content]
    assert leaks == []
