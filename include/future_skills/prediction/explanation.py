"""The sentence and the JSON that explain a prediction to an HR manager and to the HR application."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from future_skills.domain import FEATURES, SIGNATURE, FeatureSet, Language
from future_skills.prediction.wording import Wording, wording_of

TOP_FACTORS = 3
STRENGTH_SHARES = (0.5, 0.25, 0.1)
"""Shares of all absolute contributions from which a factor is very strong, strong, moderate."""


@dataclass(frozen=True)
class Explained:
    """What is known of some pairs, one entry each.

    `decisions` are HR's own levels (None: undecided), `unfamiliar` marks pairs unlike the training data, `contributions` are
    (n, 11) and `methods` how each row of them was found, `none` where there are none; those of LOW pairs are not read.
    """

    probabilities: np.ndarray
    scores: np.ndarray
    levels: np.ndarray
    decisions: np.ndarray
    unfamiliar: np.ndarray
    contributions: np.ndarray
    methods: np.ndarray


@dataclass(frozen=True)
class Signature:
    """Which batch and version speak, in which language, of which features; `bootstrap`: learned from the rules."""

    batch_id: str
    version: str
    language: Language
    bootstrap: bool
    feature_set: FeatureSet = "core"


def explain(pairs: Explained, signature: Signature) -> tuple[list[str], list[str]]:
    """Rationales and explanations (JSON texts) of the pairs."""
    wording = wording_of(signature.language, signature.feature_set)
    confidence = np.round(100 * pairs.probabilities.max(axis=1), 1)
    rationales, explanations = [], []
    for row in range(len(pairs.scores)):
        level, decision = str(pairs.levels[row]), pairs.decisions[row]
        factors = _factors(pairs.contributions[row], wording) if level != "LOW" else []
        text = rationale(level, float(pairs.scores[row]), factors, wording, decision, bool(pairs.unfamiliar[row]), signature)
        rationales.append(text)
        explanations.append(
            json.dumps(
                {
                    "text": text,
                    "top_factors": factors,
                    "method": str(pairs.methods[row]) if factors else "none",
                    "prediction_level": level,
                    "confidence": float(confidence[row]),
                    "source": "future_skills",
                    "batch": signature.batch_id,
                    "version": signature.version,
                    "score": float(pairs.scores[row]),
                    "language": signature.language,
                    "decision": decision,
                    "low_confidence": bool(pairs.unfamiliar[row]),
                },
                ensure_ascii=False,
            )
        )
    return rationales, explanations


def rationale(
    level: str,
    score: float,
    factors: list[dict[str, Any]],
    wording: Wording,
    decision: str | None,
    unfamiliar: bool,
    signature: Signature,
) -> str:
    """One sentence, what HR itself decided, and the fixed signature."""
    up = [factor["feature_readable"] for factor in factors if factor["impact"] == "positive"]
    down = [factor["feature_readable"] for factor in factors if factor["impact"] == "negative"]
    sentence = wording.need.format(level=wording.levels[level], score=round(score))
    sentence += wording.raised.format(up=_listed(up, wording)) if up else ""
    sentence += wording.lowered.format(down=_listed(down, wording)) if down else ""
    sentence += "."
    sentence += wording.decided.format(decision=wording.levels[decision].lower()) if decision else ""
    sentence += wording.unfamiliar if unfamiliar else ""
    sentence += wording.bootstrap if signature.bootstrap else ""
    return sentence + SIGNATURE


def _listed(names: list[str], wording: Wording) -> str:
    """One, two and three as people list them."""
    return wording.and_word.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _factors(contributions: np.ndarray, wording: Wording) -> list[dict[str, Any]]:
    """The features that moved the pair most, strongest first, in the HR application's shape."""
    total = float(np.abs(contributions).sum())
    order = np.argsort(-np.abs(contributions), kind="stable")[:TOP_FACTORS]
    return [
        {
            "feature": FEATURES[feature],
            "feature_readable": wording.features[FEATURES[feature]],
            "impact": "positive" if contributions[feature] > 0 else "negative",
            "strength": _strength(abs(float(contributions[feature])) / total, wording),
            "contribution": round(float(contributions[feature]), 3),
        }
        for feature in order
        if abs(contributions[feature]) > 0
    ]


def _strength(share: float, wording: Wording) -> str:
    return wording.strengths[sum(share < limit for limit in STRENGTH_SHARES)]
