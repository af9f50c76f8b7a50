"""The few calls of Airflow's REST API that the local run and the commands need."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from future_skills.domain import FutureSkillsError
from orchestration.roles import PREFIX, TRIGGERS

HEALTHY = ("metadatabase", "scheduler", "triggerer", "dag_processor")
CONSUMERS_FIRST = tuple(sorted(TRIGGERS, key=lambda dag_id: dag_id == "future_skills_retraining"))
"""Our DAGs, the one that starts chains last."""
PAGE = 100
PATIENCE = 4
"""Times that a question without an answer is asked once more; what changes something is never sent twice."""


class AirflowStartError(FutureSkillsError):
    """Airflow does not become healthy, or does not take our DAGs."""


def _path(run: dict[str, Any]) -> str:
    """The path of a run, or of the run that a task instance belongs to."""
    return f"/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}"


class AirflowApi:
    """A signed-in client of one Airflow; the token is renewed when it expires, unless a token is all there is."""

    def __init__(self, base_url: str, user: str, password: str, *, token: str | None = None, timeout: float = 30) -> None:
        self._credentials = None if token else {"username": user, "password": password}
        self._client = httpx.Client(base_url=base_url, timeout=timeout)
        if token:
            self._client.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._client.request(method, f"/api/v2{path}", **arguments)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._credentials:
            token = self._client.post("/auth/token", json=self._credentials).raise_for_status().json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
            response = self._client.request(method, f"/api/v2{path}", **arguments)
        return response

    def _ask(self, path: str, **parameters: Any) -> httpx.Response:
        for _ in range(PATIENCE):
            with suppress(httpx.TimeoutException):  # a machine that is busy training may be slow to answer
                return self._request("GET", path, params=parameters)
        return self._request("GET", path, params=parameters)

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask(path, **parameters).raise_for_status().json()
        return answer

    def _healthy(self) -> bool:
        try:
            health = self._client.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(health.get(name, {}).get("status") == "healthy" for name in HEALTHY)

    def wait_until_ready(self, seconds: float, check_alive: Callable[[], None]) -> None:
        """Wait until all components are healthy and every DAG of ours is there.

        Raises AirflowStartError when a DAG cannot be loaded, or when that takes longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            check_alive()
            if self._healthy():
                present = {dag["dag_id"] for dag in self._get("/dags", limit=PAGE)["dags"]}
                if present.issuperset(CONSUMERS_FIRST):
                    return
                self._require_no_import_error()
            time.sleep(1)
        raise AirflowStartError(f"Airflow is not ready after {seconds:.0f} s: see the files in logs/ of the state folder.")

    def _require_no_import_error(self) -> None:
        errors = self._get("/importErrors", limit=PAGE)["import_errors"]
        if errors:
            reasons = [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]
            raise AirflowStartError(f"Airflow cannot load a DAG: {'; '.join(reasons)}")

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run."""
        self._request("PATCH", f"/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def next_run_after(self, dag_id: str) -> datetime | None:
        """When the scheduler creates the DAG's next run; in the past: it is about to."""
        value = self._get(f"/dags/{dag_id}")["next_dagrun_run_after"]
        return datetime.fromisoformat(value) if value else None

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run; returns its id."""
        response = self._request("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        return str(response.raise_for_status().json()["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """A run as it is now."""
        return self._get(_path({"dag_id": dag_id, "dag_run_id": run_id}))

    def runs(self, *, since: datetime | None = None, states: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Runs of our DAGs, newest first: those that began after `since`, or those in some states."""
        parameters: dict[str, Any] = {"limit": PAGE, "order_by": "-run_after"}
        if states:
            parameters["state"] = list(states)
        if since:
            parameters["start_date_gte"] = since.isoformat()
        found = self._get("/dags/~/dagRuns", **parameters)["dag_runs"]
        return [run for run in found if run["dag_id"].startswith(PREFIX)]

    def task_instances(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """The task instances of a run, mapped ones included."""
        found: list[dict[str, Any]] = self._get(f"{_path(run)}/taskInstances", limit=PAGE)["task_instances"]
        return found

    def log(self, instance: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines of a task's last try, as records with `event` and, of an exception, `error_detail`."""
        path = f"{_path(instance)}/taskInstances/{instance['task_id']}/logs/{instance['try_number']}"
        return list(self._get(path, map_index=instance["map_index"])["content"])

    def xcom(self, run: dict[str, Any], task_id: str, key: str = "return_value") -> Any:
        """What a task of the run left under a key, or None."""
        response = self._ask(f"{_path(run)}/taskInstances/{task_id}/xcomEntries/{key}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return response.raise_for_status().json()["value"]

    def event_extras(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """The extras of the asset events that a run emitted."""
        found = self._get("/assets/events", source_dag_id=run["dag_id"], source_run_id=run["dag_run_id"], limit=PAGE)
        return [dict(event["extra"]) for event in found["asset_events"]]

    def is_paused(self, dag_id: str) -> bool:
        """Is the DAG paused, so that its runs wait?"""
        return bool(self._get(f"/dags/{dag_id}")["is_paused"])

    def open_questions(self, dag_id: str) -> list[dict[str, Any]]:
        """What runs of the DAG ask a person and nobody has answered, oldest first; `task_instance` says where."""
        found = self._get(f"/dags/{dag_id}/dagRuns/~/hitlDetails", response_received=False, limit=PAGE)["hitl_details"]
        waiting = [question for question in found if question["task_instance"]["state"] == "awaiting_input"]
        return sorted(waiting, key=lambda question: str(question["created_at"]))

    def answer(self, question: dict[str, Any], option: str, inputs: dict[str, Any]) -> bool:
        """Answer a question; False when somebody else was faster."""
        instance = question["task_instance"]
        path = f"{_path(instance)}/taskInstances/{instance['task_id']}/{instance['map_index']}/hitlDetails"
        response = self._request("PATCH", path, json={"chosen_options": [option], "params_input": inputs})
        if response.status_code == httpx.codes.CONFLICT:
            return False
        response.raise_for_status()
        return True

    def queued_events(self, dag_id: str) -> int:
        """Asset events that wait to start a run of the DAG."""
        response = self._ask(f"/dags/{dag_id}/assets/queuedEvents")
        if response.status_code == httpx.codes.NOT_FOUND:
            return 0
        return int(response.raise_for_status().json()["total_entries"])
