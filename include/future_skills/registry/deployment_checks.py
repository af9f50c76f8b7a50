"""What must be true before a version may become the champion; nothing is changed here but the JSON beside the model."""

from datetime import UTC, datetime

import numpy as np
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.dataset.reading import load_dataset
from future_skills.domain import FutureSkillsError
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.deployments import Kind, deployed_before
from future_skills.ledger.versions import VersionRow, champion, former_champion, get_evaluation, get_version
from future_skills.model.inputs import context_of
from future_skills.model.libraries import changed_library
from future_skills.model.reference import is_reproduced, predict_reference
from future_skills.registry.approvals import AUTOMATIC, ApprovalRequest, request_of_version, undeployed_version
from future_skills.registry.candidates import JUDGE_AGAIN, PROMOTING, compared_with_another
from future_skills.registry.file_checks import mend_metadata, verify_artifacts
from future_skills.store.artifacts import Store
from future_skills.store.models import load_model
from future_skills.store.signing import SigningKeys

NOTHING_NEW = (
    "none is approved that was not deployed before, against the model that is deployed now. To deploy a version again, name it"
)


class NotDeployableError(FutureSkillsError):
    """A version may not be deployed now."""


def verify_deployment(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, version: str, *, kind: Kind = "deploy"
) -> VersionRow:
    """Check the approval (or, for a rollback, that it was deployed before), library versions, digests and signatures.

    Nothing is unpickled. The JSON beside the model is mended. Raises NotDeployableError, or UntrustedArtifactError when a file
    is not the one that was registered.
    """
    with connection:
        row = get_version(connection, version)
        require_right(connection, settings, row, kind)
    if changed := changed_library(row.estimator, row.libraries):
        raise NotDeployableError(f"{version} was made with {changed}: train a new version.")
    verify_artifacts(store, keys, row)
    mend_metadata(connection, store, row)
    return row


def version_to_deploy(connection: Connection, kind: Kind) -> str:
    """The version an order without a name means: the one that is approved and not yet deployed, or the former champion.

    Raises NotDeployableError when there is none.
    """
    with connection:
        version = undeployed_version(connection) if kind == "deploy" else former_champion(connection)
    if version is None:
        missing = NOTHING_NEW if kind == "deploy" else "none was deployed before the present one"
        raise NotDeployableError(f"There is no version to {'deploy' if kind == 'deploy' else 'roll back to'}: {missing}.")
    return version


def require_checked(version: str | None) -> str:
    """The version that the check before let through. Raises NotDeployableError when there is none: it did not run."""
    if not version:
        raise NotDeployableError("The check before left no version: a state set by hand is no check. Clear the task verify.")
    return version


def require_deployed_before(connection: Connection, version: str) -> None:
    """Raise NotDeployableError unless the version is or was the champion: only such a one may predict. Commits."""
    with connection:
        row = get_version(connection, version)
        if not deployed_before(connection, row):
            raise NotDeployableError(f"{version} was never deployed: it predicts nothing before future_skills_deployment.")


def require_right(connection: Connection, settings: Settings, version: VersionRow, kind: Kind) -> ApprovalRequest | None:
    """The approval a deployment acts on; None for a rollback, which needs an earlier deployment instead.

    Raises NotDeployableError when there is none, or it is not good for a deployment now.
    """
    reigning = champion(connection)
    if kind == "rollback":
        _require_return(connection, version, reigning)
        return None
    request = request_of_version(connection, version.version)
    if request is None or request.state != "approved":
        state = request.state if request else "never asked for"
        raise NotDeployableError(f"{version.version} has no approval ({state}): an HR manager approves it first.")
    if request.settled_by == AUTOMATIC and settings.approval != "auto":
        raise NotDeployableError(
            f"{version.version} was approved by {AUTOMATIC}, but a person has to approve it now (APPROVAL is required): "
            f"{JUDGE_AGAIN}."
        )
    if request.digest != version.digest:
        raise NotDeployableError(f"The approval of {version.version} names another artefact ({request.digest[:12]}).")
    if request.valid_until is None or datetime.now(UTC) > request.valid_until:
        until = f"{request.valid_until:%Y-%m-%d %H:%M} UTC" if request.valid_until else "no time at all"
        raise NotDeployableError(f"The approval of {version.version} has expired, it was good until {until}: {JUDGE_AGAIN}.")
    _require_judgement(connection, request, reigning)
    return request


def _require_return(connection: Connection, version: VersionRow, reigning: VersionRow | None) -> None:
    if not deployed_before(connection, version):
        raise NotDeployableError(f"{version.version} was never deployed: a rollback returns to a version that was.")
    if reigning and reigning.version == version.version:
        raise NotDeployableError(f"{version.version} is deployed: there is nothing to roll back.")


def _require_judgement(connection: Connection, request: ApprovalRequest, reigning: VersionRow | None) -> None:
    """Does the approval still rest on what the gate said, and is the deployed model the one it was about?"""
    evaluation = get_evaluation(connection, request.evaluation_id)
    if evaluation.version != request.version or evaluation.verdict not in PROMOTING:
        raise NotDeployableError(
            f"The approval of {request.version} rests on evaluation {evaluation.evaluation_id}, which is of "
            f"{evaluation.version} and says {evaluation.verdict}: {JUDGE_AGAIN}."
        )
    if reigning and reigning.version not in {request.champion_version, request.version}:
        raise NotDeployableError(
            f"{request.version} was approved against {request.champion_version or 'no champion'}, but {reigning.version} is "
            f"deployed now: {JUDGE_AGAIN}."
        )
    if outdated := compared_with_another(evaluation, reigning):
        raise NotDeployableError(outdated)


def smoke_test(connection: Connection, store: Store, keys: SigningKeys, version: str) -> int:
    """Predict the reference rows of the training with the served artefact; returns how many.

    Raises NotDeployableError unless every probability is finite, each row's sum to 1, and they are those recorded then.
    """
    with connection:
        row = get_version(connection, version)
        dataset_row = get_dataset(connection, row.dataset_id)
    reference = row.facts.get("reference")
    if not reference:
        raise NotDeployableError(f"No reference predictions of {version} were recorded at its training: train a new version.")
    dataset = load_dataset(store, dataset_row)
    served = load_model(store, row.artifacts["served"], keys)
    probabilities = predict_reference(served, dataset.training, context_of(dataset, row.feature_set), reference)
    if not (np.isfinite(probabilities).all() and np.allclose(probabilities.sum(axis=1), 1)):
        raise NotDeployableError(f"{version} gives probabilities that are none: it is not deployed.")
    if not is_reproduced(probabilities, reference):
        raise NotDeployableError(
            f"{version} does not predict what it predicted when it was trained: it is not deployed. Train a new version here."
        )
    return len(probabilities)
