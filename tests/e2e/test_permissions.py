"""The permissions matrix against a running Airflow: each role, and nobody, on every route a person can take.

What is allowed is written here by hand, from the matrix in docs/permissions.md; the roles of the product are not read.
"""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from urllib.parse import quote, unquote

import pytest

from future_skills.config import SQL_FOLDER
from future_skills.database import connect, fetch_row
from runtime.postgres import reached_server
from runtime.state import State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]

ROOT = SQL_FOLDER.parents[1]
USERS = {"DataScientist": "scientist", "DRHManager": "drh.one", "DevOps": "devops", "Developer": "developer", "nobody": None}
DATA_SCIENTIST, DRH_MANAGER, DEVOPS, DEVELOPER = "DataScientist", "DRHManager", "DevOps", "Developer"
ALL = {DATA_SCIENTIST, DRH_MANAGER, DEVOPS, DEVELOPER}
TRIGGER = {
    "export": {DATA_SCIENTIST, DRH_MANAGER, DEVOPS},
    "retraining": {DATA_SCIENTIST, DEVOPS},
    "experiment": {DATA_SCIENTIST, DEVOPS},
    "drift": {DATA_SCIENTIST, DEVOPS},
    "deployment": {DEVOPS},
    "prediction": {DEVOPS},
    "watch": {DEVOPS},
    "promotion": set(),
}
PAUSE = {**TRIGGER, "promotion": {DRH_MANAGER}}
CORRECT = {name: set() if name == "promotion" else {DEVOPS} for name in TRIGGER}
FIRST_TASK = {
    "export": "export",
    "retraining": "export",
    "experiment": "compare",
    "drift": "report",
    "deployment": "verify",
    "prediction": "plan",
    "watch": "sweep",
    "promotion": "open_request",
}
DAGS = sorted(TRIGGER)
QUICK = {"TRAINING__ESTIMATOR": "logistic_regression", "GATE__RESAMPLES": "200", "GATE__REFRESH_MARGIN": "1"}
OPTIONS = {"APPROVAL": "required", "DEPLOY": "manual", **QUICK}
QUESTION_SECONDS = 600


class Airflow:
    """The running Airflow as each role, and as Admin, who prepares what is asked for."""

    def __init__(self, installation):
        self.folder = installation.folder
        self.admin = installation.client("admin")
        self.clients = {role: installation.client(user) for role, user in USERS.items()}
        self.question = self.asked()
        for name in DAGS:  # what is triggered below shall wait, not work
            self.admin.patch(dag(name), json={"is_paused": True}).raise_for_status()
        self.prepared = {name: self.trigger(name) for name in DAGS}

    def asked(self):
        """The approval that waits once a newer model may replace the deployed one."""
        conf = {"refresh": True}
        self.admin.post(f"{dag('retraining')}/dagRuns", json={"logical_date": None, "conf": conf}).raise_for_status()
        deadline = time.monotonic() + QUESTION_SECONDS
        while time.monotonic() < deadline:
            for question in self.get("/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false")["hitl_details"]:
                if question["task_instance"]["state"] == "awaiting_input":
                    return question
            time.sleep(2)
        raise AssertionError("nobody was asked")

    def get(self, path):
        return self.admin.get(path).raise_for_status().json()

    def trigger(self, name):
        """The path of a run that Admin starts; it waits in the queue of its paused DAG."""
        answer = self.admin.post(f"{dag(name)}/dagRuns", json={"logical_date": None}).raise_for_status().json()
        return run_path(answer)

    @property
    def waiting(self):
        """The path of the approval that waits."""
        instance = self.question["task_instance"]
        return f"{run_path(instance)}/taskInstances/{instance['task_id']}"

    def statuses(self, method, path, body=None, *, last=()):
        """The status each role gets; those in `last` ask when everybody else was refused."""
        order = sorted(USERS, key=lambda role: role in last)
        return {role: self.clients[role].request(method, path, json=body).status_code for role in order}


def dag(name):
    return f"/api/v2/dags/future_skills_{name}"


def run_path(run):
    return f"/api/v2/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}"


def expected(allowed, status=200):
    return {role: status if role in allowed else 401 if role == "nobody" else 403 for role in USERS}


@pytest.fixture(scope="module")
def airflow(installation):
    """A model predicts, a drift report is written, and a newer model waits for its approval."""
    assert installation.run_once(**QUICK).outcome == 0
    with installation.serving(**OPTIONS):
        yield Airflow(installation)


@pytest.mark.parametrize("name", DAGS)
def test_who_triggers(airflow, name):
    found = airflow.statuses("POST", f"{dag(name)}/dagRuns", {"logical_date": None, "conf": {}}, last=TRIGGER[name])
    assert found == expected(TRIGGER[name])


