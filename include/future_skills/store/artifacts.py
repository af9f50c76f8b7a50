"""Files of the pipeline, addressed by URI: written whole under their final name, never changed afterwards."""

import errno
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass

from upath import UPath

from future_skills.domain import FutureSkillsError

PROBE = ".probe-"
"""How a file begins whose only use is to be written."""


class StoreUnwritableError(FutureSkillsError):
    """The artefact store refuses to be written."""


class ArtifactMissingError(FutureSkillsError):
    """An artefact the ledger names is not in the store."""


class ArtifactExistsError(FutureSkillsError):
    """An immutable artefact would be overwritten with other content."""


class ForeignArtifactError(FutureSkillsError):
    """A URI points outside the store."""


@dataclass(frozen=True)
class Store:
    """A folder, local or remote, that holds everything the pipeline writes beside the database."""

    root: UPath

    @classmethod
    def open(cls, uri: str) -> "Store":
        """Open the store at `uri` (a path, file://... or s3://...), proving that it can be written.

        Raises StoreUnwritableError when it cannot.
        """
        root = cls.for_reading(uri).root
        probe = root / f"{PROBE}{uuid.uuid4().hex}"
        try:
            root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StoreUnwritableError(
                f"The artefact store {uri} cannot be written ({error.strerror or error}): {_remedy(error)}, or set STORE_URI."
            ) from error
        return cls(root)

    @classmethod
    def for_reading(cls, uri: str) -> "Store":
        """The store at `uri` for one who only reads it: nothing is created, nothing is proved."""
        root = UPath(uri)
        if not root.protocol or root.protocol in {"file", "local"}:
            root = UPath(root.absolute())
        return cls(root)

    def path(self, name: str) -> UPath:
        """Where the artefact `name` (relative, with /) lives. Raises ForeignArtifactError when it would leave the store."""
        parts = name.split("/")
        if not name or name.startswith("/") or "\0" in name or "\\" in name or any(part in {"", ".", ".."} for part in parts):
            raise ForeignArtifactError(f"{name!r} is no name inside the artefact store.")
        return self.root.joinpath(*parts)

    def resolve(self, uri: str) -> UPath:
        """The path behind a URI that `write` returned. Raises ForeignArtifactError for any other place."""
        prefix = str(self.root).rstrip("/") + "/"
        if not uri.startswith(prefix):
            raise ForeignArtifactError(f"{uri} is outside the artefact store {self.root}: it is not read.")
        return self.path(uri.removeprefix(prefix))

    def write(self, name: str, content: bytes) -> str:
        """Write an immutable artefact and return its URI. Writing the same content again changes nothing.

        Raises ArtifactExistsError for other content under the same name, StoreUnwritableError when the store refuses.
        """
        target = self.path(name)
        if target.exists():
            if target.read_bytes() != content:
                raise ArtifactExistsError(f"{target} exists with other content: artefacts are never overwritten.")
            return str(target)
        return self.replace(name, content)

    def replace(self, name: str, content: bytes) -> str:
        """Write `name` over what is there, in one step: readers see the old content or the new. Returns its URI."""
        target = self.path(name)
        local = target.protocol in {"", "file", "local"}
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.draft") if local else target
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(content)
                if local:
                    file.flush()
                    os.fsync(file.fileno())
            if local:
                draft.rename(target)
        except OSError as error:
            if local:
                with suppress(OSError):  # its folder may be missing too
                    draft.unlink(missing_ok=True)
            raise StoreUnwritableError(
                f"{target} cannot be written ({error.strerror or error}): {_remedy(error)}. No half file is left."
            ) from error
        return str(target)

    def read(self, uri: str) -> bytes:
        """The content behind `uri`. Raises ArtifactMissingError, or ForeignArtifactError outside the store."""
        path = self.resolve(uri)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise ArtifactMissingError(f"{uri} is gone from the artefact store: restore it from a backup.") from None


def _remedy(error: OSError) -> str:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return "free space on the disk of the artefact store" if full else "give this user the right to write there"
