"""A company folder as the dataset the product would export from it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.dataset.export import export_dataset
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.role_split import holdout_role_ids
from future_skills.dataset.validation import validate_dataset
from future_skills.hr.interchange import read_company
from future_skills.hr.loader import load_company
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from future_skills.store.artifacts import Store
from runtime.postgres import embedded_server


@contextmanager
def loaded(folder: Path) -> Iterator[tuple[Dataset, frozenset[int], Settings]]:
    """The company of a folder as a dataset, with its held-out roles; scope `evidence`, as for any company of that size."""
    home = Path(tempfile.mkdtemp(prefix="future-skills-bench-"))  # not in a private folder: the server may run as another user
    settings = Settings(store_uri=str(home / "store"), pair_scope="evidence")
    try:
        with embedded_server(home / "postgres") as databases, closing(connect(databases["hr"])) as connection:
            create_hr_tables(connection)
            migrate_ledger(connection, create_schema=True)
            load_company(connection, read_company(folder))
            store = Store.open(settings.store_uri)
            exported = export_dataset(connection, store, settings, datetime.now(UTC).date())
            row = validate_dataset(connection, store, settings, exported.dataset_id, origin="manual")
            with connection:
                holdout = holdout_role_ids(connection)
            yield load_dataset(store, row), holdout, settings
    finally:
        shutil.rmtree(home, ignore_errors=True)
