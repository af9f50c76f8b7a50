"""A disk is full, the store's or the HR database's: a clear error, nothing half written, and all is well with space again."""

import os
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from future_skills.database import HRDatabaseFullError, connect, execute, fetch_rows, fetch_value, full_disk_told
from future_skills.drift.report import report_drift
from future_skills.ledger.batches import get_batch, list_shards
from future_skills.ledger.deployments import newest_deployment
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.registry.pointer import POINTER
from future_skills.store.artifacts import Store, StoreUnwritableError
from support.ends import STAGES
from support.pipeline import Workbench
from support.prepared import Prepared, copied, deployed, on_server, prepared, published
from support.small_disk import SmallDisk, small_disk

FULL = "No space left on device"
LEFT = (0, 4, 16, 64, 256)
"""Kilobytes that are left: the disk is full at the first file, or at a later one."""
PREDICTIONS = "SELECT id, xmin::text AS written, score, level FROM future_skills_futureskillprediction ORDER BY id"
LEDGER = "SELECT relname FROM pg_class WHERE relnamespace = 'future_skills_ops'::regnamespace AND relkind = 'r'"


@pytest.fixture(scope="module")
def origin(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("full"), "deployed", deployed)


@pytest.fixture(scope="module")
def shown(hr_template, tmp_path_factory) -> Prepared:
    return prepared(hr_template, "hr_template", tmp_path_factory.mktemp("full"), "published", published)


@pytest.fixture
def disk():
    with small_disk(64) as disk:
        yield disk


@pytest.fixture
def bench(origin, disk):
    """v1 is deployed, nothing is predicted; the store is on the small disk."""
    with copied(origin, disk.root / "store") as bench:
        yield bench


def ledger(bench: Workbench) -> dict:
    """How many rows each table of the ledger has."""
    names = [row["relname"] for row in fetch_rows(bench.connection, LEDGER)]
    counts = {name: fetch_value(bench.connection, f"SELECT count(*) FROM future_skills_ops.{name}") for name in names}
    bench.connection.commit()
    return counts


def files(store: Store) -> dict[str, bytes]:
    return {str(path.relative_to(store.root)): path.read_bytes() for path in Path(str(store.root)).rglob("*") if path.is_file()}


def refusal_of(act) -> str | None:
    """Why the store refused what was tried, or None when it was done."""
    try:
        act()
    except StoreUnwritableError as error:
        return str(error)
    return None


def refused(bench: Workbench, disk: SmallDisk, act) -> None:
    """On a disk that is full sooner or later: an error that names the file, the reason and what to do; no row, no draft."""
    rows, before, failed = ledger(bench), files(bench.store), 0
    for kilobytes in LEFT:
        disk.fill(kilobytes)
        refusal = refusal_of(act)
        if refusal is None:
            break
        failed += 1
        assert str(bench.store.root) in refusal
        assert f"({FULL}): free space on the disk of the artefact store" in refusal
        assert ledger(bench) == rows
        after = files(bench.store)
        assert not [name for name in after if ".draft" in name or ".probe" in name]
        assert {name: after[name] for name in before} == before, "what was there is there"
    assert failed > 1, "the disk was never full"
    disk.free()


def test_an_export_that_finds_no_space_registers_nothing(bench, disk):
    refused(bench, disk, bench.export)
    assert bench.export().dataset_id


def test_a_training_that_finds_no_space_registers_no_version(bench, disk):
    dataset = bench.export()
    refused(bench, disk, lambda: bench.train(dataset))
    assert bench.evaluate(bench.train(dataset)).verdict


def test_scores_whose_sample_finds_no_space_are_not_staged(bench, disk):
    batch = plan_batch(bench.connection, bench.store, bench.settings)
    refused(bench, disk, lambda: bench.score(batch))
    assert bench.predict().batch_id == batch.batch_id


def test_a_drift_report_that_finds_no_space_is_not_counted(bench, disk):
    batch = bench.predict()
    refused(bench, disk, lambda: report_drift(bench.connection, bench.store, bench.settings, batch.batch_id))
    assert report_drift(bench.connection, bench.store, bench.settings, batch.batch_id).counted


def test_a_deployment_that_finds_no_space_leaves_the_old_champion(bench, disk):
    version = bench.train(bench.export(), parameters={"C": 0.5})
    bench.approve(bench.ask(bench.evaluate(version, mode="refresh")))
    pointer = bench.store.path(POINTER).read_bytes()
    disk.fill()
    with pytest.raises(StoreUnwritableError, match=FULL):
        bench.deploy(version.version)
    assert bench.store.path(POINTER).read_bytes() == pointer
    with bench.connection:
        assert newest_deployment(bench.connection).version == "v1"
    disk.free()
    bench.deploy(version.version)
    assert version.version.encode() in bench.store.path(POINTER).read_bytes()


@pytest.fixture
def tablespace(hr_template, disk):
    """Where the databases of the test's server may be put: on the small disk, in a folder of whoever runs the server."""
    with closing(connect(hr_template)) as connection:
        owner = Path(fetch_value(connection, "SHOW data_directory")).stat()
    folder = disk.root / "tablespace"
    folder.mkdir()
    os.chown(folder, owner.st_uid, owner.st_gid)
    on_server(hr_template, f"CREATE TABLESPACE small LOCATION '{folder}'")
    yield "small"
    on_server(hr_template, "DROP TABLESPACE small")


@pytest.fixture
def week(shown, tablespace, tmp_path):
    """The predictions of last week are shown, and the market has moved; the database is on the small disk."""
    with copied(shown, tmp_path / "store", tablespace) as bench:
        execute(bench.connection, "UPDATE future_skills_markettrend SET trend_score = round((trend_score * 0.9)::numeric, 4)")
        bench.connection.commit()
        bench.export()
        yield bench


def predictions(bench: Workbench) -> list[dict]:
    rows = fetch_rows(bench.connection, PREDICTIONS)
    bench.connection.commit()
    return rows


@contextmanager
def told_full(bench: Workbench):
    """The error with which a task ends: whose disk is full, and what to do. The connection goes on as a new one would."""
    told = f"HR database has no disk space left .*{FULL}.*: free some there"
    with pytest.raises(HRDatabaseFullError, match=told), full_disk_told():
        yield
    bench.connection.rollback()


def test_scores_that_the_database_has_no_space_for_are_not_staged(week, disk):
    before = predictions(week)
    batch = plan_batch(week.connection, week.store, week.settings)
    disk.fill()
    with told_full(week):
        week.score(batch)
    assert predictions(week) == before
    with week.connection:
        assert [shard.scored_at for shard in list_shards(week.connection, batch.batch_id)] == [None]
    disk.free()
    assert week.predict().batch_id == batch.batch_id
    assert predictions(week) != before
    assert fetch_rows(week.connection, STAGES) == []


def test_a_publication_that_the_database_has_no_space_for_leaves_the_old_predictions(week, disk):
    before = predictions(week)
    batch = week.audited()
    disk.fill()
    with told_full(week):
        publish_batch(week.connection, week.settings, batch.batch_id)
    assert predictions(week) == before
    with week.connection:
        assert get_batch(week.connection, batch.batch_id).state == "audited"
    disk.free()
    done = publish_batch(week.connection, week.settings, batch.batch_id)
    assert done.state == "published"
    assert done.counts["updated"] > 100
    assert len(predictions(week)) == len(before)
