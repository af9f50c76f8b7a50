"""A generated company of 5,000 job roles, 2,000 skills, 100,000 employees and 2 million decisions."""

import numpy as np
import pandas as pd

from future_skills.domain import LEVELS
from future_skills.hr.company import Company
from future_skills.hr.demo import generate_company

ROLES, SKILLS, EMPLOYEES, DECISIONS = 5_000, 2_000, 100_000, 2_000_000
SMALL_ROLES, SMALL_SKILLS = 240, 600
NOISE = 0.1
"""Share of the decisions whose level is drawn anew, so that copies of a pair do not all agree."""
ACTIONS = {"LOW": "TRAINING", "MEDIUM": "RESKILL", "HIGH": "HIRING"}


def large_company(seed: int = 2026) -> Company:
    """Copies of the demo company's roles, skills and employees under numbered names, with its levels and some noise."""
    random = np.random.default_rng(seed)
    small = generate_company(
        seed=seed, roles=SMALL_ROLES, skills=SMALL_SKILLS, employees=2_000, decisions=SMALL_ROLES * SMALL_SKILLS
    )
    job_roles, skills = copies(small.job_roles, ROLES, "site"), copies(small.skills, SKILLS, "edition")
    return Company(
        "large",
        job_roles,
        skills,
        small.market_trends,
        small.economic_reports,
        employees(small, random, job_roles, skills),
        decisions(small, random, job_roles, skills),
    )


def copies(frame: pd.DataFrame, wanted: int, what: str) -> pd.DataFrame:
    """`wanted` rows: those of the frame again and again, their names numbered from the second time on."""
    place = np.arange(wanted)
    made = frame.iloc[place % len(frame)].reset_index(drop=True)
    turn = place // len(frame)
    numbered = made["name"] + f" {what} " + pd.Series(turn + 1).astype(str)
    return made.assign(name=made["name"].where(turn == 0, numbered))


def employees(small: Company, random: np.random.Generator, job_roles: pd.DataFrame, skills: pd.DataFrame) -> pd.DataFrame:
    """Each holds what an employee of the copied role holds, every skill in one of its copies."""
    place_of = {name: place for place, name in enumerate(small.skills["name"])}
    held = [np.array([place_of[name] for name in names], dtype=int) for names in small.employees["skills"]]
    role_place = {name: place for place, name in enumerate(small.job_roles["name"])}
    base_role = small.employees["job_role"].map(role_place).to_numpy()
    names, turns = skills["name"].to_numpy(), SKILLS // SMALL_SKILLS
    number = np.arange(EMPLOYEES)
    base = number % len(small.employees)
    role = base_role[base] + SMALL_ROLES * random.integers(0, ROLES // SMALL_ROLES, EMPLOYEES)
    return pd.DataFrame(
        {
            "name": small.employees["name"].to_numpy()[base],
            "email": [f"employee-{one:06d}@example.com" for one in number],
            "job_role": job_roles["name"].to_numpy()[role],
            "skills": [
                list(names[own + SMALL_SKILLS * random.integers(0, turns, len(own))]) for own in (held[one] for one in base)
            ],
        }
    )


def decisions(small: Company, random: np.random.Generator, job_roles: pd.DataFrame, skills: pd.DataFrame) -> pd.DataFrame:
    """Distinct pairs with the level that the demo company gives the pair they are copies of."""
    levels = small.investments.pivot_table(index="job_role", columns="skill", values="priority_level", aggfunc="first")
    code = {level: place for place, level in enumerate(LEVELS)}
    known = levels.loc[small.job_roles["name"], small.skills["name"]].apply(lambda column: column.map(code)).to_numpy()
    role, skill = np.divmod(np.sort(random.choice(ROLES * SKILLS, DECISIONS, replace=False)), SKILLS)
    chosen = known[role % SMALL_ROLES, skill % SMALL_SKILLS]
    anew = random.random(DECISIONS) < NOISE
    chosen = np.where(anew, random.permutation(chosen), chosen)
    level = np.array(LEVELS, dtype=object)[chosen]
    days = pd.Timestamp("2026-11-20") - pd.to_timedelta(random.integers(0, 730, DECISIONS), unit="D")
    return pd.DataFrame(
        {
            "job_role": job_roles["name"].to_numpy()[role],
            "skill": skills["name"].to_numpy()[skill],
            "horizon_years": int(small.investments["horizon_years"].iloc[0]),
            "priority_level": level,
            "recommended_action": pd.Series(level).map(ACTIONS),
            "rationale": "Generated decision of a large company.",
            "created_at": days.strftime("%Y-%m-%d"),
        }
    )
