"""Predictions recorded at training, which a deployment must find again."""

from typing import Any

import numpy as np
import pandas as pd

from future_skills.dataset.context import PairContext
from future_skills.model.scores import probabilities_of

REFERENCE_ROWS = 100
DIGITS = 9
TOLERANCE = 1e-6
"""Largest difference of a probability: other processors and numerical libraries round the last digits differently."""


def reference_predictions(pipeline: Any, rows: pd.DataFrame, context: PairContext | None) -> dict[str, Any]:
    """What `pipeline` says of some training rows: {rows: positions, probabilities: (n, 3)}; what is no number is None."""
    positions = np.unique(np.linspace(0, len(rows) - 1, min(REFERENCE_ROWS, len(rows))).astype(int))
    found = probabilities_of(pipeline, rows.iloc[positions], context)
    probabilities = [[round(value, DIGITS) if np.isfinite(value) else None for value in row] for row in found.tolist()]
    return {"rows": positions.tolist(), "probabilities": probabilities}


def predict_reference(pipeline: Any, rows: pd.DataFrame, context: PairContext | None, reference: dict[str, Any]) -> np.ndarray:
    """What `pipeline` says of the recorded rows now, shape (n, 3)."""
    return probabilities_of(pipeline, rows.iloc[reference["rows"]], context)


def is_reproduced(probabilities: np.ndarray, reference: dict[str, Any]) -> bool:
    """Are these the recorded ones, but for rounding?"""
    recorded = np.array(reference["probabilities"], dtype=float)
    return bool(probabilities.shape == recorded.shape and np.allclose(probabilities, recorded, rtol=0, atol=TOLERANCE))
