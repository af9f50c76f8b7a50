"""The features that moved each pair most: as JSON in the HR application's shape, and as names for the sentence."""

import json
from itertools import product
from typing import NamedTuple

import numpy as np

from future_skills.domain import FEATURES
from future_skills.prediction.wording import Wording

TOP_FACTORS = 3
STRENGTH_SHARES = (0.5, 0.25, 0.1)
"""Shares of all absolute contributions from which a factor is very strong, strong, moderate."""

Key = tuple[tuple[int, bool], ...]
"""Position of each factor in FEATURES, and whether it raised the need; strongest first."""

Heads = dict[tuple[int, bool, int], str]
"""The JSON of a factor up to its value, by feature, whether it raised the need, and how strongly."""


class Factors(NamedTuple):
    """What moved one pair: a JSON array, and what its sentence depends on."""

    text: str
    key: Key


NONE = Factors("[]", ())


def top_factors(contributions: np.ndarray, wording: Wording) -> list[Factors]:
    """The strongest factors of each pair; `contributions` are (n, 11), those of 0 are no factors."""
    sizes = np.abs(contributions)
    order = np.argsort(-sizes, axis=1, kind="stable")[:, :TOP_FACTORS]
    strongest = np.take_along_axis(contributions, order, axis=1)
    shares = np.abs(strongest) / np.maximum(sizes.sum(axis=1), np.finfo(float).tiny)[:, None]
    strengths = (shares[:, :, None] < np.array(STRENGTH_SHARES)).sum(axis=2)
    heads = _heads(wording)
    present = (strongest != 0).sum(axis=1).tolist()  # sorted by size, so that those of 0 come last
    columns = order.tolist(), (strongest > 0).tolist(), strengths.tolist(), np.round(strongest, 3).tolist()
    return [_joined(heads, *row) for row in zip(present, *columns, strict=True)]


def _joined(heads: Heads, count: int, features: list[int], raised: list[bool], grades: list[int], values: list[float]) -> Factors:
    own = range(count)
    text = ", ".join([f"{heads[features[at], raised[at], grades[at]]}{values[at]!r}}}" for at in own])
    return Factors(f"[{text}]", tuple([(features[at], raised[at]) for at in own]))


def _heads(wording: Wording) -> Heads:
    heads = {}
    for feature, raised, grade in product(range(len(FEATURES)), (True, False), range(len(wording.strengths))):
        fields = {
            "feature": FEATURES[feature],
            "feature_readable": wording.features[FEATURES[feature]],
            "impact": "positive" if raised else "negative",
            "strength": wording.strengths[grade],
            "contribution": None,
        }
        heads[feature, raised, grade] = json.dumps(fields, ensure_ascii=False).removesuffix("null}")
    return heads
