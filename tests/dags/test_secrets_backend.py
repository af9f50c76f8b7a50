"""An installation's connections come from files: Airflow's secrets backend reads them."""

import json
import os
import re
import subprocess
import sys
from importlib import import_module

from psycopg2.extensions import parse_dsn

from future_skills.config import SQL_FOLDER
from orchestration.hr_connections import DASHBOARD_DATABASE, HR_DATABASE

ROOT = SQL_FOLDER.parents[1]
BACKEND = re.search(r"AIRFLOW__SECRETS__BACKEND=(\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))[1]
ASKED = (
    "from dashboard.database import dashboard_dsn; from orchestration.connections import hr_dsn; "
    "print(hr_dsn()); print(dashboard_dsn())"
)
"""What a task and the dashboard do, in Airflow's own way."""


def test_both_connections_come_from_their_files_and_nothing_else_does(monkeypatch, tmp_path):
    for variable, user in {"HR_DSN": "pipeline", "HR_DASHBOARD_DSN": "dashboard"}.items():
        path = tmp_path / variable
        path.write_text(f"postgresql://{user}:p%40ss@db.example.com:5433/hr?sslmode=require\n", encoding="utf-8")
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(f"{variable}_FILE", str(path))
    module, name = BACKEND.rsplit(".", 1)
    backend = getattr(import_module(module), name)()
    connection = backend.get_connection(HR_DATABASE)
    assert (connection.conn_type, connection.host, connection.port) == ("postgres", "db.example.com", 5433)
    assert (connection.login, connection.password, connection.extra_dejson) == ("pipeline", "p@ss", {"sslmode": "require"})
    assert json.loads(backend.get_conn_value(DASHBOARD_DATABASE))["login"] == "dashboard"
    monkeypatch.delenv("HR_DASHBOARD_DSN_FILE")
    assert backend.get_connection(DASHBOARD_DATABASE) is None
    assert backend.get_connection("smtp_default") is None
    assert backend.get_variable("anything") is None


def asked(**variables: str) -> subprocess.CompletedProcess[str]:
    """An Airflow that is configured by nothing but the image and `variables`, asked for both connections."""
    left_out = ("HR_", "AIRFLOW_CONN_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    image = {"PYTHONPATH": str(ROOT / "include"), "AIRFLOW__SECRETS__BACKEND": BACKEND}
    return subprocess.run(
        [sys.executable, "-c", ASKED], env={**environment, **image, **variables}, capture_output=True, text=True, check=False
    )


def test_airflow_asks_it_for_both_connections(tmp_path, airflow_database):
    given = {}
    for variable, user in {"HR_DSN": "pipeline", "HR_DASHBOARD_DSN": "dashboard"}.items():
        path = tmp_path / variable
        path.write_text(f"postgresql://{user}:p%40ss@db.example.com:5433/hr?sslmode=require\n", encoding="utf-8")
        given[f"{variable}_FILE"] = str(path)
    done = asked(**given)
    assert done.returncode == 0, done.stderr
    found = [parse_dsn(line) for line in done.stdout.splitlines()[-2:]]
    expected = {"password": "p@ss", "host": "db.example.com", "port": "5433", "dbname": "hr", "sslmode": "require"}
    assert found == [{"user": "pipeline", **expected}, {"user": "dashboard", **expected}]


def test_without_a_dsn_airflow_knows_no_connection(airflow_database):
    done = asked()
    assert done.returncode == 1
    assert "hr_database" in done.stderr.splitlines()[-1]
