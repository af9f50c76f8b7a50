"""XGBoost as a classifier of levels; importable only where xgboost is installed."""

from typing import Any

import numpy as np
from xgboost import DMatrix, XGBClassifier

from future_skills.model.extras import try_out


class LevelXGBoost(XGBClassifier):  # type: ignore[misc]
    """XGBClassifier, which knows classes 0..K-1 alone, for levels that are text."""

    levels_: np.ndarray | None = None

    def fit(self, X: Any, y: np.ndarray, *, sample_weight: np.ndarray | None = None) -> "LevelXGBoost":
        """Fit to X (n, columns), dense or sparse, levels (n,) and weights (n,). Raises ValueError as XGBoost does."""
        levels, codes = np.unique(y, return_inverse=True)
        self.levels_ = None  # while fitting, XGBoost compares `classes_` with the codes
        super().fit(X, codes, sample_weight=sample_weight)
        self.levels_ = levels
        self.get_booster().set_param({"nthread": 1})
        return self

    @property
    def classes_(self) -> np.ndarray:
        """The levels in the order of the probabilities' columns."""
        return np.arange(self.n_classes_) if self.levels_ is None else self.levels_

    def predict(self, X: Any, **options: Any) -> np.ndarray:
        """The most probable levels, shape (n,)."""
        found: np.ndarray = self.classes_[np.argmax(self.predict_proba(X, **options), axis=1)]
        return found

    def shapley_values(self, matrix: Any) -> list[Any]:
        """TreeSHAP by XGBoost, exact in its 32-bit floats: (n, columns + 1) for each column of the margin, the base last."""
        values = self.get_booster().predict(DMatrix(matrix), pred_contribs=True, strict_shape=True)
        return list(np.moveaxis(values, 1, 0).astype(float))

    def _validate_params(self) -> None:
        try_out(self, objective="binary:logistic")
