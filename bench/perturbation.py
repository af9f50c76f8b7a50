"""What a company's next week may look like: a little changed at random, with features and predictions computed anew."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bench.weeks import Weeks
from future_skills.dataset.reading import Dataset
from future_skills.dataset.scope import pairs_of_roles
from future_skills.dataset.snapshot import Snapshot
from future_skills.domain import LEVELS
from future_skills.drift.samples import NUMBERS, TEXTS, Sample
from future_skills.hr.company import Company
from future_skills.ledger.versions import VersionRow
from future_skills.model.cuts import Cuts, levels_of
from future_skills.model.scores import scores_of
from future_skills.prediction.responsible import Committee

DECISIONS_CHANGED, EMPLOYEES_REPLACED = 0.03, 0.02


@dataclass(frozen=True)
class Held:
    """Who holds what: the role of each employee, and (employee, skill_id) pairs."""

    role: np.ndarray
    employee: np.ndarray
    skill: np.ndarray


def held_skills(company: Company, snapshot: Snapshot) -> Held:
    """The employees of a company with the ids of its snapshot; role 0: none."""
    roles = dict(zip(snapshot.roles["job_role_name"], snapshot.roles["job_role_id"], strict=True))
    skills = dict(zip(snapshot.skills["skill_name"], snapshot.skills["skill_id"], strict=True))
    role = company.employees["job_role"].map(roles).fillna(0).to_numpy(dtype=np.int64)
    pairs = company.employees["skills"].explode().dropna().map(skills).dropna()
    unique = pd.DataFrame({"employee": pairs.index, "skill": pairs.to_numpy(dtype=np.int64)}).drop_duplicates()
    return Held(role, unique["employee"].to_numpy(), unique["skill"].to_numpy())


def usage_of(held: Held) -> pd.DataFrame:
    """The snapshot's `usage`: how many employees of a role hold a skill."""
    frame = pd.DataFrame({"job_role_id": held.role[held.employee], "skill_id": held.skill})
    return frame.groupby(["job_role_id", "skill_id"]).size().reset_index(name="employees")


def replace_employees(held: Held, random: np.random.Generator) -> Held:
    """Let a share of the employees go; who comes in their place holds each skill with the chance it has in the role."""
    leaving = np.flatnonzero(random.random(len(held.role)) < EMPLOYEES_REPLACED)
    staying = ~np.isin(held.employee, leaving)
    usage, sizes = usage_of(held), np.bincount(held.role)
    by_role = {role: (rows["skill_id"].to_numpy(), rows["employees"].to_numpy()) for role, rows in usage.groupby("job_role_id")}
    new_employee, new_skill = [], []
    for employee in leaving:
        role = held.role[employee]
        skills, holders = by_role.get(role, (np.empty(0, dtype=np.int64), np.empty(0)))
        taken = skills[random.random(len(skills)) < holders / sizes[role]]
        new_employee.append(np.full(len(taken), employee))
        new_skill.append(taken)
    return Held(
        held.role,
        np.concatenate([held.employee[staying], *new_employee]),
        np.concatenate([held.skill[staying], *new_skill]),
    )


def change_levels(levels: pd.Series, random: np.random.Generator) -> pd.Series:
    """Another level, at random, for a share of the decisions."""
    changed = random.random(len(levels)) < DECISIONS_CHANGED
    code = levels.map(LEVELS.index).to_numpy()
    other = (code + random.integers(1, len(LEVELS), len(levels))) % len(LEVELS)
    return pd.Series(np.array(LEVELS, dtype=object)[np.where(changed, other, code)])


def sample_of(
    weeks: Weeks,
    version: VersionRow,
    dataset: Dataset,
    snapshot: Snapshot,
    decided: pd.Series,
    *,
    seed: int,
    trained_on: Dataset | None = None,
) -> Sample:
    """What a drift report loads of a batch: at most `sample_rows` of the snapshot's pairs, and the decided levels.

    `snapshot` stands in the place of the dataset's own; the version was trained on the dataset unless another is named.
    """
    scored = Dataset(dataset.row, dataset.training, snapshot)
    trained_on = trained_on or dataset
    committee = Committee(weeks.store, weeks.keys, version, trained_on, scored)
    pairs = pairs_of_roles(snapshot, weeks.settings.pair_scope, np.arange(len(snapshot.roles)))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(pairs[0]))[: weeks.settings.prediction.sample_rows])
    role, skill = pairs[0][chosen], pairs[1][chosen]
    frame = committee.features.frame(role, skill)
    scores = scores_of(committee.answer(role, skill).probabilities)
    rows = frame.assign(score=scores, level=levels_of(scores, Cuts(**version.cuts)))[[*TEXTS, *NUMBERS]]
    return Sample(None, dataset.row, rows, decided)  # type: ignore[arg-type] - no batch of the ledger stands behind it


def next_week(snapshot: Snapshot, held: Held, random: np.random.Generator) -> Snapshot:
    """The snapshot with a share of its employees replaced."""
    return replace(snapshot, usage=usage_of(replace_employees(held, random)))
