"""Follows one chain through Airflow until nothing of ours is running, waiting for events, or about to."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.airflow_api import CONSUMERS_FIRST, AirflowApi

RETRAINING = "future_skills_retraining"
ACTIVE = ("queued", "running")
ENDED = {"success", "failed", "upstream_failed", "skipped", "removed"}
POLL_SECONDS = 1.5
QUIET_POLLS = 2
"""Looks in a row that must find nothing: a run may begin between two requests of one look."""
ADOPT_SECONDS = 90
FOLLOWERS = tuple(
    dag_id for dag_id in CONSUMERS_FIRST if dag_id in {f"future_skills_{name}" for name in ("promotion", "prediction", "drift")}
)


@dataclass
class ChainProgress:
    """What was seen so far: states of tasks already told, and runs that failed."""

    told: dict[tuple[str, str, str, int], str] = field(default_factory=dict)
    failed: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)


def start_chain(api: AirflowApi, say: Callable[[str], None]) -> str:
    """Let all DAGs run, the one that starts chains last, and return the id of the run that begins this chain.

    Letting a scheduled DAG run creates the run of its last tick at once: that one is taken, else a new one is started.
    """
    before = {run["dag_run_id"] for run in api.runs() if run["dag_id"] == RETRAINING}
    due = api.next_run_after(RETRAINING)
    for dag_id in CONSUMERS_FIRST:
        api.unpause(dag_id)
    if due is not None and due <= datetime.now(UTC):
        deadline = time.monotonic() + ADOPT_SECONDS
        while time.monotonic() < deadline:
            created = [run for run in api.runs() if run["dag_id"] == RETRAINING and run["dag_run_id"] not in before]
            if created:
                say(f"chain: the scheduled run {created[0]['dag_run_id']}")
                return str(created[0]["dag_run_id"])
            time.sleep(POLL_SECONDS)
    run_id = api.trigger(RETRAINING, {})
    say(f"chain: a new run {run_id}")
    return run_id


def follow(
    api: AirflowApi, run_id: str, *, seconds: float, say: Callable[[str], None], check_alive: Callable[[], None]
) -> ChainProgress | None:
    """Tell each task's end until nothing is left to do; None when that takes longer than `seconds`.

    A run that waits for a person's answer is left waiting. Other runs of ours that are active are waited for too.
    """
    since = datetime.now(UTC) - timedelta(minutes=1)
    progress, deadline, quiet = ChainProgress(), time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        check_alive()
        active = _look(api, since, progress, say)
        seen = any(run_key[1] == run_id for run_key in progress.told)
        quiet = quiet + 1 if seen and not active and not any(api.queued_events(dag_id) for dag_id in FOLLOWERS) else 0
        if quiet >= QUIET_POLLS:
            return progress
        time.sleep(POLL_SECONDS)
    return None


def _look(api: AirflowApi, since: datetime, progress: ChainProgress, say: Callable[[str], None]) -> bool:
    """Tell what is new; is a run active that waits for no person?"""
    recent = {(run["dag_id"], run["dag_run_id"]): run for run in [*api.runs(since=since), *api.runs(states=ACTIVE)]}
    progress.failed = [run for run in recent.values() if run["state"] == "failed"]
    progress.waiting = []
    busy = False
    for run in recent.values():
        instances = api.task_instances(run)
        for instance in instances:
            _tell(instance, progress, say)
        if run["state"] in ACTIVE:
            states = {instance["state"] for instance in instances}
            if "awaiting_input" in states and states <= {*ENDED, "awaiting_input", None}:
                progress.waiting.append(run)
            else:
                busy = True
    return busy


def _tell(instance: dict[str, Any], progress: ChainProgress, say: Callable[[str], None]) -> None:
    key = (instance["dag_id"], instance["dag_run_id"], instance["task_id"], instance["map_index"])
    state = instance["state"]
    if state == progress.told.get(key) or state not in {*ENDED, "up_for_retry", "awaiting_input"}:
        return
    progress.told[key] = state
    if instance["dag_id"] == "future_skills_watch" and state == "success":
        return
    part = f"[{instance['map_index']}]" if instance["map_index"] >= 0 else ""
    took = f"  {instance['duration']:.1f} s" if instance["duration"] else ""
    say(f"{instance['dag_id'].removeprefix('future_skills_'):<12} {instance['task_id'] + part:<20} {state}{took}")
