"""The HR application's keyword heuristics, without its randomness, and matching whole words only."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

TECHNICAL = (
    "python", "ia", "ai", "data", "cloud", "devops", "machine learning", "blockchain", "cybersecurity", "kubernetes",
    "java", "javascript", "aws", "azure", "docker", "sql", "nosql",
)  # fmt: skip
SENIOR = ("senior", "lead", "manager", "director", "chief", "head")
SOUGHT_AFTER = ("data", "ia", "ai", "cloud", "intelligence", "artificiel", "artificielle")
BASE_SALARY = {
    "it": 50.0,
    "tech": 50.0,
    "data": 55.0,
    "engineering": 52.0,
    "rh": 40.0,
    "finance": 48.0,
    "marketing": 42.0,
    "sales": 45.0,
}
OTHER_SALARY = 40.0


def has_word(texts: pd.Series, words: Iterable[str]) -> np.ndarray:
    """For each text: does it contain one of the words or phrases as whole words, whatever the case?"""
    pattern = r"(?<!\w)(?:" + "|".join(re.escape(word) for word in words) + r")(?!\w)"
    return texts.str.contains(pattern, flags=re.IGNORECASE, regex=True).to_numpy(dtype=bool)


def base_salary(departments: pd.Series) -> np.ndarray:
    """Thousands a year by department, from the application's table."""
    return departments.str.casefold().map(BASE_SALARY).fillna(OTHER_SALARY).to_numpy(dtype=float)
