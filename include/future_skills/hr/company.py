"""A company's data as frames: what a CSV folder or the generator yields and the loader takes."""

import unicodedata
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
    """What two names must not share: they look the same to a person, or differ by case, white space or width alone."""
    visible = "".join(character for character in unicodedata.normalize("NFKC", name) if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", " ".join(visible.split()).casefold())
