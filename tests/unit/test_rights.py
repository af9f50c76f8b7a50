"""An existing HR database: what its DBA grants is enough, and no more than is needed."""

import itertools

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.database import connect, execute
from future_skills.hr.rights import WRITE_RIGHTS, check_database, grants_sql
from future_skills.hr.schema import REQUIRED_COLUMNS
from future_skills.ledger.migrate import migrate_ledger

_numbers = itertools.count(1)


@pytest.fixture
def role(hr):
    """A role of its own on the server; removed with what it owns."""
    execute(hr, "DROP SCHEMA future_skills_ops CASCADE")
    hr.commit()
    name = f'pipe"line {next(_numbers)}'
    yield name
    hr.rollback()
    quoted = '"' + name.replace('"', '""') + '"'
    execute(hr, f"DROP OWNED BY {quoted} CASCADE")
    execute(hr, f"DROP ROLE {quoted}")
    hr.commit()


def as_role(dsn, role):
    return connect(make_dsn(**{**parse_dsn(dsn), "user": role}))


def granted(hr, role):
    execute(hr, grants_sql(role))
    hr.commit()


def test_what_the_dba_grants_is_enough(hr, hr_dsn, role):
    granted(hr, role)
    connection = as_role(hr_dsn, role)
    assert [finding for finding in check_database(connection) if not finding.passed] == []
    migrate_ledger(connection)
    connection.close()


def test_nobody_is_named_and_no_source_can_be_written(hr, hr_dsn, role):
    granted(hr, role)
    connection = as_role(hr_dsn, role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        execute(connection, "SELECT name, email FROM future_skills_employee")
    for table in set(REQUIRED_COLUMNS) - set(WRITE_RIGHTS):
        connection.rollback()
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(connection, f"DELETE FROM public.{table}")
    connection.close()


def test_what_is_missing_is_named_with_what_to_do(hr, hr_dsn, role):
    granted(hr, role)
    quoted = '"' + role.replace('"', '""') + '"'
    execute(hr, f"REVOKE DELETE ON future_skills_futureskillprediction FROM {quoted}")
    execute(hr, f"REVOKE SELECT (trend_score) ON future_skills_markettrend FROM {quoted}")
    execute(hr, f"REVOKE CREATE ON SCHEMA future_skills_ops FROM {quoted}")
    hr.commit()
    connection = as_role(hr_dsn, role)
    failed = {finding.subject: finding.advice for finding in check_database(connection) if not finding.passed}
    assert set(failed) == {
        "tables and columns of the HR application",
        "rights on future_skills_futureskillprediction",
        "the schema future_skills_ops, ours to fill",
    }
    assert "future_skills_markettrend.trend_score" in failed["tables and columns of the HR application"]
    assert "no DELETE" in failed["rights on future_skills_futureskillprediction"]
    connection.close()


def test_a_role_that_may_do_more_than_it_needs_is_told(hr):
    (told,) = [finding for finding in check_database(hr) if not finding.passed]
    assert told.advisory
    assert "is a superuser, reads the names and addresses of employees, writes tables that HR alone writes" in told.advice
