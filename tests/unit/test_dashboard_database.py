"""The dashboard and its database: a role that reads what it needs and no more, and a sentence whenever something is wrong."""

from contextlib import closing, contextmanager
from unittest.mock import patch

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

import support.airflow_home  # noqa: F401 - before Airflow is imported
from future_skills.database import connect, execute, fetch_value
from future_skills.hr.rights import DASHBOARD_ROLE, dashboard_grants_sql, grants_sql
from future_skills.hr.schema import REQUIRED_COLUMNS
from future_skills.ledger.migrate import migrate_ledger
from support.company import load_demo

PAGES = ("/", "/model", "/registry", "/drift", "/predictions", "/predictions/role/1", "/runs", "/predictions/download")
EMPTY = {
    "/": "Nothing has run yet: start future_skills_retraining",
    "/model": "Nothing was trained yet.",
    "/registry": "Nothing was trained yet.",
    "/drift": "No drift report yet.",
    "/predictions": "No job roles or skills yet.",
    "/runs": "No chain has run yet.",
}


def as_dashboard(dsn):
    return make_dsn(**{**parse_dsn(dsn), "user": DASHBOARD_ROLE})


@pytest.fixture
def granted(hr, hr_dsn):
    """The DSN of the dashboard's role on a database with a small company."""
    load_demo(hr, roles=10, skills=20, decisions=100, employees=30)
    with hr:
        execute(hr, dashboard_grants_sql(parse_dsn(hr_dsn)["user"]))
    return as_dashboard(hr_dsn)


@pytest.fixture
def visit(settings):
    from support.dashboard import client

    @contextmanager
    def open_as(dsn, role="Admin"):
        with client(role, dsn, settings) as browser:
            yield browser

    return open_as


def refused(browser, path, sentence):
    answer = browser.get(path)
    assert answer.status_code == 503, (path, answer.text)
    assert sentence in answer.text, (path, answer.text)
    assert "Traceback" not in answer.text
    assert "psycopg2" not in answer.text


def test_the_role_of_the_dashboard_is_enough_for_every_page(granted, visit):
    with visit(granted) as browser:
        assert [path for path in PAGES if browser.get(path).status_code != 200] == []


def test_it_reads_no_employee_no_decision_and_writes_nothing(granted):
    secret = set(REQUIRED_COLUMNS) - {"future_skills_jobrole", "future_skills_skill", "future_skills_futureskillprediction"}
    with closing(connect(granted)) as connection:
        for table in secret:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                execute(connection, f"SELECT * FROM public.{table}")
            connection.rollback()
        execute(connection, "SET default_transaction_read_only = off")
        connection.commit()
        for statement in (
            "DELETE FROM future_skills_futureskillprediction",
            "UPDATE future_skills_ops.setting SET value = '1'",
            "INSERT INTO future_skills_ops.deployment (version, kind, digest, request_key) VALUES ('v', 'deploy', 'd', 'k')",
            "CREATE TABLE future_skills_ops.mine (id int)",
            "CREATE TABLE public.mine (id int)",
        ):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                execute(connection, statement)
            connection.rollback()


def test_what_the_dba_grants_covers_tables_that_come_later(hr, hr_dsn):
    execute(hr, "DROP SCHEMA future_skills_ops CASCADE")
    execute(hr, grants_sql("pipeline_of_dashboard_test"))
    hr.commit()
    try:
        with closing(connect(make_dsn(**{**parse_dsn(hr_dsn), "user": "pipeline_of_dashboard_test"}))) as pipeline:
            migrate_ledger(pipeline)
        with closing(connect(as_dashboard(hr_dsn))) as dashboard:
            assert fetch_value(dashboard, "SELECT count(*) FROM future_skills_ops.chain") == 0
    finally:
        hr.rollback()
        execute(hr, "DROP OWNED BY pipeline_of_dashboard_test CASCADE")
        execute(hr, "DROP ROLE pipeline_of_dashboard_test")
        hr.commit()


def test_transactions_of_the_dashboard_only_read_even_as_another_role(hr_dsn):
    from dashboard.database import open_ledger

    with closing(open_ledger(hr_dsn)) as connection, pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        execute(connection, "DELETE FROM future_skills_ops.setting")


def test_an_empty_ledger_says_how_to_begin(hr_dsn, visit):
    with visit(hr_dsn) as browser:
        for path, sentence in EMPTY.items():
            answer = browser.get(path)
            assert answer.status_code == 200, path
            assert sentence in answer.text, path


