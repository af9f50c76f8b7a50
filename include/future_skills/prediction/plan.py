"""Plans a batch: which dataset, which version, which job roles together; and the staging table they will share."""

import json

import numpy as np
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.dataset.reading import load_dataset
from future_skills.dataset.scope import pairs_of_roles
from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import FutureSkillsError, PairScope
from future_skills.ledger.batches import BatchRow, get_batch
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import DatasetRow, get_dataset, newest_dataset
from future_skills.ledger.versions import VersionRow, champion, get_version
from future_skills.prediction.staging import create_stage
from future_skills.store.artifacts import Store


class StaleDatasetError(FutureSkillsError):
    """A newer dataset's predictions are published already."""


class HorizonMismatchError(FutureSkillsError):
    """A version or dataset was made for another horizon than this installation predicts."""


def plan_batch(
    connection: Connection,
    store: Store,
    settings: Settings,
    *,
    dataset_id: str | None = None,
    version: str | None = None,
    repeat: bool = False,
) -> BatchRow | None:
    """Plan the scoring of a dataset (default: the newest) by a version (default: the champion).

    Returns None when there is no champion yet, or no dataset. The batch of the same dataset, version, scope, horizon and
    language is returned as it is, unless `repeat` asks for it once more, or it was withheld and may be published now.
    Raises StaleDatasetError, HorizonMismatchError.
    """
    with connection:
        dataset = get_dataset(connection, dataset_id) if dataset_id else newest_dataset(connection, settings.horizon_years)
        scored_by = get_version(connection, version) if version else champion(connection)
        if dataset is None:
            return None
        if scored_by is None:
            record_stage(connection, dataset.dataset_id, "prediction", "skipped", reason="no champion yet")
            return None
        _require_horizon(settings, dataset, scored_by)
        if not repeat:
            _require_newest(connection, dataset)
        found = _find(connection, dataset, scored_by, settings, repeat=repeat)
        if found and not (found.state == "withheld" and settings.publish == "on"):
            return found
    snapshot = load_dataset(store, dataset).snapshot
    with connection:
        batch_id = found.batch_id if found else _next_id(connection, dataset, scored_by, settings, repeat=repeat)
        _insert(connection, store, settings, (batch_id, dataset, scored_by), snapshot)
        record_stage(connection, dataset.dataset_id, "prediction", "planned", batch_id=batch_id, version=scored_by.version)
        return get_batch(connection, batch_id)


def _require_horizon(settings: Settings, dataset: DatasetRow, version: VersionRow) -> None:
    if not dataset.horizon_years == version.horizon_years == settings.horizon_years:
        raise HorizonMismatchError(
            f"This installation predicts {settings.horizon_years} years; dataset {dataset.dataset_id} is for "
            f"{dataset.horizon_years}, version {version.version} for {version.horizon_years}: export and train again."
        )


def _require_newest(connection: Connection, dataset: DatasetRow) -> None:
    newer = fetch_value(
        connection,
        "SELECT dataset_id FROM future_skills_ops.prediction_batch JOIN future_skills_ops.dataset USING (dataset_id)"
        " WHERE state = 'published' AND dataset.horizon_years = %s AND repeat = 0"
        " AND (as_of, created_at) > (%s, %s) LIMIT 1",
        (dataset.horizon_years, dataset.as_of, dataset.created_at),
    )
    if newer:
        raise StaleDatasetError(
            f"Dataset {dataset.dataset_id} (as of {dataset.as_of}) is older than {newer}, whose predictions are published: "
            "an older dataset is never published over a newer one."
        )


def _key(dataset: DatasetRow, version: VersionRow, settings: Settings) -> tuple[str, str, PairScope, int, str]:
    language = settings.future_skills_language
    return dataset.dataset_id, version.version, dataset.pair_scope, dataset.horizon_years, language


def _find(
    connection: Connection, dataset: DatasetRow, version: VersionRow, settings: Settings, *, repeat: bool
) -> BatchRow | None:
    """The newest batch of this key; when a repeat is wanted, only one that is still under way."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.prediction_batch WHERE (dataset_id, version, pair_scope, horizon_years, language)"
        " = (%s, %s, %s, %s, %s) ORDER BY repeat DESC LIMIT 1",
        _key(dataset, version, settings),
    )
    found = BatchRow(**row) if row else None
    return None if found and repeat and found.state in {"published", "withheld"} else found


def _next_id(connection: Connection, dataset: DatasetRow, version: VersionRow, settings: Settings, *, repeat: bool) -> str:
    name = f"{dataset.dataset_id}-{version.version}-{settings.future_skills_language}"
    if not repeat:
        return name
    rows = fetch_rows(
        connection,
        "SELECT repeat FROM future_skills_ops.prediction_batch WHERE (dataset_id, version, pair_scope, horizon_years, language)"
        " = (%s, %s, %s, %s, %s)",
        _key(dataset, version, settings),
    )
    number = max((row["repeat"] for row in rows), default=-1) + 1
    return f"{name}-r{number}" if number else name


def _insert(
    connection: Connection,
    store: Store,
    settings: Settings,
    planned: tuple[str, DatasetRow, VersionRow],
    snapshot: Snapshot,
) -> None:
    batch_id, dataset, version = planned
    shards = plan_shards(snapshot, dataset.pair_scope, settings.prediction.shards)
    repeat = int(batch_id.rsplit("-r", 1)[1]) if "-r" in batch_id else 0
    execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
        " repeat, state, pairs, sample_uri) VALUES (%s, %s, %s, %s, %s, %s, %s, 'planned', %s, %s)"
        " ON CONFLICT (batch_id) DO UPDATE SET state = 'planned', counts = '{}'",
        (
            batch_id,
            *_key(dataset, version, settings),
            repeat,
            sum(pairs for _, pairs in shards),
            str(store.path(f"batches/{batch_id}")),
        ),
    )
    create_stage(connection, batch_id)
    for number, (roles, pairs) in enumerate(shards):
        execute(
            connection,
            "INSERT INTO future_skills_ops.shard (batch_id, number, job_role_ids, pairs) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (batch_id, number) DO UPDATE SET scored_at = NULL, counts = %s",
            (batch_id, number, roles, pairs, json.dumps({})),
        )


def plan_shards(snapshot: Snapshot, scope: PairScope, shards: int) -> list[tuple[list[int], int]]:
    """Job roles in order of their ids, cut into at most `shards` parts of about as many pairs: (job role ids, pairs) each."""
    ids = snapshot.roles["job_role_id"].to_numpy()
    if not len(ids):
        return []
    role_index, _ = pairs_of_roles(snapshot, scope, np.arange(len(ids)))
    pairs = np.bincount(role_index, minlength=len(ids))
    middle = pairs.cumsum() - pairs / 2
    part = np.minimum((middle / max(pairs.sum(), 1) * shards).astype(int), shards - 1)
    return [(ids[part == number].tolist(), int(pairs[part == number].sum())) for number in np.unique(part)]
