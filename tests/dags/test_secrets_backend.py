"""An installation's connections come from files: Airflow's secrets backend reads them."""

import json
import re
from importlib import import_module

from future_skills.config import SQL_FOLDER
from orchestration.hr_connections import DASHBOARD_DATABASE, HR_DATABASE

DOCKERFILE = SQL_FOLDER.parents[1] / "Dockerfile"


def test_both_connections_come_from_their_files_and_nothing_else_does(monkeypatch, tmp_path):
    for variable, user in {"HR_DSN": "pipeline", "HR_DASHBOARD_DSN": "dashboard"}.items():
        path = tmp_path / variable
        path.write_text(f"postgresql://{user}:p%40ss@db.example.com:5433/hr?sslmode=require\n", encoding="utf-8")
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(f"{variable}_FILE", str(path))
    module, name = re.search(r"AIRFLOW__SECRETS__BACKEND=(\S+)\.(\w+)", DOCKERFILE.read_text(encoding="utf-8")).groups()
    backend = getattr(import_module(module), name)()
    connection = backend.get_connection(HR_DATABASE)
    assert (connection.conn_type, connection.host, connection.port) == ("postgres", "db.example.com", 5433)
    assert (connection.login, connection.password, connection.extra_dejson) == ("pipeline", "p@ss", {"sslmode": "require"})
    assert json.loads(backend.get_conn_value(DASHBOARD_DATABASE))["login"] == "dashboard"
    monkeypatch.delenv("HR_DASHBOARD_DSN_FILE")
    assert backend.get_connection(DASHBOARD_DATABASE) is None
    assert backend.get_connection("smtp_default") is None
    assert backend.get_variable("anything") is None
