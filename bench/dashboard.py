"""How long the dashboard's pages take with millions of predictions and a year of weekly history behind them.

`make bench-dashboard` prints the table. One small chain is really run; its rows make the history, and generated roles and
skills the size. Airflow's own login is not part of the times.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from fastapi import Request
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import make_dsn, parse_dsn
from starlette.applications import Starlette
from starlette.routing import Mount

from dashboard.access import Visitor, require_download, require_drift, require_reader
from dashboard.airflow_runs import airflow_runs
from dashboard.app import create_app
from dashboard.database import dashboard_dsn, settings
from future_skills.config import Settings
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.dataset.export import export_dataset
from future_skills.dataset.validation import validate_dataset
from future_skills.drift.report import report_drift
from future_skills.hr.demo import generate_company
from future_skills.hr.loader import load_company
from future_skills.hr.rights import DASHBOARD_ROLE, dashboard_grants_sql
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.batches import newest_published
from future_skills.ledger.migrate import migrate_ledger
from future_skills.model.evaluation import evaluate_version
from future_skills.model.training import TrainingRequest, train_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.prediction.shard import score_shard, shard_numbers
from future_skills.registry.approvals import record_answer
from future_skills.registry.candidates import gate_evaluation, register_candidate
from future_skills.registry.deployment import DeploymentOrder, promote
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys
from runtime.postgres import embedded_server

HERE = Path(__file__).parent
WEEKS = 52
GOAL_MS = 300
TRIES = 15
PAGES = {
    "Overview": "/",
    "Overview, 1 year": "/?days=365",
    "Model": "/model",
    "Registry": "/registry",
    "Compare": "/registry/compare?one=w01&other=v1",
    "Drift": "/drift",
    "Drift report (file)": "/drift/reports/1",
    "Predictions": "/predictions",
    "Search": "/predictions?q=skill%207",
    "Ranking of a role": "/predictions/role/70",
    "Ranking of a role, HIGH": "/predictions/role/70?level=HIGH",
    "Ranking of a skill": "/predictions/skill/400",
    "A pair": "/predictions/pair/70/400",
    "Runs and alerts": "/runs",
    "CSV of a role": "/predictions/download?role=70",
}


class NoRuns:
    """Airflow is not part of this."""

    def of_chains(self, _chain_ids: object, _since: object) -> dict[str, list[object]]:
        """None."""
        return {}

    def dags(self) -> list[object]:
        """None."""
        return []


def run_small_chain(connection: Connection, configured: Settings) -> None:
    """The generated company, from its data to a drift report, through the product's own stages."""
    store, keys = Store.open(configured.store_uri), SigningKeys.of(configured)
    load_company(connection, generate_company(roles=40, skills=80, employees=400, decisions=1_200))
    exported = export_dataset(connection, store, configured, datetime.now(UTC).date())
    dataset = validate_dataset(connection, store, configured, exported.dataset_id, origin="manual")
    order = configured.training
    request = TrainingRequest(
        dataset_id=dataset.dataset_id,
        request_key="bench",
        estimator=order.estimator,
        preprocessing=order.preprocessing,
        parameters={},
        feature_set=order.feature_set,
        requested_by=None,
    )
    version = train_version(connection, store, keys, configured, request)
    evaluation = evaluate_version(connection, store, keys, configured, version.version, request_key="bench")
    evaluation = gate_evaluation(connection, configured, evaluation.evaluation_id)
    asked = register_candidate(connection, configured, evaluation.evaluation_id, requested_by=None, dag_run_id="bench")
    record_answer(connection, asked.request_id, "approved", actor="drh", reason=None, dag_run_id="bench-answer")
    deployment = DeploymentOrder(version=version.version, kind="deploy", actor="devops", reason=None, request_key="bench")
    promote(connection, store, keys, configured, deployment)
    batch = plan_batch(connection, store, configured)
    assert batch is not None
    for number in shard_numbers(connection, batch.batch_id):
        score_shard(connection, store, keys, configured, batch.batch_id, number)
    publish_batch(connection, configured, audit_batch(connection, store, configured, batch.batch_id).batch_id)
    report_drift(connection, store, configured, batch.batch_id)


def _script(connection: Connection, name: str, **parameters: object) -> None:
    begin = time.monotonic()
    with connection:
        execute(connection, (HERE / f"{name}.sql").read_text(encoding="utf-8"), parameters)
    print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)


