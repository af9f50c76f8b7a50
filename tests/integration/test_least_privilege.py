"""An existing HR database through the roles its DBA makes: the whole chain works, and everything else is refused."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege

import support.airflow_home  # noqa: F401 - before Airflow is imported
from future_skills.alerts.lateness import find_late
from future_skills.alerts.messages import weekly_digest
from future_skills.alerts.outbox import enqueue, send_outbox
from future_skills.alerts.retention import sweep
from future_skills.config import MailSettings
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.drift.decisions import realise_decisions
from future_skills.drift.policy import request_retraining
from future_skills.hr.rights import check_database
from future_skills.ledger.migrate import migrate_ledger, require_ledger
from future_skills.prediction.staging import sweep_stages
from future_skills.registry.approvals import expire_requests
from future_skills.registry.experiments import ExperimentOrder, run_experiment
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys
from support.pipeline import Chain, run_chain
from support.prepared import SIZES, quick_settings
from support.roles import DASHBOARD, DBA, PIPELINE, owned_company, role_dsn

READ = {
    "accounts_user": set(),
    "future_skills_jobrole": {"id", "name", "department"},
    "future_skills_skill": {"id", "name", "category"},
    "future_skills_markettrend": {"id", "year", "sector", "trend_score"},
    "future_skills_economicreport": {"id", "year", "indicator", "value", "sector"},
    "future_skills_employee": {"id", "job_role_id", "current_skills"},
    "future_skills_employee_skills": {"employee_id", "skill_id"},
    "future_skills_hrinvestmentrecommendation": {
        *("id", "job_role_id", "skill_id", "horizon_years", "priority_level", "rationale", "created_at")
    },
}
"""What the pipeline reads of the tables it never writes."""
WRITTEN = {
    "future_skills_futureskillprediction": {"INSERT", "UPDATE", "DELETE"},
    "future_skills_predictionrun": {"INSERT"},
    "future_skills_trainingrun": {"INSERT"},
}
SHOWN = {
    "future_skills_jobrole": {"id", "name", "department"},
    "future_skills_skill": {"id", "name", "category"},
    "future_skills_futureskillprediction": {
        *("id", "horizon_years", "score", "level", "rationale", "created_at", "job_role_id", "skill_id", "explanation")
    },
}
"""What the dashboard reads of the HR application's tables."""
FORBIDDEN = (
    "CREATE TABLE public.mine (id int)",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "ALTER DATABASE hr_least_privilege SET timezone = 'UTC'",
    "CREATE ROLE mine",
    f"SET ROLE {DBA}",
    f"ALTER ROLE {DBA} PASSWORD 'mine'",
    "SET session_replication_role = replica",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('/etc/hostname')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SELECT lo_import('/etc/hostname')",
    "DROP SCHEMA future_skills_ops CASCADE",
)


@pytest.fixture(scope="module")
def company(hr_template):
    """The DSN of a company's database, whose owner is no superuser."""
    with owned_company(hr_template, "hr_least_privilege") as dsn:
        yield dsn


@pytest.fixture(scope="module")
def chain(company, tmp_path_factory) -> Chain:
    """Two weeks of the pipeline, all of them as its role."""
    settings = quick_settings(tmp_path_factory.mktemp("store"))
    store, keys = Store.open(settings.store_uri), SigningKeys.of(settings)
    with closing(connect(role_dsn(company, PIPELINE))) as connection:
        assert [finding.subject for finding in check_database(connection) if not finding.passed] == []
        migrate_ledger(connection)
        require_ledger(connection)
        run_chain(connection, store, keys, settings)
        with closing(connect(role_dsn(company, DBA))) as dba:
            execute(dba, "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = 'HIGH', created_at = '2026-11-23'")
            execute(
                dba, "CREATE VIEW future_skills_ops.vacancies AS SELECT id AS job_role_id, 3 AS value FROM future_skills_jobrole"
            )
            dba.commit()
        made = run_chain(connection, store, keys, settings)
        run_experiment(connection, store, settings, ExperimentOrder("run", ("ridge",), ("target",), requested_by="ada"))
        realise_decisions(connection, store, keys, settings, made.dataset.dataset_id)
        request_retraining(connection, settings, made.report.report_id)
        addressed = settings.model_copy(update={"mail": MailSettings(port=1, timeout=1, drh_managers=["drh@example.com"])})
        mails = weekly_digest(addressed, connection, made.batch)
        with connection:
            assert enqueue(connection, mails) == 1
        assert send_outbox(connection, addressed.mail).failed == 1
        now = datetime.now(UTC)
        find_late(connection, settings, now)
        expire_requests(connection)
        sweep_stages(connection)
        sweep(connection, store, now, timedelta(hours=1))
    return made


@pytest.fixture
def pipeline(company, chain):
    with closing(connect(role_dsn(company, PIPELINE))) as connection:
        yield connection


