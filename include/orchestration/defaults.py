"""What all DAGs of the product have in common."""

from datetime import timedelta
from typing import Any

import pendulum

from future_skills.config import Settings
from orchestration.callbacks import report_failure
from orchestration.roles import access_control

OWNER = "future-skills"
TAG = "future-skills"
RUN_TYPES = ("scheduled", "manual", "asset_triggered", "operator_triggered")
"""No backfill and no materialization: an export reads today's HR database, whatever the date of its run."""
START = pendulum.datetime(2026, 1, 5, tz="UTC")


def dag_arguments(dag_id: str, doc: str | None, *tags: str, run_hours: int = 6, active_runs: int = 1) -> dict[str, Any]:
    """Arguments of the DAG `dag_id`: rights, tags, documentation, retries, timeouts, failure mails, one active run by default."""
    return {
        "dag_id": dag_id,
        "doc_md": doc,
        "description": (doc or "").strip().splitlines()[0],
        "tags": [TAG, *tags],
        "start_date": START,
        "catchup": False,
        "max_active_runs": active_runs,
        "dagrun_timeout": timedelta(hours=run_hours),
        "access_control": access_control(dag_id),
        "allowed_run_types": RUN_TYPES,
        "on_failure_callback": report_failure,
        "default_args": {
            "owner": OWNER,
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "execution_timeout": timedelta(hours=2),
            "on_failure_callback": report_failure,
        },
    }


def settings() -> Settings:
    """The settings, for what a DAG's shape depends on: its schedule, its time to answer, its parallel tasks."""
    return Settings()
