"""LightGBM as a classifier of levels; importable only where lightgbm is installed."""

from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from lightgbm.basic import LightGBMError
from scipy import sparse

from future_skills.model.extras import try_out


class LevelLightGBM(LGBMClassifier):  # type: ignore[misc]
    """LGBMClassifier whose complaints are ValueErrors, as those of every other estimator."""

    def fit(self, X: Any, y: np.ndarray, *, sample_weight: np.ndarray | None = None) -> "LevelLightGBM":
        """Fit to X (n, columns), dense or sparse, levels (n,) and weights (n,). Raises ValueError."""
        try:
            super().fit(X, y, sample_weight=sample_weight)
        except LightGBMError as error:
            raise ValueError(str(error)) from error
        return self

    def shapley_values(self, matrix: Any) -> list[Any]:
        """TreeSHAP by LightGBM, exact: (n, columns + 1) for each column of the raw score, the base last."""
        values = self.predict_proba(matrix, pred_contrib=True)
        if isinstance(values, list):
            return values
        if sparse.issparse(values):
            return [values]
        per_class = values.reshape(len(values), -1, matrix.shape[1] + 1)
        return list(np.moveaxis(per_class, 1, 0))

    def _validate_params(self) -> None:
        try_out(self, objective=None)
