"""The last look at a scored batch before anything is published."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_value
from future_skills.dataset.lost_decisions import LostDecisions, ShownPredictions, find_lost_decisions, shown_predictions
from future_skills.domain import LEVELS, FutureSkillsError
from future_skills.ledger.batches import BatchRow, ShardRow, get_batch, list_shards, newest_published
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import get_dataset
from future_skills.prediction.monitoring import write_monitoring
from future_skills.prediction.staging import RUN_AGAIN, create_stage, lost_shards, staged_sql
from future_skills.store.artifacts import Store

SMALLEST_SHARE_COMPARED = 100
"""Pairs below which a level share says nothing."""
DELETES_ALWAYS_ALLOWED = 20
COUNTS = ("inserted", "updated", "unchanged", "deleted", "restored", "taken_over")


@dataclass(frozen=True)
class LevelShift:
    """A level whose share among decided or undecided pairs (`side`) moved too far since the batch `since`."""

    side: str
    level: str
    before: float
    now: float
    since: str


@dataclass(frozen=True)
class Deletions:
    """Too many rows would be deleted at once: `rows` of the `stored` ones."""

    rows: int
    stored: int


Unusual = LevelShift | Deletions


class AuditFailedError(FutureSkillsError):
    """A scored batch looks wrong: it is not published. `unusual` is what may be the data's fault and is no error of a run.

    `lost` tells when its dataset has fewer decisions than the one published last; `shown` what HR sees meanwhile.
    """

    def __init__(
        self,
        message: str,
        batch: BatchRow | None = None,
        unusual: Sequence[Unusual] = (),
        *,
        lost: LostDecisions | None = None,
        shown: ShownPredictions | None = None,
    ) -> None:
        super().__init__(message)
        self.batch, self.unusual, self.lost, self.shown = batch, unusual, lost, shown


def audit_batch(connection: Connection, store: Store, settings: Settings, batch_id: str) -> BatchRow:
    """Check counts, ranges, deletions and level shares of a batch; audited or published before, it is returned as it is.

    Raises AuditFailedError with every finding.
    """
    with connection:
        batch, shards = get_batch(connection, batch_id), list_shards(connection, batch_id)
        if batch.state != "planned":
            return batch
        counts = {name: sum(shard.counts.get(name, 0) for shard in shards) for name in COUNTS}
        levels = _levels(shards)
        create_stage(connection, batch_id)
        unusual: list[Unusual] = [
            *_deletions(connection, settings, batch, counts),
            *_shares(connection, settings, batch, levels),
        ]
        findings = [
            *_unscored(shards),
            *_staging(connection, batch, counts),
            *(_described(one, settings) for one in unusual),
        ]
        if findings:
            record_stage(connection, batch.dataset_id, "prediction", "audit failed", findings=findings)
    if findings:
        message = f"Batch {batch_id} is not published: " + "; ".join(findings) + "."
        with connection:
            lost = _lost_decisions(connection, store, batch)
            shown = shown_predictions(connection, batch.horizon_years)
        raise AuditFailedError(" ".join(map(str, filter(None, (message, lost, shown)))), batch, unusual, lost=lost, shown=shown)
    write_monitoring(store, settings, batch, shards)
    with connection:
        execute(
            connection,
            "UPDATE future_skills_ops.prediction_batch SET state = 'audited', counts = %s, levels = %s"
            " WHERE batch_id = %s AND state = 'planned'",
            (json.dumps(counts), json.dumps(levels), batch_id),
        )
        return get_batch(connection, batch_id)


def _lost_decisions(connection: Connection, store: Store, batch: BatchRow) -> LostDecisions | None:
    """What became of the decisions behind the batch published last, when this one's dataset has fewer."""
    last = newest_published(connection, batch.horizon_years)
    earlier = get_dataset(connection, last.dataset_id) if last else None
    return find_lost_decisions(connection, store, earlier, get_dataset(connection, batch.dataset_id).manifest)


def _levels(shards: list[ShardRow]) -> dict[str, dict[str, int]]:
    return {
        side: {level: sum(shard.counts.get("levels", {}).get(side, {}).get(level, 0) for shard in shards) for level in LEVELS}
        for side in ("decided", "undecided")
    }


def _unscored(shards: list[ShardRow]) -> list[str]:
    missing = [str(shard.number) for shard in shards if shard.scored_at is None]
    return [f"shards {', '.join(missing)} were not scored"] if missing else []


def _staging(connection: Connection, batch: BatchRow, counts: dict[str, int]) -> list[str]:
    """The staging table holds what the shards say, and only values the HR application can show."""
    findings = []
    if lost := lost_shards(connection, batch):
        findings.append(f"shards {', '.join(map(str, lost))} are lost or outdated: {RUN_AGAIN}")
    elif bad := fetch_value(connection, staged_sql("audit", batch.batch_id)):
        findings.append(f"{bad} rows have a score outside 0-100, an unknown level or no text")
    scored = sum(counts[name] for name in ("inserted", "updated", "unchanged"))
    if scored != batch.pairs:
        findings.append(f"{scored} pairs were scored, {batch.pairs} planned")
    return findings


def _described(unusual: Unusual, settings: Settings) -> str:
    allowed = settings.prediction
    if isinstance(unusual, Deletions):
        share, rows = unusual.rows / max(unusual.stored, 1), f"{unusual.rows} of {unusual.stored} rows"
        return f"{rows} would be deleted ({share:.0%}, allowed {allowed.largest_delete:.0%})"
    return (
        f"the share of {unusual.level} among {unusual.side} pairs moved by {unusual.now - unusual.before:+.0%} since batch "
        f"{unusual.since} (allowed: {allowed.largest_level_shift:.0%}, PREDICTION__LARGEST_LEVEL_SHIFT)"
    )


def _deletions(connection: Connection, settings: Settings, batch: BatchRow, counts: dict[str, int]) -> list[Deletions]:
    if counts["deleted"] <= DELETES_ALWAYS_ALLOWED:
        return []
    before = fetch_value(
        connection,
        "SELECT count(*) FROM public.future_skills_futureskillprediction WHERE horizon_years = %s"
        " AND explanation ->> 'source' = 'future_skills'",
        (batch.horizon_years,),
    )
    too_many = counts["deleted"] / max(before, 1) > settings.prediction.largest_delete
    return [Deletions(counts["deleted"], before)] if too_many else []


def _shares(connection: Connection, settings: Settings, batch: BatchRow, levels: dict[str, dict[str, int]]) -> list[LevelShift]:
    """Level shares against the batch published last in the same scope, decided and undecided pairs apart."""
    last = newest_published(connection, batch.horizon_years)
    if last is None or last.pair_scope != batch.pair_scope:
        return []
    shifts = []
    for side, now in levels.items():
        total, before = sum(now.values()), last.levels.get(side, {})
        total_before = sum(before.values())
        if min(total, total_before) < SMALLEST_SHARE_COMPARED:
            continue
        shares = ((level, before[level] / total_before, now[level] / total) for level in LEVELS)
        shifts += [LevelShift(side, level, old, new, last.batch_id) for level, old, new in shares]
    return [shift for shift in shifts if abs(shift.now - shift.before) > settings.prediction.largest_level_shift]
