"""What the fold pipelines of a version have said of some pairs."""

from dataclasses import dataclass

import numpy as np

from future_skills.domain import FEATURES, LEVELS


@dataclass(frozen=True)
class Remembered:
    """What fold pipelines said: sorted keys of pairs, and per pair probabilities (3), contributions (11) and method."""

    keys: np.ndarray
    probabilities: np.ndarray
    contributions: np.ndarray
    methods: np.ndarray

    @classmethod
    def empty(cls) -> "Remembered":
        """Nothing is known yet."""
        return cls(
            np.zeros(0, dtype=np.int64), np.zeros((0, len(LEVELS))), np.zeros((0, len(FEATURES))), np.zeros(0, dtype=object)
        )

    def joined(self, other: "Remembered") -> "Remembered":
        """Both, for keys they do not share."""
        keys = np.concatenate([self.keys, other.keys])
        order = np.argsort(keys)
        pairs = zip(
            (self.probabilities, self.contributions, self.methods),
            (other.probabilities, other.contributions, other.methods),
            strict=True,
        )
        return Remembered(keys[order], *(np.concatenate(parts)[order] for parts in pairs))
