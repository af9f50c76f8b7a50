"""Weekly chains of a company through the product's own functions, on an embedded PostgreSQL; nothing is published."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection

from bench import stages
from bench.company import installed
from bench.stages import Shop
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.domain import PairScope
from future_skills.drift.report import report_drift
from future_skills.hr.company import Company
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import VersionRow
from future_skills.prediction.publish import publish_batch


@dataclass(frozen=True)
class Weeks(Shop):
    """What the stages of a chain need, and a connection of their own."""

    connection: Connection

    def export(self) -> Dataset:
        """Export and accept a dataset of today."""
        return load_dataset(self.store, stages.export(self, datetime.now(UTC).date()))

    def train(self, dataset: Dataset, estimator: str | None = None) -> VersionRow:
        """Train an estimator (default: the setting's) on a dataset."""
        return stages.train(self, dataset.row, estimator)

    def report(self, dataset: Dataset, version: VersionRow) -> DriftReportRow:
        """Score a dataset with a version, and report its drift."""
        batch = stages.staged(self, self.connection, dataset_id=dataset.row.dataset_id, version=version.version)
        publish_batch(self.connection, self.settings, batch.batch_id)
        return report_drift(self.connection, self.store, self.settings, batch.batch_id)


@contextmanager
def weeks_of(company: Company, scope: PairScope) -> Iterator[Weeks]:
    """A database with that company and an empty ledger, removed at the end."""
    with installed(company, pair_scope=scope, publish="off") as (dsn, connection, settings):
        yield Weeks(dsn, settings, connection)
