"""How often is the gate right? Challengers of known worth against a champion, judged by the product itself.

`make bench-gate` prints the rates and writes docs/gate.md. Nothing is fitted: only measuring and judging are on trial.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np

from bench import page
from bench.synthetic import ROWS_OF_ROLE, SHARE_HIGH, SHARED_NOISE, draw, opinion, population
from future_skills.config import GateSettings
from future_skills.model.gate import judge
from future_skills.model.measuring import measure

CHAMPION = 0.65
"""True AP(HIGH) of the champion."""
EFFECTS = {
    "clearly worse": -0.06,
    "worse": -0.03,
    "equal": 0.0,
    "a little better": 0.02,
    "clearly better": 0.06,
    "far better": 0.10,
}
ROLES = (40, 180)
MODES = ("normal", "refresh")
VERDICTS = ("promote", "keep", "reject")
SEEDS = 50
POWER = 1 + 1.2816 / 1.96
"""Half-widths of a 95 % interval at which nine in ten differences are wholly above 0."""


@dataclass(frozen=True)
class Row:
    """One line of the table: how often each verdict was given, and the widths behind it."""

    roles: int
    effect: str
    difference: float
    mode: str
    seeds: int
    counts: dict[str, int]
    measured: float
    half_width: float

    def rate(self, verdict: str) -> float:
        """Share of the seeds with that verdict."""
        return self.counts.get(verdict, 0) / self.seeds


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a rate (Wilson 1927)."""
    z, share = 1.96, hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def judged(roles: int, effect: str, seeds: int, settings: GateSettings) -> list[Row]:
    """Draw, measure and judge `seeds` challengers; one row per mode."""
    counts: dict[str, Counter] = {mode: Counter() for mode in MODES}
    measured, widths = [], []
    for seed in range(1, seeds + 1):
        world = draw(seed, roles)
        challenger, champion = opinion(world, 1, CHAMPION + EFFECTS[effect]), opinion(world, 0, CHAMPION)
        metrics = measure(population(world), [challenger], [champion], settings.resamples, seed)
        metrics |= {
            "population": "holdout",
            "rows": len(world.need),
            "roles": roles,
            "high": int((world.levels == "HIGH").sum()),
        }
        difference = metrics["comparison"]["ap_high"]
        measured.append(difference["difference"])
        widths.append((difference["ci"][1] - difference["ci"][0]) / 2)
        for mode in MODES:
            counts[mode][judge(metrics, settings, mode=mode, has_champion=True, label_source="hr_decision").verdict] += 1
    return [
        Row(roles, effect, EFFECTS[effect], mode, seeds, dict(counts[mode]), float(np.mean(measured)), float(np.mean(widths)))
        for mode in MODES
    ]


def goals(rows: list[Row]) -> list[str]:
    """The two goals for each number of roles, with the rate reached; of the wrong challengers an equal one is the hardest."""
    sentences = []
    for roles in ROLES:
        normal = [row for row in rows if row.mode == "normal" and row.roles == roles]
        equal = [row for row in normal if row.effect == "equal"]
        clear = [row for row in normal if row.effect == "clearly better"]
        sentences.append(_goal(f"an equal one, judged on {roles} roles, is promoted", equal, at_most=0.05))
        sentences.append(_goal(f"a clearly better one, judged on {roles} roles, is promoted", clear, at_least=0.90))
    return sentences


def _goal(title: str, rows: list[Row], *, at_least: float = 0.0, at_most: float = 1.0) -> str:
    hits, n = sum(row.counts.get("promote", 0) for row in rows), sum(row.seeds for row in rows)
    low, high = wilson(hits, n)
    goal = f"at most {at_most:.0%}" if at_most < 1 else f"at least {at_least:.0%}"
    word = "reached" if at_least <= hits / n <= at_most else "missed"
    return f"{title}: {hits} of {n}, {hits / n:.1%} [{low:.1%}, {high:.1%}]; goal {goal}: {word}"


def main() -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    settings = GateSettings()
    rows = []
    for roles in ROLES:
        for effect in EFFECTS:
            for row in judged(roles, effect, seeds, settings):
                rows.append(row)
                rates = "  ".join(f"{verdict} {row.rate(verdict):4.0%}" for verdict in VERDICTS)
                print(
                    f"{roles:>4} roles  {effect:<16}{row.difference:+.2f}  {row.mode:<8}{rates}  "
                    f"measured {row.measured:+.3f}, interval +-{row.half_width:.3f}",
                    flush=True,
                )
    sentences = goals(rows)
    print(*sentences, sep="\n")
    path = page.write(
        "gate",
        {},
        rows=rows,
        verdicts=VERDICTS,
        goals=sentences,
        detectable={row.roles: POWER * row.half_width for row in rows if row.effect == "clearly better"},
        settings=settings,
        seeds=seeds,
        champion=CHAMPION,
        rows_of_role=ROWS_OF_ROLE,
        base_rate=SHARE_HIGH,
        shared=SHARED_NOISE,
    )
    print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
