"""The drift report of a batch: compared with the first batch its version scored, written to the store and the ledger."""

import json
from dataclasses import asdict, replace
from typing import Any

from psycopg2.extensions import connection as Connection
from threadpoolctl import threadpool_limits

from future_skills.config import Settings, read_sql
from future_skills.database import execute, fetch_value
from future_skills.domain import FutureSkillsError
from future_skills.drift.columns import ColumnDrift, Verdict, judge_columns, watched_columns
from future_skills.drift.comparison import compare_samples
from future_skills.drift.page import with_heading
from future_skills.drift.samples import Sample, level_shares, load_sample
from future_skills.drift.sources import lost_rows, mark_halved, row_counts
from future_skills.ledger.batches import BatchRow, first_batch_of, get_batch, newest_finished, previous_batch
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.drift_reports import DriftReportRow, get_report, report_of_batch
from future_skills.store.artifacts import Store

REPORT_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_drift_report'))"


class BatchUnfinishedError(FutureSkillsError):
    """A batch is not finished, so there is nothing to compare yet."""


def batches_to_report(connection: Connection, horizon_years: int, named: str | None, told: list[str]) -> list[str]:
    """The ids of the batches a run reports, each once: the one `named`, else those it was `told` of and the one finished last.

    Airflow keeps an event for a later run when another waits already: the newest batch must not wait with it. Commits.
    """
    if named:
        return [named]
    with connection:
        newest = newest_finished(connection, horizon_years)
    return list(dict.fromkeys([*told, *([newest.batch_id] if newest else [])]))


def report_drift(connection: Connection, store: Store, settings: Settings, batch_id: str) -> DriftReportRow:
    """Report how far a batch moved from the first whole one of its version; reported before, the same row is returned.

    The files come first and are replaced by a retry; the row makes them count. Of several batches of a dataset only the
    first report is counted. Raises UnknownBatchError, BatchUnfinishedError, ArtifactMissingError, DatasetChangedError.
    """
    with connection:
        made = report_of_batch(connection, batch_id)
        if made:
            return made
        batch = get_batch(connection, batch_id)
        if batch.state not in {"published", "withheld"}:
            raise BatchUnfinishedError(
                f"Batch {batch_id} is {batch.state}: its drift is reported once future_skills_prediction has finished it."
            )
        lost = _lost_rows(connection, settings, batch)
    reference, current = _load_both(connection, store, settings, batch)
    with_target = reference.decided is not None and current.decided is not None
    with threadpool_limits(settings.threads):
        comparison = compare_samples(reference, current, watched_columns(settings.drift, with_target=with_target))
    columns = mark_halved(comparison.columns, lost) if lost else comparison.columns
    verdict = judge_columns(columns, settings.drift)
    summary = _summary(reference, current, columns, verdict, lost)
    page = with_heading(comparison.page(), summary, columns, _names(summary, batch))
    uris = {
        "html_uri": store.replace(f"reports/{batch_id}/drift.html", page.encode()),
        "json_uri": store.replace(f"reports/{batch_id}/drift.json", to_json(summary, indent=2).encode()),
    }
    return _record(connection, batch, reference.batch, summary, uris)


def _lost_rows(connection: Connection, settings: Settings, batch: BatchRow) -> dict[str, list[int]]:
    """Sources that lost half their rows since the batch before, of whatever version."""
    before = previous_batch(connection, batch)
    if before is None:
        return {}
    counts = [row_counts(get_dataset(connection, one.dataset_id).manifest, one.pairs) for one in (before, batch)]
    return lost_rows(counts[0], counts[1], settings.dataset.largest_drop)


def _load_both(connection: Connection, store: Store, settings: Settings, batch: BatchRow) -> tuple[Sample, Sample]:
    """The reference and the batch. A broken batch is no reference; where there is no whole one, this one is its own.

    Where this one is not whole either, a value that is always missing must not hide the other columns: they are compared.
    """
    current = load_sample(connection, store, settings, batch)
    with connection:
        first = first_batch_of(connection, batch) or (None if current.whole else first_batch_of(connection, batch, whole=False))
    if first is None:
        return current, current
    reference = load_sample(connection, store, settings, first)
    if (reference.decided is None) != (current.decided is None):
        reference, current = replace(reference, decided=None), replace(current, decided=None)
    return reference, current


def _summary(
    reference: Sample, current: Sample, columns: dict[str, ColumnDrift], verdict: Verdict, lost: dict[str, list[int]]
) -> dict[str, Any]:
    """What drift.json holds."""
    fell = [f"{source} fell from {before} to {now}" for source, (before, now) in lost.items()]
    return {
        "reference": _described(reference),
        "current": _described(current),
        "columns": {name: column.to_dict() for name, column in columns.items()},
        **asdict(verdict),
        "alarms": [f"Rows were lost since the batch before: {', '.join(fell)}."] if lost else [],
    }


def _described(sample: Sample) -> dict[str, Any]:
    return {
        "batch_id": sample.batch.batch_id,
        "dataset_id": sample.batch.dataset_id,
        "version": sample.batch.version,
        "pair_scope": sample.batch.pair_scope,
        "horizon_years": sample.batch.horizon_years,
        "rows": len(sample.rows),
        "levels": level_shares(sample.rows["level"]),
        "decided": None if sample.decided is None else len(sample.decided),
        "decided_levels": None if sample.decided is None else level_shares(sample.decided),
    }


def _names(summary: dict[str, Any], batch: BatchRow) -> dict[str, str]:
    return {
        "verdict": "Data alarm" if summary["broken"] else "Drift" if summary["drifted"] else "No drift",
        "current": f"Batch {batch.batch_id}",
        "reference": summary["reference"]["batch_id"],
        "origin": f", the first whole one of version {batch.version}",
    }


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that PostgreSQL takes: NaN would be a ValueError here, not a refused row there."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)


def _record(
    connection: Connection, batch: BatchRow, first: BatchRow, summary: dict[str, Any], uris: dict[str, str]
) -> DriftReportRow:
    row = {
        "dataset_id": batch.dataset_id,
        "batch_id": batch.batch_id,
        "reference_batch_id": first.batch_id,
        "version": batch.version,
        "horizon_years": batch.horizon_years,
        "columns": to_json(summary["columns"]),
        "drifted": summary["drifted"],
        "unknown": summary["unknown"],
        **uris,
    }
    with connection:
        execute(connection, REPORT_LOCK)
        made = report_of_batch(connection, batch.batch_id)
        if made:
            return made
        report = get_report(connection, fetch_value(connection, read_sql("drift/insert_report"), row))
        record_stage(
            connection,
            batch.dataset_id,
            "drift",
            "reported",
            report_id=report.report_id,
            batch_id=batch.batch_id,
            drifted=report.drifted,
            unknown=report.unknown,
            columns=report.drifted_columns,
            alarms=summary["alarms"],
        )
        return report
