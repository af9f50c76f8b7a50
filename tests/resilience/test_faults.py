"""What goes wrong around the pipeline: the server restarts, the application holds its locks, two chains meet, clocks jump."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import psycopg2
import pytest

from future_skills.config import PredictionSettings
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.dataset.snapshot import read_snapshot
from future_skills.ledger.batches import get_batch
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import NotAuditedError, OvertakenError, publish_batch
from future_skills.prediction.shard import score_shard
from future_skills.store.artifacts import Store
from support.pipeline import Workbench
from support.prepared import Prepared, copied, deployed, prepared
from support.server import crash_server, own_server

PREDICTIONS = "public.future_skills_futureskillprediction"
PAIRS = 30 * 60


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("faults"), "deployed", deployed)


@pytest.fixture
def bench(origin, tmp_path):
    """v1 is deployed, nothing is predicted."""
    with copied(origin, tmp_path / "store") as bench:
        yield bench


def again(bench: Workbench, **settings) -> Workbench:
    """The same installation over a connection of its own."""
    connection = connect(bench.connection.dsn)
    return replace(bench, connection=connection, settings=bench.settings.model_copy(update=settings))


def predictions(connection) -> int:
    count = fetch_value(connection, f"SELECT count(*) FROM {PREDICTIONS}")
    connection.commit()
    return count


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A server of its own, whose crash disturbs no other test, with the deployed company."""
    with own_server() as dsn:
        yield prepared(dsn, "postgres", tmp_path_factory.mktemp("alone"), "deployed_alone", deployed)


@pytest.mark.slow
def test_a_server_that_restarts_in_the_middle_of_a_stage_costs_a_retry_and_nothing_else(alone, tmp_path):
    with copied(alone, tmp_path / "store") as bench:
        planned = bench.audited()
        crash_server(bench.connection)
        with pytest.raises(psycopg2.Error):
            publish_batch(bench.connection, bench.settings, planned.batch_id)
        with closing(again(bench).connection) as connection:
            resumed = replace(bench, connection=connection)
            assert predictions(connection) == 0
            with pytest.raises(NotAuditedError, match="run future_skills_prediction again"):  # what was staged is gone
                publish_batch(connection, bench.settings, planned.batch_id)
            connection.rollback()
            published = resumed.predict()
            assert (published.batch_id, published.counts["inserted"]) == (planned.batch_id, PAIRS)


def test_a_connection_cut_while_predictions_are_written_leaves_the_old_ones(bench):
    planned = bench.audited()
    with closing(again(bench).connection) as application:
        execute(application, f"LOCK TABLE {PREDICTIONS} IN SHARE MODE")  # publication stands still in the middle of its work
        with ThreadPoolExecutor(1) as pool:
            publishing = pool.submit(publish_batch, bench.connection, bench.settings, planned.batch_id)
            with closing(again(bench).connection) as watcher:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
                while not fetch_value(watcher, waiting, (bench.connection.info.backend_pid,)):
                    assert not publishing.done()
                    time.sleep(0.02)
                execute(watcher, "SELECT pg_terminate_backend(%s)", (bench.connection.info.backend_pid,))
                watcher.commit()
            with pytest.raises(psycopg2.Error):
                publishing.result(timeout=30)
        application.rollback()
        assert predictions(application) == 0
        published = publish_batch(application, bench.settings, planned.batch_id)
        assert published.counts["inserted"] == PAIRS


def test_locks_of_the_application_are_waited_for_only_so_long(bench):
    planned = bench.audited()
    hurried = again(bench, prediction=PredictionSettings(shards=1, lock_timeout=timedelta(milliseconds=200)))
    with closing(hurried.connection) as connection, closing(again(bench).connection) as application:
        execute(application, f"LOCK TABLE {PREDICTIONS} IN SHARE MODE")
        begin = time.monotonic()
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            publish_batch(connection, hurried.settings, planned.batch_id)
        assert time.monotonic() - begin < 5
        application.rollback()
        assert get_batch(application, planned.batch_id).state == "audited"
        application.rollback()
        assert publish_batch(connection, hurried.settings, planned.batch_id).state == "published"


