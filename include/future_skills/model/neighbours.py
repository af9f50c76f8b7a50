"""What similar job roles need: Gaussian process regression over roles, its kernel their similarity."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

NOISE = 0.2
"""Variance of a label beside the kernel's diagonal of 1.43. Chosen by cross-validation on the training roles of O*NET 29.0."""
ROLE_NOISE = 1.2
"""The same for what is known of a role as a whole, where a single role says less."""


@dataclass(frozen=True)
class Posterior:
    """For every role of the kernel: mean (roles, targets), variance (roles,)."""

    mean: np.ndarray
    variance: np.ndarray


def regress(similarity: np.ndarray, known: np.ndarray, targets: np.ndarray, noise: float, *, leave_out: bool) -> Posterior:
    """Predict `targets` (known roles, k), centred at 0, for all roles from the roles at positions `known`.

    Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", equations 2.25 and 2.26. With `leave_out`, a known
    role is predicted from the others alone (equation 5.12), so that its own labels are not in its prediction.
    """
    prior = np.diagonal(similarity)
    if not len(known):
        return Posterior(np.zeros((len(similarity), targets.shape[1])), prior.copy())
    across = similarity[:, known]
    factor = cho_factor(across[known] + noise * np.eye(len(known)), lower=True)
    weights = cho_solve(factor, targets)
    mean = across @ weights
    variance = prior - np.einsum("ij,ji->i", across, cho_solve(factor, across.T))
    if leave_out:
        precision = np.diagonal(cho_solve(factor, np.eye(len(known))))
        mean[known] = targets - weights / precision[:, None]
        variance[known] = 1 / precision - noise
    return Posterior(mean, variance)
