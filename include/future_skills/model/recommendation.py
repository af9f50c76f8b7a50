"""Which of several measured estimators to take, by a rule that is stated before the numbers are seen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

import numpy as np

from future_skills.domain import FeatureSet, LabelSource
from future_skills.model.estimators import loadable_by_hr
from future_skills.model.libraries import EXTRAS

RULE: Final = (
    "Among those whose AP(HIGH) is within one paired standard error (bootstrap over job roles) of the best, "
    "the more interpretable, then one the HR application can load, then the one that is fitted faster. "
    "What is not above every baseline is not recommended."
)
COEFFICIENTS, TREE_PATHS, NONE = "coefficients", "tree paths", "none"
GRADES: Final = (COEFFICIENTS, TREE_PATHS, NONE)
"""How a single prediction can be taken apart, best first: a weight per column, a walk through each tree, or not exactly."""
INTERPRETABILITY: Final[dict[str, str]] = {
    **dict.fromkeys(("logistic_regression", "ridge", "lasso", "elastic_net"), COEFFICIENTS),
    **dict.fromkeys(("random_forest", "gradient_boosting", "hist_gradient_boosting", "xgboost", "lightgbm"), TREE_PATHS),
    **dict.fromkeys(("mlp", "keras", "voting", "stacking"), NONE),
}


class Measured(Protocol):
    """What the rule looks at."""

    @property
    def estimator(self) -> str:
        """Its name in the table of estimators."""

    @property
    def preprocessing(self) -> str:
        """How text becomes numbers."""

    @property
    def feature_set(self) -> FeatureSet:
        """Which columns it is given."""

    @property
    def measures(self) -> dict[str, Any] | None:
        """Its figures, or None."""


@dataclass(frozen=True)
class Recommendation:
    """The position of the recommended contender, or None, and the reason in a sentence."""

    contender: int | None
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)


def interpretability(estimator: str) -> str:
    """The grade of an estimator; one that nobody has graded cannot be taken apart."""
    return INTERPRETABILITY.get(estimator, NONE)


def dependencies(estimator: str, feature_set: FeatureSet) -> str:
    """What has to be installed to load its artefact."""
    own = "" if feature_set == "core" else ", and this product"
    if estimator in EXTRAS:
        return f"scikit-learn and the extra {estimator}{own}"
    return f"scikit-learn{own}" if own else "scikit-learn alone"


def behind_best(contenders: Sequence[Measured], standings: Mapping[int, np.ndarray]) -> dict[int, dict[str, Any]]:
    """For each measured position `behind_best`: how far AP(HIGH) is behind the best, and the paired standard error of that.

    `standings` has the AP(HIGH) of each measured position in every resample, the same resamples for all.
    """
    values = {number: _ap_high(contenders[number]) for number in standings}
    if not values:
        return {}
    best = max(values, key=values.__getitem__)
    return {
        number: {
            "behind_best": {
                "difference": values[best] - values[number],
                "standard_error": float(np.nanstd(standings[best] - standings[number])),
            }
        }
        for number in values
    }


def recommend(
    contenders: Sequence[Measured], baselines: Mapping[str, Mapping[str, Any]], label_source: LabelSource
) -> Recommendation:
    """Apply RULE to contenders that know their distance to the best; nothing is recommended on labels of our own making."""
    if label_source == "bootstrap":
        return Recommendation(
            None, "Nothing is recommended: the labels come from the rule formula, so every figure is agreement with the rules."
        )
    bar = max((baseline["ap_high"] for baseline in baselines.values() if baseline["ap_high"] is not None), default=0.0)
    measured = [number for number, contender in enumerate(contenders) if contender.measures is not None]
    above = [number for number in measured if _ap_high(contenders[number]) > bar]
    if not above:
        what = f"none is above the best baseline ({bar:.3f})" if measured else "none could be measured"
        return Recommendation(None, f"Nothing is recommended: {what}.")
    close = [number for number in above if _close(contenders[number])]
    chosen = min(close, key=lambda number: _preference(contenders[number]))
    return Recommendation(chosen, _in_words(contenders[chosen], len(close)))


def _ap_high(contender: Measured) -> float:
    return float((contender.measures or {})["ap_high"]["value"])


def _close(contender: Measured) -> bool:
    distance = (contender.measures or {})["behind_best"]
    return bool(distance["difference"] <= distance["standard_error"])


def _preference(contender: Measured) -> tuple[int, bool, float]:
    grade = GRADES.index(interpretability(contender.estimator))
    loads = loadable_by_hr(contender.estimator, contender.feature_set)
    return grade, not loads, (contender.measures or {})["fit_seconds"]


def _in_words(contender: Measured, close: int) -> str:
    distance = (contender.measures or {})["behind_best"]
    name = f"{contender.estimator} with {contender.preprocessing} and {contender.feature_set} features"
    behind, error = distance["difference"], distance["standard_error"]
    place = (
        f"is {behind:.3f} behind the best AP(HIGH), within its standard error of {error:.3f}"
        if behind
        else "has the best AP(HIGH)"
    )
    if close == 1:
        return f"{name}: it {place}, and no other is within one standard error of the best."
    loads = "yes" if loadable_by_hr(contender.estimator, contender.feature_set) else "no"
    seconds = (contender.measures or {})["fit_seconds"]
    return (
        f"{name}: it {place}, and of the {close} within one standard error it comes first by interpretability "
        f"({interpretability(contender.estimator)}), loading in the HR application ({loads}) and fit time ({seconds:.1f} CPU s)."
    )
