"""Ways round the approval, through Airflow's API with the logins people have, against a running Airflow.

Each is refused or changes nothing, says why, and stays in the record with who tried it.
"""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest

from future_skills.database import connect, fetch_row, fetch_rows, fetch_value
from runtime.answering import ASKED_SECONDS
from runtime.postgres import reached_server
from runtime.state import State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]

STEP_SECONDS = 900
ENDED = {"success", "failed"}
PROMOTION, DEPLOYMENT, PREDICTION = (f"future_skills_{name}" for name in ("promotion", "deployment", "prediction"))
RETRAINING, EXPORT = "future_skills_retraining", "future_skills_export"
STARTED_BY_EVENTS = {"ask": PROMOTION, "predict": PREDICTION, "drift": "future_skills_drift"}


@dataclass(frozen=True)
class Site:
    """A running installation: its address, its state, and everybody's password."""

    address: str
    state: State

    def person(self, name: str) -> httpx.Client:
        """Airflow's API with somebody's login."""
        password = json.loads((self.state.root / "secrets.json").read_text())["passwords"][name]
        answer = httpx.post(f"{self.address}/auth/token", json={"username": name, "password": password}, timeout=60)
        token = answer.raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.address}/api/v2", headers=headers, timeout=60)

    @contextmanager
    def ledger(self):
        """A connection to the HR database."""
        with reached_server(self.state) as databases, closing(connect(databases["hr"])) as connection:
            connection.autocommit = True
            yield connection

    def rows(self, query, parameters=None):
        with self.ledger() as connection:
            return fetch_rows(connection, query, parameters)

    def value(self, query):
        with self.ledger() as connection:
            return fetch_value(connection, query)


def start(client: httpx.Client, dag_id: str, **conf) -> httpx.Response:
    return client.post(f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})


