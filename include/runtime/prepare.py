"""What an installation needs before anything of it starts: the ledger, Airflow's tables, roles and accounts."""

import os
import sys
import time
from contextlib import closing

import orchestration.seeding
from future_skills.config import Settings
from future_skills.database import HRDatabaseDownError, connect
from future_skills.hr.schema import HRTablesMissingError, require_hr_tables
from future_skills.ledger.migrate import LedgerMissingError, migrate_ledger
from future_skills.secret_files import secret_from
from future_skills.store.artifacts import Store
from future_skills.store.ownership import require_own_store
from future_skills.store.signing import SigningKeys
from orchestration.accounts import USERS, accounts
from orchestration.hr_connections import hr_connection_json
from runtime.options import OptionsError, ended_in_words

PATIENCE_SECONDS = 180
POLL_SECONDS = 3
NOT_YET = (HRDatabaseDownError, HRTablesMissingError, LedgerMissingError)
NEEDED = ("HR_DSN", "HR_DASHBOARD_DSN", "SIGNING_KEYS", USERS)


def require_secrets() -> None:
    """Raise OptionsError, naming every secret that is missing, or AccountError when the accounts cannot be read."""
    missing = [name for name in NEEDED if not secret_from(os.environ, name)]
    if missing:
        raise OptionsError(f"Missing secrets: {', '.join(missing)}. `make secrets` generates, or names, what is missing.")
    accounts(USERS)


def migrate_when_ready(dsn: str, patience_seconds: float = PATIENCE_SECONDS) -> str:
    """Wait for the HR database and its tables, then bring the ledger to this release; returns its revision.

    Raises HRDatabaseDownError, HRTablesMissingError or LedgerMissingError when that takes longer than the patience.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            with closing(connect(dsn)) as connection:
                require_hr_tables(connection)
                return migrate_ledger(connection)
        except NOT_YET as error:
            if time.monotonic() > deadline:
                raise
            print(f"Waiting: {error}", flush=True)
            time.sleep(POLL_SECONDS)


def main() -> int:
    """Prepare everything; an error is one sentence."""
    return ended_in_words(prepared) or orchestration.seeding.main()


def prepared() -> int:
    """What has to be there before Airflow's own tables. Raises what a wrong setting, store or ledger raises."""
    require_secrets()
    for name in ("HR_DSN", "HR_DASHBOARD_DSN"):
        hr_connection_json(secret_from(os.environ, name), name)  # read once before anything starts: an error names the setting
    settings = Settings()
    SigningKeys.of(settings)
    store = Store.open(settings.store_uri)
    dsn = settings.hr_dsn.get_secret_value() if settings.hr_dsn else ""
    print(f"The ledger is at revision {migrate_when_ready(dsn)}.", flush=True)
    with closing(connect(dsn)) as connection:
        require_own_store(connection, store)
    return 0


if __name__ == "__main__":
    sys.exit(main())
