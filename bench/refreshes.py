"""How much the predictions' table and its indexes grow over 20 weekly refreshes, with and without VACUUM and room in the pages.

`make bench-refreshes` publishes a generated company's predictions, then changes 5 % of them and publishes again, 20 times over.
Autovacuum is held off and VACUUM called where it would have run, so that two runs of this show the same.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from bench import limits, stages
from bench.company import installed
from bench.sizes import SCOPE, company_of
from bench.stages import Shop
from future_skills.database import execute, fetch_row
from future_skills.ledger.versions import VersionRow
from future_skills.prediction.publish import publish_batch

TABLE = "public.future_skills_futureskillprediction"
REFRESHES, CHANGED = 20, 0.05
SETTINGS = {"training": {"estimator": "logistic_regression"}, "prediction": {"shards": 1}}
"""One shard and an estimator that answers at once: what is measured is the database."""
WAYS = {
    "never vacuumed": (False, 100),
    "vacuumed after each, as autovacuum does": (True, 100),
    "vacuumed, fillfactor 90": (True, 90),
}


@dataclass(frozen=True)
class Grown:
    """Megabytes of table and indexes after the first publication and after the last refresh; the share of HOT updates."""

    way: str
    first: tuple[float, float]
    last: tuple[float, float]
    hot: float

    @property
    def factor(self) -> float:
        """How many times as large it is in all."""
        return sum(self.last) / sum(self.first)


def refresh(shop: Shop, connection: Connection, version: VersionRow) -> None:
    """Plan, score, audit and publish once more."""
    batch = stages.staged(shop, connection, version=version.version, repeat=True)
    publish_batch(connection, shop.settings, batch.batch_id)


def measured(shop: Shop, connection: Connection, version: VersionRow, way: str) -> Grown:
    """Empty the table, publish, refresh."""
    vacuumed, fillfactor = WAYS[way]
    with connection:
        execute(connection, sql.SQL("TRUNCATE {}").format(limits.PREDICTIONS))
        options = sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = false, fillfactor = {})")
        execute(connection, options.format(limits.PREDICTIONS, sql.Literal(fillfactor)))
    refresh(shop, connection, version)
    first = size(connection)
    before = updates(connection)
    for number in range(REFRESHES):
        stages.disturb(shop, CHANGED, number)
        if vacuumed:
            limits.settle(connection)
        refresh(shop, connection, version)
        if vacuumed:
            limits.settle(connection)
    every, hot = (now - then for now, then in zip(updates(connection), before, strict=True))
    return Grown(way, first, size(connection), hot / every)


def size(connection: Connection) -> tuple[float, float]:
    """Megabytes of the table (with what is stored out of line) and of its indexes."""
    with connection:
        row = fetch_row(
            connection,
            "SELECT pg_table_size(oid) AS rows, pg_indexes_size(oid) AS indexes FROM pg_class WHERE oid = %s::regclass",
            (TABLE,),
        )
    assert row is not None
    return row["rows"] / 2**20, row["indexes"] / 2**20


def updates(connection: Connection) -> tuple[int, int]:
    """Rows updated so far, and those of them in place (HOT)."""
    with connection:
        execute(connection, "SELECT pg_stat_force_next_flush()")
    with connection:
        row = fetch_row(
            connection, "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = %s::regclass", (TABLE,)
        )
    assert row is not None
    return row["n_tup_upd"], row["n_tup_hot_upd"]


def inserted(shop: Shop, connection: Connection, version: VersionRow) -> tuple[float, float]:
    """Seconds of a raw INSERT of all rows, with every index and without the needless ones."""
    with connection:
        execute(connection, sql.SQL("TRUNCATE {}").format(limits.PREDICTIONS))
    batch = stages.staged(shop, connection, version=version.version, repeat=True)
    limits.keep_staged(connection, batch.batch_id)
    horizon = shop.settings.horizon_years
    whole, lean = (limits.raw_insert(connection, horizon, lean=lean).seconds for lean in (False, True))
    return whole, lean


def main() -> int:
    """Print a table of the ways on the same company, dataset and version, and what the needless indexes cost."""
    print(f"{REFRESHES} refreshes, each changes {CHANGED:.0%} of the rows twice (by a person, and back by the pipeline)")
    print("| way | table | indexes | after | | in all | HOT |\n|---|---|---|---|---|---|---|")
    with installed(company_of("small"), pair_scope=SCOPE, **SETTINGS) as (dsn, connection, settings):
        shop = Shop(dsn, settings)
        version = stages.train(shop, stages.export(shop, datetime.now(UTC).date()))
        for way in WAYS:
            one = measured(shop, connection, version, way)
            sizes = " | ".join(f"{megabytes:,.0f} MB" for megabytes in (*one.first, *one.last))
            print(f"| {one.way} | {sizes} | x {one.factor:.2f} | {one.hot:.0%} |", flush=True)
        whole, lean = inserted(shop, connection, version)
    print(f"\nINSERT of all rows: {whole:.1f} s with every index, {lean:.1f} s without the needless ones")
    return 0


if __name__ == "__main__":
    sys.exit(main())
