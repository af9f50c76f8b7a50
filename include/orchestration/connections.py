"""What a task works with: the HR database behind an Airflow connection, the artefact store, the keys, the settings."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException
from psycopg2.extensions import connection as HRConnection
from psycopg2.extensions import make_dsn

from future_skills.config import Settings
from future_skills.database import HRDatabaseDownError, HRDatabaseFullError, connect, full_disk_told
from future_skills.domain import FutureSkillsError
from future_skills.dsn import DsnError
from future_skills.ledger.migrate import require_ledger
from future_skills.store.artifacts import Store, StoreUnwritableError
from future_skills.store.ownership import StoreAwayError, require_own_store
from future_skills.store.signing import SigningKeys
from orchestration.hr_connections import HR_DATABASE

WORTH_RETRYING = (HRDatabaseDownError, HRDatabaseFullError, StoreUnwritableError, StoreAwayError)


@dataclass(frozen=True)
class Resources:
    """An open connection to the HR database, the artefact store, the signing keys and the settings."""

    connection: HRConnection
    store: Store
    keys: SigningKeys
    settings: Settings


def hr_dsn(name: str = HR_DATABASE) -> str:
    """The libpq keyword string of an Airflow connection to the HR database; its host may be the folder of a socket.

    Raises DsnError when Airflow has read the rest of a password as the database: that is where a `/` which is not
    percent-encoded moves it in a connection that is given as a URI, which then has no login.
    """
    hr = Connection.get(name)
    if hr.login is None and "@" in (hr.schema or ""):
        raise DsnError(f"The connection {name}")
    fields = {
        "host": hr.host,
        "port": hr.port,
        "dbname": hr.schema,
        "user": hr.login,
        "password": hr.password,
        **(hr.extra_dejson or {}),
    }
    return str(make_dsn(**{name: value for name, value in fields.items() if value is not None}))


@contextmanager
def hr_connection() -> Iterator[HRConnection]:
    """A connection to the HR database, closed at the end. Raises HRDatabaseDownError, LedgerMissingError."""
    with closing(connect(hr_dsn())) as connection:
        require_ledger(connection)
        connection.commit()
        yield connection


@contextmanager
def resources() -> Iterator[Resources]:
    """Everything a task needs, closed at the end.

    An error that another try cannot mend fails the task at once, with its message, instead of being retried.
    """
    try:
        settings = Settings()
        with full_disk_told(), hr_connection() as connection:
            store = Store.open(settings.store_uri)
            require_own_store(connection, store)
            yield Resources(connection, store, SigningKeys.of(settings), settings)
    except WORTH_RETRYING:
        raise
    except FutureSkillsError as error:
        raise AirflowFailException(str(error)) from error
