"""A generated company: the same for the same seed, learnable but noisy, and marked as generated in its own rows."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from future_skills.domain import FutureSkillsError
from future_skills.hr import demo_words as words
from future_skills.hr.company import Company

HORIZON_YEARS = 5
SOURCE = "Generated demo data"
LAST_DAY = date(2026, 11, 20)
YEARS = tuple(range(2022, 2027))
SHARE_MEDIUM_OR_HIGH, SHARE_HIGH = 0.38, 0.10


@dataclass(frozen=True)
class Needs:
    """What drives the company: who works with what, how wanted a category or skill is. Index arrays, floats around 0."""

    role_department: np.ndarray
    skill_category: np.ndarray
    affinity: np.ndarray
    category_demand: np.ndarray
    skill_demand: np.ndarray


def generate_company(
    *, seed: int = 2026, roles: int = 60, skills: int = 300, employees: int = 1_500, decisions: int = 4_000
) -> Company:
    """Generate the company `demo`: up to 240 roles and 600 skills, `decisions` distinct decided pairs.

    Level shares of the decisions are about 62 % LOW, 28 % MEDIUM, 10 % HIGH; they follow the department's affinity to
    the category, the demand of category and skill, and noise.
    """
    random = np.random.default_rng(seed)
    job_roles, skill_rows = _job_roles(roles), _skills(skills)
    needs = _needs(random, job_roles, skill_rows)
    return Company(
        "demo",
        job_roles,
        skill_rows,
        _market_trends(random, needs),
        _economic_reports(random),
        _employees(random, employees, job_roles, skill_rows, needs),
        _investments(random, decisions, job_roles, skill_rows, needs),
    )


def _take(names: list[tuple[str, str]], wanted: int, what: str) -> list[tuple[str, str]]:
    if not 1 <= wanted <= len(names):
        raise FutureSkillsError(f"The demo company has 1 to {len(names)} {what}, not {wanted}.")
    return names[:wanted]


def _job_roles(wanted: int) -> pd.DataFrame:
    names = [
        (f"{seniority} {titles[position]}".strip(), department)
        for seniority in words.SENIORITIES
        for position in range(6)
        for department, titles in words.DEPARTMENTS.items()
    ]
    frame = pd.DataFrame(_take(names, wanted, "job roles"), columns=["name", "department"])
    return frame.assign(description="Generated for demonstration; no real job.")


def _skills(wanted: int) -> pd.DataFrame:
    longest = max(len(topics) for topics in words.CATEGORIES.values())
    names = [
        (f"{topics[position]} {facet}", category)
        for facet in words.FACETS
        for position in range(longest)
        for category, topics in words.CATEGORIES.items()
        if position < len(topics)
    ]
    frame = pd.DataFrame(_take(names, wanted, "skills"), columns=["name", "category"])
    return frame.assign(description="Generated for demonstration.")


def _needs(random: np.random.Generator, job_roles: pd.DataFrame, skills: pd.DataFrame) -> Needs:
    departments, categories = list(words.DEPARTMENTS), list(words.CATEGORIES)
    affinity = random.normal(0, 0.3, (len(departments), len(categories)))
    for row, department in enumerate(departments):
        for rank, category in enumerate(words.HOME_CATEGORIES[department]):
            affinity[row, categories.index(category)] += 2.2 - 0.5 * rank
    return Needs(
        job_roles["department"].map(departments.index).to_numpy(),
        skills["category"].map(categories.index).to_numpy(),
        affinity,
        random.normal(0, 0.7, len(categories)),
        random.normal(0, 0.9, len(skills)),
    )


def _trend(demand: float, years_ago: int, noise: float) -> float:
    return round(float(1 / (1 + np.exp(-(1.1 * demand - 0.08 * years_ago + noise)))), 4)


def _market_trends(random: np.random.Generator, needs: Needs) -> pd.DataFrame:
    demands = dict(zip(words.CATEGORIES, needs.category_demand, strict=True))
    demands |= dict(zip(words.DEPARTMENTS, needs.affinity.mean(axis=1), strict=True))
    rows = [
        (f"Demand for {sector} in {year}", SOURCE, year, sector, _trend(demand, YEARS[-1] - year, random.normal(0, 0.1)))
        for sector, demand in demands.items()
        for year in YEARS
    ]
    frame = pd.DataFrame(rows, columns=["title", "source_name", "year", "sector", "trend_score"])
    return frame.assign(description="Generated for demonstration.")


def _economic_reports(random: np.random.Generator) -> pd.DataFrame:
    indicators = {"growth_percent": (2.0, 1.5), "investment_million": (120.0, 40.0)}
    rows = [
        (f"{indicator} of {sector} in {year}", SOURCE, year, indicator, round(float(random.normal(*spread)), 3), sector)
        for sector in words.DEPARTMENTS
        for year in YEARS
        for indicator, spread in indicators.items()
    ]
    return pd.DataFrame(rows, columns=["title", "source_name", "year", "indicator", "value", "sector"])


def _employees(
    random: np.random.Generator, wanted: int, job_roles: pd.DataFrame, skills: pd.DataFrame, needs: Needs
) -> pd.DataFrame:
    names = skills["name"].to_numpy()
    chance = 1 / (1 + np.exp(4.2 - 1.3 * needs.affinity[:, needs.skill_category] - 0.5 * needs.skill_demand))
    rows = []
    for number in range(wanted):
        role = number % len(job_roles)
        held = names[random.random(len(names)) < chance[needs.role_department[role]]]
        first, last = random.choice(words.FIRST_NAMES), random.choice(words.LAST_NAMES)
        rows.append((f"{first} {last} (generated)", f"employee-{number:05d}@example.com", job_roles["name"][role], list(held)))
    return pd.DataFrame(rows, columns=["name", "email", "job_role", "skills"])


def _investments(
    random: np.random.Generator, wanted: int, job_roles: pd.DataFrame, skills: pd.DataFrame, needs: Needs
) -> pd.DataFrame:
    pairs = random.choice(len(job_roles) * len(skills), size=min(wanted, len(job_roles) * len(skills)), replace=False)
    role, skill = np.divmod(np.sort(pairs), len(skills))
    department, category = needs.role_department[role], needs.skill_category[skill]
    need = needs.affinity[department, category] + needs.category_demand[category] + needs.skill_demand[skill]
    need = need + random.normal(0, 0.5, len(pairs))
    rank = need.argsort().argsort() / max(len(pairs), 1)
    level = np.select([rank >= 1 - SHARE_HIGH, rank >= 1 - SHARE_MEDIUM_OR_HIGH], ["HIGH", "MEDIUM"], "LOW")
    days = random.integers(0, 730, len(pairs))
    return pd.DataFrame(
        {
            "job_role": job_roles["name"].to_numpy()[role],
            "skill": skills["name"].to_numpy()[skill],
            "horizon_years": HORIZON_YEARS,
            "priority_level": level,
            "recommended_action": np.select([level == "HIGH", level == "MEDIUM"], ["HIRING", "RESKILL"], "TRAINING"),
            "rationale": "Generated decision of the demo company.",
            "created_at": [(LAST_DAY - timedelta(days=int(day))).isoformat() for day in days],
        }
    )