def _drop_indexes(connection: Connection) -> None:
    """Those of the predictions that are no constraint: made again afterwards they are as good, and much sooner there."""
    rows = fetch_rows(
        connection,
        "SELECT indexrelid::regclass::text AS name FROM pg_index"
        " WHERE indrelid = 'public.future_skills_futureskillprediction'::regclass AND NOT indisunique",
    )
    for row in rows:
        execute(connection, f"DROP INDEX {row['name']}")
    connection.commit()


def fill(dsn: str, configured: Settings, roles: int, skills: int) -> int:
    """The small chain, the year before it, and the size; returns how many predictions there are."""
    with closing(connect(dsn)) as connection:
        create_hr_tables(connection)
        migrate_ledger(connection, create_schema=True)
        run_small_chain(connection, configured)
        _script(connection, "dashboard_history", weeks=WEEKS)
        batch = newest_published(connection, configured.horizon_years)
        assert batch is not None
        _drop_indexes(connection)
        _script(connection, "dashboard_pairs", roles=roles, skills=skills, batch_id=batch.batch_id, version=batch.version)
        _script(connection, "dashboard_changes")
        with connection:
            create_hr_tables(connection)
            execute(connection, dashboard_grants_sql(parse_dsn(dsn)["user"]))
            number = int(fetch_value(connection, "SELECT count(*) FROM public.future_skills_futureskillprediction"))
        connection.autocommit = True
        execute(connection, "VACUUM ANALYZE")
        return number


def _let_in(request: Request) -> None:
    request.state.visitor = Visitor("bench", may_see_drift=True, may_download=True)


@contextmanager
def served(dsn: str, configured: Settings) -> Iterator[httpx.Client]:
    """The application behind a real server on loopback, everybody let in."""
    app = create_app()
    app.dependency_overrides |= {
        require_reader: _let_in,
        require_drift: lambda: None,
        require_download: lambda: None,
        dashboard_dsn: lambda: make_dsn(**{**parse_dsn(dsn), "user": DASHBOARD_ROLE}),
        settings: lambda: configured,
        airflow_runs: NoRuns,
    }
    mounted = Starlette(routes=[Mount("/future-skills", app=app)])
    server = uvicorn.Server(uvicorn.Config(mounted, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/future-skills", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def measured(client: httpx.Client, path: str) -> tuple[list[float], int]:
    """Milliseconds of each try after a first one, and the size of the answer. Fails on any answer but 200."""
    client.get(path).raise_for_status()
    times, size = [], 0
    for _ in range(TRIES):
        begin = time.perf_counter()
        answer = client.get(path)
        times.append(1_000 * (time.perf_counter() - begin))
        size = len(answer.raise_for_status().content)
    return times, size


def main() -> int:
    """Fill, measure, print; 1 when a page misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--roles", type=int, default=1_016)
    parser.add_argument("--skills", type=int, default=7_943)
    arguments = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="future-skills-bench-"))
    configured = Settings(store_uri=str(home / "store"), signing_keys={"bench": "0" * 32}, signing_key_id="bench")
    try:
        with embedded_server(home / "postgres") as databases:
            with closing(connect(databases["hr"])) as connection:
                connection.autocommit = True
                for option in ("fsync = off", "max_wal_size = '16GB'", "maintenance_work_mem = '512MB'"):
                    execute(connection, f"ALTER SYSTEM SET {option}")
                execute(connection, "SELECT pg_reload_conf()")
            number = fill(databases["hr"], configured, arguments.roles, arguments.skills)
            print(f"\n{number:,} predictions, {WEEKS} weeks of history, {TRIES} tries each; milliseconds, goal below {GOAL_MS}\n")
            print(f"{'page':<26}{'median':>9}{'largest':>9}{'kB':>9}")
            missed = 0
            with served(databases["hr"], configured) as client:
                for name, path in PAGES.items():
                    times, size = measured(client, path)
                    missed += statistics.median(times) >= GOAL_MS
                    print(f"{name:<26}{statistics.median(times):>9.0f}{max(times):>9.0f}{size / 1_000:>9.0f}", flush=True)
            print(f"\n{'every page reaches the goal' if not missed else f'{missed} pages miss the goal'}")
            return 1 if missed else 0
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
