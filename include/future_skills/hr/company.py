"""A company's data as frames: what a CSV folder or the generator yields and the loader takes."""

from dataclasses import dataclass

import pandas as pd

from future_skills.domain import FutureSkillsError


class InterchangeError(FutureSkillsError):
    """A CSV folder breaks the interchange format; the message names file, line, column and reason."""


@dataclass(frozen=True)
class Company:
    """Full snapshots, one frame per interchange file, with that file's columns.

    `employees.skills` holds lists of skill names; `investments.created_at` holds dates (ISO text); empty text is None.
    """

    name: str
    job_roles: pd.DataFrame
    skills: pd.DataFrame
    market_trends: pd.DataFrame
    economic_reports: pd.DataFrame
    employees: pd.DataFrame
    investments: pd.DataFrame


def name_key(name: str) -> str:
    """What two names must not share: case and white space do not tell roles or skills apart."""
    return " ".join(name.split()).casefold()
