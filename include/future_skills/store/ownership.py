"""Whose store it is: ledger and store carry the same id, so that no process works with another store than the others do."""

import socket
import uuid

from psycopg2.extensions import connection as Connection

from future_skills.database import execute
from future_skills.domain import FutureSkillsError
from future_skills.ledger.settings import read_setting, write_setting
from future_skills.store.artifacts import Store

FILE = "store_id"
"""The name of the file in the store; the ledger's setting has the same."""
CLAIM_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_store'))"


class OtherStoreError(FutureSkillsError):
    """A process sees another artefact store than the one of its ledger."""


def require_own_store(connection: Connection, store: Store) -> None:
    """Make sure that this is the ledger's store; the first one that a ledger sees becomes it. Commits.

    Raises OtherStoreError, naming machine and remedy, or StoreUnwritableError.
    """
    with connection:
        wanted = read_setting(connection, FILE) or _claimed(connection, store)
    found = _id_of(store)
    if found != wanted:
        seen = f"the id {found}" if found else f"no file {FILE}"
        raise OtherStoreError(
            f"{socket.gethostname()} sees another artefact store than the one of its ledger: {store.root} has {seen}, the ledger "
            f"has the id {wanted}. Every process must see the same store: mount it here, or give all of them the same STORE_URI. "
            f"If it is the right one, restored without that file, write {wanted} into {store.path(FILE)}."
        )


def _claimed(connection: Connection, store: Store) -> str:
    """Let the ledger have this store, unless another process was faster; the file comes first, so that a kill does no harm."""
    execute(connection, CLAIM_LOCK)
    if known := read_setting(connection, FILE):
        return str(known)
    store_id = _id_of(store) or uuid.uuid4().hex
    store.write(FILE, store_id.encode())
    write_setting(connection, FILE, store_id)
    return store_id


def _id_of(store: Store) -> str | None:
    path = store.path(FILE)
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None
