"""Which job roles are held out: decided once per role, by the hash of its name at first sight, and kept through renames."""

import hashlib
import unicodedata

import pandas as pd
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from future_skills.database import fetch_frame

PARTS = 5
"""One part in five is held out."""


def normalised_name(name: str) -> str:
    """NFC, casefolded, white space collapsed: spellings of one name are one name."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).split())


def is_holdout(name: str) -> bool:
    """Does a role of this name, never seen before, belong to the held-out fifth?"""
    digest = hashlib.sha256(normalised_name(name).encode()).digest()
    return int.from_bytes(digest[:8], "big") % PARTS == 0


def role_sides(connection: Connection, roles: pd.DataFrame) -> pd.Series:
    """For each row of `roles` (job_role_id, job_role_name): is it held out? The ledger decides, then the name's hash."""
    stored = fetch_frame(connection, "SELECT job_role_id, holdout FROM future_skills_ops.role_split")
    known = dict(zip(stored["job_role_id"], stored["holdout"], strict=True))
    pairs = zip(roles["job_role_id"], roles["job_role_name"], strict=True)
    return pd.Series([bool(known.get(role, is_holdout(name))) for role, name in pairs], index=roles.index, dtype=bool)


def assign_roles(connection: Connection, roles: pd.DataFrame) -> None:
    """Record the side of every role not seen before, in the caller's transaction."""
    rows = [
        (int(role), normalised_name(name), is_holdout(name))
        for role, name in zip(roles["job_role_id"], roles["job_role_name"], strict=True)
    ]
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO future_skills_ops.role_split (job_role_id, name_key, holdout) VALUES %s ON CONFLICT DO NOTHING",
            rows,
        )


def holdout_role_ids(connection: Connection) -> frozenset[int]:
    """The held-out roles the ledger knows."""
    frame = fetch_frame(connection, "SELECT job_role_id FROM future_skills_ops.role_split WHERE holdout")
    return frozenset(int(role) for role in frame["job_role_id"])
