"""Cross-validation groups: every job role is in one fold, whatever the order of the rows."""

import hashlib

import numpy as np

FEWEST_ROLES = 2
"""One role cannot be both learned from and asked about."""


def role_folds(job_role_ids: np.ndarray, folds: int, random_state: int) -> np.ndarray:
    """The fold (0 to folds - 1) of each row, the same for all rows of a role, roles spread evenly.

    With fewer roles than folds, some folds stay empty.
    """
    roles = np.unique(job_role_ids)
    digests = [hashlib.sha256(f"{random_state}:{role}".encode()).digest() for role in roles]
    shuffled = sorted(range(len(roles)), key=digests.__getitem__)
    fold_of = np.empty(len(roles), dtype=np.int64)
    fold_of[shuffled] = np.arange(len(roles)) % folds
    return fold_of[np.searchsorted(roles, job_role_ids)]
