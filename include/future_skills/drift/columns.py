"""Which columns are watched, how each is compared, and when a whole report drifts."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from future_skills.config import DriftSettings
from future_skills.domain import NUMERIC_FEATURES

Kind = Literal["feature", "level", "score", "target"]
Method = Literal["wasserstein", "jensenshannon"]
Problem = Literal["missing", "empty", "constant", "halved"]
"""Why a column is unknown: some values are missing, all are, one value is left of many, or a source lost half its rows."""
CATEGORIES = ("skill_category", "job_department")
"""The text features that are compared; names of roles and skills change with every hire and would always alarm."""
DECISIVE: frozenset[Kind] = frozenset({"level", "score", "target"})
BROKEN: frozenset[Problem] = frozenset({"empty", "constant", "halved"})
"""Problems of an export as a whole: what is predicted from it moves too, and that is no drift."""


@dataclass(frozen=True)
class WatchedColumn:
    """A column to compare: drift from `threshold` of `method`'s distance on."""

    name: str
    kind: Kind
    method: Method
    threshold: float


@dataclass(frozen=True)
class ColumnDrift:
    """What became of one column; `drift` is None, and `problem` says why, when it is unknown; `value` then need not be known.

    `lost` says which sources of the whole export lost rows: those it had before, and has now.
    """

    kind: Kind
    method: Method
    threshold: float
    value: float | None
    drift: bool | None
    problem: Problem | None = None
    missing: dict[str, int] | None = None
    new_categories: list[str] | None = None
    lost: dict[str, list[int]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the ledger keeps it, without what there is nothing to say about."""
        optional = ("problem", "missing", "new_categories", "lost")
        return {name: value for name, value in asdict(self).items() if value is not None or name not in optional}


@dataclass(frozen=True)
class Verdict:
    """`share` of the feature columns that drift; does the report drift, is any column unknown, is the export `broken`?"""

    share: float
    drifted: bool
    unknown: bool
    broken: bool


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
    """A report drifts when level, score or target does, or `column_share` of the feature columns; unknown ones never count.

    Where the export is broken nothing counts: its predictions moved because of it.
    """
    features = [column for column in columns.values() if column.kind == "feature"]
    share = sum(column.drift is True for column in features) / len(features)
    decisive = any(column.drift is True for column in columns.values() if column.kind in DECISIVE)
    unknown = any(column.drift is None for column in columns.values())
    broken = any(column.problem in BROKEN for column in columns.values())
    return Verdict(share, not broken and (decisive or share >= thresholds.column_share), unknown, broken)
