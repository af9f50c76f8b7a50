"""Exports a dataset: one transaction of reading, then one immutable folder, its manifest last."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.dataset.files import to_csv
from future_skills.dataset.labels import Labels, decide_labels
from future_skills.dataset.role_split import role_sides
from future_skills.dataset.snapshot import TABLES, SnapshotReading, read_snapshot
from future_skills.dataset.training_rows import training_rows
from future_skills.domain import FEATURES, FutureSkillsError
from future_skills.hr.schema import require_hr_tables
from future_skills.store.artifacts import Store


class FutureDatasetError(FutureSkillsError):
    """A dataset cannot be as of a day that has not come."""


@dataclass(frozen=True)
class ExportedDataset:
    """An exported folder, not yet validated."""

    dataset_id: str
    uri: str
    digest: str
    decided_rows: int
    implicit_rows: int


def export_dataset(connection: Connection, store: Store, settings: Settings, as_of: date) -> ExportedDataset:
    """Write `datasets/<id>/` from one snapshot of the HR database; its manifest.json comes last.

    Every export has an id of its own (UTC time, then 8 hex digits of the content's digest), even with equal content.
    Raises FutureDatasetError, or HRTablesMissingError when the database is not the HR application's.
    """
    if as_of > datetime.now(UTC).date():
        raise FutureDatasetError(f"A dataset as of {as_of} would speak of the future: choose today (UTC) or an earlier date.")
    require_hr_tables(connection)
    reading = read_snapshot(connection, as_of)
    labels = decide_labels(reading.snapshot.decisions, settings.horizon_years, settings.dataset)
    with connection:
        holdout = role_sides(connection, reading.snapshot.roles)
    training = training_rows(reading.snapshot, labels, settings.pair_scope, holdout, settings.training)
    contents = {"dataset.csv": to_csv(training)}
    contents |= {f"snapshot/{table}.csv": to_csv(getattr(reading.snapshot, table)) for table in TABLES}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    digest = content_digest(digests)
    now = datetime.now(UTC)
    dataset_id = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z-{digest[:8]}"
    decided = int((training["population"] == "decided").sum())
    exported = ExportedDataset(dataset_id, str(store.path(f"datasets/{dataset_id}")), digest, decided, len(training) - decided)
    manifest = {
        **_manifest(settings, as_of, reading, labels),
        "dataset_id": dataset_id,
        "exported_at": now.isoformat(),
        "digest": digest,
        "files": digests,
        "decided_rows": exported.decided_rows,
        "implicit_rows": exported.implicit_rows,
        "levels": training.loc[training["population"] == "decided", "future_need_level"].value_counts().to_dict(),
        "uninformative": [name for name in FEATURES if training[name].nunique() <= 1],
    }
    for name, content in {**contents, "quarantine.csv": to_csv(reading.rejected)}.items():
        store.write(f"datasets/{dataset_id}/{name}", content)
    store.write(f"datasets/{dataset_id}/manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    return exported


def content_digest(digests: dict[str, str]) -> str:
    """One SHA-256 over the names and digests of a dataset's files."""
    return hashlib.sha256("\n".join(f"{name} {digests[name]}" for name in sorted(digests)).encode()).hexdigest()


def _manifest(settings: Settings, as_of: date, reading: SnapshotReading, labels: Labels) -> dict[str, object]:
    snapshot = reading.snapshot
    return {
        "as_of": as_of.isoformat(),
        "as_of_means": "decisions by created_at, trends and reports by year; roles, skills and employees in their current state",
        "horizon_years": settings.horizon_years,
        "pair_scope": settings.pair_scope,
        "feature_set": settings.training.feature_set,
        "label_source": labels.source,
        "implicit": {
            "ratio": settings.training.implicit_ratio,
            "weight": settings.training.implicit_weight,
            "random_state": settings.training.random_state,
        },
        "counts": {
            "roles": len(snapshot.roles),
            "skills": len(snapshot.skills),
            "employees": snapshot.employees,
            "trends": len(snapshot.trends),
            "reports": len(snapshot.reports),
            "decisions": len(snapshot.decisions),
        },
        "source_rows": reading.source_rows,
        "rejected": {str(table): int(rows) for table, rows in reading.rejected["source_table"].value_counts().items()},
        "left_out": reading.left_out,
    }
