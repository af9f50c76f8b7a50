"""What the gate is asked, and what it has to answer: both sides of every threshold, as data for more than one test."""

import math
from dataclasses import dataclass, field
from typing import Any

from future_skills.config import GateSettings

SETTINGS = GateSettings()
HEADLINES = ("ap_high", "macro_f1", "weighted_f1", "accuracy", "log_loss", "ece")
ABOVE = 1e-6


def evaluation(**changes: Any) -> dict[str, Any]:
    """A good model's metrics, no champion; `changes` are paths such as overall__ap_high__value."""
    metrics: dict[str, Any] = {
        "population": "holdout",
        "rows": 1_000,
        "roles": 30,
        "high": 100,
        "overall": {
            "ap_high": {"value": 0.6, "ci": [0.5, 0.7]},
            "macro_f1": {"value": 0.6, "ci": [0.5, 0.7]},
            **{name: {"value": 0.5} for name in HEADLINES[2:]},
            "base_rate": 0.1,
        },
        "baselines": {
            "majority": {"ap_high": 0.1, "macro_f1": 0.25},
            "rules": {"ap_high": 0.3, "macro_f1": 0.4},
            "skill_share": {"ap_high": 0.4, "macro_f1": 0.4},
        },
        "slices": [{"slice": "department", "name": "IT", "n": 200, "high": 10, "base_rate": 0.05, "ap_high": 0.5}],
        "comparison": None,
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = metrics
        for name in parents:
            target = target[int(name) if name.isdigit() else name]
        target[last] = value
    return metrics


def compared(lower: float, upper: float, **changes: Any) -> dict[str, Any]:
    """The same model beside a champion; the difference has that interval."""
    difference = {"difference": (lower + upper) / 2, "ci": [lower, upper]}
    return evaluation(comparison={"ap_high": difference, "macro_f1": difference, "champion": "v1"}, **changes)


def unmeasured(**changes: Any) -> dict[str, Any]:
    """Metrics of a company where one role has decisions: nothing could be measured."""
    metrics = evaluation(population="none", roles=1, high=60, overall__base_rate=None, baselines={}, slices=[])
    for name in HEADLINES:
        metrics["overall"][name] = {"value": None, "ci": None}
    return {**metrics, **changes}


@dataclass(frozen=True)
class Case:
    """One question: metrics, situation and thresholds; the verdict, and the names of the checks that have to fail."""

    name: str
    metrics: dict[str, Any]
    verdict: str
    failing: tuple[str, ...] = ()
    situation: dict[str, Any] = field(default_factory=dict)
    thresholds: GateSettings = field(default_factory=lambda: SETTINGS)

    def __str__(self) -> str:
        return self.name

    def asked(self) -> dict[str, Any]:
        """The keyword arguments of `judge`."""
        known = {"mode": "normal", "has_champion": bool(self.metrics["comparison"]), "label_source": "hr_decision"}
        return {**known, **self.situation}


FLOOR, MACRO, BASELINE, SLICE, CHAMPION = (
    "AP(HIGH) floor",
    "macro-F1 floor",
    "AP(HIGH) above baseline",
    "AP(HIGH) of a slice",
    "AP(HIGH) minus champion's",
)
_FEW_ROLES = SETTINGS.model_copy(update={"insufficient_roles": 0})
_BOOTSTRAP_RIVAL = {"champion_label_source": "bootstrap"}


def _number(name: str, value: float | None, label_source: str) -> Case:
    metrics = evaluation(**{f"overall__{name}__value": value}, roles=3)
    return Case(f"{name} is {value}, {label_source}", metrics, "reject", (f"{name} is a number",), {"label_source": label_source})


def _undecided_difference() -> dict[str, Any]:
    metrics = compared(0.1, 0.2)
    metrics["comparison"]["ap_high"] = {"difference": None, "ci": None}
    return metrics


CASES = (
    Case("the first honest model that passes", evaluation(), "promote"),
    # Floors: the base rate is .25 where the floor is met exactly, so that the baselines stay below it.
    Case("AP(HIGH) at its floor", evaluation(overall__base_rate=0.25, overall__ap_high__value=0.5), "promote"),
    Case(
        "AP(HIGH) below its floor",
        evaluation(overall__base_rate=0.25, overall__ap_high__value=0.5 - ABOVE),
        "reject",
        (FLOOR,),
    ),
    Case("macro-F1 at its floor", evaluation(overall__macro_f1__value=0.25 + 0.10), "promote"),
    Case("macro-F1 below its floor", evaluation(overall__macro_f1__value=0.35 - ABOVE), "reject", (MACRO,)),
    *(
        case
        for name in ("majority", "rules", "skill_share")
        for case in (
            Case(f"just above {name}", evaluation(**{f"baselines__{name}__ap_high": 0.6 - ABOVE}), "promote"),
            Case(f"as good as {name}", evaluation(**{f"baselines__{name}__ap_high": 0.6}), "reject", (BASELINE,)),
        )
    ),
    Case("a baseline without a value", evaluation(baselines__rules__ap_high=None), "reject", (BASELINE,)),
    # Slices
    Case("a slice at its floor", evaluation(slices__0__ap_high=0.05), "promote"),
    Case("a slice below its floor", evaluation(slices__0__ap_high=0.05 - ABOVE), "reject", (SLICE,)),
    Case("a slice without a value", evaluation(slices__0__ap_high=None), "reject", (SLICE,)),
    Case("a bad slice of too few rows", evaluation(slices__0__ap_high=0.01, slices__0__n=199), "promote"),
    Case("a bad slice of just enough rows", evaluation(slices__0__ap_high=0.01, slices__0__n=201), "reject", (SLICE,)),
    Case("a bad slice of too few HIGH", evaluation(slices__0__ap_high=0.01, slices__0__high=9), "promote"),
    Case("a bad slice of more HIGH", evaluation(slices__0__ap_high=0.01, slices__0__high=11), "reject", (SLICE,)),
    # Evidence
    *(
        case
        for path, enough in (("high", 20), ("roles", 10))
        for case in (
            Case(f"{enough} {path}", evaluation(**{path: enough}), "promote"),
            Case(f"{enough - 1} {path}", evaluation(**{path: enough - 1}), "insufficient"),
        )
    ),
    Case("few HIGH and below the floor", evaluation(high=5, overall__ap_high__value=0.01), "insufficient"),
    Case("two roles, when no more are asked for", evaluation(roles=2), "promote", thresholds=_FEW_ROLES),
    Case("one role, whatever is asked for", evaluation(roles=1), "insufficient", thresholds=_FEW_ROLES),
    # The champion
    Case("clearly better", compared(ABOVE, 0.1), "promote"),
    Case("better, touching 0", compared(0.0, 0.1), "keep"),
    Case("worse, touching 0", compared(-0.1, 0.0), "keep"),
    Case("clearly worse", compared(-0.1, -ABOVE), "reject", (CHAMPION,)),
    Case("refresh: within the margin", compared(-0.02 + ABOVE, 0.1), "promote", situation={"mode": "refresh"}),
    Case("refresh: touching 0", compared(0.0, 0.1), "promote", situation={"mode": "refresh"}),
    Case("refresh: at the margin", compared(-0.02, 0.1), "keep", situation={"mode": "refresh"}),
    Case("refresh: clearly worse", compared(-0.01, -ABOVE), "reject", (CHAMPION,), {"mode": "refresh"}),
    Case("no refresh: within the margin", compared(-0.02 + ABOVE, 0.1), "keep"),
    Case("a champion that could not be compared", evaluation(), "keep", situation={"has_champion": True}),
    Case("a difference without an interval", _undecided_difference(), "reject", (CHAMPION,)),
    Case("worse than an honest champion", compared(-0.3, -0.2), "reject", (CHAMPION,), {"champion_label_source": "hr_decision"}),
    Case("worse than a bootstrap champion", compared(-0.3, -0.2), "promote", situation=_BOOTSTRAP_RIVAL),
    Case(
        "below a baseline, against a bootstrap champion",
        compared(-0.3, -0.2, overall__ap_high__value=0.3),
        "reject",
        (BASELINE, BASELINE),
        _BOOTSTRAP_RIVAL,
    ),
    # Bootstrap labels
    *(
        Case(
            f"bootstrap labels, {'a' if champion else 'no'} champion",
            evaluation(overall__ap_high__value=0.01, high=0, roles=2),
            "keep" if champion else "bootstrap",
            situation={"label_source": "bootstrap", "has_champion": champion},
        )
        for champion in (True, False)
    ),
    Case(
        "bootstrap labels, better than a bootstrap champion in every figure",
        compared(0.2, 0.3),
        "keep",
        situation={"label_source": "bootstrap", "mode": "refresh", **_BOOTSTRAP_RIVAL},
    ),
    # Numbers that are none
    *(
        _number(name, value, label_source)
        for name in HEADLINES
        for value in (None, math.nan, math.inf)
        for label_source in ("hr_decision", "bootstrap")
    ),
    Case("nothing measured, bootstrap labels", unmeasured(), "bootstrap", situation={"label_source": "bootstrap"}),
    Case("nothing measured, decided labels", unmeasured(), "insufficient"),
    Case("nothing measured, few roles allowed", unmeasured(), "insufficient", thresholds=_FEW_ROLES),
    Case("no HIGH row, so no precision of it", evaluation(overall__ap_high__value=None, high=0), "insufficient"),
)
"""Every threshold from both sides, every verdict, and the order of the checks."""
