"""The ledger's backup and restore as docs/deployment-compose.md tells them, by a DBA who is no superuser."""

import os
import subprocess
from contextlib import closing

import pytest
from psycopg2.extensions import parse_dsn

from future_skills.config import SQL_FOLDER
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.hr.rights import grants_sql
from future_skills.ledger.migrate import LedgerMissingError, migrate_ledger, require_ledger
from runtime.postgres_server import programs
from support.roles import DASHBOARD, DBA, PIPELINE, owned_company, role_dsn

TOOLS = programs()
PAGE = (SQL_FOLDER.parents[1] / "docs" / "deployment-compose.md").read_text(encoding="utf-8")
DUMP = "pg_dump --format=custom --schema=future_skills_ops"
DROP = "DROP SCHEMA future_skills_ops CASCADE"
RESTORE = "pg_restore --schema=future_skills_ops --no-owner --no-acl --exit-on-error"
VIEW = "CREATE VIEW future_skills_ops.vacancies AS SELECT id AS job_role_id, 3 AS value FROM future_skills_jobrole"

pytestmark = pytest.mark.skipif(
    not (TOOLS / "pg_dump").exists() or not (TOOLS / "pg_restore").exists(), reason="the embedded PostgreSQL has no pg_dump"
)


@pytest.fixture
def company(hr_template):
    with owned_company(hr_template, "hr_restore") as dsn:
        yield dsn


def as_role(dsn: str, role: str, *statements: str) -> None:
    with closing(connect(role_dsn(dsn, role))) as connection:
        for statement in statements:
            execute(connection, statement)
        connection.commit()


def call(dsn: str, command: str, *arguments: str) -> None:
    """One of PostgreSQL's tools as the pipeline's role, which the environment names: nothing is on the command line."""
    given = parse_dsn(role_dsn(dsn, PIPELINE))
    variables = {f"PG{'DATABASE' if name == 'dbname' else name.upper()}": value for name, value in given.items()}
    tool, *options = command.split()
    done = subprocess.run(
        [TOOLS / tool, *options, *arguments], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def content(dsn: str) -> dict[str, tuple[str, list[dict]]]:
    """Each table and view of the ledger: whose it is, and its rows."""
    with closing(connect(dsn)) as connection:
        relations = fetch_rows(
            connection,
            "SELECT relname, pg_get_userbyid(relowner) AS owner FROM pg_class"
            " WHERE relnamespace = 'future_skills_ops'::regnamespace AND relkind IN ('r', 'v')",
        )
        return {
            row["relname"]: (row["owner"], fetch_rows(connection, f"SELECT * FROM future_skills_ops.{row['relname']} ORDER BY 1"))
            for row in relations
        }


def test_the_page_tells_these_commands():
    for command in (DUMP, DROP, RESTORE):
        assert command in PAGE


def test_the_ledger_comes_back_over_a_newer_one(company, tmp_path):
    with closing(connect(role_dsn(company, PIPELINE))) as connection:
        migrate_ledger(connection)
    refusal = "INSERT INTO future_skills_ops.refusal (action, subject, reason) VALUES ('deploy', 'v9', 'not approved')"
    as_role(company, DBA, VIEW)
    as_role(company, PIPELINE, refusal)
    before = content(company)
    dump = tmp_path / "ledger.dump"
    call(company, DUMP, f"--file={dump}")
    as_role(
        company,
        PIPELINE,
        refusal,
        "CREATE TABLE future_skills_ops.of_a_newer_release (version varchar REFERENCES future_skills_ops.model_version)",
        "UPDATE future_skills_ops.alembic_version SET version_num = '9999'",
    )
    with closing(connect(role_dsn(company, PIPELINE))) as connection, pytest.raises(LedgerMissingError):
        require_ledger(connection)

    as_role(company, DBA, DROP, grants_sql(PIPELINE))
    call(company, RESTORE, f"--dbname={parse_dsn(company)['dbname']}", str(dump))
    as_role(company, DBA, "DROP VIEW future_skills_ops.vacancies", VIEW)

    assert content(company) == before
    with closing(connect(role_dsn(company, PIPELINE))) as connection:
        require_ledger(connection)
        execute(connection, refusal)
        connection.commit()
    with closing(connect(role_dsn(company, DASHBOARD))) as connection:
        assert fetch_value(connection, "SELECT count(*) FROM future_skills_ops.refusal") == 2
