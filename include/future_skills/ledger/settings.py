"""Facts about the installation that outlive a process."""

import json
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.database import execute, fetch_value
from future_skills.domain import FutureSkillsError


class OtherCompanyError(FutureSkillsError):
    """The HR database holds another company."""


def read_setting(connection: Connection, key: str) -> Any:
    """The value of `key`, or None."""
    return fetch_value(connection, "SELECT value FROM future_skills_ops.setting WHERE key = %s", (key,))


def write_setting(connection: Connection, key: str, value: Any, actor: str | None = None) -> None:
    """Set `key`, in the caller's transaction."""
    execute(
        connection,
        "INSERT INTO future_skills_ops.setting (key, value, updated_by) VALUES (%s, %s, %s) ON CONFLICT (key) DO UPDATE"
        " SET value = EXCLUDED.value, updated_by = EXCLUDED.updated_by, updated_at = now()",
        (key, json.dumps(value), actor),
    )


def claim_company(connection: Connection, company: str) -> None:
    """Make this database `company`'s, in the caller's transaction. Raises OtherCompanyError when it is another's."""
    owner = read_setting(connection, "company")
    if owner not in {None, company}:
        raise OtherCompanyError(
            f"This state belongs to the company {owner!r}; {company!r} is not loaded into it: "
            "use another state folder, or `make reset`."
        )
    if owner is None:
        write_setting(connection, "company", company)
