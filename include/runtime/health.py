"""The health checks of the containers, light enough to run every half minute: `python -m runtime.health <what>`.

A job of Airflow is healthy when its heartbeat in the metadata database is fresh, a worker when it answers a ping.
"""

import os
import socket
import subprocess
import sys
from contextlib import closing

import httpx
import psycopg2

FRESH_SECONDS = 90
PING_SECONDS = 10
JOBS = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}


def _option(name: str) -> str:
    """An option of Airflow that a command gives."""
    return subprocess.check_output(["/bin/sh", "-c", os.environ[f"{name}_CMD"]], text=True).strip()


def api_server() -> bool:
    """Does it answer, and reach its database?"""
    health = httpx.get("http://127.0.0.1:8080/api/v2/monitor/health", timeout=PING_SECONDS).json()
    return bool(health["metadatabase"]["status"] == "healthy")


def job(job_type: str) -> bool:
    """Has the job of this container shown life lately?"""
    url = _option("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN").replace("postgresql+psycopg2://", "postgresql://")
    with closing(psycopg2.connect(url, connect_timeout=PING_SECONDS)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'"
            " AND latest_heartbeat > now() - make_interval(secs => %s)",
            (job_type, socket.gethostname(), FRESH_SECONDS),
        )
        return cursor.fetchone() != (0,)


def worker() -> bool:
    """Does the Celery worker of this container answer?"""
    from celery import Celery  # noqa: PLC0415 - only where there are workers

    with Celery(broker=_option("AIRFLOW__CELERY__BROKER_URL")) as application:
        return bool(application.control.ping([f"celery@{socket.gethostname()}"], timeout=PING_SECONDS))


def main(what: str) -> int:
    """0 when healthy."""
    healthy = {"api-server": api_server, "worker": worker}.get(what) or (lambda: job(JOBS[what]))
    try:
        return 0 if healthy() else 1
    except Exception as error:  # whatever it is, the container is not healthy, and a person reads why
        print(f"{what}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
