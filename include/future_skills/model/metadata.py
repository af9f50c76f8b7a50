"""The JSON file beside a model: what it is, for people and for the HR application; the ledger stays the truth."""

import json
from typing import Any

from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.versions import VersionRow
from future_skills.store.artifacts import ArtifactExistsError, Store


def metadata_name(version: VersionRow) -> str:
    """The file's name in the store."""
    return f"models/future_skills_model_{version.version}.json"


def describe(version: VersionRow, dataset: DatasetRow, metrics: dict[str, Any]) -> dict[str, Any]:
    """What the file says."""
    return {
        "model_version": version.version,
        "training_date": version.created_at.isoformat(),
        "training_duration_seconds": version.facts["fit_seconds"],
        "estimator": version.estimator,
        "preprocessing": version.preprocessing,
        "hyperparameters": version.parameters,
        "feature_set": version.feature_set,
        "features": version.facts["features"],
        "model_classes": ["HIGH", "LOW", "MEDIUM"],
        "cuts": version.cuts,
        "horizon_years": version.horizon_years,
        "libraries": version.libraries,
        "artifacts": {name: {"uri": artifact.uri, "sha256": artifact.sha256} for name, artifact in version.artifacts.items()},
        "dataset": {
            "dataset_id": dataset.dataset_id,
            "digest": dataset.digest,
            "as_of": dataset.as_of.isoformat(),
            "label_source": dataset.label_source,
            "rows": version.facts["rows"],
            "class_distribution": version.facts["classes"],
            "uninformative": version.facts["uninformative"],
        },
        "metrics": metrics,
    }


def to_json(content: dict[str, Any]) -> bytes:
    """The file's content."""
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode()


def write_metadata(store: Store, version: VersionRow, dataset: DatasetRow, metrics: dict[str, Any]) -> None:
    """Write `models/future_skills_model_<version>.json` with the first evaluation's metrics; later ones leave it as it is."""
    try:
        store.write(metadata_name(version), to_json(describe(version, dataset, metrics)))
    except ArtifactExistsError:
        return  # an evaluation before this one wrote it
