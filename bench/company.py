"""Companies on a server of their own, and a company folder as the dataset the product would export from it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.dataset.export import export_dataset
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.dataset.validation import validate_dataset
from future_skills.hr.company import Company
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from future_skills.store.artifacts import Store
from runtime.postgres import embedded_server

KEYS = {"signing_keys": {"bench": "0123456789abcdef" * 2}, "signing_key_id": "bench"}


@contextmanager
def installed(company: Company, **chosen: Any) -> Iterator[tuple[str, Connection, Settings]]:
    """A server with the company and an empty ledger, removed at the end: its DSN, a connection, settings with those `chosen`."""
    home = Path(tempfile.mkdtemp(prefix="future-skills-bench-"))
    settings = Settings(store_uri=str(home / "store"), **{**KEYS, **chosen})
    try:
        with embedded_server(home / "postgres") as databases, closing(connect(databases["hr"])) as connection:
            create_hr_tables(connection)
            migrate_ledger(connection, create_schema=True)
            load_company(connection, company)
            yield databases["hr"], connection, settings
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def loaded(folder: Path) -> Iterator[tuple[Dataset, frozenset[int], Settings]]:
    """The company of a folder as a dataset, with its held-out roles; scope `evidence`, as for any company of that size."""
    with installed(read_company(folder), pair_scope="evidence") as (_, connection, settings):
        store = Store.open(settings.store_uri)
        exported = export_dataset(connection, store, settings, datetime.now(UTC).date())
        row = validate_dataset(connection, store, settings, exported.dataset_id, origin="manual")
        with connection:
            holdout = holdout_role_ids(connection)
        yield load_dataset(store, row), holdout, settings
