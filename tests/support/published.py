"""Rows of a ledger without a pipeline behind them: datasets, a version, batches, changes of predictions."""

import json
from datetime import UTC, datetime, timedelta

from future_skills.database import execute
from future_skills.ledger.batches import get_batch

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
PUBLISHED = NOW + timedelta(hours=1)
LAST_WEEK = NOW - timedelta(days=7)
DATASET = "20261123T020000000Z-00000000"


def add_dataset(connection, dataset_id=DATASET, created_at=NOW, horizon=5):
    execute(connection, "INSERT INTO future_skills_ops.chain (chain_id, origin) VALUES (%s, 'manual')", (dataset_id,))
    execute(
        connection,
        "INSERT INTO future_skills_ops.dataset (dataset_id, uri, digest, as_of, horizon_years, pair_scope, label_source,"
        " decided_rows, implicit_rows, quarantined, manifest, created_at)"
        " VALUES (%s, '', '', %s, %s, 'all', 'hr_decision', 0, 0, 0, '{}', %s)",
        (dataset_id, created_at.date(), horizon, created_at),
    )
    connection.commit()


def add_batch(connection, *, state="published", label_source="hr_decision", counts="{}", levels="{}"):
    """A dataset, a version 3 and a batch of them, published an hour after it was planned at NOW; returns the batch."""
    add_dataset(connection)
    execute(
        connection,
        "INSERT INTO future_skills_ops.model_version (version, number, dataset_id, request_key, estimator, preprocessing,"
        " parameters, feature_set, horizon_years, label_source, loadable_by_hr, artifacts, libraries, cuts, facts)"
        " VALUES ('v3', 3, %s, 'k', 'ridge', 'target', '{}', 'core', 5, %s, true, '{}', '{}', '{}', '{}')",
        (DATASET, label_source),
    )
    execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
        " state, pairs, counts, levels, planned_at, published_at)"
        " VALUES (%s, %s, 'v3', 'all', 5, 'en', %s, 100, %s, %s, %s, %s)",
        (f"{DATASET}-v3-en", DATASET, state, counts, levels, NOW, PUBLISHED if state == "published" else None),
    )
    connection.commit()
    return get_batch(connection, f"{DATASET}-v3-en")


def add_change(connection, role, skill, old, new, *, kind="moved", at=NOW):
    for table, (number, name) in (("jobrole", role), ("skill", skill)):
        execute(
            connection,
            f"INSERT INTO future_skills_{table} (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (number, name),
        )
    execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_change (batch_id, job_role_id, skill_id, horizon_years, kind, old_level,"
        " new_level, old_score, new_score, at) VALUES (%s, %s, %s, 5, %s, %s, %s, %s, %s, %s)",
        (f"{DATASET}-v3-en", role[0], skill[0], kind, old[0], new[0], old[1], new[1], at),
    )
    connection.commit()


def add_earlier_batch(connection, days, *, version="v3", high=0, scope="all"):
    """A batch published so many days before the one of `add_batch`, with a dataset of its own."""
    at = PUBLISHED - timedelta(days=days)
    add_dataset(connection, f"earlier-{days}", at)
    execute(
        connection,
        "INSERT INTO future_skills_ops.model_version SELECT (m).* FROM (SELECT jsonb_populate_record(model_version, %s) AS m"
        " FROM future_skills_ops.model_version WHERE version = 'v3') AS made ON CONFLICT DO NOTHING",
        (json.dumps({"version": version, "number": int(version[1:]), "request_key": version}),),
    )
    execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
        " state, pairs, levels, planned_at, published_at) VALUES (%s, %s, %s, %s, 5, 'en', 'published', 100, %s, %s, %s)",
        (f"batch-{days}", f"earlier-{days}", version, scope, json.dumps({"undecided": {"HIGH": high}}), at, at),
    )
    connection.commit()


def add_deployment(connection, at, version="v3"):
    """A version deployed at that time."""
    execute(
        connection,
        "INSERT INTO future_skills_ops.deployment (version, kind, digest, request_key, at) VALUES (%s, 'deploy', 'd', %s, %s)",
        (version, f"deployed {at}", at),
    )
    connection.commit()


def add_prediction(connection, role, skill, level, score, *, factors=(), batch=f"{DATASET}-v3-en", created_at=LAST_WEEK):
    """A stored prediction of that batch, in a row that is older unless said otherwise; `role` and `skill` are (id, name)."""
    for table, (number, name) in (("jobrole", role), ("skill", skill)):
        execute(
            connection,
            f"INSERT INTO future_skills_{table} (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (number, name),
        )
    explanation = {"batch": batch, "source": "future_skills", "top_factors": list(factors)}
    execute(
        connection,
        "INSERT INTO future_skills_futureskillprediction (job_role_id, skill_id, horizon_years, score, level, created_at,"
        " explanation) VALUES (%s, %s, 5, %s, %s, %s, %s)",
        (role[0], skill[0], score, level, created_at, json.dumps(explanation)),
    )
    connection.commit()
