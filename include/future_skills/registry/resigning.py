"""Signs what the registry holds with the active key, so that an older key can be withdrawn."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from psycopg2.extensions import connection as Connection

from future_skills.database import execute
from future_skills.domain import FutureSkillsError
from future_skills.ledger.versions import list_versions, lock_version
from future_skills.store.artifacts import ArtifactMissingError, Store
from future_skills.store.signing import Artifact, SigningKeys, sign, verify


@dataclass
class Resigned:
    """Artefacts signed anew, with the active key already, no longer in the store, and those refused, each with its reason."""

    signed: int = 0
    unchanged: int = 0
    gone: int = 0
    refused: list[str] = field(default_factory=list)


def resign(connection: Connection, store: Store, keys: SigningKeys, say: Callable[[str], None] = lambda _: None) -> Resigned:
    """Sign every artefact of every version with the active key, after its present signature was verified; newest first.

    A version is one transaction: broken off, it goes on where it stopped when it is run again. What does not verify keeps its
    old signature and is named; what is no longer in the store is counted. Nothing is unpickled, no file is written.
    """
    done = Resigned()
    with connection:
        versions = [version.version for version in list_versions(connection)]
    for version in versions:
        with connection:
            artifacts = lock_version(connection, version).artifacts
            signed = {name: _signed(store, keys, artifact, done) for name, artifact in artifacts.items()}
            if signed != artifacts:
                execute(
                    connection,
                    "UPDATE future_skills_ops.model_version SET artifacts = %s WHERE version = %s",
                    (json.dumps({name: asdict(artifact) for name, artifact in signed.items()}), version),
                )
        if signed != artifacts:
            say(f"{version}: signed with {keys.active}")
    return done


def _signed(store: Store, keys: SigningKeys, artifact: Artifact, done: Resigned) -> Artifact:
    if artifact.key_id == keys.active:
        done.unchanged += 1
        return artifact
    try:
        content = store.read(artifact.uri)
        verify(artifact, content, keys)
    except ArtifactMissingError:  # removed by its age, or lost: there is nothing that a key could vouch for
        done.gone += 1
        return artifact
    except FutureSkillsError as error:
        done.refused.append(str(error))
        return artifact
    done.signed += 1
    return sign(artifact.uri, content, keys)
