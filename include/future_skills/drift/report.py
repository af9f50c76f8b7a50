"""The drift report of a batch: compared with the first batch its version scored, written to the store and the ledger."""

import html
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
from future_skills.drift.samples import Sample, load_sample
from future_skills.ledger.batches import BatchRow, first_batch_of, get_batch
from future_skills.ledger.chains import record_stage
from future_skills.ledger.drift_reports import DriftReportRow, get_report, report_of_batch
from future_skills.store.artifacts import Store

REPORT_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_drift_report'))"


class BatchUnfinishedError(FutureSkillsError):
    """A batch is not finished, so there is nothing to compare yet."""


def report_drift(connection: Connection, store: Store, settings: Settings, batch_id: str) -> DriftReportRow:
    """Report how far a batch moved from the first one of its version; reported before, the same row is returned.

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
        first = first_batch_of(connection, batch) or batch
    reference, current = _load_both(connection, store, settings, first, batch)
    with_target = reference.decided is not None and current.decided is not None
    with threadpool_limits(settings.threads):
        columns, page = compare_samples(reference, current, watched_columns(settings.drift, with_target=with_target))
    verdict = judge_columns(columns, settings.drift)
    summary = _summary(reference, current, columns, verdict)
    uris = {
        "html_uri": store.replace(f"reports/{batch_id}/drift.html", _with_heading(page, summary).encode()),
        "json_uri": store.replace(f"reports/{batch_id}/drift.json", _to_json(summary, indent=2).encode()),
    }
    return _record(connection, batch, first, summary, uris)


def _load_both(
    connection: Connection, store: Store, settings: Settings, first: BatchRow, batch: BatchRow
) -> tuple[Sample, Sample]:
    current = load_sample(connection, store, settings, batch)
    if first.batch_id == batch.batch_id:
        return current, current
    reference = load_sample(connection, store, settings, first)
    if (reference.decided is None) != (current.decided is None):
        reference, current = replace(reference, decided=None), replace(current, decided=None)
    return reference, current


def _summary(reference: Sample, current: Sample, columns: dict[str, ColumnDrift], verdict: Verdict) -> dict[str, Any]:
    """What drift.json holds."""
    return {
        "reference": _described(reference),
        "current": _described(current),
        "columns": {name: column.to_dict() for name, column in columns.items()},
        **asdict(verdict),
    }


def _described(sample: Sample) -> dict[str, Any]:
    return {
        "batch_id": sample.batch.batch_id,
        "dataset_id": sample.batch.dataset_id,
        "version": sample.batch.version,
        "pair_scope": sample.batch.pair_scope,
        "horizon_years": sample.batch.horizon_years,
        "rows": len(sample.rows),
        "decided": None if sample.decided is None else len(sample.decided),
    }


def _to_json(value: Any, indent: int | None = None) -> str:
    """JSON that PostgreSQL takes: NaN would be a ValueError here, not a refused row there."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)


def _with_heading(page: str, summary: dict[str, Any]) -> str:
    """Evidently's page under what it does not say: the verdict, what was compared, and what could not be."""
    columns = summary["columns"]
    drifted = [name for name, column in columns.items() if column["drift"]]
    unknown = [name for name, column in columns.items() if column["drift"] is None]
    verdict = "Drift" if summary["drifted"] else "No drift"
    lines = [
        f"Batch {summary['current']['batch_id']} ({summary['current']['rows']} rows) against "
        f"{summary['reference']['batch_id']} ({summary['reference']['rows']} rows), the first of version "
        f"{summary['current']['version']}.",
        f"Drifted columns: {', '.join(drifted) or 'none'}; {summary['share']:.0%} of the features.",
        *([f"Not comparable, so unknown: {', '.join(unknown)}."] if unknown else []),
        *(
            f"New in {name}: {', '.join(column['new_categories'])}."
            for name, column in columns.items()
            if "new_categories" in column
        ),
    ]
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    heading = f'<section style="font-family: sans-serif; margin: 1.5rem"><h1>{verdict}</h1><ul>{items}</ul></section>'
    return page.replace("<body>", f"<body>{heading}", 1)


def _record(
    connection: Connection, batch: BatchRow, first: BatchRow, summary: dict[str, Any], uris: dict[str, str]
) -> DriftReportRow:
    row = {
        "dataset_id": batch.dataset_id,
        "batch_id": batch.batch_id,
        "reference_batch_id": first.batch_id,
        "version": batch.version,
        "horizon_years": batch.horizon_years,
        "columns": _to_json(summary["columns"]),
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
        )
        return report
