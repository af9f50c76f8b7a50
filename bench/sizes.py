"""The companies the pipeline is measured on, by size."""

import os
from dataclasses import replace
from pathlib import Path

from bench.large import copies, large_company
from future_skills.domain import PairScope
from future_skills.hr.company import Company
from future_skills.hr.demo import generate_company
from future_skills.hr.interchange import read_company

ONET = Path(os.environ.get("ONET_FOLDER", Path(__file__).parents[2] / "shared" / "data" / "onet" / "29.0"))
"""A real company of 923 job roles and 8,745 skills; not part of the repository."""
MILLION_ROLES = 115
SCOPE: PairScope = "all"
PUBLISHED = ("small", "million", "onet")
"""Companies whose predictions are published as well: 0.14, 1.0 and 8.07 million pairs."""
SIZES = (*PUBLISHED, "large")
"""The last one shows what 100,000 employees and 2 million decisions cost until a model is trained: 10 million pairs."""

FOR_WORKERS = ("small", "medium", "million")
"""Companies that are scored through Airflow; medium has 0.72 million pairs, each of whose shards outlasts its start."""


class NoInputError(Exception):
    """The company of a size is not on this machine."""


def company_of(size: str) -> Company:
    """The company of a size. Raises NoInputError when its folder is absent."""
    if size == "large":
        return large_company()
    if size == "small":
        return generate_company(roles=240, skills=600, employees=6_000, decisions=16_000)
    if size == "medium":
        return medium_company()
    if not ONET.is_dir():
        raise NoInputError(
            f"{ONET} is not there: size {size} needs that release of O*NET in the interchange format (ONET_FOLDER=...)."
        )
    company = read_company(ONET)
    return company if size == "onet" else first_roles(company, MILLION_ROLES)


def first_roles(company: Company, roles: int) -> Company:
    """The company with every n-th job role, about `roles` of them, and all skills."""
    kept = company.job_roles.iloc[:: max(len(company.job_roles) // roles, 1)].head(roles)
    names = set(kept["name"])
    return replace(
        company,
        job_roles=kept,
        employees=company.employees[company.employees["job_role"].isin(names)],
        investments=company.investments[company.investments["job_role"].isin(names)],
    )


def medium_company() -> Company:
    """The small company among copies of its job roles and skills, about which nobody has decided."""
    small = company_of("small")
    job_roles, skills = copies(small.job_roles, 600, "site"), copies(small.skills, 1_200, "edition")
    return replace(small, name="medium", job_roles=job_roles, skills=skills)
