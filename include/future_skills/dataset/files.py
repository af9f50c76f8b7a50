"""Frames as CSV files that come back exactly as they were."""

import io

import pandas as pd

from future_skills.domain import NUMERIC_FEATURES

INTEGERS = {"job_role_id", "skill_id", "trend_id", "report_id", "decision_id", "year", "employees", "horizon_years", "row_id"}
FLOATS = {"trend_score", "value", "weight", *NUMERIC_FEATURES}


def to_csv(frame: pd.DataFrame) -> bytes:
    """The frame as UTF-8 CSV; floats in their shortest exact form, None as an empty field."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def from_csv(content: bytes) -> pd.DataFrame:
    """Read what `to_csv` wrote: ids as int64, numbers as float64, anything else as text, an empty field as ""."""
    frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8", lineterminator="\n")
    for column in frame.columns:
        if column in INTEGERS:
            frame[column] = frame[column].astype("int64")
        elif column in FLOATS:
            frame[column] = frame[column].astype("float64")
    return frame
