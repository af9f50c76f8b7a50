"""What an HR manager wants to know of a published batch, read from the ledger."""

from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import fetch_row, fetch_rows
from future_skills.domain import LEVELS
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.versions import get_version

LINES_SHOWN = 10


@dataclass(frozen=True)
class Digest:
    """A batch in numbers: `levels` has level, decided and undecided pairs; `counts` the rows written by operation.

    `new_high` and `movers` are at most LINES_SHOWN changes [job_role, skill, old_level, new_level, old_score, new_score];
    `new_highs` and `moved` count all of them.
    """

    levels: list[tuple[str, int, int]]
    counts: dict[str, int]
    new_high: list[dict[str, Any]]
    movers: list[dict[str, Any]]
    new_highs: int
    moved: int
    bootstrap: bool

    @property
    def quiet(self) -> bool:
        """Was nothing written?"""
        return not any(self.counts[name] for name in ("inserted", "updated", "deleted"))


def read_digest(connection: Connection, batch: BatchRow) -> Digest:
    """Read the digest of a batch, in one transaction."""
    with connection:
        totals = fetch_row(
            connection,
            "SELECT count(*) AS moved,"
            " count(*) FILTER (WHERE new_level = 'HIGH' AND old_level IS DISTINCT FROM 'HIGH') AS new_highs"
            " FROM future_skills_ops.prediction_change WHERE batch_id = %s AND kind = 'moved'",
            (batch.batch_id,),
        )
        version = get_version(connection, batch.version)
        new_high, movers = (_changes(connection, batch, only_new_high=only) for only in (True, False))
    names = ("inserted", "updated", "deleted", "unchanged", "taken_over", "restored")
    sides = [batch.levels.get(side, {}) for side in ("decided", "undecided")]
    return Digest(
        levels=[(level, sides[0].get(level, 0), sides[1].get(level, 0)) for level in reversed(LEVELS)],
        counts={name: batch.counts.get(name, 0) for name in names},
        new_high=new_high,
        movers=movers,
        new_highs=totals["new_highs"] if totals else 0,
        moved=totals["moved"] if totals else 0,
        bootstrap=version.label_source == "bootstrap",
    )


def _changes(connection: Connection, batch: BatchRow, *, only_new_high: bool) -> list[dict[str, Any]]:
    parameters = {"batch_id": batch.batch_id, "only_new_high": only_new_high, "limit": LINES_SHOWN}
    return fetch_rows(connection, read_sql("alerts/changes"), parameters)