@pytest.mark.parametrize("path", PAGES)
def test_a_database_that_is_down_is_a_sentence(visit, path):
    with visit("host=/nowhere dbname=hr user=secret_name password=secret_word") as browser:
        refused(browser, path, "The HR database cannot be reached")
        assert "secret" not in browser.get(path).text


def test_a_missing_connection_says_how_to_make_it(visit, hr_dsn, settings):
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.testclient import TestClient

    from dashboard import access
    from dashboard.airflow_runs import airflow_runs
    from support.dashboard import AuthManager, StillAirflow, User, create_app

    app = create_app()
    app.dependency_overrides |= {get_user: lambda: User("Admin"), airflow_runs: StillAirflow}
    with patch.object(access, "get_auth_manager", AuthManager):
        refused(TestClient(app), "/", "Airflow has no connection hr_database_dashboard")


def test_an_older_or_absent_ledger_says_to_migrate(hr, hr_dsn, visit):
    with visit(hr_dsn) as browser:
        execute(hr, "UPDATE future_skills_ops.alembic_version SET version_num = '0001'")
        hr.commit()
        refused(browser, "/", "run `make migrate`")
        execute(hr, "DROP SCHEMA future_skills_ops CASCADE")
        hr.commit()
        refused(browser, "/runs", "run `make migrate`")


def test_a_role_without_its_rights_says_what_to_run(granted, hr, visit):
    execute(hr, f"REVOKE SELECT ON public.future_skills_futureskillprediction FROM {DASHBOARD_ROLE}")
    execute(hr, f"REVOKE USAGE ON SCHEMA future_skills_ops FROM {DASHBOARD_ROLE}")
    hr.commit()
    with visit(granted) as browser:
        refused(browser, "/", "make hr-grants")
    execute(hr, f"GRANT USAGE ON SCHEMA future_skills_ops TO {DASHBOARD_ROLE}")
    hr.commit()
    with visit(granted) as browser:
        refused(browser, "/predictions/role/1", "make hr-grants")
        refused(browser, "/predictions/download", "make hr-grants")
        assert browser.get("/registry").status_code == 200


def test_a_database_that_takes_too_long_is_not_waited_for(granted, hr, visit, monkeypatch):
    from dashboard import database

    monkeypatch.setattr(database, "STATEMENT_SECONDS", 1)
    execute(hr, "LOCK TABLE future_skills_ops.outbox IN ACCESS EXCLUSIVE MODE")
    with visit(granted) as browser:
        refused(browser, "/", "took too long")
    hr.rollback()


def test_what_nobody_foresaw_is_a_number_in_the_log(granted, visit, monkeypatch, caplog):
    from dashboard.pages import registry

    def broken(*_):
        raise ZeroDivisionError("the secret of the programmer")

    monkeypatch.setattr(registry, "champion", broken)
    with visit(granted) as browser:
        answer = browser.get("/registry")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    reference = answer.text.split("says why, under ")[1].split(".")[0]
    assert f"dashboard error {reference}" in caplog.text
    assert "the secret of the programmer" in caplog.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_no_connection_is_left_behind(granted, hr, visit):
    with visit(granted) as browser:
        for path in (*PAGES, "/predictions/role/9999", "/model?version=v9"):
            browser.get(path)
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()"
    for _ in range(50):
        hr.rollback()
        if fetch_value(hr, query, (DASHBOARD_ROLE,)) == 0:
            return
        execute(hr, "SELECT pg_sleep(0.1)")
    raise AssertionError("connections stay open")


def test_only_the_plugin_imports_the_dashboard_and_it_knows_no_runtime():
    import ast
    from pathlib import Path

    root = Path(__file__).parents[2]

    def imported(path):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ""

    for path in (root / "include" / "dashboard").rglob("*.py"):
        assert not [name for name in imported(path) if name.split(".")[0] in {"runtime", "dags", "plugins"}], path
    for part in ("future_skills", "orchestration", "runtime"):
        for path in (root / "include" / part).rglob("*.py"):
            assert not [name for name in imported(path) if name.split(".")[0] == "dashboard"], path
    plugin = list(imported(root / "plugins" / "future_skills_dashboard.py"))
    assert not [name for name in plugin if name.split(".")[0] in {"dashboard", "future_skills", "orchestration", "fastapi"}]