@pytest.mark.parametrize("name", DAGS)
def test_who_pauses(airflow, name):
    assert airflow.statuses("PATCH", dag(name), {"is_paused": True}, last=PAUSE[name]) == expected(PAUSE[name])


@pytest.mark.parametrize("name", DAGS)
def test_who_clears_a_task(airflow, name):
    run = airflow.trigger(name)
    body = {"dag_run_id": unquote(run.rsplit("/", 1)[1]), "task_ids": [FIRST_TASK[name]], "only_failed": False, "dry_run": False}
    found = airflow.statuses("POST", f"{dag(name)}/clearTaskInstances", body, last=CORRECT[name])
    assert found == expected(CORRECT[name])


@pytest.mark.parametrize("name", DAGS)
def test_who_marks_a_task(airflow, name):
    path = f"{airflow.prepared[name]}/taskInstances/{FIRST_TASK[name]}"
    found = airflow.statuses("PATCH", path, {"new_state": "success"}, last=CORRECT[name])
    assert found == expected(CORRECT[name])


@pytest.mark.parametrize("name", DAGS)
def test_who_clears_and_marks_a_run(airflow, name):
    run = airflow.trigger(name)
    assert airflow.statuses("POST", f"{run}/clear", {"dry_run": False}, last=CORRECT[name]) == expected(CORRECT[name])
    assert airflow.statuses("PATCH", run, {"state": "failed"}, last=CORRECT[name]) == expected(CORRECT[name])


@pytest.mark.parametrize("name", DAGS)
def test_nobody_deletes_or_forges_what_happened(airflow, name):
    run, task = airflow.prepared[name], FIRST_TASK[name]
    entry = {"key": "return_value", "value": "forged", "map_index": -1}
    for method, path, body in [
        ("DELETE", dag(name), None),
        ("DELETE", run, None),
        ("DELETE", f"{run}/taskInstances/{task}", None),
        ("POST", f"{run}/taskInstances/{task}/xcomEntries", entry),
        ("PATCH", f"{run}/taskInstances/{task}/xcomEntries/return_value", {"value": "forged"}),
        ("DELETE", f"{run}/taskInstances/{task}/xcomEntries/return_value", None),
    ]:
        assert airflow.statuses(method, path, body) == expected(set()), (method, path)


@pytest.mark.parametrize("name", DAGS)
def test_everybody_reads_runs_and_metrics(airflow, name):
    run = airflow.prepared[name]
    for path in [
        dag(name),
        f"{dag(name)}/details",
        f"{dag(name)}/dagRuns",
        run,
        f"{run}/taskInstances",
        f"{run}/taskInstances/{FIRST_TASK[name]}",
        f"{run}/taskInstances/{FIRST_TASK[name]}/xcomEntries",
    ]:
        assert airflow.statuses("GET", path) == expected(ALL), path


def test_everybody_reads_metrics_logs_and_events_of_a_finished_run(airflow):
    *_, finished = airflow.get(f"{dag('retraining')}/dagRuns?state=success")["dag_runs"]
    run = run_path(finished)
    for path in [
        f"{run}/taskInstances/train/xcomEntries/return_value",
        f"{run}/taskInstances/gate/logs/1",
        f"{airflow.waiting}/-1/hitlDetails",
        "/api/v2/assets",
        "/api/v2/assets/events",
        "/api/v2/importErrors",
    ]:
        assert airflow.statuses("GET", path) == expected(ALL), path


def test_nobody_makes_an_asset_event(airflow):
    assets = airflow.get("/api/v2/assets")["assets"]
    assert len(assets) == 5
    for asset in assets:
        event = {"asset_id": asset["id"], "extra": {"version": "v1", "request_id": "request-1"}}
        assert airflow.statuses("POST", "/api/v2/assets/events", event) == expected(set()), asset["name"]
        assert airflow.statuses("POST", f"/api/v2/assets/{asset['id']}/materialize", {}) == expected(set()), asset["name"]
        assert airflow.statuses("DELETE", f"/api/v2/assets/{asset['id']}/queuedEvents") == expected(set()), asset["name"]


@pytest.mark.parametrize("name", DAGS)
def test_nobody_backfills(airflow, name):
    """Airflow asks only for the right to trigger; the DAG itself refuses whoever has it."""
    body = {"dag_id": f"future_skills_{name}", "from_date": "2026-11-01T00:00:00Z", "to_date": "2026-11-20T00:00:00Z"}
    for path in ("/api/v2/backfills", "/api/v2/backfills/dry_run"):
        found = airflow.statuses("POST", path, body)
        assert {role: found[role] for role in USERS if role not in TRIGGER[name]} == {
            role: status for role, status in expected(set()).items() if role not in TRIGGER[name]
        }
        assert not [status for status in found.values() if status < 400]
    assert airflow.admin.post("/api/v2/backfills", json=body).status_code >= 400
    assert airflow.get(f"/api/v2/backfills?dag_id=future_skills_{name}")["backfills"] == []


