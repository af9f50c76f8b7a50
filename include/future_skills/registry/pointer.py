"""The pointer the HR application follows: a copy of the champion, and one small file that names it."""

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from future_skills.domain import FutureSkillsError
from future_skills.ledger.versions import VersionRow
from future_skills.store.artifacts import Store
from future_skills.store.signing import Artifact, SigningKeys, verify

COPY, POINTER = "future_skills_model.pkl", "future_skills_model.env"
HOOK_SECONDS = 300


class DeployHookError(FutureSkillsError):
    """The command that restarts the HR application failed."""


def point(store: Store, keys: SigningKeys, version: VersionRow) -> None:
    """Copy the version's model, then swap the pointer file: the one step that counts.

    A model the HR application cannot load leaves both alone. Raises UntrustedArtifactError, StoreUnwritableError.
    """
    if not version.loadable_by_hr:
        return
    artifact = version.artifacts["served"]
    content = store.read(artifact.uri)
    verify(artifact, content, keys)
    store.replace(COPY, content)
    store.replace(POINTER, _pointer(artifact, version))


def _pointer(artifact: Artifact, version: VersionRow) -> bytes:
    return (
        f"FUTURE_SKILLS_MODEL_PATH={shlex.quote(artifact.uri)}\n"
        f"FUTURE_SKILLS_MODEL_VERSION={version.version}\n"
        f"FUTURE_SKILLS_MODEL_SHA256={artifact.sha256}\n"
    ).encode()


def points_at(store: Store, version: VersionRow | None) -> bool:
    """Are copy and pointer those of the version, or absent for None?"""
    copy, pointer = (path.read_bytes() if (path := store.path(name)).is_file() else None for name in (COPY, POINTER))
    if version is None or copy is None:
        return version is None and copy is None and pointer is None
    artifact = version.artifacts["served"]
    return pointer == _pointer(artifact, version) and hashlib.sha256(copy).hexdigest() == artifact.sha256


def point_at_nothing(store: Store) -> None:
    """Remove pointer and copy."""
    for name in (POINTER, COPY):
        store.path(name).unlink(missing_ok=True)


@contextmanager
def put_back_on_failure(store: Store) -> Iterator[None]:
    """When the block fails, put copy and pointer back as they were, so that the HR application keeps the model it has."""
    before = {name: path.read_bytes() if (path := store.path(name)).is_file() else None for name in (COPY, POINTER)}
    try:
        yield
    except BaseException:
        for name, content in before.items():
            path = store.path(name)
            if content is not None:
                store.replace(name, content)
            elif path.is_file():
                path.unlink()
        raise


def run_hook(hook: str, version: str) -> None:
    """Run the operator's command, which finds FUTURE_SKILLS_MODEL_VERSION. Raises DeployHookError."""
    environment = {**os.environ, "FUTURE_SKILLS_MODEL_VERSION": version}
    try:
        subprocess.run(shlex.split(hook), env=environment, check=True, timeout=HOOK_SECONDS)  # noqa: S603 - the operator's own
    except (OSError, subprocess.SubprocessError) as error:
        raise DeployHookError(
            f"{version} is deployed, but DEPLOY_HOOK failed: {error}. Mend it, then clear the task promote: it deploys nothing "
            "again, runs the hook, and lets the prediction follow."
        ) from error
