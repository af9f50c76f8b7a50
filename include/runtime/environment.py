"""The environment in which the local run starts Airflow: every process has the same, and nothing listens beyond loopback."""

import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

from future_skills.config import Settings
from orchestration.accounts import DEMO_USERS
from orchestration.hr_connections import hr_connection_json
from runtime.options import ROOT
from runtime.state import USERS, Secrets, State

LOOPBACK = "127.0.0.1"
RECIPIENTS = {
    "MAIL__DATA_SCIENTISTS": ["scientist@example.com"],
    "MAIL__DRH_MANAGERS": ["drh.one@example.com", "drh.two@example.com"],
    "MAIL__DEVOPS": ["devops@example.com"],
}


def sqlalchemy_url(dsn: str) -> str:
    """The URL under which Airflow reaches a database of the embedded server."""
    fields = parse_dsn(dsn)
    return f"postgresql+psycopg2://{fields['user']}:@/{fields['dbname']}?host={quote(fields['host'], safe='/')}"


def product_environment(
    state: State, secrets: Secrets, settings: Settings, *, port: int, mail_port: int | None
) -> dict[str, str]:
    """Settings of the product that the local run decides, unless the environment says otherwise."""
    automatic = {"APPROVAL": "auto", "DEPLOY": "auto"} if settings.embedded else {}
    mail = {"MAIL__HOST": LOOPBACK, "MAIL__PORT": str(mail_port)} if mail_port else {}
    chosen = {
        "STORE_URI": str(state.store),
        "SIGNING_KEYS": json.dumps({"local": secrets.signing_key}),
        "SIGNING_KEY_ID": "local",
        "BASE_URL": f"http://{LOOPBACK}:{port}",
        "OMP_NUM_THREADS": str(settings.threads),
        "OPENBLAS_NUM_THREADS": str(settings.threads),
        **automatic,
        **mail,
        **{name: json.dumps(addresses) for name, addresses in RECIPIENTS.items()},
    }
    return {name: value for name, value in chosen.items() if not os.environ.get(name)}


def airflow_environment(
    state: State, secrets: Secrets, *, airflow_dsn: str, hr_dsn: str, dashboard_dsn: str | None, port: int
) -> dict[str, str]:
    """What makes Airflow this installation: FAB, LocalExecutor, our DAGs, loopback, no telemetry, no examples.

    Without `dashboard_dsn` the dashboard says how to give it one.
    """
    passwords = secrets.passwords
    dashboard = (
        {"AIRFLOW_CONN_HR_DATABASE_DASHBOARD": hr_connection_json(dashboard_dsn, "HR_DASHBOARD_DSN")} if dashboard_dsn else {}
    )
    return {
        "PYTHONPATH": str(ROOT / "include"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "AIRFLOW_HOME": str(state.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": sqlalchemy_url(airflow_dsn),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW_CONN_HR_DATABASE": hr_connection_json(hr_dsn),
        **dashboard,
        DEMO_USERS: json.dumps([{"name": name, "role": role, "password": passwords[name]} for name, role in USERS]),
    }
