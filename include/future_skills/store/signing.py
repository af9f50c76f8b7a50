"""SHA-256 and HMAC of an artefact: what the ledger remembers, and what is checked before anything is loaded."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from future_skills.config import Settings
from future_skills.domain import FutureSkillsError

SHORTEST_KEY = 32


class SigningKeyError(FutureSkillsError):
    """A signing key is missing or too short."""


class UntrustedArtifactError(FutureSkillsError):
    """An artefact is not the one that was signed: it is never loaded."""


@dataclass(frozen=True)
class SigningKeys:
    """The keys by id; `active` signs, all of them verify."""

    active: str
    keys: Mapping[str, SecretStr]

    @classmethod
    def of(cls, settings: Settings) -> "SigningKeys":
        """The keys of the settings. Raises SigningKeyError when the active one is missing or any is too short."""
        if settings.signing_key_id not in settings.signing_keys:
            raise SigningKeyError(
                f"No signing key {settings.signing_key_id!r}: set SIGNING_KEYS to JSON such as "
                f'{{"{settings.signing_key_id}": "<{SHORTEST_KEY} random characters or more>"}}.'
            )
        for key_id, key in settings.signing_keys.items():
            if len(key.get_secret_value()) < SHORTEST_KEY:
                raise SigningKeyError(f"Signing key {key_id!r} is shorter than {SHORTEST_KEY} characters.")
        return cls(settings.signing_key_id, settings.signing_keys)

    def tag(self, key_id: str, name: str, sha256: str) -> str:
        """HMAC-SHA-256 (RFC 2104) over the artefact's file name and digest, in hex."""
        if key_id not in self.keys:
            raise UntrustedArtifactError(f"{name} is signed with key {key_id!r}, which SIGNING_KEYS does not hold.")
        secret = self.keys[key_id].get_secret_value().encode()
        return hmac.new(secret, f"{name}\n{sha256}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Artifact:
    """A signed file: `uri`, hex `sha256` and `hmac`, the id of the key, `size` in bytes."""

    uri: str
    sha256: str
    hmac: str
    key_id: str
    size: int

    @property
    def name(self) -> str:
        """The file's own name, which the signature binds."""
        return self.uri.rsplit("/", 1)[-1]


def sign(uri: str, content: bytes, keys: SigningKeys) -> Artifact:
    """Describe and sign `content`, to be stored at `uri`."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Artifact(uri, sha256, keys.tag(keys.active, uri.rsplit("/", 1)[-1], sha256), keys.active, len(content))


def verify(artifact: Artifact, content: bytes, keys: SigningKeys) -> None:
    """Raise UntrustedArtifactError unless `content` is exactly what was signed as `artifact`."""
    sha256 = hashlib.sha256(content).hexdigest()
    if len(content) != artifact.size or not hmac.compare_digest(sha256, artifact.sha256):
        raise UntrustedArtifactError(
            f"{artifact.uri} is not the file that was registered (SHA-256 {sha256[:12]}, expected {artifact.sha256[:12]}): "
            "it was changed or damaged. It is not loaded; restore it from a backup or train again."
        )
    if not hmac.compare_digest(keys.tag(artifact.key_id, artifact.name, sha256), artifact.hmac):
        raise UntrustedArtifactError(f"The signature of {artifact.uri} is not ours: it is not loaded.")
