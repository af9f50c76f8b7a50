"""Airflow's two connections to the HR database: their names, and how they are made of a DSN."""

import json
from typing import Final

from future_skills.domain import FutureSkillsError
from future_skills.dsn import read_dsn

HR_DATABASE: Final = "hr_database"
DASHBOARD_DATABASE: Final = "hr_database_dashboard"
"""The same database through a role that may only read."""


class SeveralServersError(FutureSkillsError):
    """A DSN that names more than one server."""


def _port(ports: str, setting: str) -> int:
    if "," in ports:
        raise SeveralServersError(f"{setting} names several servers: name the primary alone.")
    return int(ports or 5432)


def hr_connection_json(dsn: str, setting: str = "HR_DSN") -> str:
    """An Airflow connection to the HR database for the DSN of a setting, as its environment variable holds it.

    Raises DsnError and SeveralServersError.
    """
    fields = read_dsn(dsn, setting)
    known = {
        "host": fields.pop("host", None),
        "port": _port(fields.pop("port", "5432"), setting),
        "schema": fields.pop("dbname", None),
        "login": fields.pop("user", None),
        "password": fields.pop("password", None),
    }
    return json.dumps({"conn_type": "postgres", **{name: value for name, value in known.items() if value}, "extra": fields})
