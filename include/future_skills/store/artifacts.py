"""Files of the pipeline, addressed by URI: written whole under their final name, never changed afterwards."""

import errno
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass

from upath import UPath

from future_skills.domain import FutureSkillsError, MissingExtraError

LOCAL = {"", "file", "local"}
"""Protocols of a folder of this machine."""

PROBE = ".probe-"
"""How a file begins whose only use is to be written."""


class StoreUnwritableError(FutureSkillsError):
    """The artefact store refuses to be written."""


class UnknownStoreError(FutureSkillsError):
    """The URI of the store names a kind of store that there is not."""


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

        A folder is made; a bucket has to be there. Raises StoreUnwritableError when it cannot be written, and as `for_reading`.
        """
        store = cls.for_reading(uri)
        probe = store.root / f"{PROBE}{uuid.uuid4().hex}"
        try:
            if store.is_local:
                store.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except store.refusals as error:
            raise StoreUnwritableError(
                f"The artefact store {uri} cannot be written ({_reason(error)}): {store.remedy(error)}, or set STORE_URI."
            ) from error
        return store

    @classmethod
    def for_reading(cls, uri: str) -> "Store":
        """The store at `uri` for one who only reads it: nothing is created, nothing is proved.

        Raises MissingExtraError without the package that such a store needs, UnknownStoreError when there is none.
        """
        if uri.rpartition("://")[0] in LOCAL:
            return cls(UPath(UPath(uri).absolute()))
        try:
            root = UPath(uri, use_listings_cache=False)  # other processes write too: a listing that is kept would be old
            root.fs  # noqa: B018 - the package is looked for here
        except ImportError as error:
            raise MissingExtraError(
                f"STORE_URI={uri} needs a package that is not installed here ({error}). What s3:// needs is in "
                "requirements-cluster.txt: `make extras-cluster`."
            ) from error
        except ValueError as error:
            raise UnknownStoreError(
                f"STORE_URI={uri} names no artefact store ({error}): it is a folder, file://... or s3://bucket/prefix."
            ) from error
        return cls(root)

    @property
    def is_local(self) -> bool:
        """Is it a folder of this machine?"""
        return self.root.protocol in LOCAL

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What is raised by a store that cannot be reached or refuses."""
        if self.is_local:
            return (OSError,)
        try:
            from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - only there where the store needs it
        except ModuleNotFoundError:
            return (OSError,)
        return (OSError, BotoCoreError)

    def remedy(self, error: Exception) -> str:
        """What to do about a refusal."""
        if not self.is_local:
            return "look at its endpoint, bucket, credentials and rights"
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        return "free space on the disk of the artefact store" if full else "give this user the right to write there"

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
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}.draft") if self.is_local else target
        try:
            if self.is_local:
                target.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(content)
                if self.is_local:
                    file.flush()
                    os.fsync(file.fileno())
            if self.is_local:
                draft.rename(target)
        except self.refusals as error:
            if self.is_local:
                with suppress(OSError):  # its folder may be missing too
                    draft.unlink(missing_ok=True)
            raise StoreUnwritableError(
                f"{target} cannot be written ({_reason(error)}): {self.remedy(error)}. No half file is left."
            ) from error
        return str(target)

    def read(self, uri: str) -> bytes:
        """The content behind `uri`. Raises ArtifactMissingError, or ForeignArtifactError outside the store."""
        path = self.resolve(uri)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise ArtifactMissingError(f"{uri} is gone from the artefact store: restore it from a backup.") from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
