"""The rights the pipeline needs on an existing HR database: printed for its DBA, and verified."""

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_rows, fetch_value
from future_skills.domain import LEDGER_SCHEMA
from future_skills.hr.schema import REQUIRED_COLUMNS, missing_from_hr

OLDEST_SERVER = 130_000
"""PostgreSQL 13, as server_version_num."""
WRITE_RIGHTS: dict[str, tuple[str, ...]] = {
    "future_skills_futureskillprediction": ("INSERT", "UPDATE", "DELETE"),
    "future_skills_predictionrun": ("INSERT",),
    "future_skills_trainingrun": ("INSERT",),
}
"""What is written in `public`; all else there is read, and of employees no name and no address."""

DASHBOARD_ROLE = "future_skills_dashboard"
"""Reads for the dashboard, and nothing else."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as needed, and what to do when it is not; `advisory`: the pipeline works all the same."""

    subject: str
    passed: bool
    advice: str = ""
    advisory: bool = False


def grants_sql(role: str) -> str:
    """The script a DBA runs once: the role, its own schema, rights column by column, and the dashboard's role."""
    reads = [
        f"GRANT SELECT ({', '.join(sorted(columns))}) ON public.{table} TO {_quoted(role)};"
        for table, columns in REQUIRED_COLUMNS.items()
        if table not in WRITE_RIGHTS
    ]
    writes = [
        f"GRANT SELECT, {', '.join(rights)} ON public.{table} TO {_quoted(role)};" for table, rights in WRITE_RIGHTS.items()
    ]
    return read_sql("grants").format(
        role=_quoted(role),
        name="'" + role.replace("'", "''") + "'",
        schema=LEDGER_SCHEMA,
        reads="\n".join(reads),
        writes="\n".join(writes),
        dashboard=dashboard_grants_sql(role),
    )


def dashboard_grants_sql(role: str) -> str:
    """The statements that let DASHBOARD_ROLE read what `role` writes; running them again changes nothing."""
    return read_sql("dashboard/grants").format(role=_quoted(role), schema=LEDGER_SCHEMA)


def _quoted(identifier: str) -> str:
    """An SQL identifier; there is no connection here that could quote it."""
    return '"' + identifier.replace('"', '""') + '"'


def check_database(connection: Connection) -> list[Finding]:
    """Look at server, tables, rights and ledger schema of an existing HR database; nothing is changed."""
    version = fetch_value(connection, "SELECT current_setting('server_version_num')::int")
    findings = [
        Finding("PostgreSQL 13 or newer", version >= OLDEST_SERVER, "upgrade the server"),
        Finding(
            "the server takes writes", not fetch_value(connection, "SELECT pg_is_in_recovery()"), "name the primary in HR_DSN"
        ),
    ]
    missing = missing_from_hr(connection)
    advice = f"missing, or not readable: {', '.join(missing)}; migrate the HR application, run what `make hr-grants` prints"
    findings.append(Finding("tables and columns of the HR application", not missing, advice))
    for table, rights in WRITE_RIGHTS.items():
        lacking = _lacking(connection, table, rights)
        findings.append(Finding(f"rights on {table}", not lacking, f"no {', '.join(lacking)}: run what `make hr-grants` prints"))
    owned = fetch_value(
        connection, "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s", (LEDGER_SCHEMA,)
    )
    findings.append(Finding(f"the schema {LEDGER_SCHEMA}, ours to fill", bool(owned), "run what `make hr-grants` prints"))
    excess = _excess(connection)
    advice = f"this role {', '.join(excess)}: let HR_DSN name the role that `make hr-grants` makes, and no other"
    return [*findings, Finding("no right beyond these", not excess, advice, advisory=True)]


def _excess(connection: Connection) -> list[str]:
    """What the role may do and the pipeline never does."""
    row = fetch_row(
        connection, read_sql("excess_rights"), {"sources": [table for table in REQUIRED_COLUMNS if table not in WRITE_RIGHTS]}
    )
    return [words for words, held in (row or {}).items() if held]


def _lacking(connection: Connection, table: str, rights: tuple[str, ...]) -> list[str]:
    rows = fetch_rows(
        connection,
        "SELECT wanted, coalesce(has_table_privilege(to_regclass(%s), wanted), false) AS held FROM unnest(%s) AS wanted",
        (f"public.{table}", list(rights)),
    )
    return [row["wanted"] for row in rows if not row["held"]]
