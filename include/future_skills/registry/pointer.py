"""The pointer for the HR application: a copy of the champion, and one small file that names it.

An application that loads it gives other levels than those published: it computes features of its own and takes the most
probable level, where ours come from two cuts. One recalculation there overwrites the published predictions, and its generator of
recommendations then overwrites HR's decisions. So the pointer is written only where an operator asks for it (HR_POINTER=on).
"""

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from future_skills.config import Settings
from future_skills.domain import FutureSkillsError
from future_skills.ledger.versions import VersionRow
from future_skills.store.artifacts import Store
from future_skills.store.signing import Artifact, SigningKeys, verify

COPY, POINTER = "future_skills_model.pkl", "future_skills_model.env"
VERSION_LINE = "FUTURE_SKILLS_MODEL_VERSION="
HOOK_SECONDS = 300
PointerUse = Literal["written", "kept", "left behind", "none"]
"""written: HR_POINTER=on. kept: HR_POINTER is not set, and both files are there, so they follow the champion as before. left
behind: HR_POINTER=off, or one of the two was removed, and what is there names what it named then. none: neither is there, and
neither is written."""


class DeployHookError(FutureSkillsError):
    """The command that restarts the HR application failed."""


def pointer_use(store: Store, settings: Settings) -> PointerUse:
    """What this installation does with the pointer."""
    if settings.hr_pointer == "on":
        return "written"
    there = [store.path(name).is_file() for name in (POINTER, COPY)]
    if not any(there):
        return "none"
    return "kept" if settings.hr_pointer is None and all(there) else "left behind"


def pointer_in_words(use: PointerUse, named: str | None) -> str | None:
    """What a person at a terminal should know of the pointer; None where there is none, or it was asked for."""
    if use in {"none", "written"}:
        return None
    follows, remedy = (
        ("follows each deployment, as under an earlier version", "then set HR_POINTER")
        if use == "kept"
        else ("no longer follows deployments", f"then remove it and {COPY} by hand")
    )
    return (
        f"{POINTER} in the store names {named or 'a model'} and {follows}. An HR application that loads it gives other "
        "levels than those published, and may overwrite them: read docs/deployment.md (What loading the model means), "
        f"{remedy}."
    )


def is_followed(use: PointerUse) -> bool:
    """Does the pointer name the champion, from deployment to deployment?"""
    return use in {"written", "kept"}


def named_version(store: Store) -> str | None:
    """The version that the pointer names now; None where there is no pointer, or it is not ours."""
    path = store.path(POINTER)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return next((line.removeprefix(VERSION_LINE) for line in lines if line.startswith(VERSION_LINE)), None)


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
        f"{VERSION_LINE}{version.version}\n"
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
