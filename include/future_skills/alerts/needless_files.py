"""Removes files that the ledger names and nothing will ask for again, once they are old enough."""

from collections import Counter
from datetime import datetime

from psycopg2.extensions import connection as Connection

from future_skills.alerts.retention import delete
from future_skills.config import read_sql
from future_skills.database import fetch_rows
from future_skills.store.artifacts import Store

KINDS = ("datasets", "batches", "reports", "experiments", "models")


def remove_needless_files(connection: Connection, store: Store, before: datetime) -> dict[str, int]:
    """Remove the needless files of datasets, batches, reports, experiments and models from before a moment; how many, by kind.

    Ledger rows stay: they say what there was. Raises ForeignArtifactError for a model that the ledger names elsewhere.
    """
    with connection:
        rows = fetch_rows(connection, read_sql("alerts/needless_files"), {"before": before})
    removed: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for row in rows:
        name, is_model = row["name"], row["folder"] == "models"
        path = store.resolve(name) if is_model else store.path(f"{row['folder']}/{name}")
        if path.exists() and not path.is_symlink():
            delete(path)
            removed[row["folder"]] += 1
    return dict(removed)
