"""The table of a benchmark: its lines, and its ratios beside those of a baseline."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORSE = 1.25
"""A ratio this many times its baseline is told."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is to `limit`; a `goal` beginning with >= or <= is its bound."""

    what: str
    rows: int
    seconds: float
    cpu_seconds: float | None = None
    peak_megabytes: float | None = None
    ratio: float | None = None
    limit: str = ""
    goal: str = ""

    @property
    def reached(self) -> bool | None:
        """Is the goal reached? None without one."""
        if self.ratio is None or not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.ratio >= float(bound) if sign == ">=" else self.ratio <= float(bound)


def line(row: Row) -> str:
    """A row as text."""
    parts = [f"{row.what:32}", f"{row.rows:>12,} rows", f"{row.seconds:>8.1f} s", f"{row.rows / row.seconds:>12,.0f} rows/s"]
    parts.append(" " * 12 if row.cpu_seconds is None else f"{row.cpu_seconds:>8.1f} CPU")
    parts.append(" " * 9 if row.peak_megabytes is None else f"{row.peak_megabytes:>6,.0f} MB")
    if row.ratio is not None:
        verdict = "" if row.reached is None else f" ({row.goal}: {'reached' if row.reached else 'MISSED'})"
        parts.append(f"{row.ratio:>6.2f} x {row.limit}{verdict}")
    return "  ".join(parts)


def as_json(row: Row) -> dict[str, Any]:
    """A row for a baseline, without digits that say nothing."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(row).items()}


def compared(table: list[Row], baseline: Path) -> list[str]:
    """What is clearly worse than the baseline, by ratio."""
    before = {row["what"]: row for row in json.loads(baseline.read_text(encoding="utf-8"))["table"]}
    worse = []
    for row in table:
        old = before.get(row.what, {}).get("ratio")
        if row.ratio and old and row.goal:
            change = row.ratio / old if row.goal.startswith("<=") else old / row.ratio
            if change > WORSE:
                worse.append(f"{row.what}: {row.ratio:.2f}, was {old:.2f}")
    return worse
