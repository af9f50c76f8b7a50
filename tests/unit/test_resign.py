"""Key rotation: every artefact signed again with the new key, after which the old one is worth nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn
from pydantic import SecretStr

from future_skills.config import SQL_FOLDER
from future_skills.ledger.versions import get_version, list_versions
from future_skills.registry.file_checks import verify_artifacts
from future_skills.registry.resigning import resign
from future_skills.store.models import load_model
from future_skills.store.signing import SigningKeys, UntrustedArtifactError
from support.pipeline import Workbench
from support.prepared import QUICK, copied, prepared, three_versions

OLD, NEW = QUICK["signing_keys"]["k1"], "fedcba9876543210fedcba9876543210"
BOTH = SigningKeys("k2", {"k1": SecretStr(OLD), "k2": SecretStr(NEW)})
ONLY_NEW = SigningKeys("k2", {"k2": SecretStr(NEW)})


@pytest.fixture
def bench(hr_template, tmp_path_factory, tmp_path):
    """Three versions, signed with k1."""
    origin = prepared(hr_template, "hr_template", tmp_path_factory.mktemp("origin"), "three_versions", three_versions)
    with copied(origin, tmp_path / "store") as bench:
        yield bench


def key_ids(bench: Workbench) -> dict[str, set[str]]:
    """The keys of each version's artefacts."""
    with bench.connection:
        return {row.version: {artifact.key_id for artifact in row.artifacts.values()} for row in list_versions(bench.connection)}


def artifacts(bench: Workbench) -> int:
    with bench.connection:
        return sum(len(row.artifacts) for row in list_versions(bench.connection))


def test_after_signing_again_the_old_key_can_go(bench):
    before = get_version(bench.connection, "v1")
    verify_artifacts(bench.store, BOTH, before)  # until then it verifies
    done = resign(bench.connection, bench.store, BOTH)
    assert (done.signed, done.unchanged, done.refused) == (artifacts(bench), 0, [])
    after = get_version(bench.connection, "v1")
    assert after.digest == before.digest
    verify_artifacts(bench.store, ONLY_NEW, after)
    assert load_model(bench.store, after.artifacts["served"], ONLY_NEW).classes_.tolist() == ["HIGH", "LOW", "MEDIUM"]
    with pytest.raises(UntrustedArtifactError, match="'k1', which SIGNING_KEYS does not hold"):
        verify_artifacts(bench.store, ONLY_NEW, before)
    again = resign(bench.connection, bench.store, ONLY_NEW)
    assert (again.signed, again.unchanged) == (0, artifacts(bench))


def test_what_was_broken_off_goes_on(bench):
    def break_off(_line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resign(bench.connection, bench.store, BOTH, break_off)
    assert key_ids(bench) == {"v1": {"k1"}, "v2": {"k1"}, "v3": {"k2"}}
    assert resign(bench.connection, bench.store, BOTH).unchanged > 0
    assert key_ids(bench) == {"v1": {"k2"}, "v2": {"k2"}, "v3": {"k2"}}


def run(bench: Workbench, **environment) -> subprocess.CompletedProcess:
    known = {
        "PYTHONPATH": str(SQL_FOLDER.parent),
        "HR_DSN": make_dsn(bench.connection.dsn),
        "STORE_URI": str(bench.store.root),
        "SIGNING_KEYS": json.dumps({"k1": OLD, "k2": NEW}),
        "SIGNING_KEY_ID": "k2",
    }
    return subprocess.run(
        [sys.executable, "-m", "runtime.resign"],
        env={**os.environ, **known, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_signs_what_it_can_and_names_the_rest(bench):
    damaged = bench.store.resolve(get_version(bench.connection, "v2").artifacts["served"].uri)
    bench.connection.commit()
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1])
    done = run(bench)
    assert done.returncode == 1
    assert f"{artifacts(bench) - 1} artefacts signed with 'k2'" in done.stdout
    assert f"Not signed: {damaged} is not the file that was registered" in done.stderr
    assert "keep its key" in done.stderr
    assert key_ids(bench) == {"v1": {"k2"}, "v2": {"k1", "k2"}, "v3": {"k2"}}
    damaged.write_bytes(content)
    done = run(bench)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Nothing needs another key: 'k1' can be taken out of SIGNING_KEYS.\n")
    assert OLD not in done.stdout
    assert NEW not in done.stdout


def test_what_is_gone_from_the_store_keeps_no_key_in_use(bench):
    with bench.connection:
        gone = Path(get_version(bench.connection, "v2").artifacts["served"].uri)
    content = gone.read_bytes()
    gone.unlink()
    done = run(bench)
    gone.write_bytes(content)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 are no longer in the store." in done.stdout
    assert "Nothing needs another key: 'k1' can be taken out" in done.stdout


def test_without_the_key_nothing_is_done_and_no_secret_is_shown(bench):
    done = run(bench, SIGNING_KEY_ID="k3")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: No signing key 'k3': set SIGNING_KEYS")
    done = run(bench, SIGNING_KEYS=json.dumps({"k2": NEW}))
    assert done.returncode == 1
    assert "is signed with key 'k1', which SIGNING_KEYS does not hold" in done.stderr
    assert set(key_ids(bench)) == {"v1", "v2", "v3"}