@pytest.fixture
def dashboard(company, chain):
    """The dashboard's role, which has taken off the mark of its own transactions that they only read."""
    with closing(connect(role_dsn(company, DASHBOARD))) as connection:
        execute(connection, "SET default_transaction_read_only = off")
        connection.commit()
        yield connection


def columns(connection, schema: str) -> dict[str, set[str]]:
    """Every table of a schema with its columns, whatever may be seen of them."""
    rows = fetch_rows(
        connection,
        "SELECT relname, array_agg(attname::text) AS columns FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped GROUP BY relname",
        (schema,),
    )
    connection.rollback()
    return {row["relname"]: set(row["columns"]) for row in rows}


def allowed(connection, statement: str) -> bool:
    """Does the server let this role try it? Nothing stays of what it does."""
    try:
        execute(connection, statement)
    except InsufficientPrivilege:
        return False
    except psycopg2.errors.IntegrityError:
        return True  # refused for what it says, not for who says it
    finally:
        connection.rollback()
    return True


def rights(connection, schema: str) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """What a role really reads, column by column, and really writes, table by table, of all tables of a schema."""
    read, written = {}, {}
    for table, names in columns(connection, schema).items():
        name = f"{schema}.{table}"
        read[table] = {column for column in names if allowed(connection, f'SELECT "{column}" FROM {name} LIMIT 0')}
        column = min(names)
        tries = {
            "INSERT": f"INSERT INTO {name} DEFAULT VALUES",
            "UPDATE": f'UPDATE {name} SET "{column}" = NULL WHERE false',
            "DELETE": f"DELETE FROM {name} WHERE false",
            "TRUNCATE": f"TRUNCATE {name} CASCADE",
            "ALTER": f"ALTER TABLE {name} ADD COLUMN mine int",
            "DROP": f"DROP TABLE {name} CASCADE",
            "TRIGGER": f"CREATE TRIGGER mine BEFORE INSERT ON {name} EXECUTE FUNCTION future_skills_ops.refuse_change()",
            "LOCK": f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE",
        }
        written[table] = {right for right, statement in tries.items() if allowed(connection, statement)}
    return read, written


def test_the_whole_pipeline_works_as_its_role(chain, pipeline):
    assert chain.batch.state == "published"
    assert fetch_value(pipeline, "SELECT count(*) FROM future_skills_ops.prediction_batch WHERE state = 'published'") == 2
    assert chain.dataset.manifest["source_rows"]["vacancies"] == SIZES["roles"], "a view that the DBA added later"


def test_of_the_hr_tables_it_reads_and_writes_exactly_what_it_needs(pipeline):
    read, written = rights(pipeline, "public")
    assert {table: names for table, names in read.items() if table not in WRITTEN} == READ
    assert {table: names - {"LOCK"} for table, names in written.items() if names} == WRITTEN


@pytest.mark.parametrize("table", READ)
def test_no_source_table_can_be_held_against_the_application(pipeline, table):
    assert not allowed(pipeline, f"LOCK TABLE public.{table} IN ROW EXCLUSIVE MODE")
    assert not allowed(pipeline, f"CREATE TABLE future_skills_ops.mine (id bigint REFERENCES public.{table})")


def test_nobodys_name_or_address_can_be_guessed_from_statistics(pipeline, dashboard):
    query = "SELECT count(*) FROM pg_stats WHERE tablename = 'future_skills_employee' AND attname IN ('name', 'email')"
    assert [fetch_value(connection, query) for connection in (pipeline, dashboard)] == [0, 0]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_both_roles_are_kept_to_their_place(pipeline, dashboard, statement):
    assert not allowed(pipeline, statement)
    assert not allowed(dashboard, statement)


@pytest.mark.parametrize("table", ["approval", "deployment", "refusal"])
@pytest.mark.parametrize("change", ["UPDATE {} SET at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_record_is_only_appended_to(pipeline, table, change):
    execute(
        pipeline,
        "INSERT INTO future_skills_ops.refusal (action, subject, reason) VALUES ('deploy', 'v9', 'not approved')",
    )
    with pytest.raises(psycopg2.errors.RaiseException, match="append-only"):
        execute(pipeline, change.format(f"future_skills_ops.{table}"))
    pipeline.rollback()


def test_the_dashboard_reads_the_ledger_and_predictions_and_writes_nothing(dashboard):
    read, written = rights(dashboard, "public")
    assert {table: names for table, names in read.items() if names} == SHOWN
    assert not any(written.values())
    read, written = rights(dashboard, "future_skills_ops")
    assert read == columns(dashboard, "future_skills_ops")
    assert not any(written.values())
    assert not allowed(dashboard, "CREATE TABLE future_skills_ops.mine (id int)")


def test_the_dba_is_left_without_the_pipelines_rights(company, chain):
    with closing(connect(role_dsn(company, DBA))) as connection:
        assert not allowed(connection, "SELECT * FROM future_skills_ops.deployment")
