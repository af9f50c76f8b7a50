"""Reads a stored dataset back, after checking that it is the one that was registered."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from future_skills.dataset.context import PairContext
from future_skills.dataset.export import content_digest
from future_skills.dataset.files import from_csv
from future_skills.dataset.snapshot import TABLES, Snapshot, empty_view
from future_skills.domain import FutureSkillsError
from future_skills.ledger.datasets import DatasetRow
from future_skills.store.artifacts import Store


class DatasetChangedError(FutureSkillsError):
    """A stored dataset differs from what was exported."""


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory: its ledger row, the training rows, the snapshot."""

    row: DatasetRow
    training: pd.DataFrame
    snapshot: Snapshot

    @property
    def decided(self) -> pd.DataFrame:
        """The decided training rows."""
        return self.training[self.training["population"] == "decided"].reset_index(drop=True)

    @cached_property
    def context(self) -> PairContext:
        """The surroundings of its pairs, made when first asked for."""
        return PairContext(self.snapshot)


def read_manifest(store: Store, dataset_id: str) -> dict[str, Any]:
    """The manifest of an exported dataset. Raises ArtifactMissingError when the export never finished."""
    manifest: dict[str, Any] = json.loads(store.read(str(store.path(f"datasets/{dataset_id}/manifest.json"))))
    return manifest


def read_files(store: Store, uri: str, manifest: dict[str, Any]) -> dict[str, bytes]:
    """The files of a dataset folder that its manifest names. Raises DatasetChangedError unless their digest is the manifest's."""
    digest = manifest["digest"]
    contents = {name: store.read(f"{uri}/{name}") for name in manifest["files"]}
    found = content_digest({name: hashlib.sha256(content).hexdigest() for name, content in contents.items()})
    if found != digest:
        raise DatasetChangedError(
            f"The dataset {uri} was changed or damaged since it was exported (digest {found[:12]}, registered "
            f"{digest[:12]}): export a new one."
        )
    return contents


def load_dataset(store: Store, row: DatasetRow) -> Dataset:
    """Load a registered dataset; an optional view that was unknown when it was exported is empty.

    Raises DatasetChangedError or ArtifactMissingError.
    """
    contents = read_files(store, row.uri, {**row.manifest, "digest": row.digest})
    frames = {
        table: from_csv(contents[name]) if (name := f"snapshot/{table}.csv") in contents else empty_view(table)
        for table in TABLES
    }
    return Dataset(row, from_csv(contents["dataset.csv"]), Snapshot(**frames))
