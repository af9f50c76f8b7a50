"""Which files of the ledger are removed when they are old, and which never."""

import json
from datetime import timedelta

import pytest

from future_skills.alerts.needless_files import remove_needless_files
from future_skills.database import execute, fetch_value
from support.published import DATASET, NOW, PUBLISHED, add_batch, add_dataset, add_deployment, add_earlier_batch

BEFORE = NOW - timedelta(days=400)
OLD = 500


@pytest.fixture
def ledger(hr, store):
    """A week of today by v3, old weeks by v1 (deployed once, two batches) and v2 (never deployed), and all their files."""
    add_batch(hr)
    for days, version in ((OLD + 9, "v1"), (OLD + 2, "v1"), (OLD + 1, "v2"), (OLD, "v2")):
        add_earlier_batch(hr, days, version=version)
    for version in ("v1", "v2", "v3", "v22"):
        for part in ("pkl", "evaluated.pkl", "json", "md", "evaluation-1.html"):
            store.write(f"models/future_skills_model_{version}.{part}", b"x")
    for version in ("v1", "v2", "v3"):
        uris = {"served": {"uri": f"s3://where-it-was-then/models/future_skills_model_{version}.pkl"}}
        created = PUBLISHED - timedelta(days=0 if version == "v3" else OLD)
        execute(
            hr,
            "UPDATE future_skills_ops.model_version SET artifacts = %s, created_at = %s, dataset_id = %s WHERE version = %s",
            (json.dumps(uris), created, {"v1": f"earlier-{OLD + 9}", "v2": f"earlier-{OLD}", "v3": DATASET}[version], version),
        )
    add_deployment(hr, PUBLISHED - timedelta(days=OLD), "v1")
    add_deployment(hr, PUBLISHED, "v3")
    for batch, dataset in (
        (f"{DATASET}-v3-en", DATASET),
        *((f"batch-{n}", f"earlier-{n}") for n in (OLD + 9, OLD + 2, OLD + 1, OLD)),
    ):
        store.write(f"datasets/{dataset}/dataset.csv", b"x")
        store.write(f"batches/{batch}/sample-0.csv", b"x")
    return hr


def files(store) -> set[str]:
    return {str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()}


def test_what_a_rollback_and_drift_need_stays_and_the_rest_goes(ledger, store):
    removed = remove_needless_files(ledger, store, BEFORE)
    assert removed == {"datasets": 2, "batches": 2, "reports": 0, "experiments": 0, "models": 5}
    assert files(store) == {
        f"datasets/{DATASET}/dataset.csv",
        f"datasets/earlier-{OLD + 9}/dataset.csv",  # v1 was trained on it
        f"datasets/earlier-{OLD + 1}/dataset.csv",  # the first batch of v2 is of it
        f"batches/{DATASET}-v3-en/sample-0.csv",
        f"batches/batch-{OLD + 9}/sample-0.csv",  # drift of v1 is measured against it
        f"batches/batch-{OLD + 1}/sample-0.csv",
    } | {
        f"models/future_skills_model_{version}.{part}"
        for version in ("v1", "v3", "v22")  # v22 is none of this ledger's
        for part in ("pkl", "evaluated.pkl", "json", "md", "evaluation-1.html")
    }
    assert not any(remove_needless_files(ledger, store, BEFORE).values())
    assert fetch_value(ledger, "SELECT count(*) FROM future_skills_ops.dataset") == 5


def test_nothing_that_is_young_enough_goes(ledger, store):
    before = files(store)
    assert not any(remove_needless_files(ledger, store, PUBLISHED - timedelta(days=OLD + 10)).values())
    assert files(store) == before


@pytest.mark.parametrize("days, expires", [(0, 30), (OLD, 100_000)], ids=["asked lately", "may still be approved"])
def test_a_version_that_is_asked_about_keeps_its_files(ledger, store, days, expires):
    execute(
        ledger,
        "INSERT INTO future_skills_ops.evaluation (version, dataset_id, request_key, population, mode, metrics)"
        " VALUES ('v2', %s, 'k', 'cv', 'normal', '{}')",
        (DATASET,),
    )
    at = PUBLISHED - timedelta(days=days)
    execute(
        ledger,
        "INSERT INTO future_skills_ops.approval (request_id, event, version, digest, evaluation_id, metrics, expires_at, at)"
        " SELECT 'r', 'requested', 'v2', 'd', evaluation_id, '{}', %s, %s FROM future_skills_ops.evaluation",
        (at + timedelta(days=expires), at),
    )
    ledger.commit()
    assert remove_needless_files(ledger, store, BEFORE)["models"] == 0
    assert store.path(f"datasets/earlier-{OLD}/dataset.csv").exists()


def test_the_first_whole_batch_stays_for_drift_though_no_report_names_it_yet(ledger, store):
    columns = {"score": {"drift": None, "problem": "unknown", "missing": {"current": 3}}}
    execute(
        ledger,
        "INSERT INTO future_skills_ops.drift_report (dataset_id, batch_id, reference_batch_id, version, horizon_years, columns,"
        " drifted, unknown, counted, html_uri, json_uri, created_at)"
        " SELECT dataset_id, batch_id, batch_id, version, 5, %s, false, true, true, '', '', planned_at"
        " FROM future_skills_ops.prediction_batch WHERE batch_id = %s",
        (json.dumps(columns), f"batch-{OLD + 1}"),
    )
    ledger.commit()
    removed = remove_needless_files(ledger, store, BEFORE)
    assert removed["batches"] == 1
    assert store.path(f"batches/batch-{OLD}/sample-0.csv").exists()


def test_the_dataset_that_is_the_newest_to_the_pipeline_stays(hr, store):
    add_dataset(hr, "chain", NOW - timedelta(days=OLD))
    for days, name in ((1, "look"), (2, "last-look")):
        add_dataset(hr, name, NOW - timedelta(days=OLD - days))
        execute(hr, "UPDATE future_skills_ops.chain SET stages = '{\"export\": {}}' WHERE chain_id = %s", (name,))
    hr.commit()
    for name in ("chain", "look", "last-look"):
        store.write(f"datasets/{name}/dataset.csv", b"x")
    assert remove_needless_files(hr, store, BEFORE)["datasets"] == 1
    assert files(store) == {
        "datasets/chain/dataset.csv",
        "datasets/last-look/dataset.csv",
    }  # the last is how a ledger knows its store


def test_the_only_dataset_stays_however_old(hr, store):
    add_dataset(hr, "long-ago", NOW - timedelta(days=OLD))
    store.write("datasets/long-ago/dataset.csv", b"x")
    assert not any(remove_needless_files(hr, store, BEFORE).values())
    assert files(store) == {"datasets/long-ago/dataset.csv"}
