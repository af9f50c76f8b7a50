"""The sentence and the JSON that explain a prediction to an HR manager and to the HR application.

A batch has millions of them: what many pairs share (the sentence, the words of a factor) is made once, and put together by row.
"""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from future_skills.domain import FEATURES, SIGNATURE, FeatureSet, Language
from future_skills.prediction.factors import NONE, Factors, Key, top_factors
from future_skills.prediction.wording import Wording, wording_of


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


class Said(NamedTuple):
    """What the sentence of a pair depends on."""

    level: str
    score: int
    factors: Key
    decision: str | None
    unfamiliar: bool


def explain(pairs: Explained, signature: Signature) -> tuple[list[str], list[str]]:
    """Rationales and explanations (JSON texts) of the pairs."""
    wording = wording_of(signature.language, signature.feature_set)
    head, tail = _constant_parts(signature)
    sentences: dict[Said, tuple[str, str]] = {}
    rationales, explanations = [], []
    for level, score, confidence, decision, strange, method, factors in zip(
        pairs.levels.tolist(),
        pairs.scores.tolist(),
        np.round(100 * pairs.probabilities.max(axis=1), 1).tolist(),
        pairs.decisions.tolist(),
        pairs.unfamiliar.tolist(),
        pairs.methods.tolist(),
        _factors(pairs, wording),
        strict=True,
    ):
        said = Said(level, round(score), factors.key, decision, strange)
        if said not in sentences:
            text = rationale(said, wording, bootstrap=signature.bootstrap)
            sentences[said] = text, f'{{"text": {json.dumps(text, ensure_ascii=False)}, "top_factors": '
        text, begin = sentences[said]
        rationales.append(text)
        explanations.append(
            f'{begin}{factors.text}, "method": "{method if factors.key else "none"}", "prediction_level": "{level}",'
            f' "confidence": {confidence!r}, {head}"score": {score!r}, {tail}'
            f'"decision": {f"{chr(34)}{decision}{chr(34)}" if decision else "null"},'
            f' "low_confidence": {"true" if strange else "false"}}}'
        )
    return rationales, explanations


def _constant_parts(signature: Signature) -> tuple[str, str]:
    """The fields all pairs of a batch share, as JSON: those before the score and those behind it."""
    before = {"source": "future_skills", "batch": signature.batch_id, "version": signature.version}
    behind = {"language": signature.language}
    head, tail = (json.dumps(fields, ensure_ascii=False)[1:-1] + ", " for fields in (before, behind))
    return head, tail


def _factors(pairs: Explained, wording: Wording) -> list[Factors]:
    wanted = np.flatnonzero(pairs.levels != "LOW")
    factors = [NONE] * len(pairs.scores)
    for row, found in zip(wanted.tolist(), top_factors(pairs.contributions[wanted], wording), strict=True):
        factors[row] = found
    return factors


def rationale(said: Said, wording: Wording, *, bootstrap: bool) -> str:
    """One sentence, what HR itself decided, and the fixed signature."""
    up = [wording.features[FEATURES[feature]] for feature, raised in said.factors if raised]
    down = [wording.features[FEATURES[feature]] for feature, raised in said.factors if not raised]
    sentence = wording.need.format(level=wording.levels[said.level], score=said.score)
    sentence += wording.raised.format(up=_listed(up, wording)) if up else ""
    sentence += wording.lowered.format(down=_listed(down, wording)) if down else ""
    sentence += "."
    sentence += wording.decided.format(decision=wording.levels[said.decision].lower()) if said.decision else ""
    sentence += wording.unfamiliar if said.unfamiliar else ""
    sentence += wording.bootstrap if bootstrap else ""
    return sentence + SIGNATURE


def _listed(names: list[str], wording: Wording) -> str:
    """One, two and three as people list them."""
    return wording.and_word.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
