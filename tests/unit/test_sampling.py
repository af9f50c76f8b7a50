"""A bounded sample weighs what all rows weigh, and keeps what is rare."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from future_skills.domain import LEVELS
from future_skills.model.sampling import bounded_sample, shares

GROUP = ["future_need_level", "population"]


def some_rows(seed: int, count: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "future_need_level": random.choice(LEVELS, count, p=[0.85, 0.13, 0.02]),
            "population": random.choice(["decided", "implicit"], count, p=[0.3, 0.7]),
            "weight": random.choice([0.5, 1.0], count),
            "number": np.arange(count),
        }
    )


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 400), maximum=st.integers(12, 450))
def test_a_sample_is_bounded_and_keeps_order(seed, count, maximum):
    rows = some_rows(seed, count)
    sample = bounded_sample(rows, maximum, seed)
    assert len(sample) == min(count, maximum)
    assert sample["number"].is_monotonic_increasing
    assert sample["number"].is_unique
    pd.testing.assert_frame_equal(sample, bounded_sample(rows, maximum, seed))


@given(seed=st.integers(0, 2**32 - 1))
def test_every_group_weighs_what_it_weighed(seed):
    rows = some_rows(seed, 2_000).assign(weight=1.0)
    sample = bounded_sample(rows, 300, seed)
    before, after = (frame.groupby(GROUP)["weight"].sum() for frame in (rows, sample))
    pd.testing.assert_series_equal(before, after)


def test_the_rare_level_stays_whole():
    rows = some_rows(1, 5_000)
    sample = bounded_sample(rows, 1_500, 1)
    rare = rows["future_need_level"] == "HIGH"
    assert (sample["future_need_level"] == "HIGH").sum() == rare.sum()
    assert (sample.loc[sample["future_need_level"] == "HIGH", "weight"] <= 1).all()


@given(sizes=st.lists(st.integers(0, 50), min_size=1, max_size=6), maximum=st.integers(0, 200))
def test_no_group_gets_more_than_it_has_and_nothing_is_left_that_could_be_given(sizes, maximum):
    kept = shares(np.array(sizes), maximum)
    assert (kept <= sizes).all()
    assert kept.sum() == min(sum(sizes), maximum)
    assert all(a <= b for size, a in zip(sizes, kept, strict=True) for other, b in zip(sizes, kept, strict=True) if size < other)
