"""Waits for one run to end, telling now and then that it still goes on; of a failure it tells the reason."""

import time
from typing import Any

from future_skills.domain import FutureSkillsError
from orchestration.links import run_link, task_link
from runtime.airflow_api import AirflowApi
from runtime.failures import reason_of

POLL_SECONDS = 2
TOLD_EVERY = 30


class CommandError(FutureSkillsError):
    """A run cannot be started, did not end well, or did not do what was asked for."""


def require_unpaused(api: AirflowApi, dag_id: str) -> None:
    """Raise CommandError while the DAG is paused."""
    if api.is_paused(dag_id):
        raise CommandError(f"{dag_id} is paused, and a run would wait for ever: let it run again in the UI first.")


def follow_run(api: AirflowApi, address: str, dag_id: str, run_id: str) -> dict[str, Any]:
    """The run, once it has ended well. Raises CommandError, with the reason from the task's log, when it fails."""
    begin = told = time.monotonic()
    while True:
        run = api.run(dag_id, run_id)
        if run["state"] == "success":
            return run
        if run["state"] == "failed":
            raise CommandError(describe_failed_run(api, address, run))
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            print(f"  {told - begin:.0f} s, {_doing(api, run)} ...", flush=True)
        time.sleep(POLL_SECONDS)


def _doing(api: AirflowApi, run: dict[str, Any]) -> str:
    """Which task runs, or why none does."""
    if run["state"] == "queued":
        return "waiting for an earlier run of it"
    running = [one["task_id"] for one in api.task_instances(run) if one["state"] in {"running", "up_for_retry"}]
    return ", ".join(dict.fromkeys(running)) or "between two tasks"


def describe_failed_run(api: AirflowApi, address: str, run: dict[str, Any]) -> str:
    """Which task failed, why, and where to look."""
    failed = next((one for one in api.task_instances(run) if one["state"] == "failed"), None)
    if failed is None:
        link = run_link(address, run["dag_id"], run["dag_run_id"])
        return f"{run['dag_id']} failed though none of its tasks did: was its time over? {link}"
    reason = reason_of(api.log(failed)) or "see its log"
    link = task_link(address, run["dag_id"], run["dag_run_id"], failed["task_id"])
    return f"{run['dag_id']} failed in {failed['task_id']}: {reason}\n  {link}"