USER = {
    "username": "eve",
    "password": "eve",
    "email": "eve@example.com",
    "first_name": "Eve",
    "last_name": "Forged",
    "roles": [{"name": "Admin"}],
}
ADMIN_ONLY = [
    ("GET", "/api/v2/connections", None),
    ("GET", "/api/v2/connections/hr_database", None),
    ("POST", "/api/v2/connections", {"connection_id": "forged", "conn_type": "postgres"}),
    (
        "PATCH",
        "/api/v2/connections",
        {"actions": [{"action": "create", "entities": [{"connection_id": "x", "conn_type": "fs"}]}]},
    ),
    ("POST", "/api/v2/connections/test", {"connection_id": "hr_database", "conn_type": "postgres"}),
    ("GET", "/api/v2/variables", None),
    ("POST", "/api/v2/variables", {"key": "forged", "value": "1"}),
    ("PATCH", "/api/v2/variables", {"actions": [{"action": "create", "entities": [{"key": "forged", "value": "1"}]}]}),
    ("POST", "/api/v2/pools", {"name": "forged", "slots": 1}),
    ("PATCH", "/api/v2/pools/default_pool", {"name": "default_pool", "slots": 1}),
    ("GET", "/api/v2/config", None),
    ("GET", "/api/v2/eventLogs", None),
    ("GET", "/api/v2/providers", None),
    ("GET", "/auth/fab/v1/users", None),
    ("GET", "/auth/fab/v1/users/admin", None),
    ("POST", "/auth/fab/v1/users", USER),
    ("PATCH", "/auth/fab/v1/users/scientist?update_mask=roles", {"roles": [{"name": "Admin"}]}),
    ("DELETE", "/auth/fab/v1/users/drh.two", None),
    ("GET", "/auth/fab/v1/roles", None),
    ("POST", "/auth/fab/v1/roles", {"name": "forged", "actions": []}),
    ("PATCH", "/auth/fab/v1/roles/DataScientist", {"name": "DataScientist", "actions": []}),
]


@pytest.mark.parametrize("method, path, body", ADMIN_ONLY, ids=[f"{method} {path}" for method, path, _ in ADMIN_ONLY])
def test_only_admin_administers(airflow, method, path, body):
    assert airflow.statuses(method, path, body) == expected(set())


def test_the_tasks_own_interface_takes_nobodys_login(airflow):
    instance = airflow.question["task_instance"]
    forged = {"state": "success", "end_date": "2026-11-25T00:00:00Z"}
    run = f"{instance['dag_id']}/{quote(instance['dag_run_id'], safe='')}"
    for method, path, body in [
        ("PATCH", f"/execution/task-instances/{instance['id']}/state", forged),
        ("POST", f"/execution/xcoms/{run}/request_approval/return_value", {"chosen_options": ["Approve"]}),
        ("GET", "/execution/connections/hr_database", None),
    ]:
        assert airflow.statuses(method, path, body) == expected(set()), path


def test_nobody_marks_the_waiting_approval_in_bulk_either(airflow):
    """For the bulk route Airflow answers DevOps, who may correct other DAGs, with a refusal inside a 200."""
    instance = airflow.question["task_instance"]
    entity = {"dag_id": instance["dag_id"], "dag_run_id": instance["dag_run_id"], "task_id": "request_approval", "map_index": -1}
    body = {"actions": [{"action": "update", "entities": [{**entity, "new_state": "success"}]}]}
    for scope in ("~", "future_skills_export"):
        for role, client in airflow.clients.items():
            answer = client.patch(f"/api/v2/dags/{scope}/dagRuns/~/taskInstances", json=body)
            if role == DEVOPS:
                assert answer.json()["update"]["success"] == []
                assert [error["status_code"] for error in answer.json()["update"]["errors"]] == [403]
            else:
                assert answer.status_code == (401 if role == "nobody" else 403)
    run = {"dag_id": instance["dag_id"], "dag_run_id": instance["dag_run_id"]}
    marked = {"actions": [{"action": "update", "entities": [{**run, "state": "success"}]}]}
    assert airflow.statuses("PATCH", "/api/v2/dags/~/dagRuns", marked) == expected(set())
    cleared = {"dag_runs": [run], "dry_run": False}
    assert airflow.statuses("POST", "/api/v2/dags/~/clearDagRuns", cleared) == expected(set())
    everything = airflow.statuses("PATCH", "/api/v2/dags?dag_id_pattern=%25", {"is_paused": False})
    assert everything == expected(set())
    assert airflow.get(airflow.waiting)["state"] == "awaiting_input"


