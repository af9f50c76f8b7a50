"""Removes files that the ledger names and nothing will ask for again, once they are old enough."""

import re
from datetime import datetime

from psycopg2.extensions import connection as Connection

from future_skills.alerts.retention import SWEPT, children, delete
from future_skills.config import read_sql
from future_skills.database import fetch_rows
from future_skills.store.artifacts import Store

VERSION_FILE = re.compile(r"future_skills_model_(v\d+)\..+")
"""Artefacts, metadata, model card and evaluation reports of a version."""


def remove_needless_files(connection: Connection, store: Store, before: datetime) -> dict[str, int]:
    """Remove what is needless of datasets, batches, reports, experiments (folders) and models (files) from before a moment.

    Returns how many, by kind. Ledger rows stay: they say what there was. Only what lies in this store is looked at.
    """
    with connection:
        rows = fetch_rows(connection, read_sql("alerts/needless_files"), {"before": before})
    removed = {}
    for kind in SWEPT:
        needless = {row["name"] for row in rows if row["folder"] == kind}
        found = children(store.path(kind)) if needless else []
        if kind == "models":
            named = [(path, match[1]) for path in found if (match := VERSION_FILE.fullmatch(path.name))]
        else:
            named = [(path, path.name) for path in found]
        removed[kind] = sum(delete(path) for path, name in named if name in needless)
    return removed
