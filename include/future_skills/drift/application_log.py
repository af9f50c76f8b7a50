"""The HR application's own predictions_monitoring.jsonl: read line by line, as it grows for years and is written to meanwhile."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from upath import UPath

from future_skills.domain import LEVELS, FutureSkillsError
from future_skills.prediction.monitoring import MONITORED_FEATURES

LOG_NUMBERS = [*MONITORED_FEATURES, "score"]
LOG_COLUMNS = [*LOG_NUMBERS, "level"]
LONGEST_LINE = 1_000_000
"""Bytes; a file without line ends is none of the application's, and is not taken into memory."""


class ApplicationLogMissingError(FutureSkillsError):
    """The HR application's log cannot be read."""


@dataclass
class LogReading:
    """A seeded sample of the window's lines (LOG_COLUMNS, a missing number is NaN), and what else the file had.

    `lines` are in the window; `engines` counts them by who predicted; `skipped` counts lines that were no prediction, and
    `torn` says that the last one was still being written.
    """

    rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=LOG_COLUMNS))
    lines: int = 0
    outside: int = 0
    skipped: int = 0
    torn: bool = False
    engines: dict[str, int] = field(default_factory=dict)


def read_application_log(path: str, since: datetime, until: datetime, limit: int, seed: int) -> LogReading:
    """Read the lines written from `since` up to `until` (both without a zone, as the file's), keeping at most `limit` of them.

    Memory follows `limit`, not the file. Raises ApplicationLogMissingError.
    """
    reading, engines = LogReading(), Counter[str]()
    random, kept = np.random.default_rng(seed), list[list[Any]]()
    try:
        with UPath(path).open("rb") as file:
            while content := file.readline(LONGEST_LINE):
                if not content.endswith(b"\n"):
                    reading.torn, reading.skipped = True, reading.skipped + 1
                    continue
                line = _parsed(content)
                if line is None:
                    reading.skipped += 1
                elif not since <= line[0] < until:
                    reading.outside += 1
                else:
                    reading.lines += 1
                    engines[line[1]] += 1
                    _keep(kept, line[2], reading.lines, limit, random)
    except (OSError, ValueError, ImportError) as error:  # the last two: an address of a kind nobody can open
        raise ApplicationLogMissingError(
            f"The HR application's log {path} cannot be read ({getattr(error, 'strerror', None) or error}): "
            "is it mounted on this machine, and may this user read it? DRIFT__APPLICATION_LOG names it."
        ) from error
    reading.engines = dict(engines)
    reading.rows = pd.DataFrame(kept, columns=LOG_COLUMNS)
    reading.rows[LOG_NUMBERS] = reading.rows[LOG_NUMBERS].astype(float)
    return reading


def _keep(kept: list[list[Any]], values: list[Any], seen: int, limit: int, random: np.random.Generator) -> None:
    """Algorithm R (Vitter 1985): each line seen so far is kept with the same chance."""
    if len(kept) < limit:
        kept.append(values)
        return
    place = int(random.integers(seen))
    if place < limit:
        kept[place] = values


def _parsed(content: bytes) -> tuple[datetime, str, list[Any]] | None:
    """When, who, and the values of LOG_COLUMNS; None when the line is no prediction."""
    try:
        line = json.loads(content)
        moment = datetime.fromisoformat(line["timestamp"]).replace(tzinfo=None)
        features, level = line["features"], line["predicted_level"]
        values = [_number(features.get(name)) for name in MONITORED_FEATURES] + [_number(line["score"])]
        engine = str(line["engine"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return None
    return (moment, engine, [*values, level]) if level in LEVELS else None


def _number(value: Any) -> float:
    number = float("nan") if value is None else float(value)
    return number if math.isfinite(number) else float("nan")
