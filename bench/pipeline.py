"""The weekly chain at size: what each stage takes, and its ratio to the bare limit in the same run.

`make bench SIZE=small|million|onet` measures on an embedded PostgreSQL and prints a table; `--json` writes it as well, and
`--baseline` compares the ratios with a file written before.
"""

import argparse
import json
import logging
import os
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg2.extensions import connection as Connection

from bench import limits, stages
from bench.clock import peak_megabytes, spent
from bench.company import installed
from bench.sizes import SIZES, NoInputError, company_of
from bench.stages import Shop
from future_skills.database import fetch_value
from future_skills.drift.report import report_drift
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.versions import VersionRow
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch

WORSE = 1.25
"""A ratio this many times its baseline is told."""


@dataclass(frozen=True)
class Row:
    """One line of the table. `ratio` is to `limit`; a `goal` beginning with >= or <= is its bound."""

    what: str
    rows: int
    seconds: float
    cpu_seconds: float | None = None
    peak_megabytes: float | None = None
    ratio: float | None = None
    limit: str = ""
    goal: str = ""

    @property
    def reached(self) -> bool | None:
        """Is the goal reached? None without one."""
        if self.ratio is None or not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.ratio >= float(bound) if sign == ">=" else self.ratio <= float(bound)


class Bench:
    """One run over one company."""

    def __init__(self, shop: Shop, connection: Connection) -> None:
        """Work in `shop`; `connection` is to its database."""
        self.shop, self.connection, self.table = shop, connection, []

    def add(self, row: Row) -> None:
        """Keep a line and tell it."""
        self.table.append(row)
        print(line(row), flush=True)

    def prepare(self) -> tuple[DatasetRow, VersionRow, VersionRow]:
        """Dataset and two versions."""
        dataset, taken, peak = stages.apart(stages.export, self.shop, datetime.now(UTC).date())
        pairs = dataset.manifest["counts"]["roles"] * dataset.manifest["counts"]["skills"]
        self.add(Row("dataset", pairs, taken.seconds, taken.cpu_seconds, peak))
        version, taken, peak = stages.apart(stages.train, self.shop, dataset, self.shop.settings.training.parameters)
        decided = dataset.decided_rows + dataset.implicit_rows
        self.add(Row("train (7 fits)", decided, taken.seconds, taken.cpu_seconds, peak))
        training = self.shop.settings.training
        other, *_ = stages.apart(stages.train, self.shop, dataset, {**training.parameters, **OTHER[training.estimator]})
        return dataset, version, other

    def scoring(self, dataset: DatasetRow, version: VersionRow) -> None:
        """Scores without and with explanations, beside the estimator alone."""
        with stages.committee(self.shop, dataset, version) as (committee, chunks):
            some = chunks[:: max(len(chunks) // 10, 1)]
            classifier, matrices = stages.served_matrices(committee, some)
            bare = limits.predict_alone(classifier, matrices)
            with spent() as own:
                answers = [committee.answer(*chunk) for chunk in some]
            again = limits.predict_alone(classifier, matrices)
            alone = (bare.cpu_seconds + again.cpu_seconds) / 2
            rows = sum(len(chunk[0]) for chunk in some)
            name = "the estimator alone, rows/CPU s"
            self.add(Row("score", rows, own.seconds, own.cpu_seconds, peak_megabytes(), alone / own.cpu_seconds, name, ">= 0.7"))
            wanted = [answer.probabilities[:, 0] < 0.5 for answer in answers]
            with spent() as own:
                for chunk, answer, mask in zip(some, answers, wanted, strict=True):
                    committee.attributions(*chunk, answer.responsible, wanted=mask)
            explained = sum(int(mask.sum()) for mask in wanted)
            rate = explained / own.cpu_seconds
            self.add(Row("explain", explained, own.seconds, own.cpu_seconds, None, rate / 10_000, "10,000 rows/CPU s", ">= 1"))

    def staged(self, what: str, **plan: object) -> BatchRow:
        """Plan, score and audit a batch; tells how long scoring took."""
        batch = plan_batch(self.connection, self.shop.store, self.shop.settings, **plan)
        if batch is None:
            raise RuntimeError("nothing was planned")
        taken, peak = stages.score(self.shop, batch)
        self.add(Row(f"{what}: score and stage", batch.pairs, taken.seconds, taken.cpu_seconds, peak))
        return audit_batch(self.connection, self.shop.store, self.shop.settings, batch.batch_id)

    def publish(self, batch: BatchRow) -> tuple[BatchRow, float]:
        """Publish; returns the batch and the seconds."""
        limits.settle(self.connection)
        with spent() as taken:
            done = publish_batch(self.connection, self.shop.settings, batch.batch_id)
        return done, taken.seconds

    def publishing(self, version: VersionRow, other: VersionRow) -> BatchRow:
        """First load, nothing, 5 % and everything changed, each beside its limit."""
        horizon = self.shop.settings.horizon_years
        batch = self.staged("first", version=version.version)
        limits.keep_staged(self.connection, batch.batch_id)
        raw = limits.raw_insert(self.connection, horizon)
        done, first = self.publish(batch)
        self.add(
            Row(
                "first: publish",
                done.counts["inserted"],
                first,
                None,
                None,
                first / raw.seconds,
                "raw INSERT ... SELECT",
                "<= 1.3",
            )
        )
        done, seconds = self.publish(self.staged("nothing changed", version=version.version, repeat=True))
        self.require(done.counts, inserted=0, updated=0, deleted=0)
        self.add(Row("nothing changed: publish", 0, seconds, None, None, seconds / first, "the first publish", "<= 0.1"))
        moved = stages.disturb(self.shop, 0.05)
        done, seconds = self.publish(self.staged("5 % changed", version=version.version, repeat=True))
        self.require(done.counts, updated=moved)
        self.add(Row("5 % changed: publish", moved, seconds, None, None, seconds / first, "the first publish", "<= 0.25"))
        batch = self.staged("all changed", version=other.version)
        rows = limits.keep_staged(self.connection, batch.batch_id)
        raw = limits.raw_update(self.connection, horizon)
        limits.drop_limits(self.connection)
        done, seconds = self.publish(batch)
        self.add(Row("all changed: publish", rows, seconds, None, None, seconds / raw.seconds, "raw UPDATE ... FROM", "<= 1.5"))
        return done

    def drift(self, batch: BatchRow) -> None:
        """The drift report of a batch."""
        with spent() as taken:
            report_drift(self.connection, self.shop.store, self.shop.settings, batch.batch_id)
        self.add(Row("drift", self.shop.settings.prediction.sample_rows, taken.seconds, taken.cpu_seconds, peak_megabytes()))

    def require(self, counts: dict, **expected: int) -> None:
        """Raise RuntimeError when a batch did not write what it had to."""
        for name, value in expected.items():
            if counts[name] != value:
                raise RuntimeError(f"{counts[name]} rows {name}, {value} expected")


OTHER = {"random_forest": {"n_estimators": 150}, "hist_gradient_boosting": {"max_iter": 80}, "logistic_regression": {"C": 0.5}}
"""Hyperparameters with which a second version of each estimator answers otherwise."""


def line(row: Row) -> str:
    """A row as text."""
    parts = [f"{row.what:32}", f"{row.rows:>12,} rows", f"{row.seconds:>8.1f} s", f"{row.rows / row.seconds:>12,.0f} rows/s"]
    parts.append(" " * 12 if row.cpu_seconds is None else f"{row.cpu_seconds:>8.1f} CPU")
    parts.append(" " * 9 if row.peak_megabytes is None else f"{row.peak_megabytes:>6,.0f} MB")
    if row.ratio is not None:
        verdict = {True: "reached", False: "MISSED", None: ""}[row.reached]
        parts.append(f"{row.ratio:>6.2f} x {row.limit} ({row.goal}: {verdict})")
    return "  ".join(parts)


def compared(table: list[Row], baseline: Path) -> list[str]:
    """What is clearly worse than the baseline, by ratio."""
    before = {row["what"]: row for row in json.loads(baseline.read_text(encoding="utf-8"))["table"]}
    worse = []
    for row in table:
        old = before.get(row.what, {}).get("ratio")
        if row.ratio and old and row.goal:
            change = row.ratio / old if row.goal.startswith("<=") else old / row.ratio
            if change > WORSE:
                worse.append(f"{row.what}: {row.ratio:.2f}, was {old:.2f}")
    return worse


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--baseline", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    start = time.monotonic()
    try:
        company = company_of(arguments.size)
        with installed(company, pair_scope=SIZES[arguments.size]) as (dsn, connection, settings):
            bench = Bench(Shop(dsn, settings), connection)
            dataset, version, other = bench.prepare()
            bench.scoring(dataset, version)
            bench.drift(bench.publishing(version, other))
            left = fetch_value(connection, "SELECT count(*) FROM pg_class WHERE relname LIKE 'prediction_stage_%%'")
    except NoInputError as error:
        print(f"Skipped: {error}", file=sys.stderr)
        return 0
    print(f"{time.monotonic() - start:.0f} s in all on {os.cpu_count()} cores; {left} staging tables left")
    if arguments.json:
        facts = {"size": arguments.size, "cores": os.cpu_count(), "table": [asdict(row) for row in bench.table]}
        arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if arguments.baseline and arguments.baseline.exists():
        for told in compared(bench.table, arguments.baseline):
            print(f"worse than the baseline: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
