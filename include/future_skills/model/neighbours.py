"""What similar job roles need: Gaussian process regression over roles, its kernel their similarity."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

NOISE = 0.2
"""Variance of a label beside the kernel's diagonal of 1.43. Chosen by cross-validation on the training roles of O*NET 29.0."""
ROLE_NOISE = 1.2
"""The same for what is known of a role as a whole, where a single role says less."""


class RoleRegression:
    """Predicts for all roles of a kernel what is known of some of them.

    Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", equations 2.25 and 2.26. With `leave_out`, a known
    role is predicted from the others alone (equation 5.12), so that its own labels are not in its prediction.
    """

    def __init__(self, similarity: np.ndarray, known: np.ndarray, noise: float, *, leave_out: bool) -> None:
        """Factorise the kernel (roles, roles) between the roles at positions `known`: cubic in their number."""
        self._known, self._noise, self._leave_out = known, noise, leave_out
        self._prior, self._across = np.diagonal(similarity), similarity[:, known]
        if len(known):
            self._factor = cho_factor(self._across[known] + noise * np.eye(len(known)), lower=True)
            self._precision = np.diagonal(cho_solve(self._factor, np.eye(len(known)))) if leave_out else np.empty(0)

    def mean(self, targets: np.ndarray) -> np.ndarray:
        """The prediction for all roles, shape (roles, k), from `targets` (known roles, k), centred at 0."""
        if not len(self._known):
            return np.zeros((len(self._prior), targets.shape[1]))
        weights = cho_solve(self._factor, targets)
        mean: np.ndarray = self._across @ weights
        if self._leave_out:
            mean[self._known] = targets - weights / self._precision[:, None]
        return mean

    def variance(self) -> np.ndarray:
        """How little is known of each role: the kernel's diagonal for one that resembles no known role, less for others."""
        if not len(self._known):
            return self._prior.copy()
        variance: np.ndarray = self._prior - np.einsum("ij,ji->i", self._across, cho_solve(self._factor, self._across.T))
        if self._leave_out:
            variance[self._known] = 1 / self._precision - self._noise
        return variance
