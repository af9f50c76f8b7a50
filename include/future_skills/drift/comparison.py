"""Compares two samples with Evidently: each column by an explicit method, read from its tests, never crashing on bad data."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from future_skills.drift.columns import ColumnDrift, Problem, WatchedColumn
from future_skills.drift.samples import Sample

VALUE_DECIMALS = 12
"""Evidently adds up categories in another order in each process, so that the last digits of a distance differ."""
NEW_CATEGORIES_SHOWN = 20
INERT = str.maketrans({"<": "‹", ">": "›"})
"""Evidently writes values into a script element as they are: a department named `</script>` would end it."""


@dataclass(frozen=True)
class Comparison:
    """Every watched column by name, and Evidently's snapshot of those that could be compared."""

    columns: dict[str, ColumnDrift]
    snapshot: Any

    def page(self) -> str:
        """Evidently's report as one self-contained HTML page."""
        html: str = self.snapshot.get_html_str(as_iframe=False)
        return html


def compare_samples(reference: Sample, current: Sample, watched: list[WatchedColumn]) -> Comparison:
    """Compare every watched column; one with a problem is unknown, and not on the page."""
    missing = {
        column.name: {"reference": reference.missing(column.name), "current": current.missing(column.name)} for column in watched
    }
    problems = {column.name: _problem(reference, current, column, missing[column.name]) for column in watched}
    comparable = [column for column in watched if problems[column.name] is None]
    snapshot = _measure(_frame(reference, comparable), _frame(current, comparable), comparable)
    measured = _values_and_flags(snapshot.dict())
    columns = {}
    for column in watched:
        value, drift = measured.get(column.name, (None, None))
        columns[column.name] = ColumnDrift(
            kind=column.kind,
            method=column.method,
            threshold=column.threshold,
            value=value,
            drift=drift,
            problem=problems[column.name],
            missing=missing[column.name] if any(missing[column.name].values()) else None,
            new_categories=_new_categories(reference, current, column) or None,
        )
    return Comparison(columns, snapshot)


def _problem(reference: Sample, current: Sample, column: WatchedColumn, missing: dict[str, int]) -> Problem | None:
    before, now = reference.values(column.name), current.values(column.name)
    if missing["reference"] == len(before) or missing["current"] == len(now):
        return "empty"
    if any(missing.values()):
        return "missing"
    return "constant" if column.kind == "feature" and before.nunique() > 1 and now.nunique() == 1 else None


def _new_categories(reference: Sample, current: Sample, column: WatchedColumn) -> list[str]:
    if column.method != "jensenshannon":
        return []
    known, seen = (set(sample.values(column.name).dropna()) for sample in (reference, current))
    return sorted(seen - known)[:NEW_CATEGORIES_SHOWN]


def _frame(sample: Sample, columns: list[WatchedColumn]) -> pd.DataFrame:
    """The columns side by side; decided levels are another population, so the shorter side ends in NaN, which is skipped."""
    parts = {}
    for column in columns:
        values = sample.values(column.name).reset_index(drop=True)
        parts[column.name] = values.str.translate(INERT) if column.method == "jensenshannon" else values
    return pd.DataFrame(parts)


def _measure(reference: pd.DataFrame, current: pd.DataFrame, columns: list[WatchedColumn]) -> Any:
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415 - takes seconds; only this task needs it
    from evidently.metrics import ValueDrift  # noqa: PLC0415 - the same

    definition = DataDefinition(
        numerical_columns=[column.name for column in columns if column.method == "wasserstein"],
        categorical_columns=[column.name for column in columns if column.method == "jensenshannon"],
    )
    metrics = [ValueDrift(column=column.name, method=column.method, threshold=column.threshold) for column in columns]
    sides = (Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    return Report(metrics, include_tests=True).run(*sides)


def _values_and_flags(result: dict[str, Any]) -> dict[str, tuple[float | None, bool | None]]:
    """A test passes on NaN, so a value that is not finite is unknown whatever its test says."""
    status = {
        test["metric_config"]["metric_id"]: str(getattr(test["status"], "value", test["status"]))
        for test in result["tests"]
        if test["id"] == "drift"
    }
    measured: dict[str, tuple[float | None, bool | None]] = {}
    for metric in result["metrics"]:
        value = round(float(metric["value"]), VALUE_DECIMALS)
        known = math.isfinite(value) and metric["id"] in status
        measured[metric["config"]["column"]] = (value, status[metric["id"]] == "FAIL") if known else (None, None)
    return measured
