"""Plans a batch: which dataset, which version, which job roles together; and the staging table they will share."""

import numpy as np
from psycopg2.extensions import connection as Connection

from future_skills.config import PredictionSettings, Settings
from future_skills.database import execute, fetch_row
from future_skills.dataset.reading import load_dataset
from future_skills.dataset.scope import pairs_of_roles
from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import FutureSkillsError, PairScope
from future_skills.ledger.batches import BatchRow, get_batch, list_shards, newer_published, newest_published
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import DatasetRow, get_dataset, newest_dataset
from future_skills.ledger.versions import VersionRow, champion, get_version
from future_skills.prediction.staging import create_stage, lost_shards
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
    language is returned: as it is when its predictions are those that are published, with its lost or withheld shards to be
    scored again when it is still to be published. It is planned once more when `repeat` asks for that, or when others were
    published since (a rollback). Raises StaleDatasetError, HorizonMismatchError.
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
        found = _find(connection, dataset, scored_by, settings)
        if found and not _wanted_again(connection, found, repeat=repeat):
            return _resume(connection, settings, found.batch_id)
    snapshot = load_dataset(store, dataset).snapshot
    number = max(found.repeat + 1 if found else 0, int(repeat))
    with connection:
        batch_id = _insert(connection, store, settings, (dataset, scored_by, number), snapshot)
        record_stage(connection, dataset.dataset_id, "prediction", "planned", batch_id=batch_id, version=scored_by.version)
        return get_batch(connection, batch_id)


def plan_again(connection: Connection, store: Store, settings: Settings, batch_id: str) -> BatchRow | None:
    """Plan a batch's version on its dataset once more, even over a newer dataset. Raises UnknownBatchError."""
    with connection:
        batch = get_batch(connection, batch_id)
    return plan_batch(connection, store, settings, dataset_id=batch.dataset_id, version=batch.version, repeat=True)


def _wanted_again(connection: Connection, found: BatchRow, *, repeat: bool) -> bool:
    """Is a new batch wanted, though this one has the same key?"""
    if repeat:
        return found.repeat == 0 or found.state in {"published", "withheld"}
    shown = newest_published(connection, found.horizon_years)
    return found.state == "published" and shown is not None and shown.batch_id != found.batch_id


def _resume(connection: Connection, settings: Settings, batch_id: str) -> BatchRow:
    """Plan again what is lost of a batch that is still to be published: everything when it was withheld and no longer is."""
    execute(connection, "SELECT 1 FROM future_skills_ops.prediction_batch WHERE batch_id = %s FOR UPDATE", (batch_id,))
    batch = get_batch(connection, batch_id)
    if batch.state == "published" or (batch.state == "withheld" and settings.publish == "off"):
        return batch
    withheld = batch.state == "withheld"
    lost = [shard.number for shard in list_shards(connection, batch_id)] if withheld else lost_shards(connection, batch)
    create_stage(connection, batch_id)
    execute(connection, "UPDATE future_skills_ops.prediction_batch SET planned_at = now() WHERE batch_id = %s", (batch_id,))
    if lost:
        execute(
            connection,
            "UPDATE future_skills_ops.shard SET scored_at = NULL, counts = '{}' WHERE batch_id = %s AND number = ANY(%s)",
            (batch_id, lost),
        )
        execute(
            connection,
            "UPDATE future_skills_ops.prediction_batch SET state = 'planned', counts = '{}', levels = '{}' WHERE batch_id = %s",
            (batch_id,),
        )
    return get_batch(connection, batch_id)


def _require_horizon(settings: Settings, dataset: DatasetRow, version: VersionRow) -> None:
    if not dataset.horizon_years == version.horizon_years == settings.horizon_years:
        raise HorizonMismatchError(
            f"This installation predicts {settings.horizon_years} years; dataset {dataset.dataset_id} is for "
            f"{dataset.horizon_years}, version {version.version} for {version.horizon_years}: export and train again."
        )


def _require_newest(connection: Connection, dataset: DatasetRow) -> None:
    if newer := newer_published(connection, dataset):
        raise StaleDatasetError(
            f"Dataset {dataset.dataset_id} (as of {dataset.as_of}) is older than {newer.dataset_id}, whose predictions are "
            "published: an older dataset is never published over a newer one."
        )


def _key(dataset: DatasetRow, version: VersionRow, settings: Settings) -> tuple[str, str, PairScope, int, str]:
    language = settings.future_skills_language
    return dataset.dataset_id, version.version, dataset.pair_scope, dataset.horizon_years, language


def _find(connection: Connection, dataset: DatasetRow, version: VersionRow, settings: Settings) -> BatchRow | None:
    """The newest batch of this key."""
    row = fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.prediction_batch WHERE (dataset_id, version, pair_scope, horizon_years, language)"
        " = (%s, %s, %s, %s, %s) ORDER BY repeat DESC LIMIT 1",
        _key(dataset, version, settings),
    )
    return BatchRow(**row) if row else None


def _insert(
    connection: Connection, store: Store, settings: Settings, planned: tuple[DatasetRow, VersionRow, int], snapshot: Snapshot
) -> str:
    """Insert the batch with its shards, unless another run just did; returns its id."""
    dataset, version, repeat = planned
    batch_id = f"{dataset.dataset_id}-{version.version}-{settings.future_skills_language}" + (f"-r{repeat}" if repeat else "")
    shards = plan_shards(snapshot, dataset.pair_scope, settings.prediction)
    inserted = execute(
        connection,
        "INSERT INTO future_skills_ops.prediction_batch (batch_id, dataset_id, version, pair_scope, horizon_years, language,"
        " repeat, state, pairs, sample_uri) VALUES (%s, %s, %s, %s, %s, %s, %s, 'planned', %s, %s) ON CONFLICT DO NOTHING",
        (
            batch_id,
            *_key(dataset, version, settings),
            repeat,
            sum(pairs for _, pairs in shards),
            str(store.path(f"batches/{batch_id}")),
        ),
    )
    if not inserted:
        return batch_id
    create_stage(connection, batch_id)
    for number, (roles, pairs) in enumerate(shards):
        execute(
            connection,
            "INSERT INTO future_skills_ops.shard (batch_id, number, job_role_ids, pairs) VALUES (%s, %s, %s, %s)",
            (batch_id, number, roles, pairs),
        )
    return batch_id


def plan_shards(snapshot: Snapshot, scope: PairScope, settings: PredictionSettings) -> list[tuple[list[int], int]]:
    """Job roles in order of their ids, cut into parts of about as many pairs: (job role ids, pairs) each.

    At most `shards` parts, and fewer when they would be smaller than `smallest_shard` pairs: each costs some seconds to begin.
    """
    ids = snapshot.roles["job_role_id"].to_numpy()
    if not len(ids):
        return []
    role_index, _ = pairs_of_roles(snapshot, scope, np.arange(len(ids)))
    pairs = np.bincount(role_index, minlength=len(ids))
    total = int(pairs.sum())
    shards = min(settings.shards, max(total // settings.smallest_shard, 1))
    middle = pairs.cumsum() - pairs / 2
    part = np.minimum((middle / max(total, 1) * shards).astype(int), shards - 1)
    return [(ids[part == number].tolist(), int(pairs[part == number].sum())) for number in np.unique(part)]
