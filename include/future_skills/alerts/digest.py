"""What an HR manager wants to know of a published batch: what it says, what it changed since the one before, and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_rows, fetch_value
from future_skills.domain import LEVELS
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.versions import get_version

LINES_SHOWN = 10
DEPARTMENTS_SHOWN = 12
SKILLS_SHOWN = 8
WEEKS_SHOWN = 26


@dataclass(frozen=True)
class Department:
    """A department's high needs (pairs of its job roles with a skill), the new ones among them, and who holds the skills.

    `needed` counts an employee once for each high need of their role, `held` those who hold the skill.
    """

    name: str
    needs: int
    new: int
    needed: int
    held: int

    @property
    def coverage(self) -> float | None:
        """The share of employees who hold what their role needs highly; None where nobody works."""
        return self.held / self.needed if self.needed else None


@dataclass(frozen=True)
class Digest:
    """A batch in numbers: `levels` has level, decided and undecided pairs; `counts` the rows written by operation.

    `new_high` and `movers` are at most LINES_SHOWN changes [job_role, department, skill, old_level, new_level, old_score,
    new_score, top_factors], no pair in both; `new_highs` and `moved` count all of them. `rising` are skills [skill, new, gone,
    moved, change], `skills` those with most high needs [skill, needs, needed, held]. `history` has the moment and the number of
    high needs of each batch, oldest first. Of a first publication nothing is a change: it is where the company starts.
    """

    first: bool
    previous_version: str | None
    levels: list[tuple[str, int, int]]
    counts: dict[str, int]
    departments: list[Department]
    total: Department
    rising: list[dict[str, Any]]
    skills: list[dict[str, Any]]
    new_high: list[dict[str, Any]]
    movers: list[dict[str, Any]]
    new_highs: int
    moved: int
    history: list[tuple[datetime, int]]
    bootstrap: bool
    mailed_lately: bool

    @property
    def quiet(self) -> bool:
        """Was nothing written?"""
        return not any(self.counts[name] for name in ("inserted", "updated", "deleted"))


def read_digest(connection: Connection, batch: BatchRow) -> Digest:
    """Read the digest of a published batch, in one transaction: one pass over the high needs, one over what changed."""
    with connection:
        earlier = _earlier_batches(connection, batch)
        parameters = {
            "batch_id": batch.batch_id,
            "horizon_years": batch.horizon_years,
            "planned_at": batch.planned_at,
            "published_at": batch.published_at,
            "limit": 2 * LINES_SHOWN,
        }
        needs = fetch_rows(connection, _needs_query(), parameters)
        changes = fetch_rows(connection, read_sql("alerts/changes"), parameters) if earlier else []
        largest = {
            only: fetch_rows(connection, read_sql("alerts/largest_changes"), {**parameters, "only_new_high": only})
            if earlier
            else []
            for only in (True, False)
        }
        bootstrap = get_version(connection, batch.version).label_source == "bootstrap"
        mailed_lately = bool(fetch_value(connection, read_sql("alerts/mailed_lately"), parameters))
    new_of = {row["department"]: row["new"] for row in changes if row["grouped_by"] == "department"}
    changed = next((row for row in changes if row["grouped_by"] == "all"), {"new": 0, "moved": 0})
    total = next(row for row in needs if row["grouped_by"] == "all")
    names = ("inserted", "updated", "deleted", "unchanged", "taken_over", "restored")
    return Digest(
        first=not earlier,
        previous_version=earlier[-1]["version"] if earlier else None,
        levels=_levels(batch),
        counts={name: batch.counts.get(name, 0) for name in names},
        departments=_departments(needs, new_of),
        total=Department("", total["needs"], changed["new"], total["needed"], total["held"]),
        rising=_rising(changes),
        skills=[row for row in needs if row["grouped_by"] == "skill"][:SKILLS_SHOWN],
        new_high=largest[True][:LINES_SHOWN],
        movers=_other_movers(largest[False], largest[True][:LINES_SHOWN]),
        new_highs=changed["new"],
        moved=changed["moved"],
        history=_history(earlier, batch),
        bootstrap=bootstrap,
        mailed_lately=mailed_lately,
    )


def _needs_query() -> sql.Composed:
    """The high needs with their coverage, which is counted as the dataset's usage is."""
    parts = {name: sql.SQL(read_sql(f"snapshot/{name}").rstrip().removesuffix(";")) for name in ("usage", "role_sizes")}
    return sql.SQL(read_sql("alerts/high_needs")).format(**parts)


def _earlier_batches(connection: Connection, batch: BatchRow) -> list[dict[str, Any]]:
    """The batches published before this one in the same horizon, oldest first, at most WEEKS_SHOWN - 1."""
    parameters = {**vars(batch), "limit": WEEKS_SHOWN - 1}
    return fetch_rows(connection, read_sql("alerts/earlier_batches"), parameters)[::-1]


def _levels(batch: BatchRow) -> list[tuple[str, int, int]]:
    sides = [batch.levels.get(side, {}) for side in ("decided", "undecided")]
    return [(level, sides[0].get(level, 0), sides[1].get(level, 0)) for level in reversed(LEVELS)]


def _history(earlier: list[dict[str, Any]], batch: BatchRow) -> list[tuple[datetime, int]]:
    """The number of high needs in each batch of the same scope; another scope counts other pairs."""
    points = [(row["published_at"], row["high"]) for row in earlier if row["pair_scope"] == batch.pair_scope]
    high = sum(side.get("HIGH", 0) for side in batch.levels.values())
    return [*points, (batch.published_at, high)] if batch.published_at else points


def _departments(needs: list[dict[str, Any]], new_of: dict[str | None, int]) -> list[Department]:
    """Every department with high needs, those with most new ones first, then those with most."""
    found = [
        Department(row["department"], row["needs"], new_of.get(row["department"], 0), row["needed"], row["held"])
        for row in needs
        if row["grouped_by"] == "department"
    ]
    return sorted(found, key=lambda one: (-one.new, -one.needs, one.name))


def _other_movers(movers: list[dict[str, Any]], shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The largest moves that the reader has not just read about."""
    read = {(row["job_role_id"], row["skill_id"]) for row in shown}
    return [row for row in movers if (row["job_role_id"], row["skill_id"]) not in read][:LINES_SHOWN]


def _rising(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The skills that more job roles need highly than before, or whose scores rose, most first."""
    skills = [row for row in changes if row["grouped_by"] == "skill"]
    rising = [row for row in skills if row["new"] >= row["gone"] and row["new"] - row["gone"] + row["change"] > 0]
    return sorted(rising, key=lambda row: (row["gone"] - row["new"], -row["change"], row["skill"]))[:SKILLS_SHOWN]
