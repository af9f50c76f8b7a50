"""An existing HR database as a company has it: an owner who is no superuser, and the two roles that owner let in."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.database import connect, execute, fetch_rows
from future_skills.hr.rights import DASHBOARD_ROLE, grants_sql
from support.company import load_demo
from support.prepared import SIZES

DBA, PIPELINE, DASHBOARD = "hr_owner", "future_skills_pipeline", DASHBOARD_ROLE
ROLES = (PIPELINE, DASHBOARD, DBA)


def role_dsn(dsn: str, role: str) -> str:
    """The same database through another role."""
    return str(make_dsn(**{**parse_dsn(dsn), "user": role}))


@contextmanager
def owned_company(hr_template: str, name: str) -> Iterator[str]:
    """The DSN of a database `name` with a company, whose owner has run what `make hr-grants` prints, twice."""
    dsn = str(make_dsn(**{**parse_dsn(hr_template), "dbname": name}))
    with closing(psycopg2.connect(hr_template)) as admin:
        admin.autocommit = True
        execute(admin, f"CREATE DATABASE {name} TEMPLATE hr_template")
        execute(admin, f"CREATE ROLE {DBA} LOGIN CREATEROLE")
        execute(admin, f"ALTER DATABASE {name} OWNER TO {DBA}")
        execute(admin, f"DROP ROLE IF EXISTS {DASHBOARD}")
        with closing(connect(dsn)) as connection:
            load_demo(connection, **SIZES)
            execute(connection, "DROP SCHEMA future_skills_ops CASCADE; ANALYZE")
            for row in fetch_rows(connection, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
                execute(connection, f"ALTER TABLE public.{row['tablename']} OWNER TO {DBA}")
            connection.commit()
        with closing(connect(role_dsn(dsn, DBA))) as connection:
            for _ in range(2):
                execute(connection, grants_sql(PIPELINE))
                connection.commit()
        yield dsn
        execute(admin, f"DROP DATABASE {name} WITH (FORCE)")
        for role in ROLES:
            execute(admin, f"DROP OWNED BY {role}")
            execute(admin, f"DROP ROLE {role}")
