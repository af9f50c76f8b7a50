"""Drift reports in the ledger."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.database import fetch_row, fetch_rows
from future_skills.domain import FutureSkillsError


class UnknownReportError(FutureSkillsError):
    """No such drift report in the ledger."""


@dataclass(frozen=True)
class DriftReportRow:
    """A row of `drift_report`: one batch compared with the first whole batch its version scored.

    `columns` maps a column to {kind, method, threshold, value, drift}, and where there is something to say, `missing`
    ({reference, current}: values that are no number or text), `new_categories`, and `lost` (source -> rows before and now). A
    column whose `drift` is None is unknown, and its `problem` says why.
    """

    report_id: int
    dataset_id: str
    batch_id: str
    reference_batch_id: str
    version: str
    horizon_years: int
    columns: dict[str, dict[str, Any]]
    drifted: bool
    unknown: bool
    counted: bool
    html_uri: str
    json_uri: str
    created_at: datetime

    @property
    def drifted_columns(self) -> list[str]:
        """The columns that drift."""
        return [name for name, column in self.columns.items() if column["drift"]]

    @property
    def unknown_columns(self) -> list[str]:
        """The columns that could not be compared."""
        return [name for name, column in self.columns.items() if column["drift"] is None]

    @property
    def lost_rows(self) -> dict[str, list[int]]:
        """Each source that lost half its rows, with its rows [before, now]."""
        return {source: rows for column in self.columns.values() for source, rows in (column.get("lost") or {}).items()}

    @property
    def worst_column(self) -> str | None:
        """The drifting column that is the most times above its threshold, or None."""
        drifted = {name: self.columns[name] for name in self.drifted_columns}
        return max(drifted, key=lambda name: drifted[name]["value"] / max(drifted[name]["threshold"], 1e-9), default=None)


def get_report(connection: Connection, report_id: int) -> DriftReportRow:
    """The report of that id. Raises UnknownReportError."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.drift_report WHERE report_id = %s", (report_id,))
    if row is None:
        raise UnknownReportError(f"The ledger has no drift report {report_id}: see the runs of future_skills_drift.")
    return DriftReportRow(**row)


def report_of_batch(connection: Connection, batch_id: str) -> DriftReportRow | None:
    """The report made of a batch, or None."""
    query = "SELECT * FROM future_skills_ops.drift_report WHERE batch_id = %s ORDER BY report_id LIMIT 1"
    row = fetch_row(connection, query, (batch_id,))
    return DriftReportRow(**row) if row else None


def newest_reports(connection: Connection, horizon_years: int, limit: int, *, counted_only: bool = True) -> list[DriftReportRow]:
    """The counted reports of the newest datasets of a horizon, one per dataset, newest first; or those not counted too."""
    rows = fetch_rows(
        connection,
        "SELECT drift_report.* FROM future_skills_ops.drift_report JOIN future_skills_ops.dataset USING (dataset_id)"
        " WHERE (counted OR NOT %s) AND drift_report.horizon_years = %s"
        " ORDER BY as_of DESC, dataset.created_at DESC, report_id DESC LIMIT %s",
        (counted_only, horizon_years, limit),
    )
    return [DriftReportRow(**row) for row in rows]
