"""What a newcomer relies on, step by step in one state folder: the first chain, quiet weeks, small changes, a clean stop."""

import json
import re
import shutil
import signal
import socket
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from future_skills.alerts.task_logs import sweep_task_logs
from future_skills.database import connect, execute, fetch_row, fetch_rows, fetch_value
from runtime.postgres import embedded_server
from runtime.processes import COMPONENTS
from runtime.state import State
from support.metrics import documented_gauges, otlp_collector, statsd_server

pytestmark = pytest.mark.slow

WRITTEN = "SELECT id, xmin::text AS written FROM future_skills_futureskillprediction ORDER BY id"
NEWEST_BATCH = "SELECT * FROM future_skills_ops.prediction_batch ORDER BY planned_at DESC LIMIT 1"


@pytest.fixture(scope="module")
def measured_week(installation):
    """The first run and what it told a StatsD server."""
    with statsd_server() as received:
        return installation.run_once(**received.statsd), received.settled()


@pytest.fixture(scope="module")
def first_week(measured_week):
    return measured_week[0]


def test_the_first_chain_predicts_every_pair(installation, first_week):
    assert first_week.outcome == first_week.code == 0
    store = installation.folder / "demo" / "store"
    assert "| v1 |" in (store / "MODEL_REGISTRY.md").read_text(encoding="utf-8")
    assert not list(store.glob("future_skills_model.*")), "the HR application is invited to load nothing"
    assert list(store.glob("reports/*/drift.html"))
    assert list((installation.folder / "demo" / "mail").glob("*.eml"))
    with installation.database() as hr:
        assert fetch_value(hr, "SELECT count(*) FROM future_skills_futureskillprediction") == 60 * 300
        assert fetch_value(hr, "SELECT count(*) FROM future_skills_predictionrun") == 1
        assert fetch_value(hr, "SELECT status FROM future_skills_trainingrun") == "COMPLETED"
        assert fetch_value(hr, "SELECT version FROM future_skills_ops.deployment") == "v1"


def test_the_first_chain_tells_statsd_what_it_did(measured_week):
    """From the real processes: what each task's own process said, and what the scheduler did."""
    finished, received = measured_week
    assert finished.outcome == 0
    assert_whole_chain_measured(received.ours(), inserted=60 * 300)
    durations = {
        "airflow.task.duration",
        "airflow.dag.future_skills_prediction.publish.duration",
        "airflow.dagrun.duration.success",
        "airflow.dagrun.duration.success.future_skills_drift",
        "airflow.dagrun.schedule_delay.future_skills_retraining",
    }
    assert durations <= received.kinds["ms"]
    assert {"airflow.scheduler_heartbeat", "airflow.ti_successes"} <= received.kinds["c"]


def assert_whole_chain_measured(ours, *, inserted):
    """The gauges of docs/mlops.md, but that of the watch, which may not have run since the publication."""
    assert set(documented_gauges()) - {"watch.age_hours"} <= set(ours)
    assert (ours["dataset.decided"], ours["publish.pairs"], ours["publish.inserted"]) == (4_000, 60 * 300, inserted)
    assert (ours["drift.drifted"], ours["drift.unknown"]) == (0, 0)


