"""The HR database of a trial: the HR application's tables, a generated company, and the two roles with their passwords."""

import os
import sys
from contextlib import closing

from psycopg2 import sql
from psycopg2.extensions import make_dsn

from future_skills.config import Settings
from future_skills.database import connect, execute
from future_skills.dsn import read_dsn
from future_skills.hr.demo import generate_company
from future_skills.hr.loader import load_company
from future_skills.hr.rights import grants_sql
from future_skills.hr.schema import create_hr_tables
from future_skills.secret_files import secret_from
from runtime.options import OptionsError, RunOptions, ended_in_words

OWNER, OWNER_PASSWORD = "hr", "HR_OWNER_PASSWORD"


def fill(owner_dsn: str, pipeline_dsn: str, dashboard_dsn: str) -> None:
    """Create what is missing, load the company, and let in the roles that both DSNs name. Again: nothing changes.

    Raises HRDatabaseDownError.
    """
    with closing(connect(owner_dsn)) as connection:
        create_hr_tables(connection)
        load_company(connection, generate_company())
        with connection:
            execute(connection, grants_sql(read_dsn(pipeline_dsn)["user"]))
            for fields in (read_dsn(pipeline_dsn), read_dsn(dashboard_dsn, "HR_DASHBOARD_DSN")):
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
                execute(connection, statement.format(sql.Identifier(fields["user"]), sql.Literal(fields["password"])))


def main() -> int:
    """Fill the database of HR_DSN, as its owner; an error is one sentence."""
    return ended_in_words(prepared)


def prepared() -> int:
    """Fill the database that the environment names. Raises OptionsError and what connecting and loading raise."""
    hr, dashboard = Settings().hr_dsn, RunOptions().hr_dashboard_dsn
    password = secret_from(os.environ, OWNER_PASSWORD)
    if not (hr and dashboard and password):
        raise OptionsError(f"HR_DSN, HR_DASHBOARD_DSN and {OWNER_PASSWORD} are needed: run `make secrets`.")
    dsn = hr.get_secret_value()
    owner = make_dsn(**{**read_dsn(dsn), "user": OWNER, "password": password})
    fill(str(owner), dsn, dashboard.get_secret_value())
    print("The generated company is in place.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
