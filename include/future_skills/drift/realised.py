"""What predictions were worth once HR had decided: per week and model version, and whether a model decays."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Decay:
    """A deployed version that does clearly worse on HR's new decisions than its evaluation promised.

    `metric` is "ap_high" or "macro_f1"; `value`, its 95 % interval `ci` and the `threshold` the interval lies below are of
    the `n` newest decisions, made up to the `week` that begins on that Monday.
    """

    version: str
    metric: str
    value: float
    ci: tuple[float, float]
    n: int
    threshold: float
    week: date
