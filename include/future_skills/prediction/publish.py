"""Publishes a batch: one transaction, after which readers see the new predictions instead of the old ones."""

import json
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_row, fetch_value
from future_skills.domain import FutureSkillsError
from future_skills.ledger.batches import BatchRow, get_batch, newer_published, newest_published
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.deployments import newest_deployment
from future_skills.prediction.staging import (
    RUN_AGAIN,
    create_stage,
    drop_stage,
    lost_shards,
    staged_sql,
)

PUBLISH_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_publish'))"


class NotAuditedError(FutureSkillsError):
    """A batch has not passed its audit."""


class FirstPublicationError(FutureSkillsError):
    """The first publication into an existing HR database waits for a yes."""


class OvertakenError(FutureSkillsError):
    """Since this batch was planned, predictions of a newer dataset were published, or another model was deployed."""


def publish_batch(connection: Connection, settings: Settings, batch_id: str) -> BatchRow:
    """Write a batch's differences, its PredictionRun and its ledger rows, all or nothing; published before, nothing is done.

    With `publish` off the batch is withheld. Raises NotAuditedError, FirstPublicationError, OvertakenError.
    """
    with connection:
        execute(connection, PUBLISH_LOCK)
        wait = f"{settings.prediction.lock_timeout.total_seconds() * 1_000:.0f}ms"
        execute(connection, "SELECT set_config('lock_timeout', %s, true)", (wait,))
        batch = get_batch(connection, batch_id)
        if batch.state in {"published", "withheld"}:
            return batch
        _require_turn(connection, settings, batch)
        if settings.publish == "off":
            return _withhold(connection, batch)
        _require_staging(connection, batch)
        counts = _write(connection, settings, batch)
        run_id = _record_run(connection, batch, counts)
        execute(
            connection,
            "UPDATE future_skills_ops.prediction_batch SET state = 'published', published_at = clock_timestamp(), counts = %s,"
            " prediction_run_id = %s WHERE batch_id = %s",
            (json.dumps(counts), run_id, batch_id),
        )
        record_stage(connection, batch.dataset_id, "prediction", "published", batch_id=batch_id, version=batch.version, **counts)
        drop_stage(connection, batch_id)
        execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")
        return get_batch(connection, batch_id)


def _require_turn(connection: Connection, settings: Settings, batch: BatchRow) -> None:
    if batch.state != "audited":
        raise NotAuditedError(f"Batch {batch.batch_id} is {batch.state}: it is published after its audit.")
    last = newest_published(connection, batch.horizon_years)
    if last is None and settings.publish == "on" and not settings.embedded and settings.first_publish != "yes":
        raise FirstPublicationError(
            f"The first publication waits for a yes: {batch.counts['inserted']} predictions would be new, "
            f"{batch.counts['updated']} changed (of these {batch.counts['taken_over']} rows of others), "
            f"{batch.counts['deleted']} removed. If that is wanted, FIRST_PUBLISH=yes and another run of "
            "future_skills_prediction publish them."
        )
    deployed = newest_deployment(connection)
    if deployed and deployed.at > batch.planned_at and deployed.version != batch.version:
        raise OvertakenError(
            f"Batch {batch.batch_id} is of {batch.version}, but {deployed.version} was deployed since it was planned: it stays "
            "unpublished, and the run that the deployment started publishes."
        )
    since = batch.planned_at if batch.repeat else None  # one asked for again goes over what was newer when it was asked for
    if newer := newer_published(connection, get_dataset(connection, batch.dataset_id), since):
        raise OvertakenError(
            f"Batch {batch.batch_id} is of an older dataset than {newer.batch_id}, which is published: it stays unpublished."
        )


def _require_staging(connection: Connection, batch: BatchRow) -> None:
    """What was audited is staged still, and compared with what is stored now.

    A crash of the server or sweeping may have emptied the table since, or another batch been published.
    """
    create_stage(connection, batch.batch_id)
    if lost := lost_shards(connection, batch):
        raise NotAuditedError(f"Shards {', '.join(map(str, lost))} of batch {batch.batch_id} are lost or outdated: {RUN_AGAIN}.")


def _withhold(connection: Connection, batch: BatchRow) -> BatchRow:
    execute(connection, "UPDATE future_skills_ops.prediction_batch SET state = 'withheld' WHERE batch_id = %s", (batch.batch_id,))
    record_stage(connection, batch.dataset_id, "prediction", "withheld", batch_id=batch.batch_id, reason="PUBLISH=off")
    drop_stage(connection, batch.batch_id)
    return get_batch(connection, batch.batch_id)


def _write(connection: Connection, settings: Settings, batch: BatchRow) -> dict[str, int]:
    """Apply the staged differences; returns the counts of what was really written."""
    parameters = {
        "batch_id": batch.batch_id,
        "horizon_years": batch.horizon_years,
        "change_score": settings.prediction.change_score,
    }
    dropped = execute(connection, staged_sql("drop_orphans", batch.batch_id))
    kept = fetch_row(connection, staged_sql("changes", batch.batch_id), parameters) or {}
    deleted = execute(connection, staged_sql("delete", batch.batch_id), parameters)
    updated = execute(connection, staged_sql("update", batch.batch_id), parameters)
    inserted = execute(connection, staged_sql("insert", batch.batch_id), parameters)
    written = {"inserted": inserted, "updated": updated, "deleted": deleted, "dropped": dropped}
    return {**batch.counts, **written, "restored": kept["restored"], "taken_over": kept["taken_over"]}


def _record_run(connection: Connection, batch: BatchRow, counts: dict[str, int]) -> int:
    parameters = {
        "engine": "future_skills",
        "horizon_years": batch.horizon_years,
        "trigger": "pipeline",
        "model_version": batch.version,
        "batch": batch.batch_id,
        "dataset": batch.dataset_id,
        "counts": counts,
    }
    described = f"Predictions for {batch.horizon_years} years by {batch.version}, dataset {batch.dataset_id}."
    run_id = fetch_value(
        connection,
        "INSERT INTO public.future_skills_predictionrun (run_date, description, total_predictions, parameters)"
        " VALUES (%s, %s, %s, %s) RETURNING id",
        (datetime.now(UTC), described, batch.pairs - counts["dropped"], json.dumps(parameters)),
    )
    return int(run_id)
