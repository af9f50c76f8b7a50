"""Decisions of a company that does not exist, and contenders whose true average precision is known.

A row's need is normal: a part of its job role's and a part of its own. The level follows from the need by two limits. A
contender sees the need through noise, a part of it common to the role, and answers with the exact posterior of the levels,
so it is calibrated and only its noise decides how well it ranks. Two contenders share a part of their noise, as two models
that learned from the same rows do.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import norm

from future_skills.model.baselines import Guess
from future_skills.model.cuts import choose_cuts, levels_of
from future_skills.model.metrics import ap_high
from future_skills.model.population import Opinion, Population
from future_skills.model.scores import scores_of

ROWS_OF_ROLE = 40
DEPARTMENTS = 6
SHARE_LOW, SHARE_HIGH = 0.62, 0.10
ROLE_PART, NOISE_ROLE_PART = 0.2, 0.2
"""Share of the role in the variance of the need, and in that of a contender's noise."""
SHARED_NOISE = 0.7
"""Share of the noise that two contenders have in common."""
LARGE = 2_000
"""Roles of the sample in which a true average precision is found: 80,000 rows."""
LIMITS = norm.ppf([SHARE_LOW, 1 - SHARE_HIGH])


@dataclass(frozen=True)
class World:
    """Roles and needs of some rows, and the noise of two contenders and two baselines, with variance 1 each."""

    role: np.ndarray
    need: np.ndarray
    noises: tuple[np.ndarray, ...]

    @property
    def levels(self) -> np.ndarray:
        """The truth."""
        return np.array(["LOW", "MEDIUM", "HIGH"], dtype=object)[np.searchsorted(LIMITS, self.need)]


def draw(seed: int, roles: int) -> World:
    """A world of `roles` job roles, with champion, challenger, and two baselines that share nothing with them."""
    random = np.random.default_rng(seed)
    role = np.repeat(np.arange(roles), ROWS_OF_ROLE)

    def mixed(role_part: float) -> np.ndarray:
        of_role = random.normal(size=roles)[role]
        return np.sqrt(role_part) * of_role + np.sqrt(1 - role_part) * random.normal(size=len(role))

    need, shared = mixed(ROLE_PART), mixed(NOISE_ROLE_PART)
    own = [np.sqrt(SHARED_NOISE) * shared + np.sqrt(1 - SHARED_NOISE) * mixed(NOISE_ROLE_PART) for _ in range(2)]
    return World(role, need, (*own, mixed(NOISE_ROLE_PART), mixed(NOISE_ROLE_PART)))


def probabilities(world: World, contender: int, noise: float) -> np.ndarray:
    """The posterior of the levels (n, 3), the need being standard normal and seen with noise of that standard deviation."""
    seen = world.need + noise * world.noises[contender]
    weight = 1 / (1 + noise**2)
    below = norm.cdf((LIMITS - weight * seen[:, None]) / np.sqrt(1 - weight))
    return np.column_stack([below[:, 0], below[:, 1] - below[:, 0], 1 - below[:, 1]])


@cache
def _large() -> World:
    return draw(0, LARGE)


@cache
def noise_for(wanted: float) -> float:
    """The noise with which AP(HIGH) is `wanted` in a very large sample, by bisection."""
    low, high = 0.01, 20.0
    for _ in range(30):
        middle = (low + high) / 2
        reached = ap_high(_large().levels, probabilities(_large(), 0, middle)[:, 2])
        low, high = (middle, high) if reached > wanted else (low, middle)
    return middle


@cache
def _cuts(wanted: float):
    return choose_cuts(scores_of(probabilities(_large(), 0, noise_for(wanted))), _large().levels)


def opinion(world: World, contender: int, wanted: float) -> Opinion:
    """What a contender of true AP(HIGH) `wanted` says."""
    answer = probabilities(world, contender, noise_for(wanted))
    return Opinion(answer, levels_of(scores_of(answer), _cuts(wanted)))


def population(world: World) -> Population:
    """The world's rows as held-out roles, with baselines of AP(HIGH) .25 and .40 beside the majority."""
    departments = np.array([f"department {number}" for number in range(DEPARTMENTS)], dtype=object)
    rows = pd.DataFrame({"future_need_level": world.levels, "job_department": departments[world.role % DEPARTMENTS]})
    rules, share = opinion(world, 2, 0.25), opinion(world, 3, 0.40)
    majority = Guess(np.zeros(len(rows)), np.full(len(rows), "LOW", dtype=object))
    guesses = {"rules": Guess(rules.ranking, rules.levels), "skill_share": Guess(share.ranking, share.levels)}
    return Population("holdout", rows, world.role, {"majority": majority, **guesses})
