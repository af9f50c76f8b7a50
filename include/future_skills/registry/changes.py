"""What a candidate would change, for whoever approves it; `prediction.what_would_change` finds it out."""

from dataclasses import dataclass
from datetime import date

from future_skills.domain import LEVELS, Level


@dataclass(frozen=True)
class Mover:
    """One pair whose score would change; scores from 0 to 100."""

    role: str
    skill: str
    old_level: Level
    new_level: Level
    old_score: float
    new_score: float


@dataclass(frozen=True)
class DepartmentChange:
    """A department: its pairs, those whose level would rise or fall, and its largest movers, the largest first."""

    name: str
    pairs: int
    up: int
    down: int
    movers: list[Mover]

    @property
    def moved(self) -> int:
        """Pairs whose level would change."""
        return self.up + self.down


@dataclass(frozen=True)
class Changes:
    """What would become of every pair of a dataset.

    `compared_with` says what the pairs were compared with, None when there was nothing. `flows` counts pairs by level of now
    and then; `new` counts the pairs without a level now, by level. `departments` come with the most level changes first.
    """

    dataset_id: str
    as_of: date
    pairs: int
    compared_with: str | None
    flows: dict[Level, dict[Level, int]]
    new: dict[Level, int]
    departments: list[DepartmentChange]

    @property
    def up(self) -> int:
        """Pairs whose level would rise."""
        return sum(self.flows[old][new] for old in LEVELS for new in LEVELS if LEVELS.index(new) > LEVELS.index(old))

    @property
    def down(self) -> int:
        """Pairs whose level would fall."""
        return sum(self.flows[old][new] for old in LEVELS for new in LEVELS if LEVELS.index(new) < LEVELS.index(old))
