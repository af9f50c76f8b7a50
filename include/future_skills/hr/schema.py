"""The HR application's tables: created on the embedded server, required on any other."""

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import execute, fetch_rows
from future_skills.domain import FutureSkillsError

REQUIRED_COLUMNS: dict[str, frozenset[str]] = {
    "future_skills_jobrole": frozenset({"id", "name", "department"}),
    "future_skills_skill": frozenset({"id", "name", "category"}),
    "future_skills_markettrend": frozenset({"id", "year", "sector", "trend_score"}),
    "future_skills_economicreport": frozenset({"id", "year", "indicator", "value", "sector"}),
    "future_skills_employee": frozenset({"id", "job_role_id", "current_skills"}),
    "future_skills_employee_skills": frozenset({"employee_id", "skill_id"}),
    "future_skills_hrinvestmentrecommendation": frozenset(
        {"id", "job_role_id", "skill_id", "horizon_years", "priority_level", "rationale", "created_at"}
    ),
    "future_skills_futureskillprediction": frozenset(
        {"id", "job_role_id", "skill_id", "horizon_years", "score", "level", "rationale", "explanation", "created_at"}
    ),
    "future_skills_predictionrun": frozenset({"id", "run_date", "description", "total_predictions", "parameters"}),
    "future_skills_trainingrun": frozenset(
        {"id", "run_date", "model_version", "model_path", "f1_score", "hyperparameters", "status", "features_used"}
    ),
}
"""Every column this pipeline reads or writes, by table of the schema `public`."""


class HRTablesMissingError(FutureSkillsError):
    """The database lacks tables or columns of the HR application."""


def create_hr_tables(connection: Connection) -> None:
    """Create what is missing of the HR application's tables, in the caller's transaction. For the embedded server only."""
    execute(connection, read_sql("hr_tables"))


def missing_from_hr(connection: Connection) -> list[str]:
    """Tables (`t`) and columns (`t.c`) we need and the database lacks, sorted."""
    rows = fetch_rows(connection, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'")
    present: dict[str, set[str]] = {}
    for row in rows:
        present.setdefault(row["table_name"], set()).add(row["column_name"])
    missing = [table for table in REQUIRED_COLUMNS if table not in present]
    for table, columns in REQUIRED_COLUMNS.items():
        missing += [f"{table}.{column}" for column in columns - present.get(table, columns)]
    return sorted(missing)


def require_hr_tables(connection: Connection) -> None:
    """Raise HRTablesMissingError, naming them, when tables or columns of the HR application are missing."""
    if missing := missing_from_hr(connection):
        raise HRTablesMissingError(
            f"The HR database lacks {', '.join(missing)}: is it the HR application's database, migrated, and may we read it?"
        )
