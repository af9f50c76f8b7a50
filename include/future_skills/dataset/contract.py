"""What a dataset must fulfil, as pandera schemas and as comparisons with the one before."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from future_skills.config import DatasetSettings
from future_skills.domain import LEVELS, TEXT_FEATURES

UNIT_RANGE = ("trend_score", "internal_usage", "scarcity_index", "hiring_difficulty", "economic_indicator")
MOST_FAILURES_NAMED = 5

TRAINING_SCHEMA = pa.DataFrameSchema(
    {
        "job_role_id": pa.Column(int, pa.Check.gt(0)),
        "skill_id": pa.Column(int, pa.Check.gt(0)),
        **{name: pa.Column(str, pa.Check.str_length(min_value=1)) for name in TEXT_FEATURES},
        **{name: pa.Column(float, pa.Check.in_range(0, 1)) for name in UNIT_RANGE},
        "training_requests": pa.Column(float, pa.Check.in_range(0, 1e6)),
        "avg_salary_k": pa.Column(float, pa.Check.in_range(0, 1e6)),
        "future_need_level": pa.Column(str, pa.Check.isin(LEVELS)),
        "label_source": pa.Column(str, pa.Check.isin(["hr_decision", "hr_decision_any_horizon", "bootstrap", "implicit"])),
        "weight": pa.Column(float, pa.Check.in_range(0, 1)),
        "population": pa.Column(str, pa.Check.isin(["decided", "implicit"])),
        "decided_at": pa.Column(str),
    },
    unique=["job_role_id", "skill_id"],
    strict=True,
)


def schema_problems(training: pd.DataFrame) -> list[str]:
    """Sentences about rows of dataset.csv that break the schema, the first few of them; empty when it holds."""
    try:
        TRAINING_SCHEMA.validate(training, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        named = cases.head(MOST_FAILURES_NAMED).itertuples()
        problems = [
            f"dataset.csv, row {case.index}, {case.column}: {case.check} fails for {case.failure_case!r}" for case in named
        ]
        more = len(cases) - MOST_FAILURES_NAMED
        return problems + ([f"and {more} more of this kind"] if more > 0 else [])
    return []


def size_problems(manifest: dict[str, Any], last: dict[str, Any] | None, settings: DatasetSettings) -> list[str]:
    """Sentences about a source that is empty, too small, halved since the last dataset, or has too many bad rows."""
    return [*_too_small(manifest, settings), *_shrunk(manifest, last, settings), *_over_budget(manifest, settings)]


def _too_small(manifest: dict[str, Any], settings: DatasetSettings) -> Iterator[str]:
    for name, least in (("roles", settings.minimum_roles), ("skills", settings.minimum_skills)):
        if manifest["counts"][name] < least:
            yield f"the HR database has {manifest['counts'][name]} {name}, fewer than {least}"
    if manifest["decided_rows"] == 0:
        yield "there is no pair to learn from"


def _shrunk(manifest: dict[str, Any], last: dict[str, Any] | None, settings: DatasetSettings) -> Iterator[str]:
    for name, before in (last or {}).get("counts", {}).items():
        now = manifest["counts"][name]
        if before and now <= settings.largest_drop * before:
            yield f"{name} fell from {before} to {now} since the last dataset"


def _over_budget(manifest: dict[str, Any], settings: DatasetSettings) -> Iterator[str]:
    for table, bad in manifest["rejected"].items():
        rows = manifest["source_rows"][table]
        if bad > settings.quarantine_budget * rows:
            yield f"{bad} of {rows} rows of {table} are bad, more than {settings.quarantine_budget:.0%}; see quarantine.csv"
