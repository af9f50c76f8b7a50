"""The texts of many pairs at once say of each pair what its numbers say."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from future_skills.domain import FEATURES, LEVELS, SIGNATURE
from future_skills.prediction.explanation import Explained, Signature, explain
from future_skills.prediction.wording import wording_of

SHARES = {"very strong": (0.5, 1), "strong": (0.25, 0.5), "moderate": (0.1, 0.25), "limited": (0, 0.1)}


@st.composite
def some_pairs(draw):
    """Pairs with contributions of every size, 0 and ties among them."""
    count = draw(st.integers(1, 8))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    contributions = random.choice([0.0, 0.5, -0.5, 1e-9, 40.0], (count, len(FEATURES))) * random.choice([1.0, random.random()])
    return Explained(
        probabilities=random.dirichlet((1, 1, 1), count),
        scores=np.round(100 * random.random(count), 2),
        levels=random.choice(np.array(LEVELS, dtype=object), count),
        decisions=random.choice(np.array([None, *LEVELS], dtype=object), count),
        unfamiliar=random.random(count) < 0.5,
        contributions=contributions,
        methods=random.choice(np.array(["path", "none"], dtype=object), count),
    )


@given(pairs=some_pairs(), language=st.sampled_from(["en", "fr"]), bootstrap=st.booleans())
@settings(deadline=None)
def test_each_pair_gets_the_fields_of_its_own_numbers(pairs, language, bootstrap):
    signature = Signature('batch "1"', "v7", language, bootstrap)
    for row, (text, explanation) in enumerate(zip(*explain(pairs, signature), strict=True)):
        fields = json.loads(explanation)
        factors = fields.pop("top_factors")
        assert fields == {
            "text": text,
            "method": pairs.methods[row] if factors else "none",
            "prediction_level": pairs.levels[row],
            "confidence": round(100 * pairs.probabilities[row].max(), 1),
            "source": "future_skills",
            "batch": 'batch "1"',
            "version": "v7",
            "score": pairs.scores[row],
            "language": language,
            "decision": pairs.decisions[row],
            "low_confidence": bool(pairs.unfamiliar[row]),
        }
        assert text.endswith(SIGNATURE)
        own = pairs.contributions[row] if pairs.levels[row] != "LOW" else np.zeros(len(FEATURES))
        assert len(factors) == min(3, np.count_nonzero(own))
        sizes = np.sort(np.abs(own))[::-1]
        for place, factor in enumerate(factors):
            value = own[FEATURES.index(factor["feature"])]
            assert abs(value) == sizes[place], "the strongest come first"
            assert factor["contribution"] == round(value, 3)
            assert factor["impact"] == ("positive" if value > 0 else "negative")
            assert factor["feature_readable"] in text


@given(pairs=some_pairs())
@settings(deadline=None)
def test_a_factor_is_called_as_strong_as_its_share(pairs):
    _, explanations = explain(pairs, Signature("b", "v", "en", bootstrap=False))
    for row, explanation in enumerate(explanations):
        total = np.abs(pairs.contributions[row]).sum()
        for factor in json.loads(explanation)["top_factors"]:
            share = abs(pairs.contributions[row][FEATURES.index(factor["feature"])]) / total
            low, high = SHARES[factor["strength"]]
            assert low <= share < high or share == high == 1


def test_pairs_with_equal_numbers_share_one_sentence():
    pairs = Explained(
        probabilities=np.tile([0.1, 0.2, 0.7], (2, 1)),
        scores=np.array([80.0, 80.3]),
        levels=np.array(["HIGH", "HIGH"], dtype=object),
        decisions=np.array([None, "LOW"], dtype=object),
        unfamiliar=np.array([False, False]),
        contributions=np.tile(np.r_[0, 2.0, np.zeros(9)], (2, 1)),
        methods=np.array(["path", "path"], dtype=object),
    )
    (plain, decided), _ = explain(pairs, Signature("b", "v", "en", bootstrap=False))
    words = wording_of("en", "core")
    assert words.features["skill_name"] in plain
    assert decided == plain.removesuffix(SIGNATURE) + " HR's own decision: low." + SIGNATURE
