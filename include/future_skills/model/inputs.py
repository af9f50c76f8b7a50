"""What a pipeline is given: the 11 features (core), or pairs in their surroundings (extended)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from future_skills.dataset.context import PairContext
from future_skills.dataset.reading import Dataset
from future_skills.domain import FEATURES, FeatureSet


@dataclass(frozen=True)
class PairInputs:
    """Pairs as positions into a context; `decided` marks those whose level is HR's, and is read while fitting alone."""

    context: PairContext
    role: np.ndarray
    skill: np.ndarray
    decided: np.ndarray

    def __len__(self) -> int:
        return len(self.role)


PipelineInput = pd.DataFrame | PairInputs


def context_of(dataset: Dataset, feature_set: FeatureSet) -> PairContext | None:
    """The surroundings that a feature set needs: none for core."""
    return dataset.context if feature_set == "extended" else None


def pipeline_input(rows: pd.DataFrame, context: PairContext | None) -> PipelineInput:
    """Rows with ids and the 11 features, as a pipeline of the context's feature set takes them."""
    if context is None:
        return rows[list(FEATURES)]
    decided = (rows["population"] == "decided").to_numpy() if "population" in rows else np.zeros(len(rows), dtype=bool)
    return PairInputs(context, *context.features.positions(rows["job_role_id"], rows["skill_id"]), decided)
