"""Airflow's two connections to the HR database: their names, and how they are made of a DSN."""

import json
from typing import Final

from psycopg2.extensions import parse_dsn

from future_skills.domain import FutureSkillsError

HR_DATABASE: Final = "hr_database"
DASHBOARD_DATABASE: Final = "hr_database_dashboard"
"""The same database through a role that may only read."""


class SeveralServersError(FutureSkillsError):
    """A DSN that names more than one server."""


def _port(text: str) -> int:
    if not text.isdigit():
        raise SeveralServersError(f"HR_DSN names several servers (port {text}): name the primary alone.")
    return int(text)


def hr_connection_json(dsn: str) -> str:
    """An Airflow connection to the HR database for a DSN, as its environment variable holds it. Raises SeveralServersError."""
    fields = dict(parse_dsn(dsn))
    known = {
        "host": fields.pop("host", None),
        "port": _port(fields.pop("port", "5432")),
        "schema": fields.pop("dbname", None),
        "login": fields.pop("user", None),
        "password": fields.pop("password", None),
    }
    return json.dumps({"conn_type": "postgres", **{name: value for name, value in known.items() if value}, "extra": fields})
