"""Datasets for tests."""

from datetime import date

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.dataset.export import export_dataset
from future_skills.dataset.validation import validate_dataset
from future_skills.ledger.datasets import DatasetRow
from future_skills.store.artifacts import Store

MONDAY = date(2026, 11, 23)


def exported(connection: Connection, store: Store, settings: Settings, as_of: date = MONDAY) -> DatasetRow:
    """Export and accept a dataset."""
    dataset = export_dataset(connection, store, settings, as_of)
    return validate_dataset(connection, store, settings, dataset.dataset_id, origin="manual")
