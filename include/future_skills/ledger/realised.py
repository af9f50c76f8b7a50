"""Realised performance in the ledger: HR's decisions beside what was predicted before them, and their measures per week."""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import pandas as pd
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import copy_frame, execute, fetch_frame, fetch_rows
from future_skills.domain import LEDGER_SCHEMA

Group = Literal["undecided", "redecided"]
"""Pairs HR had not decided before, and pairs it decided anew."""
GROUPS: tuple[Group, ...] = ("undecided", "redecided")
MEASURED = ["job_role_id", "level", "predicted", "probability_high", "persisting", "overwritten"]


@dataclass(frozen=True)
class WaitingDataset:
    """A dataset whose decisions are still to be measured; `previous_id` or `version` None: there is nothing to measure."""

    dataset_id: str
    previous_id: str | None
    version: str | None


@dataclass(frozen=True)
class PerformanceRow:
    """A row of `realised_performance`: what a version was worth in the week that begins on that Monday.

    `metrics` has accuracy, macro_f1 and ap_high, each {value, ci}, beside persistence {accuracy, macro_f1, ap_high}, and high,
    roles and overwritten (numbers).
    """

    version: str
    week: date
    population: Group
    dataset_id: str
    decisions: int
    metrics: dict[str, Any]
    created_at: datetime


def waiting_datasets(connection: Connection, dataset_id: str, horizon_years: int) -> list[WaitingDataset]:
    """Datasets up to this one whose decisions are not measured yet, oldest first; never one older than a measured one."""
    parameters = {"dataset_id": dataset_id, "horizon_years": horizon_years}
    return [WaitingDataset(**row) for row in fetch_rows(connection, read_sql("drift/waiting_datasets"), parameters)]


def overwritten_pairs(connection: Connection, dataset_id: str) -> list[dict[str, Any]]:
    """Predictions [job_role_id, skill_id, job_role, skill] the HR application had overwritten when a dataset was published."""
    return fetch_rows(connection, read_sql("drift/overwritten"), {"dataset_id": dataset_id})


def add_decisions(connection: Connection, decisions: pd.DataFrame) -> None:
    """Keep decisions with the columns of the table, in the caller's transaction."""
    copy_frame(connection, decisions, sql.Identifier(LEDGER_SCHEMA, "realised_decision"))


def decisions_of(connection: Connection, version: str, population: Group, first: date, last: date) -> pd.DataFrame:
    """MEASURED of the decisions of a version found in the weeks from `first` to `last`, both Mondays."""
    return fetch_frame(
        connection,
        f"SELECT {', '.join(MEASURED)} FROM future_skills_ops.realised_decision"  # noqa: S608 - names of our own
        " WHERE (version, population) = (%s, %s) AND week BETWEEN %s AND %s ORDER BY dataset_id, job_role_id, skill_id",
        (version, population, first, last),
    )


def save_performance(connection: Connection, horizon_years: int, row: dict[str, Any]) -> None:
    """Write or replace the row of a version, week and population, in the caller's transaction."""
    parameters = {**row, "horizon_years": horizon_years, "metrics": json.dumps(row["metrics"], allow_nan=False)}
    execute(connection, read_sql("drift/upsert_performance"), parameters)


def performance_of(connection: Connection, version: str) -> list[PerformanceRow]:
    """Every week of a version, newest first, undecided pairs before those decided anew."""
    rows = fetch_rows(
        connection,
        "SELECT version, week, population, dataset_id, decisions, metrics, created_at"
        " FROM future_skills_ops.realised_performance WHERE version = %s ORDER BY week DESC, population DESC",
        (version,),
    )
    return [PerformanceRow(**row) for row in rows]
