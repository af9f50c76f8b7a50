"""Weekly chains of a company through the product's own functions, on an embedded PostgreSQL; nothing is published."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import connection as Connection

from bench.company import installed
from future_skills.config import Settings
from future_skills.dataset.export import export_dataset
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.validation import validate_dataset
from future_skills.domain import PairScope
from future_skills.drift.report import report_drift
from future_skills.hr.company import Company
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import VersionRow
from future_skills.model.training import TrainingRequest, train_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.prediction.shard import score_shard, shard_numbers
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys


@dataclass(frozen=True)
class Weeks:
    """What the stages of a chain need."""

    connection: Connection
    store: Store
    keys: SigningKeys
    settings: Settings

    def export(self) -> Dataset:
        """Export and accept a dataset of today."""
        exported = export_dataset(self.connection, self.store, self.settings, datetime.now(UTC).date())
        row = validate_dataset(self.connection, self.store, self.settings, exported.dataset_id, origin="manual")
        return load_dataset(self.store, row)

    def train(self, dataset: Dataset, estimator: str | None = None) -> VersionRow:
        """Train an estimator (default: the setting's) on a dataset."""
        default = self.settings.training
        chosen = estimator or default.estimator
        request = TrainingRequest(
            *(dataset.row.dataset_id, f"bench/{dataset.row.dataset_id}/{chosen}"),
            *(chosen, default.preprocessing, {}, default.feature_set, None),
        )
        return train_version(self.connection, self.store, self.keys, self.settings, request)

    def report(self, dataset: Dataset, version: VersionRow) -> DriftReportRow:
        """Score a dataset with a version, and report its drift."""
        names = {"dataset_id": dataset.row.dataset_id, "version": version.version}
        batch = plan_batch(self.connection, self.store, self.settings, **names)
        assert batch is not None
        for number in shard_numbers(self.connection, batch.batch_id):
            score_shard(self.connection, self.store, self.keys, self.settings, batch.batch_id, number)
        audit_batch(self.connection, self.store, self.settings, batch.batch_id)
        publish_batch(self.connection, self.settings, batch.batch_id)
        return report_drift(self.connection, self.store, self.settings, batch.batch_id)


@contextmanager
def weeks_of(company: Company, scope: PairScope) -> Iterator[Weeks]:
    """A database with that company and an empty ledger, removed at the end."""
    with installed(company, pair_scope=scope, publish="off") as (_, connection, settings):
        yield Weeks(connection, Store.open(settings.store_uri), SigningKeys.of(settings), settings)
