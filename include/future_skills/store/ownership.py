"""Whose store it is: ledger and store carry the same id, so that no process works with another store than the others do."""

import socket
import uuid

from psycopg2.extensions import connection as Connection

from future_skills.database import execute, fetch_value
from future_skills.domain import FutureSkillsError
from future_skills.ledger.settings import read_setting, write_setting
from future_skills.store.artifacts import Store

FILE = "store_id"
"""The name of the file in the store; the ledger's setting has the same."""
FILLED = ("datasets", "models")
"""The folders that a ledger fills first."""
NEWEST_DATASET = "SELECT dataset_id FROM future_skills_ops.dataset ORDER BY created_at DESC LIMIT 1"
"""Of all horizons: the one whose files no retention removes."""
CLAIM_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_store'))"


class OtherStoreError(FutureSkillsError):
    """A process sees another artefact store than the one of its ledger."""


class StoreAwayError(OtherStoreError):
    """The store has no id at all: it may only be away for the moment, like a network folder that is not mounted."""


def require_own_store(connection: Connection, store: Store) -> None:
    """Make sure that this is the ledger's store; the first that a ledger sees becomes it, if it can be. Commits.

    Raises OtherStoreError, naming machine and remedy, of a store without an id StoreAwayError; or StoreUnwritableError.
    """
    with connection:
        wanted = read_setting(connection, FILE) or _claimed(connection, store)
    found = _id_of(store)
    if found != wanted:
        seen = f"the id {found}" if found else f"no id (no file {FILE}, or an empty one)"
        raise _other_store(
            store,
            f"has {seen}, the ledger has the id {wanted}. Every process must see the same store: mount it here, or give "
            "all of them the same STORE_URI. If it is the right one, restored without that file, "
            f"write {wanted} into {store.path(FILE)}.",
        )


def _claimed(connection: Connection, store: Store) -> str:
    """Let the ledger have this store, unless another process was faster; the file comes first, so that a kill does no harm."""
    execute(connection, CLAIM_LOCK)
    if known := read_setting(connection, FILE):
        return str(known)
    _require_claimable(connection, store)
    store_id = _id_of(store)
    if store_id is None:
        store_id = uuid.uuid4().hex
        store.replace(FILE, store_id.encode())
    write_setting(connection, FILE, store_id)
    return store_id


def _require_claimable(connection: Connection, store: Store) -> None:
    """Two ledgers of one store would sweep away each other's files; a ledger with another store would find none of its own."""
    newest = fetch_value(connection, NEWEST_DATASET)
    if newest and not store.path(f"datasets/{newest}/manifest.json").is_file():
        raise _other_store(
            store,
            f"lacks datasets/{newest}, the newest dataset of the ledger. Mount the ledger's store here, or set its STORE_URI. "
            "If it is the right one, restore that folder from a backup.",
        )
    if not newest and any(_holds_something(store, folder) for folder in FILLED):
        raise OtherStoreError(
            f"{_sight(store)} is another ledger's, because it holds datasets or models and this ledger has no dataset. Of two "
            "ledgers with one store each deletes the other's files: give this one another STORE_URI. If only the store was "
            "restored or kept, restore the ledger of the same backup too, or, to start anew, move all folders out of the store."
        )


def _holds_something(store: Store, folder: str) -> bool:
    path = store.path(folder)
    return path.is_dir() and any(path.iterdir())


def _other_store(store: Store, reason: str) -> OtherStoreError:
    kind = OtherStoreError if _id_of(store) else StoreAwayError
    return kind(f"{_sight(store)} {reason}")


def _sight(store: Store) -> str:
    return f"{socket.gethostname()} sees another artefact store than the one of its ledger: {store.root}"


def _id_of(store: Store) -> str | None:
    """What the file says, apart from the line end that an editor adds; nothing when it is empty or not there."""
    path = store.path(FILE)
    return (path.read_text(encoding="utf-8").strip() or None) if path.is_file() else None