def run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def eventually(found, seconds=STEP_SECONDS):
    """What `found` returns once it is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(1)
    raise AssertionError(f"not within {seconds} s: {found.__doc__ or found}")


def ended(client: httpx.Client, dag_id: str, run_id: str) -> str:
    """The state in which a run ends."""

    def look():
        state = client.get(run_path(dag_id, run_id)).raise_for_status().json()["state"]
        return state if state in ENDED else None

    return eventually(look)


def finished(client: httpx.Client, dag_id: str, **conf) -> tuple[str, str]:
    """Start a run and wait for its end: its id and state."""
    run_id = start(client, dag_id, **conf).raise_for_status().json()["dag_run_id"]
    return run_id, ended(client, dag_id, run_id)


def waiting_question(client: httpx.Client, request_id: str, besides: frozenset[str] = frozenset()) -> str:
    """The run whose question about a request waits for an answer."""

    def look():
        found = client.get("/dags/~/dagRuns/~/hitlDetails", params={"response_received": False}).raise_for_status().json()
        for detail in found["hitl_details"]:
            instance = detail["task_instance"]
            if instance["dag_run_id"] in besides or instance["state"] != "awaiting_input":
                continue
            if f"evaluation {request_id.rsplit('-', 1)[-1]}," in detail["body"]:
                return instance["dag_run_id"]
        return None

    run_id = eventually(look)
    time.sleep(ASKED_SECONDS)
    return run_id


def reply(client: httpx.Client, run_id: str, option: str, reason: str = "") -> httpx.Response:
    path = f"{run_path(PROMOTION, run_id)}/taskInstances/request_approval/-1/hitlDetails"
    return client.patch(path, json={"chosen_options": [option], "params_input": {"reason": reason}})


def mark(client: httpx.Client, dag_id: str, run_id: str, task_id: str) -> httpx.Response:
    return client.patch(f"{run_path(dag_id, run_id)}/taskInstances/{task_id}", json={"new_state": "success"})


@pytest.fixture(scope="module")
def site(installation) -> Iterator[Site]:
    """The first chain has run; v1 waits for its approval."""
    process = installation.start(APPROVAL="required", DEPLOY="manual")
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C stops everything" in line or line.startswith("outcome:"):
                break
        assert "Ctrl-C stops everything" in lines[-1], "".join(lines)
        yield Site(f"http://127.0.0.1:{installation.port}", State(installation.folder / "demo"))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=180)


@pytest.fixture(scope="module")
def people(site) -> Iterator[dict[str, httpx.Client]]:
    clients = {name: site.person(name) for name in ("admin", "scientist", "drh.one", "drh.two", "devops", "developer")}
    yield clients
    for client in clients.values():
        client.close()


def refusals(site: Site, after: int = 0) -> list[dict]:
    return site.rows("SELECT * FROM future_skills_ops.refusal WHERE refusal_id > %s ORDER BY refusal_id", (after,))


def last_refusal(site: Site) -> int:
    return site.value("SELECT coalesce(max(refusal_id), 0) FROM future_skills_ops.refusal")


def approvals(site: Site, request_id: str) -> list[tuple]:
    rows = site.rows("SELECT event, actor FROM future_skills_ops.approval WHERE request_id = %s ORDER BY event_id", (request_id,))
    return [(row["event"], row["actor"]) for row in rows]


def asset_id(client: httpx.Client, name: str) -> int:
    assets = client.get("/assets").raise_for_status().json()["assets"]
    return next(asset["id"] for asset in assets if asset["name"] == f"future_skills/{name}")


def make_event(client: httpx.Client, asset: int, extra: dict) -> httpx.Response:
    return client.post("/assets/events", json={"asset_id": asset, "extra": extra})


def nothing_runs(client: httpx.Client) -> bool:
    """No run is queued or running: an event that comes meanwhile may be kept for the run after the next."""
    query = {"state": ["queued", "running"], "limit": 1}
    return client.get("/dags/~/dagRuns", params=query).raise_for_status().json()["total_entries"] == 0


def require_refused(site: Site, client: httpx.Client, after: int, actions: set[str]) -> None:
    """Events made by hand are refused, one for each action, by runs that end well."""
    found = eventually(lambda: (rows := refusals(site, after)) and len(rows) == len(actions) and rows)
    assert {row["action"] for row in found} == actions
    for row in found:
        assert ended(client, STARTED_BY_EVENTS[row["action"]], row["dag_run_id"]) == "success"


def test_asset_events_made_by_hand_start_nothing(site, people):
    forged = {
        "candidate": {"request_id": "request-99", "version": "v99", "digest": "0" * 64, "requested_by": "nobody"},
        "champion": {"version": "v99", "chain_id": ["no", "text"]},
    }
    predictions = site.value("SELECT count(*) FROM future_skills_futureskillprediction")
    deployments = site.value("SELECT count(*) FROM future_skills_ops.deployment")
    before = last_refusal(site)
    for name, extra in forged.items():
        for user in ("scientist", "drh.one", "devops", "developer"):
            assert make_event(people[user], asset_id(people["admin"], name), extra).status_code == 403
        make_event(people["admin"], asset_id(people["admin"], name), extra).raise_for_status()
    require_refused(site, people["admin"], before, {"ask", "predict"})
    assert site.value("SELECT count(*) FROM future_skills_futureskillprediction") == predictions
    assert site.value("SELECT count(*) FROM future_skills_ops.deployment") == deployments


def test_an_export_starts_no_training(site, people):
    trained = site.value("SELECT count(*) FROM future_skills_ops.model_version")
    for dag_id in (RETRAINING, DEPLOYMENT, PREDICTION, PROMOTION):
        assert start(people["drh.one"], dag_id).status_code == 403
    run_id, state = finished(people["drh.one"], EXPORT, estimator="ridge", version="v1", requested_by="scientist")
    assert state == "success"
    [chain] = site.rows("SELECT * FROM future_skills_ops.chain WHERE dag_run_id = %s", (run_id,))
    assert (chain["requested_by"], chain["stages"]["export"]["state"]) == ("drh.one", "to look at")
    assert site.value("SELECT count(*) FROM future_skills_ops.model_version") == trained


def test_nobody_predicts_or_deploys_with_what_was_never_approved(site, people):
    before = last_refusal(site)
    orders = [
        (DEPLOYMENT, {"version": "v1", "kind": "deploy", "requested_by": "drh.one"}),
        (DEPLOYMENT, {"version": "v1", "kind": "rollback", "requested_by": "DEPLOY=auto"}),
        (PREDICTION, {"version": "v1"}),
    ]
    for dag_id, conf in orders:
        assert finished(people["devops"], dag_id, **conf)[1] == "failed"
    assert [(row["action"], row["subject"], row["actor"]) for row in refusals(site, before)] == [
        ("deploy", "v1", "devops"), ("rollback", "v1", "devops"), ("predict", "v1", "devops"),
    ]  # fmt: skip
    assert start(people["devops"], DEPLOYMENT, version="v1'; DROP TABLE x").status_code == 400


def test_the_way_to_production_has_no_short_cut(site, people):
    admin, devops, first, second = (people[name] for name in ("admin", "devops", "drh.one", "drh.two"))
    question = waiting_question(admin, "request-1")

    # A state set by hand is no approval.
    for user in ("scientist", "drh.one", "devops", "developer"):
        assert mark(people[user], PROMOTION, question, "request_approval").status_code == 403
    mark(admin, PROMOTION, question, "request_approval").raise_for_status()
    ended(admin, PROMOTION, question)
    assert approvals(site, "request-1")[1:] == [("refused", None)]
    again = waiting_question(admin, "request-1", frozenset({question}))
    before = last_refusal(site)
    assert finished(devops, DEPLOYMENT, version="v1", requested_by="drh.one")[1] == "failed"
    [row] = refusals(site, before)
    assert (row["action"], row["subject"], row["actor"]) == ("deploy", "v1", "devops")
    assert "v1 has no approval (requested)" in row["reason"]

    # A newer request supersedes the one that waits; its answer is recorded and deploys nothing.
    assert finished(admin, RETRAINING, only_evaluate=True, version="v1", requested_by="scientist")[1] == "success"
    newer = waiting_question(admin, "request-2", frozenset({again}))
    reply(first, again, "Approve").raise_for_status()
    ended(admin, PROMOTION, again)
    assert approvals(site, "request-1")[-2:] == [("superseded", None), ("refused", "drh.one")]

    # Whoever asked for the version, whatever the configuration said, cannot approve it.
    for user in ("scientist", "devops", "developer"):
        assert reply(people[user], newer, "Approve").status_code == 403
    reply(admin, newer, "Approve", "mine").raise_for_status()
    ended(admin, PROMOTION, newer)
    assert approvals(site, "request-2") == [("requested", "admin"), ("refused", "admin")]

    # Somebody else does, once.
    anew = waiting_question(admin, "request-2", frozenset({newer}))
    reply(second, anew, "Approve", "seen").raise_for_status()
    assert reply(first, anew, "Reject").status_code == 409
    ended(admin, PROMOTION, anew)
    assert approvals(site, "request-2")[-1] == ("approved", "drh.two")

    # Files that were tampered with.
    with site.ledger() as connection:
        served = fetch_row(connection, "SELECT artifacts #>> '{served,uri}' AS uri FROM future_skills_ops.model_version")["uri"]
    model = site.state.store / "models" / served.rsplit("/", 1)[-1]
    description = model.with_suffix(".json")
    content, honest, before = model.read_bytes(), description.read_bytes(), last_refusal(site)
    model.write_bytes(content[:-1] + b"\0")
    description.write_bytes(honest.replace(b'"medium"', b'"low"'))
    assert finished(devops, DEPLOYMENT)[1] == "failed"
    [row] = refusals(site, before)
    assert (row["subject"], row["actor"]) == ("no version named", "devops")
    assert "is not the file that was registered" in row["reason"]
    assert site.value("SELECT count(*) FROM future_skills_ops.deployment") == 0
    model.write_bytes(content)

    # Two deployments at once: one after the other, and the description is mended.
    runs = [start(devops, DEPLOYMENT, version="v1").raise_for_status().json()["dag_run_id"] for _ in range(2)]
    assert [ended(devops, DEPLOYMENT, run_id) for run_id in runs] == ["success", "success"]
    made = site.rows("SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id")
    assert [(row["version"], row["previous_version"], row["actor"]) for row in made] == [
        ("v1", None, "devops"), ("v1", "v1", "devops"),
    ]  # fmt: skip
    assert description.read_bytes() == honest
    assert refusals(site, before)[-1]["action"] == "edit"
    pairs = eventually(lambda: site.value("SELECT count(*) FROM future_skills_futureskillprediction"))
    assert pairs == 60 * 300


def test_asset_events_made_by_hand_start_nothing_beside_a_deployed_model_either(site, people):
    """The test before has deployed v1, which has predicted."""
    admin = people["admin"]
    assert site.value("SELECT count(*) FROM future_skills_ops.deployment") > 0
    eventually(lambda: nothing_runs(admin))
    batches, before = site.rows("SELECT * FROM future_skills_ops.prediction_batch"), last_refusal(site)
    make_event(admin, asset_id(admin, "champion"), {"version": "v1"}).raise_for_status()
    make_event(admin, asset_id(admin, "predictions"), {"batch_id": "no batch"}).raise_for_status()
    require_refused(site, admin, before, {"predict", "drift"})
    assert site.rows("SELECT * FROM future_skills_ops.prediction_batch") == batches
