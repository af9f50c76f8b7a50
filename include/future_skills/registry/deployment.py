"""Deployment: the last checks, the row that makes a version the champion, and the pointer the HR application follows."""

import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import Literal

import numpy as np
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_row, fetch_value
from future_skills.dataset.reading import load_dataset
from future_skills.domain import FutureSkillsError
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import VersionRow, champion, get_version
from future_skills.model.inputs import context_of
from future_skills.model.libraries import changed_library
from future_skills.model.scores import probabilities_of
from future_skills.registry.approvals import ApprovalRequest, request_of_version
from future_skills.registry.page import write_registry
from future_skills.store.artifacts import Store
from future_skills.store.models import load_model
from future_skills.store.signing import SigningKeys, verify

Kind = Literal["deploy", "rollback"]
SMOKE_ROWS = 500
POINTER = "future_skills_model"
HOOK_SECONDS = 300
CHAMPION_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_champion'))"


@dataclass(frozen=True)
class DeploymentOrder:
    """What to deploy, and who wants it why; `request_key` makes a repeated order find its deployment."""

    version: str
    kind: Kind
    actor: str | None
    reason: str | None
    request_key: str


class NotDeployableError(FutureSkillsError):
    """A version may not be deployed now."""


class DeployHookError(FutureSkillsError):
    """The command that restarts the HR application failed."""


def verify_deployment(
    connection: Connection, store: Store, keys: SigningKeys, version: str, *, kind: Kind = "deploy"
) -> VersionRow:
    """Check the approval (or, for a rollback, that it was deployed before), digest, signature and library versions.

    Raises NotDeployableError, or UntrustedArtifactError when the file is not the one that was registered.
    """
    with connection:
        row = get_version(connection, version)
        _require_right(connection, row, kind)
    if changed := changed_library(row.estimator, row.libraries):
        raise NotDeployableError(f"{version} was made with {changed}: train a new version.")
    load_model(store, row.artifacts["served"], keys)
    return row


def version_to_deploy(connection: Connection, kind: Kind) -> str:
    """The version an order without a name means: the one approved last, or, for a rollback, the one deployed before.

    Raises NotDeployableError when there is none.
    """
    query = (
        "SELECT version FROM future_skills_ops.approval WHERE event = 'approved' ORDER BY event_id DESC LIMIT 1"
        if kind == "deploy"
        else "SELECT previous_version FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT 1"
    )
    with connection:
        version = fetch_value(connection, query)
    if version is None:
        raise NotDeployableError(
            f"There is no version to {kind}: none was {'approved' if kind == 'deploy' else 'deployed before'}."
        )
    return str(version)


def _require_right(connection: Connection, version: VersionRow, kind: Kind) -> ApprovalRequest | None:
    """The approval a deployment acts on; None for a rollback, which needs an earlier deployment instead."""
    if kind == "rollback":
        if not _deployed_before(connection, version.version):
            raise NotDeployableError(f"{version.version} was never deployed: a rollback returns to a version that was.")
        return None
    request = request_of_version(connection, version.version)
    if request is None or request.state != "approved":
        state = request.state if request else "never asked for"
        raise NotDeployableError(f"{version.version} has no approval ({state}): an HR manager approves it first.")
    if request.digest != version.digest:
        raise NotDeployableError(f"The approval of {version.version} names another artefact ({request.digest[:12]}).")
    reigning = champion(connection)
    if reigning and reigning.version not in {request.champion_version, version.version}:
        raise NotDeployableError(
            f"{version.version} was approved against {request.champion_version or 'no champion'}, but {reigning.version} is "
            "deployed now: evaluate it again (future_skills_retraining with version and only_evaluate)."
        )
    return request


def _deployed_before(connection: Connection, version: str) -> bool:
    return (
        fetch_value(connection, "SELECT 1 FROM future_skills_ops.deployment WHERE version = %s LIMIT 1", (version,)) is not None
    )


def smoke_test(connection: Connection, store: Store, keys: SigningKeys, version: str) -> int:
    """Predict rows of the version's own dataset with the served artefact; returns how many.

    Raises NotDeployableError unless every probability is finite and each row's sum to 1.
    """
    with connection:
        row = get_version(connection, version)
        dataset_row = get_dataset(connection, row.dataset_id)
    dataset = load_dataset(store, dataset_row)
    rows = dataset.training.head(SMOKE_ROWS)
    served = load_model(store, row.artifacts["served"], keys)
    probabilities = probabilities_of(served, rows, context_of(dataset, row.feature_set))
    if not (np.isfinite(probabilities).all() and np.allclose(probabilities.sum(axis=1), 1)):
        raise NotDeployableError(f"{version} gives probabilities that are none: it is not deployed.")
    return len(rows)


def promote(connection: Connection, store: Store, keys: SigningKeys, settings: Settings, order: DeploymentOrder) -> int:
    """Make the ordered version the champion and point the HR application at it; returns the deployment's id.

    The same request key again deploys nothing new, but repairs the pointer. Raises NotDeployableError or DeployHookError.
    """
    with connection:
        execute(connection, CHAMPION_LOCK)
        made = fetch_value(
            connection, "SELECT deployment_id FROM future_skills_ops.deployment WHERE request_key = %s", (order.request_key,)
        )
        deployment_id = made or _insert(connection, order)
    with connection:
        execute(connection, CHAMPION_LOCK)
        _point(connection, store, keys)
        loadable = get_version(connection, order.version).loadable_by_hr
        write_registry(connection, store)
    if settings.deploy_hook and loadable:
        _run_hook(settings.deploy_hook, order.version)
    return int(deployment_id)


def _insert(connection: Connection, order: DeploymentOrder) -> int:
    version, reigning = get_version(connection, order.version), champion(connection)
    request = _require_right(connection, version, order.kind)
    row = fetch_row(
        connection,
        "INSERT INTO future_skills_ops.deployment (version, previous_version, kind, digest, request_id, request_key, actor,"
        " reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING deployment_id",
        (
            version.version,
            reigning.version if reigning else None,
            order.kind,
            version.digest,
            request.request_id if request else None,
            order.request_key,
            order.actor,
            order.reason,
        ),
    )
    record_stage(connection, version.dataset_id, "deployment", order.kind, version=order.version, actor=order.actor)
    return int(row["deployment_id"]) if row else 0


def _point(connection: Connection, store: Store, keys: SigningKeys) -> None:
    """Copy the champion for the HR application, then swap the pointer file: the one step that counts."""
    reigning = champion(connection)
    if reigning is None or not reigning.loadable_by_hr:
        return
    artifact = reigning.artifacts["served"]
    content = store.read(artifact.uri)
    verify(artifact, content, keys)
    store.replace(f"{POINTER}.pkl", content)
    pointer = (
        f"FUTURE_SKILLS_MODEL_PATH={shlex.quote(artifact.uri)}\n"
        f"FUTURE_SKILLS_MODEL_VERSION={reigning.version}\n"
        f"FUTURE_SKILLS_MODEL_SHA256={artifact.sha256}\n"
    )
    store.replace(f"{POINTER}.env", pointer.encode())


def _run_hook(hook: str, version: str) -> None:
    environment = {**os.environ, "FUTURE_SKILLS_MODEL_VERSION": version}
    try:
        subprocess.run(shlex.split(hook), env=environment, check=True, timeout=HOOK_SECONDS)  # noqa: S603 - the operator's own
    except (OSError, subprocess.SubprocessError) as error:
        raise DeployHookError(f"{version} is deployed, but DEPLOY_HOOK failed: {error}. Restart the HR application.") from error
