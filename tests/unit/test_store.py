"""What a reader of the artefact store relies on."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from future_skills.domain import MissingExtraError
from future_skills.store.artifacts import (
    ArtifactExistsError,
    ArtifactMissingError,
    ForeignArtifactError,
    Store,
    StoreUnwritableError,
    UnknownStoreError,
)
from future_skills.store.models import load_model, save_model
from future_skills.store.signing import SigningKeyError, SigningKeys, UntrustedArtifactError

INCLUDE = Path(__file__).parents[2] / "include"


class TripWire:
    """Unpickling it is seen."""

    touched = False

    def __reduce__(self):
        return (setattr, (TripWire, "touched", True))


@pytest.fixture(autouse=True)
def _reset_trip_wire():
    TripWire.touched = False


def test_a_stored_artifact_is_immutable(store):
    uri = store.write("models/a.bin", b"one")
    assert store.write("models/a.bin", b"one") == uri
    with pytest.raises(ArtifactExistsError, match="never overwritten"):
        store.write("models/a.bin", b"two")
    assert store.read(uri) == b"one"
    assert sorted(path.name for path in store.root.rglob("*")) == ["a.bin", "models"]


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "", "a//b", "a/./b", "a\0b", "a\\b"])
def test_no_name_leaves_the_store(store, name):
    with pytest.raises(ForeignArtifactError):
        store.write(name, b"")


def test_a_uri_outside_the_store_is_not_read(store, tmp_path):
    (tmp_path / "secret").write_text("x")
    for uri in (str(tmp_path / "secret"), f"{store.root}/../secret", f"{store.root}-other/x"):
        with pytest.raises(ForeignArtifactError):
            store.read(uri)


def test_a_missing_artifact_is_named(store):
    with pytest.raises(ArtifactMissingError, match=r"gone\.bin"):
        store.read(f"{store.root}/gone.bin")


def test_an_unwritable_store_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnwritableError, match="STORE_URI"):
        Store.open(str(tmp_path / "file" / "store"))


def test_a_model_comes_back(store, keys):
    artifact = save_model(store, "models/m.pkl", {"a": 1}, keys)
    assert load_model(store, artifact, keys) == {"a": 1}


@pytest.mark.parametrize("damage", "first middle last truncated extended foreign other_key unknown_key forged".split())
def test_a_damaged_or_foreign_model_is_refused_before_unpickling(store, keys, damage):
    artifact = save_model(store, "models/m.pkl", TripWire(), keys)
    path = store.resolve(artifact.uri)
    content = bytearray(path.read_bytes())
    where = {"first": 0, "middle": len(content) // 2, "last": len(content) - 1}
    if damage in where:
        content[where[damage]] ^= 1
    elif damage == "truncated":
        content = content[:-1]
    elif damage == "extended":
        content += b"\0"
    elif damage == "foreign":
        content = bytearray(store.resolve(save_model(store, "models/n.pkl", [TripWire()], keys).uri).read_bytes())
    elif damage == "other_key":
        keys = SigningKeys("k1", {"k1": type(keys.keys["k1"])("f" * 32)})
    elif damage == "unknown_key":
        artifact = replace(artifact, key_id="k9")
    elif damage == "forged":
        artifact = replace(artifact, hmac="0" * 64)
    path.write_bytes(bytes(content))
    with pytest.raises(UntrustedArtifactError):
        load_model(store, artifact, keys)
    assert not TripWire.touched


def test_two_models_cannot_be_swapped_with_their_digests(store, keys):
    one, two = (save_model(store, f"models/{name}.pkl", name, keys) for name in "ab")
    with pytest.raises(UntrustedArtifactError):
        load_model(store, replace(one, uri=two.uri, sha256=two.sha256, size=two.size), keys)


def test_a_missing_or_short_key_stops(settings):
    with pytest.raises(SigningKeyError, match="SIGNING_KEYS"):
        SigningKeys.of(settings.model_copy(update={"signing_keys": {}}))
    with pytest.raises(SigningKeyError, match="shorter"):
        SigningKeys.of(type(settings)(signing_keys={"k1": "short"}))


def test_a_store_that_needs_an_absent_package_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match=r"STORE_URI=s3://bucket/prefix needs a package.*make extras-cluster"):
        Store.open("s3://bucket/prefix")


def test_a_store_of_no_known_kind_is_refused():
    with pytest.raises(UnknownStoreError, match="folder, file://"):
        Store.open("floppy://a/store")


def test_nothing_else_unpickles():
    """Only store/models.py may name joblib, pickle or a relative of theirs."""
    unpicklers = {"joblib", "pickle", "cloudpickle", "dill", "shelve", "marshal", "_pickle"}
    found = set()
    for path in INCLUDE.parent.rglob("*.py"):
        if {"tests", ".venv", "var"} & set(path.relative_to(INCLUDE.parent).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [node.attr] if isinstance(node, ast.Attribute) and node.attr in {"read_pickle", "to_pickle"} else []
            if any(name.split(".")[0] in unpicklers | {"read_pickle", "to_pickle"} for name in names):
                found.add(path.relative_to(INCLUDE).as_posix())
    assert found == {"future_skills/store/models.py"}
