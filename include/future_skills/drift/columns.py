"""Which columns are watched, how each is compared, and when a whole report drifts."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from future_skills.config import DriftSettings
from future_skills.domain import NUMERIC_FEATURES

Kind = Literal["feature", "level", "score", "target"]
Method = Literal["wasserstein", "jensenshannon"]
CATEGORIES = ("skill_category", "job_department")
"""The text features that are compared; names of roles and skills change with every hire and would always alarm."""
DECISIVE: frozenset[Kind] = frozenset({"level", "score", "target"})


@dataclass(frozen=True)
class WatchedColumn:
    """A column to compare: drift from `threshold` of `method`'s distance on."""

    name: str
    kind: Kind
    method: Method
    threshold: float


@dataclass(frozen=True)
class ColumnDrift:
    """What became of one column; `value` and `drift` are None when it could not be compared."""

    kind: Kind
    method: Method
    threshold: float
    value: float | None
    drift: bool | None
    missing: dict[str, int] | None = None
    new_categories: list[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it, without what there is nothing to say about."""
        optional = ("missing", "new_categories")
        return {name: value for name, value in asdict(self).items() if value is not None or name not in optional}


@dataclass(frozen=True)
class Verdict:
    """`share` of the feature columns that drift; does the report drift, and is any column unknown?"""

    share: float
    drifted: bool
    unknown: bool


def watched_columns(thresholds: DriftSettings, *, with_target: bool) -> list[WatchedColumn]:
    """Numeric features, the two categories, predicted level and score, and on request HR's decided levels."""
    watched = [WatchedColumn(name, "feature", "wasserstein", thresholds.numeric_threshold) for name in NUMERIC_FEATURES]
    watched += [WatchedColumn(name, "feature", "jensenshannon", thresholds.categorical_threshold) for name in CATEGORIES]
    watched.append(WatchedColumn("level", "level", "jensenshannon", thresholds.level_threshold))
    watched.append(WatchedColumn("score", "score", "wasserstein", thresholds.score_threshold))
    if with_target:
        watched.append(WatchedColumn("target", "target", "jensenshannon", thresholds.target_threshold))
    return watched


def judge_columns(columns: dict[str, ColumnDrift], thresholds: DriftSettings) -> Verdict:
    """A report drifts when level, score or target does, or `column_share` of the feature columns; unknown ones never count."""
    features = [column for column in columns.values() if column.kind == "feature"]
    share = sum(column.drift is True for column in features) / len(features)
    decisive = any(column.drift is True for column in columns.values() if column.kind in DECISIVE)
    unknown = any(column.drift is None for column in columns.values())
    return Verdict(share, decisive or share >= thresholds.column_share, unknown)
