"""The company of each week: HR hires, decides, decides anew, and once the market turns. The same in every run."""

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd

from future_skills.hr.company import Company
from future_skills.hr.demo import YEARS, generate_company
from support.snapshots import MONDAY

SIZES = {"roles": 30, "skills": 60, "decisions": 900, "employees": 140}
FIRST_EMPLOYEES, HIRED_WEEKLY = 100, 3
DECIDED_ANEW = 89
"""Every so many decisions, one is made anew each week."""
OTHER = {"LOW": "MEDIUM", "MEDIUM": "HIGH", "HIGH": "MEDIUM"}
MARKET_TURNS = 6
"""The week from which on the newest figures are the opposite, trends fall and everybody knows more: the data drifts."""
FALLEN_TO, LEARNED = 0.8, 12
"""What is left of each trend, and one of how many skills everybody has learned: more, and the audit holds the batch back."""


def as_of(week: int, weeks: int) -> date:
    """The Monday of a week, counted from 1; the last week's is that of the tests."""
    return MONDAY - timedelta(weeks=weeks - week)


def company_of(week: int, weeks: int) -> Company:
    """The company as HR has it in that week."""
    whole = generate_company(**SIZES)
    company = replace(
        whole,
        employees=whole.employees.head(FIRST_EMPLOYEES + HIRED_WEEKLY * week),
        investments=_decided(whole.investments, week, weeks),
    )
    return _turned(company) if week >= MARKET_TURNS else company


def _decided(investments: pd.DataFrame, week: int, weeks: int) -> pd.DataFrame:
    """What was decided by that week; each week some of it was decided anew."""
    frame = investments.copy()
    for past in range(1, week + 1):
        anew = frame.index % DECIDED_ANEW == past
        frame.loc[anew, "priority_level"] = frame.loc[anew, "priority_level"].map(OTHER)
        frame.loc[anew, "created_at"] = as_of(past, weeks).isoformat()
    return frame[frame["created_at"] <= as_of(week, weeks).isoformat()].reset_index(drop=True)


def _turned(company: Company) -> Company:
    trends, reports, employees = company.market_trends.copy(), company.economic_reports.copy(), company.employees.copy()
    newest = trends["year"] == YEARS[-1]
    trends.loc[newest, "trend_score"] = (trends.loc[newest, "trend_score"] * FALLEN_TO).round(4)
    newest = reports["year"] == YEARS[-1]
    reports.loc[newest, "value"] = (reports.loc[newest, "value"].max() - reports.loc[newest, "value"]).round(3)
    skills = list(company.skills["name"])
    employees["skills"] = [
        sorted({*held, *skills[number % LEARNED :: LEARNED]}) for number, held in enumerate(employees["skills"])
    ]
    return replace(company, market_trends=trends, economic_reports=reports, employees=employees)
