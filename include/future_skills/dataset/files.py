"""Frames as CSV files that come back exactly as they were."""

import io
from collections import defaultdict

import pandas as pd

from future_skills.domain import NUMERIC_FEATURES

INTEGERS = {"job_role_id", "skill_id", "trend_id", "report_id", "decision_id", "year", "employees", "horizon_years", "row_id"}
FLOATS = {"trend_score", "value", "weight", *NUMERIC_FEATURES}
TYPES = defaultdict(lambda: "category", dict.fromkeys(INTEGERS, "int64") | dict.fromkeys(FLOATS, "float64"))
"""The type of each column as it is parsed: a number as text first takes ten times its memory, as does a name in every row."""


def to_csv(frame: pd.DataFrame) -> bytes:
    """The frame as UTF-8 CSV; floats in their shortest exact form, None as an empty field."""
    content = io.BytesIO()
    frame.to_csv(content, index=False, lineterminator="\n", encoding="utf-8")
    return content.getvalue()


def from_csv(content: bytes) -> pd.DataFrame:
    """Read what `to_csv` wrote: ids as int64, numbers as float64, anything else as text, an empty field as ""."""
    frame = pd.read_csv(
        io.BytesIO(content),
        dtype=TYPES,
        keep_default_na=False,
        encoding="utf-8",
        lineterminator="\n",
        float_precision="round_trip",
    )
    texts = frame.columns[frame.dtypes == "category"]
    return frame.astype(dict.fromkeys(texts, "object"))