WRITES_WITHOUT_HARM = {
    "POST /api/v2/dags/{dag_id}/favorite",
    "POST /api/v2/dags/{dag_id}/unfavorite",
    "POST /api/v2/dags/{dag_id}/dagRuns/list",
    "POST /api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/list",
}
"""A person's own star beside a DAG, and reading by POST."""
OF_THE_ANSWERER = {
    "PATCH /api/v2/dags/{dag_id}",
    "PUT /api/v2/parseDagFile/{file_token}",
    "PATCH /api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}/hitlDetails",
}
"""Whoever answers may pause, have the file read again, and answer: tested above and below."""
TESTED_WITH_A_BODY = re.compile(
    r"/(connections|variables|pools|backfills)(/|$)|/clearDagRuns$|PATCH /api/v2/dags/\{dag_id\}/dagRuns$"
)


def test_whatever_else_airflow_offers_to_write_is_closed_on_the_promotion(airflow):
    """Also what a later Airflow adds: each writing route of its own description, on the run that waits for approval."""
    instance = airflow.question["task_instance"]
    values = {
        **dict.fromkeys(("asset_id", "group_id", "key", "xcom_key"), "1"),
        "dag_id": instance["dag_id"],
        "dag_run_id": quote(instance["dag_run_id"], safe=""),
        "task_id": "request_approval",
        "map_index": "-1",
        "file_token": airflow.get(dag("promotion"))["file_token"],
    }
    seen = 0
    for path, methods in airflow.get("/openapi.json")["paths"].items():
        for method in {"post", "put", "patch", "delete"} & set(methods):
            route = f"{method.upper()} {path}"
            if route in WRITES_WITHOUT_HARM | OF_THE_ANSWERER or TESTED_WITH_A_BODY.search(route):
                continue
            body = None if method == "delete" else {}
            assert airflow.statuses(method.upper(), path.format(**values), body) == expected(set()), route
            seen += 1
    assert seen > 20


NO_SUCH_PAGE = "/{path:path}"
"""The route for whatever no other one answers; it too is for signed-in readers."""
PARTS = {"drift": {DATA_SCIENTIST, DEVOPS}, "download": {DRH_MANAGER, DATA_SCIENTIST}}
"""Parts of the dashboard that not everybody reads, by a word in their address."""


ROUTES = """
import json
from dashboard.app import app

def required(route):
    return [field.alias for field in route.dependant.query_params if field.field_info.is_required()]

print(json.dumps([(route.path, required(route)) for route in app.routes if "GET" in route.methods]))
"""


def dashboard_routes(folder):
    """The pages of the dashboard and what each must be asked with, read in a process of their own: Airflow is imported there."""
    environment = {**os.environ, "PYTHONPATH": "include", "AIRFLOW_HOME": str(folder)}
    done = subprocess.run([sys.executable, "-c", ROUTES], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def things_there_are(folder):
    """What a page about one thing may be asked for, from the database: there is each of them."""
    with reached_server(State(folder / "demo")) as databases, closing(connect(databases["hr"])) as hr:
        pair = fetch_row(
            hr, "SELECT job_role_id AS role_id, skill_id FROM future_skills_futureskillprediction ORDER BY id LIMIT 1"
        )
        report = fetch_row(hr, "SELECT max(report_id) AS report_id FROM future_skills_ops.drift_report")
    return {**pair, **report, "name": "dashboard.css"}


def test_who_reads_which_part_of_the_dashboard(airflow, tmp_path):
    mounted = {app["url_prefix"] for plugin in airflow.get("/api/v2/plugins")["plugins"] for app in plugin["fastapi_apps"]}
    (prefix,) = [found for found in mounted if found.startswith("/future-skills")]
    routes = dashboard_routes(tmp_path)
    assert len(routes) > 5
    things = things_there_are(airflow.folder)
    for path, asked in routes:
        allowed = next((roles for word, roles in PARTS.items() if word in path), ALL)
        status = 404 if path == NO_SUCH_PAGE else 200
        address = prefix + path.replace("{path:path}", "no-such-page").format(**things)
        found = airflow.statuses("GET", address + "?" + "&".join(f"{name}=v1" for name in asked))
        assert found == expected(allowed, status), address


def test_who_answers_the_approval(airflow):
    path = f"{airflow.waiting}/-1/hitlDetails"
    answer = {"chosen_options": ["Reject"], "params_input": {"reason": "only a test of rights"}}
    assert airflow.get(path)["response_received"] is False
    assert airflow.statuses("PATCH", path, answer, last={DRH_MANAGER}) == expected({DRH_MANAGER})
    assert airflow.get(path)["responded_by_user"]["name"] == "drh.one"
