"""The HR application's own predictions beside the deployed version's: a report apart, which never asks for a retraining."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection
from threadpoolctl import threadpool_limits

from future_skills.config import Settings
from future_skills.drift.application_log import LOG_COLUMNS, LogReading, read_application_log
from future_skills.drift.columns import ColumnDrift, judge_columns, watched_columns
from future_skills.drift.comparison import compare_samples
from future_skills.drift.page import with_heading
from future_skills.drift.report import to_json
from future_skills.drift.samples import Sample, level_shares, load_sample
from future_skills.ledger.batches import get_batch
from future_skills.ledger.chains import record_stage
from future_skills.ledger.drift_reports import get_report
from future_skills.store.artifacts import Store


def report_application_log(
    connection: Connection, store: Store, settings: Settings, report_id: int, path: str, days: int, now: datetime | None = None
) -> dict[str, Any]:
    """Compare the last `days` of the application's log with the reference of a drift report, in the few columns it has.

    Writes HTML and JSON beside that report and a stage of the chain; a repeat replaces them. Returns what the stage says.
    Raises UnknownReportError, ApplicationLogMissingError.
    """
    until = now or datetime.now(UTC)
    with connection:
        report = get_report(connection, report_id)
        first = get_batch(connection, report.reference_batch_id)
    limit, seed = settings.prediction.sample_rows, settings.training.random_state
    zone = ZoneInfo(settings.drift.application_log_time_zone)
    since, end = (moment.astimezone(zone) for moment in (until - timedelta(days=days), until))
    reading = read_application_log(path, since.replace(tzinfo=None), end.replace(tzinfo=None), limit, seed)
    reference = load_sample(connection, store, settings, first)
    current = Sample(reference.batch, reference.dataset, reading.rows, None)
    watched = [column for column in watched_columns(settings.drift, with_target=False) if column.name in LOG_COLUMNS]
    with threadpool_limits(settings.threads):
        comparison = compare_samples(reference, current, watched)
    verdict = judge_columns(comparison.columns, settings.drift)
    summary = {
        "reference": _side(reference) | {"batch_id": first.batch_id},
        "current": _side(current) | _counts(reading) | {"log": path, "days": days, "until": end.isoformat()},
        "columns": {name: column.to_dict() for name, column in comparison.columns.items()},
        **asdict(verdict),
        "alarms": _remarks(reading),
    }
    names = {
        "verdict": _verdict(reading, comparison.columns, days, drifted=verdict.drifted),
        "current": f"{days} days of the HR application's log",
        "reference": first.batch_id,
        "origin": ", the reference of the deployed version. This report asks for nothing",
    }
    page = with_heading(comparison.page(), summary, comparison.columns, names)
    folder = f"reports/{report.batch_id}"
    facts = {
        "html_uri": store.replace(f"{folder}/application_log.html", page.encode()),
        "json_uri": store.replace(f"{folder}/application_log.json", to_json(summary, indent=2).encode()),
        "drifted": verdict.drifted,
        "unknown": verdict.unknown,
        "columns": [name for name, column in comparison.columns.items() if column.drift],
        **_counts(reading),
    }
    with connection:
        record_stage(connection, report.dataset_id, "application_log", "reported" if reading.lines else "empty", **facts)
    return facts


def _verdict(reading: LogReading, columns: dict[str, ColumnDrift], days: int, *, drifted: bool) -> str:
    if not reading.lines:
        return f"The HR application predicted nothing in these {days} days"
    unknown = [name for name, column in columns.items() if column.drift is None]
    if len(unknown) == len(columns):
        return "The HR application's predictions could not be compared"
    verdict = "The HR application's predictions: " + ("unlike ours" if drifted else "like ours")
    return f"{verdict}; they could not be compared in {', '.join(unknown)}" if unknown else verdict


def _remarks(reading: LogReading) -> list[str]:
    skipped = [f"{reading.skipped} lines were no predictions and were skipped."] if reading.skipped else []
    if reading.lines:
        return skipped
    seen = f"{reading.outside} lines of the log are older or newer." if reading.outside else "The log has no prediction at all."
    return [f"{seen} Is the right file named, and is DRIFT__APPLICATION_LOG_TIME_ZONE that of the application?", *skipped]


def _side(sample: Sample) -> dict[str, Any]:
    return {"rows": len(sample.rows), "levels": level_shares(sample.rows["level"])}


def _counts(reading: LogReading) -> dict[str, Any]:
    names = ("lines", "outside", "skipped", "torn", "engines")
    return {name: getattr(reading, name) for name in names}
