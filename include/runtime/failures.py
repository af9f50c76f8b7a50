"""Why a run failed: its tasks, the reason each gave, and the file that holds the rest."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from orchestration.links import task_link
from runtime.chain import ChainProgress
from runtime.state import State


def describe_failure(state: State, base_url: str, progress: ChainProgress, run: dict[str, Any]) -> Iterator[str]:
    """Lines about the failed tasks of a run."""
    failed = [key for key, told in progress.told.items() if key[1] == run["dag_run_id"] and told == "failed"]
    if not failed:
        yield f"failed: {run['dag_id']} ({run['dag_run_id']}), though none of its tasks did; was its time over?"
    for dag_id, run_id, task_id, map_index in failed:
        log = newest_log(state, dag_id, run_id, task_id, map_index)
        yield f"failed: {dag_id}, task {task_id}: {reason_in(log) or 'see the log'}"
        yield f"  {task_link(base_url, dag_id, run_id, task_id)}"
        yield f"  {log or state.airflow / 'logs'}"


def newest_log(state: State, dag_id: str, run_id: str, task_id: str, map_index: int) -> Path | None:
    """The log file of a task's last try, or None when it never started."""
    folder = state.airflow / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
    if map_index >= 0:
        folder /= f"map_index={map_index}"
    attempts = sorted(folder.glob("attempt=*.log"), key=lambda path: path.stat().st_mtime)
    return attempts[-1] if attempts else None


def reason_in(log: Path | None) -> str | None:
    """The last exception a task log tells of, or None."""
    return reason_of(_records(log.read_text(encoding="utf-8").splitlines() if log else []))


def reason_of(records: Iterable[dict[str, Any]]) -> str | None:
    """The last exception that records of a task log tell of, or None."""
    reason = None
    for details in filter(None, (record.get("error_detail") for record in records)):
        reason = f"{details[0]['exc_type']}: {details[0]['exc_value']}"
    return reason


def _records(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # a line some library printed