def test_the_first_chain_names_no_employee_and_shows_no_secret(installation, first_week):
    """In the logs of every process and task, in Airflow's own database, in the store, in mails, in what was printed."""
    state = State(installation.folder / "demo")
    secrets = state.secrets()
    keys = (secrets.fernet_key, secrets.api_secret_key, secrets.jwt_secret, secrets.signing_key)
    forbidden = ("(generated)", "employee-0", *keys, *secrets.passwords.values())
    texts = {"the terminal": first_week.text.encode()}
    for folder in (state.airflow, state.logs, state.store, state.mail):
        texts |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with embedded_server(state.postgres) as databases, closing(connect(databases["airflow"])) as airflow:
        for row in fetch_rows(airflow, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            rows = fetch_rows(airflow, f'SELECT t::text AS row FROM public."{row["tablename"]}" t')
            texts[row["tablename"]] = "\n".join(row["row"] for row in rows).encode()
    assert len(texts) > 50
    assert b"chain_id" in texts["xcom"]
    assert [(where, text) for where, content in texts.items() for text in forbidden if text.encode() in content] == []


def test_logs_of_tasks_lie_where_the_watch_looks_for_old_ones(installation, first_week, tmp_path):
    logs = shutil.copytree(State(installation.folder / "demo").airflow / "logs", tmp_path / "logs", symlinks=True)
    written = set(logs.rglob("attempt=*.log"))
    now = datetime.now(UTC)
    assert sweep_task_logs(logs, now - timedelta(days=1)) == 0
    assert sweep_task_logs(logs, now + timedelta(days=1)) >= len(written) > 20
    assert not set(logs.rglob("attempt=*.log"))


def test_the_same_data_again_is_a_new_chain_that_writes_nothing(installation, first_week):
    with installation.database() as hr:
        before = fetch_rows(hr, WRITTEN)
    with otlp_collector() as received:
        again = installation.run_once(**received.opentelemetry)
    assert again.outcome == 0
    assert_whole_chain_measured(received.ours(), inserted=0)
    assert {"airflow.task.duration", "airflow.dagrun.duration.success"} <= received.kinds["exponential_histogram"]
    with installation.database() as hr:
        assert fetch_rows(hr, WRITTEN) == before
        assert fetch_value(hr, "SELECT count(*) FROM future_skills_ops.chain") == 2
        assert fetch_value(hr, "SELECT count(*) FROM future_skills_ops.drift_report WHERE drifted OR unknown") == 0
        assert fetch_value(hr, "SELECT verdict FROM future_skills_ops.evaluation ORDER BY evaluation_id DESC LIMIT 1") == "keep"


def test_exactly_what_differs_is_written(installation, first_week):
    with installation.database() as hr:
        changed = fetch_value(hr, "SELECT min(id) FROM future_skills_futureskillprediction")
        execute(hr, "UPDATE future_skills_futureskillprediction SET score = 1.5 WHERE id = %s", (changed,))
        execute(hr, "DELETE FROM future_skills_futureskillprediction WHERE id = %s", (changed + 1,))
        hr.commit()
        before = {row["id"]: row["written"] for row in fetch_rows(hr, WRITTEN)}
    assert installation.run_once().outcome == 0
    with installation.database() as hr:
        after = {row["id"]: row["written"] for row in fetch_rows(hr, WRITTEN)}
        assert {row for row in before if after[row] != before[row]} == {changed}
        assert len(after) == len(before) + 1
        counts = fetch_row(hr, NEWEST_BATCH)["counts"]
        assert (counts["updated"], counts["restored"], counts["inserted"], counts["deleted"]) == (1, 1, 1, 0)


def every_command_ends_with_a_result(installation):
    """The commands beside a run that serves; promote, deploy and rollback are in test_story.py."""
    compared = installation.command("experiment", ESTIMATORS="logistic_regression,ridge")
    assert compared.code == 0
    assert "asked for by scientist" in compared.text
    assert "| ridge | target | core |" in compared.text.replace("**", "")
    unwanted = installation.command("experiment", AIRFLOW_USER="drh.one")
    assert unwanted.code == 1
    assert "drh.one may not start future_skills_experiment: DataScientist and DevOps may." in unwanted.text
    exported = installation.command("export-dataset", AIRFLOW_USER="drh.one")
    assert (exported.code, "decided rows (hr_decision), 0 in quarantine" in exported.text) == (0, True), exported.text
    judged = installation.command("evaluate-model", VERSION="v1")
    assert (judged.code, "version v1, on dataset" in judged.text) == (0, True), judged.text
    assert re.search(r"^gate: (keep|investigate|v1 may)", judged.text, re.MULTILINE)
    trained = installation.command("retrain-future-skills", MODEL_VERSION="v99")
    assert (trained.code, "no model version 'v99'" in trained.text) == (1, True), trained.text
    reported = installation.command("drift")
    assert reported.code == 0
    (batch,) = re.findall(r"^report \d+ on batch (\S+): no drift", reported.text, re.MULTILINE)
    again = installation.command("republish", BATCH=batch)
    assert (again.code, "0 inserted, 0 updated, 0 deleted" in again.text) == (0, True), again.text
    nothing = installation.command("promote")
    assert (nothing.code, "No approval is open" in nothing.text) == (1, True)


def test_ctrl_c_stops_everything_and_a_second_run_waits_its_turn(installation, first_week):
    running = installation.start()
    lines = []
    for line in running.stdout:
        lines.append(line)
        if "Ctrl-C stops everything" in line:
            break
    assert any("admin" in line for line in lines), "".join(lines)
    refused = installation.run_once()
    assert refused.outcome == 1
    assert f"process {running.pid}" in refused.text
    every_command_ends_with_a_result(installation)
    family = psutil.Process(running.pid).children(recursive=True)
    assert len(family) >= 4
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate(timeout=120)
    assert rest.strip().splitlines()[-1] == "outcome: 0"
    time.sleep(1)
    assert not [process for process in family if process.is_running()]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", installation.port)) != 0
    assert not (installation.folder / "demo" / "postgres" / "postmaster.pid").exists()


def test_a_part_of_airflow_that_dies_ends_the_run_and_leaves_nothing_behind(installation, first_week):
    running = installation.start()
    for line in running.stdout:
        if "Ctrl-C stops everything" in line:
            break
    family = psutil.Process(running.pid).children(recursive=True)
    remembered = json.loads((installation.folder / "demo" / "processes.json").read_text(encoding="utf-8"))
    scheduler = psutil.Process(remembered[list(COMPONENTS).index("scheduler")]["pid"])
    workers = scheduler.children(recursive=True)
    assert workers
    scheduler.kill()
    rest, _ = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "Error: airflow scheduler ended with -9: see " in rest
    _, alive = psutil.wait_procs([*family, *workers], timeout=5)
    assert not alive
    assert not (installation.folder / "demo" / "postgres" / "postmaster.pid").exists()
