"""The product on two Celery workers, with the settings of docker-compose.yaml: one is lost in the middle of the scoring stage."""

import time
from contextlib import closing
from importlib.util import find_spec

import pytest

from bench.cluster import REDIS, airflow, celery_workers, site
from bench.predicting import PREDICTION, begin, ended, published, shards_of
from future_skills.config import Settings
from future_skills.database import connect, fetch_value
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys
from support.company import load_demo
from support.pipeline import Workbench
from support.prepared import QUICK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(REDIS is None, reason="redis-server is not installed (Debian: apt-get install redis-server)"),
    pytest.mark.skipif(find_spec("celery") is None, reason="Celery is not installed: make extras-cluster"),
]

ROLES, SKILLS, SHARDS = 120, 300, 8
RECOVERY_SECONDS = 240
"""Within which a run ends that lost a worker: 120 s without a sign of life, 30 s until the next try, and the work itself."""


@pytest.fixture(scope="module")
def cluster():
    """A company whose first model is deployed, Airflow, and two workers."""
    chosen = {
        "THREADS": "1",
        "TRAINING__ESTIMATOR": QUICK["training"]["estimator"],
        "TRAINING__FOLDS": str(QUICK["training"]["folds"]),
        "GATE__RESAMPLES": str(QUICK["gate"]["resamples"]),
        "PREDICTION__SHARDS": str(SHARDS),
        "PREDICTION__SMALLEST_SHARD": "1",
    }
    with site(**chosen) as installation, closing(connect(installation.databases["hr"])) as connection:
        settings = Settings()
        bench = Workbench(connection, Store.open(settings.store_uri), SigningKeys.of(settings), settings)
        load_demo(connection, roles=ROLES, skills=SKILLS, decisions=2_000)
        version = bench.train(bench.export())
        bench.approve(bench.ask(bench.evaluate(version)))
        bench.deploy(version.version)
        with celery_workers(installation) as (workers, changed), airflow(installation, changed) as api:
            for name in ("worker-1", "worker-2"):
                workers.start(name)
            api.unpause(PREDICTION)
            yield api, workers, connection


def until_it_scores(api, run, worker):
    """Wait until some shards are scored and the worker has just begun another."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        shards = shards_of(api, run)
        if any(one["state"] == "success" for one in shards) and any(
            one["state"] == "running" and one["hostname"] == worker for one in shards
        ):
            return
        time.sleep(0.2)
    pytest.fail(f"{worker} scores nothing")


def test_a_run_that_loses_a_worker_ends_as_an_undisturbed_one(cluster):
    api, workers, connection = cluster
    undisturbed = ended(api, begin(api, connection))
    assert (undisturbed.state, undisturbed.tries) == ("success", 1)
    assert sum(undisturbed.shards.values()) == SHARDS
    assert set(undisturbed.shards) == {"worker-1", "worker-2"}
    expected = published(connection)
    assert expected[0] == ROLES * SKILLS

    run = begin(api, connection)
    until_it_scores(api, run, "worker-2")
    assert workers.kill("worker-2") >= 3  # the worker, its pool, and the task
    disturbed = ended(api, run, RECOVERY_SECONDS)
    assert (disturbed.state, disturbed.tries) == ("success", 2)
    assert published(connection) == expected
    assert fetch_value(connection, "SELECT count(*) FROM pg_class WHERE relname LIKE 'prediction_stage_%%'") == 0
    connection.commit()


def test_a_worker_that_sees_another_store_is_refused(cluster, tmp_path):
    api, workers, connection = cluster
    before = published(connection)
    workers.stop()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store_id").write_text("of another installation")
    workers.start("worker-3", STORE_URI=str(tmp_path / "store"))
    refused = api.run(PREDICTION, api.trigger(PREDICTION, {"repeat": True}))
    deadline = time.monotonic() + 120
    while (state := api.run(PREDICTION, refused["dag_run_id"])["state"]) not in {"success", "failed"}:
        assert time.monotonic() < deadline
        time.sleep(1)
    (plan,) = [one for one in api.task_instances(refused) if one["task_id"] == "plan"]
    assert (state, plan["state"], plan["try_number"]) == ("failed", "failed", 1)
    text = str(api.log(plan))
    assert "sees another artefact store than the one of its ledger" in text
    assert str(tmp_path / "store") in text
    assert published(connection) == before
