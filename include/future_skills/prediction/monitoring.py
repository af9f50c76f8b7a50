"""The monitoring log: lines as the HR application writes them to its predictions_monitoring.jsonl."""

import io
import json
import math
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from future_skills.config import Settings
from future_skills.ledger.batches import BatchRow, ShardRow
from future_skills.store.artifacts import Store

MONITORED_FEATURES = ("trend_score", "internal_usage", "training_requests", "scarcity_index")
"""The features that a line has, in its order."""


def write_monitoring(store: Store, settings: Settings, batch: BatchRow, shards: list[ShardRow]) -> str:
    """Write `batches/<id>/predictions_monitoring.jsonl`, at most `monitoring_rows` sampled lines, in one step.

    The same lines for the same batch, so that a retry replaces them by themselves. Returns its URI. Raises
    ArtifactMissingError when a shard's sample is gone.
    """
    folder = f"batches/{batch.batch_id}"
    parts = [_read(store.read(str(store.path(f"{folder}/sample-{shard.number}.csv")))) for shard in shards if shard.pairs]
    sample = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if len(sample) > settings.prediction.monitoring_rows:
        sample = sample.sample(settings.prediction.monitoring_rows, random_state=settings.training.random_state).sort_index()
    stamp = local_timestamp(batch.planned_at)
    lines = [json.dumps(_line(row, batch, stamp), allow_nan=False) for row in sample.to_dict("records")]
    return store.replace(f"{folder}/predictions_monitoring.jsonl", "".join(f"{line}\n" for line in lines).encode())


def _read(content: bytes) -> pd.DataFrame:
    """A shard's sample as text: a missing number must become null, not stop the batch."""
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8", lineterminator="\n")


def local_timestamp(moment: datetime) -> str:
    """A moment without its zone, as the application writes it; ours are UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _line(row: dict[Any, Any], batch: BatchRow, stamp: str) -> dict[str, Any]:
    return {
        "timestamp": stamp,
        "job_role_id": int(row["job_role_id"]),
        "skill_id": int(row["skill_id"]),
        "predicted_level": row["level"],
        "score": round(float(row["score"]), 2),
        "engine": "future_skills",
        "model_version": batch.version,
        "features": {name: _number(row[name]) for name in MONITORED_FEATURES},
    }


def _number(value: str) -> float | None:
    """JSON knows no NaN: a missing value is null."""
    number = float(value or "nan")
    return number if math.isfinite(number) else None
