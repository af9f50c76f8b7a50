"""Brings the embedded HR database to a company's snapshot, in one transaction."""

import json
from dataclasses import dataclass

import pandas as pd
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import copy_frame, execute
from future_skills.hr.company import Company

ACTIONS = ("TRAINING", "HIRING", "RESKILL")
ORDER = ("job_roles", "skills", "market_trends", "economic_reports", "employees", "employee_skills", "investments")


@dataclass(frozen=True)
class LoadCounts:
    """Rows of one table that a load inserted, updated and removed; those equal before are not touched."""

    inserted: int
    updated: int
    removed: int

    @property
    def changed(self) -> int:
        """All rows written."""
        return self.inserted + self.updated + self.removed


@dataclass(frozen=True)
class LoadSummary:
    """Counts by table, and how many recommended actions the HR application does not know became TRAINING."""

    tables: dict[str, LoadCounts]
    actions_coerced: int

    @property
    def changed(self) -> int:
        """Rows written in all tables."""
        return sum(counts.changed for counts in self.tables.values())


def load_company(connection: Connection, company: Company) -> LoadSummary:
    """Make the HR tables hold `company`'s snapshot and commit; loading the same again writes nothing.

    Employees, their skills and decisions that are absent are removed; roles, skills, trends and reports never are.
    """
    investments, actions_coerced = _known_actions(company.investments)
    employees = company.employees.assign(
        skills=[json.dumps(skills, ensure_ascii=False) for skills in company.employees["skills"]]
    )
    frames = {
        "job_roles": company.job_roles[["name", "department", "description"]],
        "skills": company.skills[["name", "category", "description"]],
        "market_trends": company.market_trends[["title", "source_name", "year", "sector", "trend_score", "description"]],
        "economic_reports": company.economic_reports[["title", "source_name", "year", "indicator", "value", "sector"]],
        "employees": employees[["name", "email", "job_role", "skills"]],
        "investments": investments,
    }
    with connection:
        execute(connection, read_sql("load/tables"))
        for name, frame in frames.items():
            copy_frame(connection, frame.assign(position=range(len(frame))), f"load_{name}")
            execute(connection, f"ANALYZE load_{name}")
        tables = {name: _apply(connection, name) for name in ORDER}
        execute(connection, "SET CONSTRAINTS ALL IMMEDIATE")
    return LoadSummary(tables, actions_coerced)


def _apply(connection: Connection, name: str) -> LoadCounts:
    with connection.cursor() as cursor:
        cursor.execute(read_sql(f"load/{name}"))
        inserted, updated, removed = cursor.fetchone() or (0, 0, 0)
    return LoadCounts(inserted, updated, removed)


def _known_actions(investments: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    known = investments["recommended_action"].isin(ACTIONS)
    given = investments["recommended_action"].notna()
    frame = investments.assign(recommended_action=investments["recommended_action"].where(known, "TRAINING"))
    columns = ["job_role", "skill", "horizon_years", "priority_level", "recommended_action", "rationale", "created_at"]
    return frame[columns], int((given & ~known).sum())
