"""Real things for the tests: an embedded PostgreSQL, a database of its own per test, an artefact store, signing keys."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ["LC_ALL"] = "C.UTF-8"

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys
from runtime.postgres_server import served
from support.browser import browser

TEMPLATE = "hr_template"
ONET = Path(__file__).parents[2] / "shared" / "data" / "onet"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """An embedded server, stopped with the session; its value is the DSN of the database `postgres`."""
    with tempfile.TemporaryDirectory(prefix="future-skills-tests-") as folder, served(Path(folder) / "postgres") as server:
        yield server.dsn()


def run_on_server(dsn: str, statement: str) -> None:
    """Run a statement that cannot be in a transaction."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def database_dsn(server_dsn: str, database: str) -> str:
    """The DSN of another database on the same server."""
    return psycopg2.extensions.make_dsn(**{**parse_dsn(server_dsn), "dbname": database})


@pytest.fixture(scope="session")
def hr_template(postgres) -> str:
    """A database with empty HR tables and an empty ledger, copied for each test."""
    run_on_server(postgres, f"CREATE DATABASE {TEMPLATE}")
    connection = connect(database_dsn(postgres, TEMPLATE))
    create_hr_tables(connection)
    migrate_ledger(connection, create_schema=True)
    connection.close()
    return postgres


@pytest.fixture
def hr_dsn(hr_template) -> Iterator[str]:
    """The DSN of a fresh HR database with its ledger."""
    name = f"hr_{next(_numbers)}"
    run_on_server(hr_template, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield database_dsn(hr_template, name)
    run_on_server(hr_template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def hr(hr_dsn) -> Iterator[Connection]:
    """A connection to a fresh HR database with its ledger."""
    connection = connect(hr_dsn)
    yield connection
    connection.close()


@pytest.fixture
def settings(tmp_path) -> Settings:
    """Settings of a small installation, whatever the environment says."""
    keys = {"k1": "0123456789abcdef0123456789abcdef"}
    return Settings(store_uri=str(tmp_path / "store"), signing_keys=keys, threads=2, hr_pointer="on")


@pytest.fixture
def store(settings) -> Store:
    """An empty artefact store."""
    return Store.open(settings.store_uri)


@pytest.fixture
def keys(settings) -> SigningKeys:
    """The signing keys of the settings."""
    return SigningKeys.of(settings)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests: Playwright drives no second one in a process."""
    with browser() as one:
        yield one


@pytest.fixture
def onet() -> Path:
    """The O*NET input pack; skipped where it is absent."""
    if not ONET.is_dir():
        pytest.skip(f"the O*NET pack is not at {ONET}")
    return ONET
