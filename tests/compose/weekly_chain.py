"""Run inside the installation that is tested: follows the weekly chain as its people would, and prints what came of it.

An HR manager approves, DevOps deploys; ends with 0 when there are predictions, a drift report, and nothing has failed.
With the argument `again` it only lets `future_skills_watch` and an export run, and tells which workers took part.
"""

import json
import os
import sys
import time
from contextlib import closing
from datetime import UTC, datetime

from future_skills.config import Settings
from future_skills.database import connect, fetch_value
from future_skills.secret_files import secret_from
from orchestration.accounts import USERS
from runtime import chain
from runtime.airflow_api import AirflowApi
from runtime.caller import Login
from runtime.command_options import CommandOptions
from runtime.commands import COMMANDS, run_command
from runtime.options import RunOptions

URL = "http://api-server:8080"
SECONDS = 1_500
READY_SECONDS = 300
PASSWORDS = {account["name"]: account["password"] for account in json.loads(secret_from(os.environ, USERS))}
began = time.monotonic()


def say(line: str) -> None:
    print(f"[{time.monotonic() - began:6.1f} s] {line}", flush=True)


def command(name: str, user: str, **options: str) -> None:
    """What `make <name>` does for that person."""
    os.environ.update(options)
    login = Login(url=URL, user=user, password=PASSWORDS[user])
    for line in run_command(COMMANDS[name], CommandOptions(), RunOptions(), login):
        say(line)


def follow(api: AirflowApi, run_id: str) -> chain.ChainProgress:
    progress = chain.follow(api, run_id, seconds=SECONDS, say=say, check_alive=lambda: None)
    if progress is None or progress.failed:
        sys.exit(f"The chain did not end well: {progress}")
    return progress


def await_runs(api: AirflowApi, dag_ids: tuple[str, ...], since: datetime) -> None:
    """Wait until each DAG has a run that began since then and ended well."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        states = {run["dag_id"]: run["state"] for run in api.runs(since=since) if run["dag_id"] in dag_ids}
        if "failed" in states.values():
            sys.exit(f"A run failed: {states}")
        if states == dict.fromkeys(dag_ids, "success"):
            say(f"ended well: {', '.join(dag_ids)}")
            return
        time.sleep(chain.POLL_SECONDS)
    sys.exit(f"{dag_ids} did not end within {SECONDS} s: {states}")


def again() -> None:
    """Two runs after everything was restarted."""
    with closing(AirflowApi(URL, "admin", PASSWORDS["admin"])) as api:
        api.wait_until_ready(READY_SECONDS, lambda: None)
        since, dag_ids = datetime.now(UTC), ("future_skills_watch", "future_skills_export")
        runs = [api.run(dag_id, api.trigger(dag_id, {})) for dag_id in dag_ids]
        await_runs(api, dag_ids, since)
        workers = {instance["hostname"] for run in runs for instance in api.task_instances(run)} - {"", None}
        say(f"workers that took part: {len(workers)}")


def weekly_chain() -> None:
    """The chain, from letting the DAGs run to predictions and a drift report."""
    dsn = Settings().hr_dsn.get_secret_value()
    with closing(AirflowApi(URL, "admin", PASSWORDS["admin"])) as api:
        api.wait_until_ready(READY_SECONDS, lambda: None)
        run_id = chain.start_chain(api, say)
        if follow(api, run_id).waiting:
            with closing(connect(dsn)) as connection:
                version = fetch_value(connection, "SELECT version FROM future_skills_ops.approval WHERE event = 'requested'")
            command("promote", "drh", VERSION=version, ANSWER="approve", REASON="the figures are read")
            since = datetime.now(UTC)
            command("deploy", "devops", REASON="approved")
            await_runs(api, ("future_skills_prediction", "future_skills_drift"), since)
    with closing(connect(dsn)) as connection:
        for name, statement in {
            "predictions": "SELECT count(*) FROM future_skills_futureskillprediction",
            "published batches": "SELECT count(*) FROM future_skills_ops.prediction_batch WHERE state = 'published'",
            "drift reports": "SELECT count(*) FROM future_skills_ops.drift_report",
            "mails sent": "SELECT count(*) FROM future_skills_ops.outbox WHERE sent_at IS NOT NULL",
        }.items():
            found = fetch_value(connection, statement)
            say(f"{name}: {found:,}")
            if not found:
                sys.exit(f"There are no {name}.")


again() if sys.argv[1:] == ["again"] else weekly_chain()
