"""The files of a version before it is deployed: are they the ones that were registered? Nothing is unpickled here."""

import json
import logging

from psycopg2.extensions import connection as Connection

from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import VersionRow, first_evaluation
from future_skills.model.metadata import describe, metadata_name, to_json
from future_skills.registry.refusals import Attempt, record_refusal
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys, verify

logger = logging.getLogger(__name__)
NOT_PREDICTING = "evaluated"
"""The one artefact no prediction is made with."""


def verify_artifacts(store: Store, keys: SigningKeys, version: VersionRow) -> None:
    """Check digest and signature of every file that predictions are made with.

    Raises UntrustedArtifactError, ArtifactMissingError or ForeignArtifactError.
    """
    for name, artifact in version.artifacts.items():
        if name != NOT_PREDICTING:
            verify(artifact, store.read(artifact.uri), keys)


def mend_metadata(connection: Connection, store: Store, version: VersionRow) -> bool:
    """Write the JSON beside the model anew where it does not say what the ledger says, and record that; was it so?

    Nothing of ours reads that file, but people and the HR application may.
    """
    with connection:
        evaluation, dataset = first_evaluation(connection, version.version), get_dataset(connection, version.dataset_id)
    if evaluation is None:
        return False
    name, expected = metadata_name(version), to_json(describe(version, dataset, evaluation.metrics))
    path = store.path(name)
    if path.is_file() and _same(path.read_bytes(), expected):
        return False
    store.replace(name, expected)
    reason = f"{name} did not say what the ledger says: it was edited, removed, or left by a run that broke off. Written anew."
    logger.warning(reason)
    with connection:
        record_refusal(connection, Attempt("edit", name, None, None), reason)
    return True


def _same(found: bytes, expected: bytes) -> bool:
    """Do both say the same? Numbers may be written in other ways."""
    try:
        return bool(json.loads(found) == json.loads(expected))
    except ValueError:
        return False