def test_two_chains_at_once_end_with_the_newer_one(bench):
    older = bench.audited()
    execute(bench.connection, "UPDATE future_skills_hrinvestmentrecommendation SET priority_level = 'MEDIUM' WHERE id % 7 = 0")
    bench.connection.commit()
    bench.export()
    newer = bench.audited()
    assert newer.dataset_id != older.dataset_id
    start = threading.Barrier(2)

    def publish(batch_id):
        with closing(again(bench).connection) as connection:
            start.wait(timeout=30)
            try:
                return publish_batch(connection, bench.settings, batch_id).state
            except (OvertakenError, NotAuditedError) as error:
                return type(error).__name__

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(publish, (older.batch_id, newer.batch_id))
    assert (first, second) in {("OvertakenError", "published"), ("published", "NotAuditedError")}
    ended = bench.predict()  # what the newest dataset's run does, or its retry
    assert ended.batch_id == newer.batch_id
    shown = fetch_value(bench.connection, f"SELECT count(*) FROM {PREDICTIONS}")
    assert shown == PAIRS
    assert bench.predict().batch_id == newer.batch_id


def test_the_same_shard_scored_by_two_workers_is_staged_once(bench):
    """As when a worker that was taken for dead lives on, while the task is tried again elsewhere."""
    batch = plan_batch(bench.connection, bench.store, bench.settings)
    both_scored = threading.Barrier(2, timeout=60)

    class Meeting(Store):
        def replace(self, name, content):
            both_scored.wait()
            return super().replace(name, content)

    def score(_):
        with closing(again(bench).connection) as connection:
            store = Meeting(bench.store.root)
            return score_shard(connection, store, bench.keys, bench.settings, batch.batch_id, 0)["inserted"]

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(score, range(2)))
    assert outcomes == [PAIRS, PAIRS]
    audit_batch(bench.connection, bench.store, bench.settings, batch.batch_id)
    assert publish_batch(bench.connection, bench.settings, batch.batch_id).counts["inserted"] == PAIRS


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York", "Pacific/Kiritimati"])
def test_a_day_ends_at_midnight_utc_wherever_the_server_stands(bench, zone):
    """Also on a leap day, and on the days on which clocks are changed there."""
    for day in (date(2024, 2, 29), date(2026, 3, 29), date(2025, 11, 2)):
        execute(
            bench.connection,
            "UPDATE future_skills_hrinvestmentrecommendation SET created_at = CASE WHEN id %% 2 = 0"
            " THEN %(last)s::timestamptz ELSE %(last)s::timestamptz + interval '1 second' END",
            {"last": f"{day} 23:59:59.5+00"},
        )
        execute(bench.connection, f"ALTER DATABASE {bench.connection.info.dbname} SET timezone = '{zone}'")
        bench.connection.commit()
        with closing(again(bench).connection) as connection:
            decided = read_snapshot(connection, day).snapshot.decisions["decided_at"]
        assert len(decided) == 300
        assert set(decided.str[:10]) == {day.isoformat()}


def test_the_application_writes_while_a_batch_is_published_and_loses_nothing(bench):
    planned = bench.audited()
    stop, written = threading.Event(), []

    def application():
        with closing(again(bench).connection) as connection:
            while not stop.is_set():
                execute(connection, "INSERT INTO future_skills_jobrole (name) VALUES (%s)", (f"New role {len(written)}",))
                execute(connection, "UPDATE future_skills_jobrole SET department = 'Moved' WHERE id %% 5 = 0", ())
                connection.commit()
                written.append(len(written))

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(application)
        while not written:
            time.sleep(0.01)
        published = publish_batch(bench.connection, bench.settings, planned.batch_id)
        stop.set()
        busy.result(timeout=30)
    assert published.counts["inserted"] == PAIRS
    names = fetch_rows(bench.connection, "SELECT name FROM future_skills_jobrole WHERE name LIKE 'New role %'")
    assert len(names) == len(written)
