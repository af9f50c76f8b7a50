"""Scores pairs by index: every distinct role and skill is encoded once, as all encoders work column by column."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from future_skills.dataset.context import PairContext
from future_skills.dataset.features import FeatureTables
from future_skills.domain import NUMERIC_FEATURES
from future_skills.model.inputs import PairInputs
from future_skills.model.preprocessing import feature_of_column, is_constant, is_extended, text_columns
from future_skills.model.scores import in_level_order
from future_skills.prediction.tree_paths import LeafTable


class PairScorer:
    """A fitted pipeline over the pairs of one snapshot; equal to the pipeline on the assembled frame."""

    def __init__(self, pipeline: Any, features: FeatureTables, context: PairContext | None = None) -> None:
        """Encode each distinct text value of `features` once; a pipeline of the extended feature set needs the `context`."""
        self.pipeline, self._features = pipeline, features
        self.leaf_tables: list[LeafTable] | None = None
        self._classifier = pipeline["clf"]
        self.constant, self.feature_of_column = is_constant(pipeline), feature_of_column(pipeline)
        self._context = context
        if self.constant or is_extended(pipeline):
            return
        columns = pipeline["preprocess"]
        self._sparse, self._scaler = columns.sparse_output_, columns.named_transformers_["num"]
        encoder, widths = columns.named_transformers_["cat"], text_columns(pipeline)
        names = list(widths)
        starts = np.cumsum([0, *widths.values()])
        self._blocks = [self._encode(encoder, names, name, slice(*starts[at : at + 2])) for at, name in enumerate(names)]

    def _encode(self, encoder: Any, names: list[str], name: str, columns: slice) -> tuple[bool, Any]:
        """For one feature: is it the role's, and the encoded rows of all roles or skills."""
        of_role = name in self._features.role_text
        values = (self._features.role_text if of_role else self._features.skill_text)[name]
        codes, distinct = pd.factorize(values)
        probe = pd.DataFrame({other: distinct if other == name else distinct[:1].repeat(len(distinct)) for other in names})
        encoded = encoder.transform(probe)[:, columns]
        return of_role, encoded[codes] if not sparse.issparse(encoded) else sparse.csr_matrix(encoded)[codes]

    def matrix(self, role_index: np.ndarray, skill_index: np.ndarray) -> Any:
        """The pairs as the classifier sees them, shape (n, columns); dense or sparse as in training."""
        if self._context is not None:
            known = PairInputs(self._context, role_index, skill_index, np.zeros(len(role_index), dtype=bool))
            return self.pipeline["preprocess"].transform(known)
        numbers = pd.DataFrame(self._features.numeric(role_index, skill_index), columns=list(NUMERIC_FEATURES))
        scaled = self._scaler.transform(numbers)
        parts = [block[role_index if of_role else skill_index] for of_role, block in self._blocks]
        if self._sparse:
            return sparse.hstack([*parts, sparse.csr_matrix(scaled)], format="csr")
        return np.hstack([*(part.toarray() if sparse.issparse(part) else part for part in parts), scaled])

    def probabilities(self, role_index: np.ndarray, skill_index: np.ndarray) -> np.ndarray:
        """P(LOW), P(MEDIUM), P(HIGH) of the pairs, shape (n, 3)."""
        if not len(role_index):
            return np.zeros((0, 3))
        seen = np.zeros((len(role_index), 1)) if self.constant else self.matrix(role_index, skill_index)
        return in_level_order(self._classifier.predict_proba(seen), self.pipeline.classes_)
