"""The artefact store in an S3-compatible server: everything that the product does with it, beside the same in a folder."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec

import pytest
from psycopg2.extensions import make_dsn

from bench.predicting import published
from future_skills.alerts.retention import delete, sweep
from future_skills.config import SQL_FOLDER, Settings
from future_skills.database import connect
from future_skills.ledger.versions import champion
from future_skills.registry.experiments import ExperimentOrder, run_experiment
from future_skills.registry.pointer import points_at, put_back_on_failure
from future_skills.registry.resigning import resign
from future_skills.store.artifacts import ArtifactExistsError, ArtifactMissingError, Store, StoreUnwritableError
from future_skills.store.models import load_model
from future_skills.store.ownership import FILE, OtherStoreError, StoreAwayError, require_own_store
from future_skills.store.signing import SigningKeys
from support.company import load_demo
from support.mailbox import free_port
from support.pipeline import run_chain
from support.prepared import QUICK, SIZES, on_server
from support.published import DATASET, add_dataset

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("s3fs") is None, reason="s3fs is not installed: make extras-cluster"),
    pytest.mark.skipif(find_spec("moto") is None, reason="moto is in requirements-dev.txt"),
]

DATASET_ID = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{8}")
BUCKET = "future-skills"


@pytest.fixture(scope="module")
def object_store():
    """A server on loopback, which clients find by the variables of the environment that every S3 client reads."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", address)
        environment.setenv("AWS_ACCESS_KEY_ID", "pipeline")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
        environment.setenv("AWS_DEFAULT_REGION", "eu-west-3")
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        _client().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        yield f"s3://{BUCKET}/installation"
        _forget_clients()
    server.terminate()
    server.wait(30)


def _client():
    from botocore.session import get_session

    return get_session().create_client("s3")


def _forget_clients():
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()


@pytest.fixture
def databases(hr_template):
    """Two empty HR databases."""
    names = ["hr_in_a_folder", "hr_in_a_bucket"]
    for name in names:
        on_server(hr_template, f"CREATE DATABASE {name} TEMPLATE hr_template")
    yield [make_dsn(hr_template, dbname=name) for name in names]
    for name in names:
        on_server(hr_template, f"DROP DATABASE {name} WITH (FORCE)")


def contents(store):
    """Every file by name: data and models to the byte; pages carry times, so that there is one is what counts."""
    files = [path for path in store.root.rglob("*") if path.is_file()]
    prefix = str(store.root).rstrip("/") + "/"
    return {
        DATASET_ID.sub("DATASET", str(path).removeprefix(prefix)): path.read_bytes() if path.suffix in {".csv", ".pkl"} else b""
        for path in files
    }


def deploy_in_vain(store):
    with put_back_on_failure(store):
        store.replace("future_skills_model.env", b"of a deployment that fails")
        raise FileNotFoundError


def two_weeks(dsn, uri):
    """Two chains, an experiment, a new key, an aborted deployment, and a sweep; returns what they leave."""
    keys = {"k1": "0123456789abcdef0123456789abcdef", "k2": "fedcba9876543210fedcba9876543210"}
    settings = Settings(store_uri=uri, **{**QUICK, "signing_keys": keys, "signing_key_id": "k1"})
    store = Store.open(uri)
    with closing(connect(dsn)) as connection:
        require_own_store(connection, store)
        load_demo(connection, **SIZES)
        first = run_chain(connection, store, SigningKeys.of(settings), settings)
        second = run_chain(connection, store, SigningKeys.of(settings), settings)
        assert (first.batch.state, second.evaluation.verdict, second.report.drifted) == ("published", "keep", False)
        order = ExperimentOrder("experiment", ("ridge",), ("target",), requested_by="ada")
        run_experiment(connection, store, settings, order)
        newer = settings.model_copy(update={"signing_key_id": "k2"})
        signed = resign(connection, store, SigningKeys.of(newer))
        reigning = champion(connection)
        connection.commit()
        assert load_model(store, reigning.artifacts["served"], SigningKeys.of(newer)) is not None
        with pytest.raises(FileNotFoundError):
            deploy_in_vain(store)
        assert points_at(store, reigning)
        store.write("datasets/nobodys/dataset.csv", b"a,b\n")
        store.write("batches/nobodys/sample-0.csv", b"a,b\n")
        swept = [sweep(connection, store, datetime.now(UTC) + timedelta(hours=hours)) for hours in (0, 25)]
        require_own_store(connection, store)
        return published(connection), swept, signed, contents(store)


def test_a_bucket_holds_what_a_folder_does(object_store, databases, tmp_path):
    folder, bucket = databases
    in_folder = two_weeks(folder, (tmp_path / "store").as_uri())
    in_bucket = two_weeks(bucket, object_store)
    rows, swept, signed, files = in_folder
    assert rows[0] == SIZES["roles"] * SIZES["skills"]
    assert (swept[0]["datasets"], swept[1]["datasets"], swept[1]["batches"]) == (0, 1, 1)
    assert in_bucket[:3] == (rows, swept, signed)
    assert in_bucket[3].keys() == files.keys()
    assert {name for name in files if in_bucket[3][name] != files[name]} == set()


def test_a_ledger_takes_no_bucket_that_another_one_filled(object_store, hr):
    store = Store.open(f"{object_store}/of-another-ledger")
    model = store.write("models/future_skills_model_v1.pkl", b"x")
    with pytest.raises(OtherStoreError, match="holds datasets or models and this ledger has no dataset"):
        require_own_store(hr, store)
    delete(store.resolve(model))
    add_dataset(hr, DATASET)
    with pytest.raises(StoreAwayError, match=f"lacks datasets/{DATASET}"):
        require_own_store(hr, store)
    store.write(f"datasets/{DATASET}/manifest.json", b"{}")
    require_own_store(hr, store)
    assert store.path(FILE).is_file()


def test_what_another_process_writes_is_seen_at_once(object_store):
    """A client that keeps listings would go on saying that there is nothing."""
    store = Store.open(object_store)
    assert not store.path("pages/one.md").exists()
    assert not store.path("pages").is_dir()
    code = f"from future_skills.store.artifacts import Store; Store.open({object_store!r}).replace('pages/one.md', b'one')"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SQL_FOLDER.parent)}, check=True)
    assert [path.name for path in store.path("pages").iterdir()] == ["one.md"]
    assert store.read(str(store.path("pages/one.md"))) == b"one"
    with pytest.raises(ArtifactExistsError):
        store.write("pages/one.md", b"two")
    with pytest.raises(ArtifactMissingError, match=r"two\.md is gone"):
        store.read(str(store.path("pages/two.md")))


def test_a_bucket_that_is_not_there_is_named_and_not_made(object_store):
    with pytest.raises(StoreUnwritableError, match=r"s3://absent/installation cannot be written .*credentials"):
        Store.open("s3://absent/installation")
    assert [one["Name"] for one in _client().list_buckets()["Buckets"]] == [BUCKET]


def test_a_server_that_does_not_answer_is_named(object_store, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    _forget_clients()
    with pytest.raises(StoreUnwritableError, match=r"cannot be written .*endpoint"):
        Store.open(object_store)
    _forget_clients()
