"""What is swept away, and what never is."""

import os
from datetime import datetime, timedelta

from future_skills.alerts.retention import sweep
from future_skills.database import execute, fetch_value
from future_skills.store.artifacts import Store
from support.outbox import mail, queued, rows
from support.published import DATASET, NOW, add_batch, add_change


def put(store: Store, name: str, hours: float, now: datetime = NOW) -> str:
    """A file of that age in the store."""
    uri = store.write(name, b"x")
    moment = (now - timedelta(hours=hours)).timestamp()
    os.utime(uri, (moment, moment))
    return name


def add_experiment(hr):
    execute(
        hr,
        "INSERT INTO future_skills_ops.experiment (experiment_id, dataset_id, request_key, label_source, facts, contenders,"
        " baselines, recommendation, libraries, page_uri) VALUES (1, %s, 'run', 'hr_decision', '{}', '[]', '{}', '{}', '{}', '')",
        (DATASET,),
    )


def test_only_old_orphans_are_swept(hr, store, tmp_path):
    batch = add_batch(hr)
    execute(
        hr,
        "INSERT INTO future_skills_ops.evaluation (version, dataset_id, request_key, population, mode, metrics)"
        " VALUES ('v3', %s, 'k', 'cv', 'normal', '{}')",
        (DATASET,),
    )
    add_experiment(hr)
    hr.commit()
    registered = [
        f"datasets/{DATASET}/dataset.csv",
        f"datasets/{DATASET}/snapshot/roles.csv",
        f"batches/{batch.batch_id}/sample-0.csv",
        f"reports/{batch.batch_id}/drift.html",
        "experiments/1/comparison.html",
        "models/future_skills_model_v3.pkl",
        "models/future_skills_model_v3.evaluated.pkl",
        "models/future_skills_model_v3.json",
        "models/future_skills_model_v3.md",
        "models/future_skills_model_v3.evaluation-1.html",
        "models/notes.txt",
        "models/future_skills_model_v4_backup.pkl",
        "future_skills_model.pkl",
        "MODEL_REGISTRY.md",
        "elsewhere/orphan/file.csv",
        "datasets/a-file-not-a-folder",
    ]
    kept = [put(store, name, 1_000) for name in registered]
    kept += [put(store, name, 23.9) for name in ("datasets/young/dataset.csv", "models/future_skills_model_v5.pkl")]
    kept += [put(store, "datasets/unfinished/manifest.json", 1), put(store, "datasets/unfinished/dataset.csv", 1_000)]
    for name in (
        "datasets/orphan/dataset.csv",
        "datasets/orphan/snapshot/roles.csv",
        "batches/orphan/sample-0.csv",
        "reports/orphan/drift.html",
        "experiments/2/comparison.html",
        "models/future_skills_model_v4.pkl",
        "models/future_skills_model_v4.folds.pkl",
        "models/future_skills_model_v3.evaluation-2.html",
        f"models/.future_skills_model_v3.pkl.{'0' * 32}.draft",
        f".MODEL_REGISTRY.md.{'0' * 32}.draft",
        f".probe-{'0' * 32}",
        f"approvals/request-1/.page.html.{'0' * 32}.draft",
    ):
        put(store, name, 24.1)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.csv").write_text("x")
    os.utime(outside / "precious.csv", (0, 0))
    store.path("datasets/link").symlink_to(outside)
    store.path("datasets/orphan/link").symlink_to(outside)
    swept = sweep(hr, store, NOW)
    assert swept == {
        "prediction_changes": 0,
        "mails": 0,
        "datasets": 1,
        "batches": 1,
        "reports": 1,
        "experiments": 1,
        "models": 2,
        "evaluations": 1,
        "drafts": 4,
        "marks": 0,
    }
    found = {str(path.relative_to(store.root)) for path in store.root.rglob("*") if path.is_file()}
    assert found - {"datasets/link/precious.csv"} == set(kept)
    assert not store.path("datasets/orphan").exists()
    assert (outside / "precious.csv").exists()
    assert sum(sweep(hr, store, NOW).values()) == 0


def test_nothing_is_swept_on_the_word_of_an_empty_ledger(hr, store):
    names = [
        put(store, name, 1_000) for name in ("datasets/one/dataset.csv", "models/future_skills_model_v1.pkl", "batches/b/s.csv")
    ]
    assert sum(sweep(hr, store, NOW).values()) == 0
    assert all(store.path(name).exists() for name in names)


def test_an_empty_store_is_swept_without_complaint(hr, store):
    assert sum(sweep(hr, store, NOW).values()) == 0


def test_changes_are_kept_for_400_days(hr, store):
    add_batch(hr)
    add_change(hr, (1, "Role"), (1, "Skill"), ("LOW", 1.0), ("HIGH", 99.0), at=NOW - timedelta(days=399))
    add_change(hr, (1, "Role"), (1, "Skill"), ("LOW", 1.0), ("HIGH", 99.0), at=NOW - timedelta(days=401))
    assert sweep(hr, store, NOW)["prediction_changes"] == 1
    hr.rollback()
    assert fetch_value(hr, "SELECT count(*) FROM future_skills_ops.prediction_change") == 1


def test_mails_are_forgotten_after_400_days_and_their_pictures_after_a_month(hr, store):
    queued(hr, *(mail(number, pictures={"plot": b"PNG"}) for number in range(4)))
    for recipient, days, sent in (("person1", 31, True), ("person2", 401, True), ("person3", 401, False)):
        execute(
            hr,
            "UPDATE future_skills_ops.outbox SET created_at = %s, sent_at = %s WHERE recipient LIKE %s",
            (NOW - timedelta(days=days), NOW if sent else None, f"{recipient}%"),
        )
    execute(hr, "UPDATE future_skills_ops.outbox SET created_at = %s WHERE recipient LIKE 'person0%%'", (NOW,))
    assert sweep(hr, store, NOW)["mails"] == 1
    kept = {row["recipient"].split("@")[0]: bool(row["pictures"]) for row in rows(hr)}
    assert kept == {"person0": True, "person1": False, "person3": False}, "what still waits is kept"


def test_marks_of_mails_sent_past_the_outbox_are_swept_after_two_days(hr, store):
    put(store, "mails/young", 47)
    put(store, "mails/old", 49)
    assert sweep(hr, store, NOW)["marks"] == 1
    assert store.path("mails/young").exists()
