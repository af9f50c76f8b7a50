"""Whose store it is: no process goes on with another one than its ledger's, and no ledger takes another's."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

import support.airflow_home  # noqa: F401 - before Airflow is imported
from future_skills.config import SQL_FOLDER
from future_skills.database import connect
from future_skills.ledger.settings import read_setting
from future_skills.store.artifacts import Store
from future_skills.store.ownership import FILE, OtherStoreError, StoreAwayError, require_own_store
from orchestration.hr_connections import hr_connection_json
from support.published import DATASET, NOW, add_dataset

KEYS = '{"k1": "0123456789abcdef0123456789abcdef"}'


def claimed(hr) -> str | None:
    """The id that the ledger has."""
    with hr:
        return read_setting(hr, FILE)


def upgraded(hr, *datasets: str) -> None:
    """A ledger of a release that knew no ids; the last dataset is its newest."""
    for age, dataset in enumerate(reversed(datasets)):
        add_dataset(hr, dataset, NOW - timedelta(days=age))
    hr.commit()


def export_into(store: Store, dataset: str) -> None:
    for name in ("dataset.csv", "manifest.json"):
        store.write(f"datasets/{dataset}/{name}", b"x")


def test_the_first_store_a_ledger_sees_is_its_own_and_every_other_is_refused(hr, store, tmp_path):
    require_own_store(hr, store)
    require_own_store(hr, Store.open(store.root.as_posix()))
    other = Store.open(str(tmp_path / "other"))
    with pytest.raises(StoreAwayError, match=r"other has no id .*store_id.* same STORE_URI"):
        require_own_store(hr, other)
    other.write(FILE, b"of another installation")
    with pytest.raises(OtherStoreError, match="has the id of another installation") as refused:
        require_own_store(hr, other)
    assert not isinstance(refused.value, StoreAwayError)
    moved = Store.open(str(tmp_path / "moved"))
    moved.write(FILE, store.path(FILE).read_bytes())
    require_own_store(hr, moved)


def test_two_workers_that_begin_at_once_with_a_store_each_do_not_both_go_on(hr_dsn, tmp_path):
    start = threading.Barrier(2, timeout=30)

    def begin(name):
        with closing(connect(hr_dsn)) as connection:
            own = Store.open(str(tmp_path / name))
            start.wait()
            try:
                require_own_store(connection, own)
            except OtherStoreError:
                return "refused"
            return "goes on"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(begin, ("one", "two"))) == ["goes on", "refused"]


def test_a_ledger_of_an_older_release_takes_the_store_of_its_newest_dataset_alone(hr, store, tmp_path):
    upgraded(hr, "earlier", "newest")
    other = Store.open(str(tmp_path / "other"))
    export_into(other, "earlier")
    other.write("datasets/newest/dataset.csv", b"of an export that was broken off")
    with pytest.raises(StoreAwayError, match=r"other.* lacks datasets/newest, .*STORE_URI"):
        require_own_store(hr, other)
    other.write(FILE, b"of another installation")
    with pytest.raises(OtherStoreError, match=r"other.* lacks datasets/newest, .*STORE_URI") as refused:
        require_own_store(hr, other)
    assert not isinstance(refused.value, StoreAwayError)
    assert claimed(hr) is None
    export_into(store, "newest")  # the older ones were removed, and one was never registered
    store.write("datasets/of-an-export-that-was-broken-off/dataset.csv", b"x")
    require_own_store(hr, store)
    assert claimed(hr) == store.path(FILE).read_text()


@pytest.mark.parametrize("name", [f"datasets/{DATASET}/dataset.csv", "models/future_skills_model_v1.pkl"])
@pytest.mark.parametrize("has_id", [True, False])
def test_a_ledger_without_datasets_takes_no_store_that_another_ledger_filled(hr, store, name, has_id):
    if has_id:
        store.write(FILE, b"of production")
    store.write(name, b"x")
    with pytest.raises(OtherStoreError, match=r"another ledger's.*another STORE_URI.*restore the ledger.*anew, move all") as no:
        require_own_store(hr, store)
    assert not isinstance(no.value, StoreAwayError)
    assert claimed(hr) is None
    assert store.path(FILE).exists() == has_id


def test_what_was_broken_off_between_file_and_setting_goes_on(hr, store):
    store.write(FILE, b"written")
    for folder in ("datasets", "models", "mails"):
        store.path(folder).mkdir()
    require_own_store(hr, store)
    assert claimed(hr) == "written"


@pytest.mark.parametrize("content", [b"of a person\n", b"", b" \n"])
def test_a_file_that_a_person_wrote_is_taken_as_it_is_meant(hr, store, content):
    store.write(FILE, content)
    require_own_store(hr, store)
    found = store.path(FILE).read_text().strip()
    assert claimed(hr) == found
    assert found == (content.decode().strip() or found)
    assert found
    require_own_store(hr, store)


def test_a_task_waits_for_a_store_that_is_away_and_fails_at_once_with_another(hr, hr_dsn, store, settings, monkeypatch):
    from airflow.sdk.exceptions import AirflowFailException

    from orchestration.connections import resources

    monkeypatch.setenv("AIRFLOW_CONN_HR_DATABASE", hr_connection_json(hr_dsn))
    monkeypatch.setenv("STORE_URI", settings.store_uri)
    monkeypatch.setenv("SIGNING_KEYS", KEYS)
    with resources() as work:
        assert work.store == store
    own = store.path(FILE).read_bytes()
    store.path(FILE).unlink()
    with pytest.raises(StoreAwayError), resources():
        pytest.fail("went on without its store")
    store.replace(FILE, b"of another installation")
    with pytest.raises(AirflowFailException, match="of another installation"), resources():
        pytest.fail("went on with another store")
    store.replace(FILE, own)
    with resources() as work:
        assert work.store == store


def command(module: str, **environment: str) -> subprocess.CompletedProcess:
    known = {"PYTHONPATH": str(SQL_FOLDER.parent), "PATH": os.environ["PATH"], "SIGNING_KEYS": KEYS}
    return subprocess.run(
        [sys.executable, "-m", module], env={**known, **environment}, capture_output=True, text=True, check=False, timeout=120
    )


def test_nothing_is_signed_again_in_another_store(hr, hr_dsn, store, tmp_path):
    require_own_store(hr, store)
    other = Store.open(str(tmp_path / "other"))
    other.write(FILE, b"of another installation")
    done = command("runtime.resign", HR_DSN=hr_dsn, STORE_URI=str(other.root))
    assert (done.returncode, done.stdout) == (1, "")
    assert "sees another artefact store than the one of its ledger" in done.stderr


def test_a_reset_beside_an_existing_ledger_says_how_to_go_on(hr, hr_dsn, tmp_path):
    """That command has no right to drop what is the DBA's: what it leaves it names."""
    database = hr.info.dbname
    state = tmp_path / f"existing-{database}"
    kept = Store.open(str(state / "store"))
    require_own_store(hr, kept)
    before = claimed(hr)
    done = command("runtime.reset", HR_DSN=hr_dsn, STATE_DIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{state} is removed." in done.stdout
    assert not state.exists()
    assert claimed(hr) == before
    assert "DROP SCHEMA future_skills_ops CASCADE" in done.stdout
    assert "make hr-grants" in done.stdout
    assert f"restore a backup of the store as {kept.root}." in done.stdout


def test_a_reset_leaves_a_store_elsewhere_and_says_so(tmp_path):
    state, elsewhere = tmp_path / "demo", tmp_path / "elsewhere"
    for folder in (state, elsewhere):
        folder.mkdir()
    done = command("runtime.reset", STATE_DIR=str(tmp_path), STORE_URI=str(elsewhere))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The artefact store {elsewhere} is kept" in done.stdout
    assert "DROP SCHEMA" not in done.stdout
    assert not state.exists()
    state.mkdir()
    assert command("runtime.reset", STATE_DIR=str(tmp_path)).stdout == f"{state} is removed.\n"
