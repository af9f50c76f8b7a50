"""What a version would change if it were deployed now: the newest dataset scored with it, against what readers see.

Goes through the pairs in chunks of job roles and keeps counts and the largest movers alone: memory does not grow with them.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from psycopg2.extensions import connection as Connection
from threadpoolctl import threadpool_limits

from future_skills.config import Settings, read_sql
from future_skills.database import fetch_frame, fetch_value
from future_skills.dataset.reading import Dataset, load_dataset
from future_skills.dataset.scope import pairs_of_roles
from future_skills.domain import LEVELS, Level
from future_skills.ledger.datasets import get_dataset, newest_dataset
from future_skills.ledger.versions import VersionRow, champion, get_version
from future_skills.model.cuts import Cuts, levels_of
from future_skills.model.scores import scores_of
from future_skills.prediction.responsible import Committee
from future_skills.prediction.shard import chunks_of_roles
from future_skills.registry.changes import Changes, DepartmentChange, Mover
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

MOVERS = 20
"""Pairs kept of each department."""
UNKNOWN = -1
"""The code of a pair that has no level now; the others have their position in LEVELS."""

COLUMNS = ["department", "role", "skill", "old", "new", "old_score", "new_score", "by"]

Pairs = tuple[np.ndarray, np.ndarray]
Scored = tuple[np.ndarray, np.ndarray]
"""Scores (0 to 100, NaN where there is none) and codes of levels, one per pair."""
Scorer = Callable[[Pairs], Scored]


def what_would_change(
    connection: Connection, store: Store, keys: SigningKeys, settings: Settings, version: str, movers: int = MOVERS
) -> Changes:
    """Score the newest dataset with a version, against the predictions stored for this horizon, whoever wrote them.

    While none is stored, against the champion on the same dataset; without a champion there is nothing to compare with.
    Raises UnknownVersionError, UntrustedArtifactError, DatasetChangedError.
    """
    with connection:
        candidate, reigning = get_version(connection, version), champion(connection)
        row = newest_dataset(connection, settings.horizon_years) or get_dataset(connection, candidate.dataset_id)
        query = "SELECT EXISTS (SELECT FROM public.future_skills_futureskillprediction WHERE horizon_years = %s)"
        stored = fetch_value(connection, query, (row.horizon_years,))
    scored = load_dataset(store, row)
    positions = np.arange(len(scored.snapshot.roles))
    role_index, skill_index = pairs_of_roles(scored.snapshot, row.pair_scope, positions)
    ask = _scorer(connection, store, keys, candidate, scored, (role_index, skill_index))
    before: Scorer = _nothing
    compared_with = None
    if stored:
        before, compared_with = _stored(connection, scored), "the predictions stored now"
    elif reigning is not None:
        before, compared_with = (
            _scorer(connection, store, keys, reigning, scored, (role_index, skill_index)),
            f"what {reigning.version} says of them",
        )
    tally = _Tally(scored, movers)
    with threadpool_limits(1):
        for chunk, _ in chunks_of_roles(role_index, positions, settings.prediction.chunk_rows):
            pairs = role_index[chunk], skill_index[chunk]
            tally.add(pairs, before(pairs), ask(pairs))
    return Changes(row.dataset_id, row.as_of, len(role_index), compared_with, tally.flows(), tally.new(), tally.departments())


def _nothing(pairs: Pairs) -> Scored:
    return np.full(len(pairs[0]), np.nan), np.full(len(pairs[0]), UNKNOWN)


def _scorer(
    connection: Connection, store: Store, keys: SigningKeys, version: VersionRow, scored: Dataset, asked: Pairs
) -> Scorer:
    """What a version says of chunks of the pairs `asked`, as a prediction would."""
    if version.dataset_id == scored.row.dataset_id:
        trained_on = scored
    else:
        with connection:
            learned = get_dataset(connection, version.dataset_id)
        trained_on = load_dataset(store, learned)
    committee, cuts = Committee(store, keys, version, trained_on, scored, explaining=False), Cuts(**version.cuts)
    committee.prepare(*asked)

    def ask(pairs: Pairs) -> Scored:
        scores = scores_of(committee.answer(*pairs).probabilities)
        return scores, _codes(levels_of(scores, cuts))

    return ask


def _stored(connection: Connection, scored: Dataset) -> Scorer:
    """What is stored for pairs; read for whole chunks of job roles."""
    role_ids = scored.snapshot.roles["job_role_id"].to_numpy()
    skill_ids = pd.Index(scored.snapshot.skills["skill_id"])
    width = max(len(skill_ids), 1)

    def look_up(pairs: Pairs) -> Scored:
        roles = np.unique(pairs[0])
        parameters = {"horizon_years": scored.row.horizon_years, "job_role_ids": role_ids[roles].tolist()}
        with connection:
            found = fetch_frame(connection, read_sql("prediction/stored_scores"), parameters)
        skills = skill_ids.get_indexer(pd.Index(found["skill_id"]))
        found, skills = found[skills >= 0], skills[skills >= 0]
        keys = roles[pd.Index(role_ids[roles]).get_indexer(pd.Index(found["job_role_id"]))] * width + skills
        at = pd.Index(keys).get_indexer(pd.Index(pairs[0] * width + pairs[1]))
        scores, codes = _nothing(pairs)
        scores[at >= 0] = found["score"].to_numpy(dtype=float)[at[at >= 0]]
        codes[at >= 0] = _codes(found["level"].to_numpy(dtype=object))[at[at >= 0]]
        return scores, codes

    return look_up


def _codes(levels: np.ndarray) -> np.ndarray:
    """The position of each level in LEVELS; UNKNOWN for a word that is none."""
    return np.asarray(pd.Index(LEVELS).get_indexer(pd.Index(levels)))


class _Tally:
    """Counts and largest movers while chunks come in."""

    def __init__(self, scored: Dataset, movers: int) -> None:
        self._snapshot, self._movers = scored.snapshot, movers
        self._department, names = pd.factorize(scored.snapshot.roles["job_department"])
        self._names = [str(name) for name in names]
        self._pairs, self._up, self._down = (np.zeros(len(names), dtype=np.int64) for _ in range(3))
        self._flows = np.zeros((len(LEVELS) + 1, len(LEVELS)), dtype=np.int64)  # the last row: without a level now
        self._largest = pd.DataFrame(columns=COLUMNS)

    def add(self, pairs: Pairs, before: Scored, after: Scored) -> None:
        """Count a chunk's pairs, and keep its movers that are among the largest so far."""
        departments, (old_score, old), (new_score, new) = self._department[pairs[0]], before, after
        np.add.at(self._flows, (old, new), 1)
        known = old != UNKNOWN
        self._pairs += self._count(departments)
        self._up += self._count(departments[known & (new > old)])
        self._down += self._count(departments[known & (new < old)])
        by = np.abs(new_score - old_score)
        moved = np.flatnonzero(known & (by > 0))
        values = (departments, *pairs, old, new, old_score, new_score, by)
        found = pd.DataFrame({name: column[moved] for name, column in zip(COLUMNS, values, strict=True)})
        both = pd.concat([self._largest, found]) if len(self._largest) else found
        ranked = both.sort_values(["department", "by", "role", "skill"], ascending=[True, False, True, True])
        self._largest = ranked.groupby("department").head(self._movers)

    def _count(self, departments: np.ndarray) -> np.ndarray:
        return np.bincount(departments, minlength=len(self._names))

    def flows(self) -> dict[Level, dict[Level, int]]:
        """Pairs by level of now and then."""
        return {old: self._by_level(code) for code, old in enumerate(LEVELS)}

    def new(self) -> dict[Level, int]:
        """Pairs without a level now, by level of then."""
        return self._by_level(UNKNOWN)

    def _by_level(self, code: int) -> dict[Level, int]:
        return dict(zip(LEVELS, self._flows[code].tolist(), strict=True))

    def departments(self) -> list[DepartmentChange]:
        """The departments, those with the most level changes first."""
        found = [
            DepartmentChange(name, int(self._pairs[code]), int(self._up[code]), int(self._down[code]), self._movers_of(code))
            for code, name in enumerate(self._names)
        ]
        return sorted(found, key=lambda one: (-one.moved, one.name))

    def _movers_of(self, department: int) -> list[Mover]:
        rows = self._largest[self._largest["department"] == department]
        return [
            Mover(
                role=str(self._snapshot.roles["job_role_name"].iloc[int(role)]),
                skill=str(self._snapshot.skills["skill_name"].iloc[int(skill)]),
                old_level=LEVELS[int(old)],
                new_level=LEVELS[int(new)],
                old_score=float(old_score),
                new_score=float(new_score),
            )
            for _, role, skill, old, new, old_score, new_score, _ in rows.to_numpy().tolist()
        ]
