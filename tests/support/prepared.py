"""Companies that are made once and copied for each test: database, store and ledger together."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn

from future_skills.config import Settings
from future_skills.database import connect, execute
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys
from support.company import load_demo
from support.pipeline import Workbench

SIZES = {"roles": 30, "skills": 60, "decisions": 600, "employees": 120}
QUICK = {
    "signing_keys": {"k1": "0123456789abcdef0123456789abcdef"},
    "threads": 1,
    "hr_pointer": "on",  # a test that has none says so
    "training": {"estimator": "logistic_regression", "folds": 2},
    "gate": {"resamples": 200},
    "prediction": {"shards": 1},
}

_numbers = count(1)
_made: dict[str, "Prepared"] = {}


@dataclass(frozen=True)
class Prepared:
    """A database nobody is connected to, and its store."""

    server_dsn: str
    database: str
    folder: Path


def quick_settings(folder: Path) -> Settings:
    """Settings under which a chain takes a second or two, with a store in `folder`."""
    return Settings(store_uri=str(folder), **QUICK)


def prepared(server_dsn: str, template: str, folder: Path, name: str, prepare: Callable[[Workbench], None]) -> Prepared:
    """The company `name`, made by `prepare` from the database `template` once per session."""
    if name not in _made:
        made = Prepared(server_dsn, f"prepared_{name}", folder / name)
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            on_server(server_dsn, statement)  # a server for tests: nothing has to survive the machine
        on_server(server_dsn, f"CREATE DATABASE {made.database} TEMPLATE {template}")
        with _workbench(made, made.database, made.folder) as bench:
            prepare(bench)
        _made[name] = made
    return _made[name]


@contextmanager
def copied(origin: Prepared, folder: Path, tablespace: str = "pg_default") -> Iterator[Workbench]:
    """A copy of a prepared company in a tablespace of its server, with a store of its own in `folder`."""
    database = f"copy_{next(_numbers)}"
    on_server(origin.server_dsn, f"CREATE DATABASE {database} TEMPLATE {origin.database} TABLESPACE {tablespace}")
    shutil.copytree(origin.folder, folder, dirs_exist_ok=True)
    try:
        with _workbench(origin, database, folder) as bench:
            _move(bench, origin.folder)
            yield bench
    finally:
        on_server(origin.server_dsn, f"DROP DATABASE {database} WITH (FORCE)")


def _move(bench: Workbench, from_folder: Path) -> None:
    """Let the ledger name the files of the copied store."""
    move = (str(from_folder), str(bench.store.root))
    for statement in (
        "UPDATE future_skills_ops.dataset SET uri = replace(uri, %s, %s)",
        "UPDATE future_skills_ops.prediction_batch SET sample_uri = replace(sample_uri, %s, %s)",
        "UPDATE future_skills_ops.model_version SET artifacts = replace(artifacts::text, %s, %s)::jsonb",
    ):
        execute(bench.connection, statement, move)
    bench.connection.commit()


@contextmanager
def _workbench(origin: Prepared, database: str, folder: Path) -> Iterator[Workbench]:
    settings = quick_settings(folder)
    with closing(connect(make_dsn(origin.server_dsn, dbname=database))) as connection:
        yield Workbench(connection, Store.open(settings.store_uri), SigningKeys.of(settings), settings)


def on_server(server_dsn: str, statement: str) -> None:
    """Run a statement that cannot be in a transaction."""
    with closing(psycopg2.connect(server_dsn)) as connection:
        connection.autocommit = True
        execute(connection, statement)


def deployed(bench: Workbench) -> None:
    """The demo company with its first version, v1, deployed; nothing is predicted yet."""
    load_demo(bench.connection, **SIZES)
    version = bench.train(bench.export())
    bench.approve(bench.ask(bench.evaluate(version)))
    bench.deploy(version.version)


def published(bench: Workbench) -> None:
    """The deployed company, with its predictions published."""
    deployed(bench)
    bench.predict()


def three_versions(bench: Workbench) -> None:
    """The demo company with v1 to v3 trained and let through by the gate, while no model is deployed.

    The evaluations have the same numbers. Once one is deployed the others are candidates no more: see `judged_now`.
    """
    load_demo(bench.connection, **SIZES)
    dataset = bench.export()
    for strength in (1.0, 0.5, 0.25):
        bench.evaluate(bench.train(dataset, parameters={"C": strength}))
