"""Did a source lose rows at once? Half a company is a broken export, and whatever it moves is no drift."""

from dataclasses import replace
from typing import Any

from future_skills.drift.columns import ColumnDrift

SMALLEST_SOURCE = 20
"""Rows below which losing half of them is nothing unusual."""


def lost_rows(before: dict[str, int], now: dict[str, int], largest_drop: float) -> dict[str, list[int]]:
    """Every source that has at most the share `largest_drop` of the rows it had, with its rows [before, now]."""
    return {
        name: [before[name], now.get(name, 0)]
        for name in sorted(before)
        if before[name] >= SMALLEST_SOURCE and now.get(name, 0) <= largest_drop * before[name]
    }


def row_counts(manifest: dict[str, Any], pairs: int) -> dict[str, int]:
    """The rows of a dataset's sources, and the pairs that were scored."""
    return {**manifest.get("source_rows", {}), "scored pairs": pairs}


def mark_halved(columns: dict[str, ColumnDrift], lost: dict[str, list[int]]) -> dict[str, ColumnDrift]:
    """Every column as unknown because of the rows that were `lost`; the distances stay, to be looked at."""
    return {name: replace(column, drift=None, problem=column.problem or "halved", lost=lost) for name, column in columns.items()}
