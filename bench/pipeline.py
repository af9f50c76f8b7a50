"""The weekly chain at size: what each stage takes, and its ratio to the bare limit in the same run.

`make bench SIZE=small|million|onet|large` measures on an embedded PostgreSQL and prints a table; `--json` writes it as well, and
`--baseline` compares the ratios with a file written before.
"""

import argparse
import json
import logging
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from psycopg2.extensions import connection as Connection

from bench import limits, stages
from bench.clock import peak_megabytes, spent
from bench.company import installed
from bench.sizes import PUBLISHED, SCOPE, SIZES, NoInputError, company_of
from bench.stages import Shop
from bench.table import Row, as_json, compared, line
from future_skills.database import fetch_rows
from future_skills.drift.report import report_drift
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.versions import VersionRow
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch

FIRST_WEEK = ("dataset", "train", "first: score and stage", "first: plan and audit", "first: publish")
"""The lines from the HR tables to published predictions."""
EIGHT_MILLION = 8_000_000


class Bench:
    """One run over one company."""

    def __init__(self, shop: Shop, connection: Connection) -> None:
        """Work in `shop`; `connection` is to its database."""
        self.shop, self.connection = shop, connection
        self.table: list[Row] = []

    def add(self, row: Row) -> None:
        """Keep a line and tell it."""
        self.table.append(row)
        print(line(row), flush=True)

    def prepare(self) -> tuple[DatasetRow, VersionRow]:
        """Dataset and version."""
        dataset, taken, peak = stages.apart(stages.export, self.shop, datetime.now(UTC).date())
        pairs = dataset.manifest["counts"]["roles"] * dataset.manifest["counts"]["skills"]
        bare = limits.raw_read(self.connection).seconds
        self.add(Row("dataset", pairs, taken.seconds, taken.cpu_seconds, peak, taken.seconds / bare, "raw COPY of the sources"))
        version, taken, peak = stages.apart(stages.train, self.shop, dataset)
        decided = dataset.decided_rows + dataset.implicit_rows
        training = self.shop.settings.training
        bare, *_ = stages.apart(stages.fit_alone, self.shop, dataset, version)
        fits = 2 * (training.folds - 1) + 2  # two cross-validations, each fold without a part of the rows; evaluated; served
        alone = taken.cpu_seconds / (fits * bare.cpu_seconds)
        self.add(Row("train", decided, taken.seconds, taken.cpu_seconds, peak, alone, f"{fits} bare fits, CPU"))
        return dataset, version

    def another(self, dataset: DatasetRow) -> VersionRow:
        """A version of the same dataset by another estimator."""
        forest = self.shop.settings.training.estimator == "random_forest"
        return stages.apart(stages.train, self.shop, dataset, "logistic_regression" if forest else "random_forest")[0]

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
        """Plan, score and audit a batch; tells how long each took."""
        with spent() as planning:
            batch = plan_batch(self.connection, self.shop.store, self.shop.settings, **plan)
        if batch is None:
            raise RuntimeError("nothing was planned")
        taken, peak = stages.score(self.shop, batch)
        self.add(Row(f"{what}: score and stage", batch.pairs, taken.seconds, taken.cpu_seconds, peak))
        with spent() as auditing:
            audited = audit_batch(self.connection, self.shop.store, self.shop.settings, batch.batch_id)
        self.add(Row(f"{what}: plan and audit", batch.pairs, planning.seconds + auditing.seconds))
        return audited

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
        rows = limits.keep_staged(self.connection, batch.batch_id)
        copied = limits.raw_copy(self.connection)
        self.add(Row("first: raw COPY of what is staged", rows, copied.seconds))
        raw = limits.raw_insert(self.connection, horizon)
        done, first = self.publish(batch)
        limit, goal = "raw INSERT ... SELECT", "<= 1.3"
        self.add(Row("first: publish", done.counts["inserted"], first, ratio=first / raw.seconds, limit=limit, goal=goal))
        whole = sum(row.seconds for row in self.table if row.what in FIRST_WEEK)
        goal = "<= 1" if batch.pairs > EIGHT_MILLION else ""
        self.add(Row("dataset to published rows", batch.pairs, whole, ratio=whole / 720, limit="12 minutes", goal=goal))
        done, seconds = self.publish(self.staged("nothing changed", version=version.version, repeat=True))
        self.require(done.counts, inserted=0, updated=0, deleted=0)
        self.add(Row("nothing changed: publish", 0, seconds, ratio=seconds / first, limit="the first publish", goal="<= 0.1"))
        moved = stages.disturb(self.shop, 0.05)
        done, seconds = self.publish(self.staged("5 % changed", version=version.version, repeat=True))
        self.require(done.counts, updated=moved)
        self.add(Row("5 % changed: publish", moved, seconds, ratio=seconds / first, limit="the first publish", goal="<= 0.25"))
        batch = self.staged("all changed", version=other.version)
        rows = limits.keep_staged(self.connection, batch.batch_id)
        raw = limits.raw_update(self.connection, horizon)
        limits.drop_limits(self.connection)
        done, seconds = self.publish(batch)
        self.add(
            Row("all changed: publish", rows, seconds, ratio=seconds / raw.seconds, limit="raw UPDATE ... FROM", goal="<= 1.5")
        )
        return done

    def drift(self, batch: BatchRow) -> None:
        """The drift report of a batch."""
        with spent() as taken:
            report_drift(self.connection, self.shop.store, self.shop.settings, batch.batch_id)
        self.add(Row("drift", self.shop.settings.prediction.sample_rows, taken.seconds, taken.cpu_seconds, peak_megabytes()))

    def left(self) -> list[str]:
        """Staging tables, temporary files of the server, drafts in the store."""
        tables = fetch_rows(
            self.connection, "SELECT relname FROM pg_class WHERE relname LIKE 'prediction_stage_%%' AND relkind = 'r'"
        )
        files = fetch_rows(self.connection, "SELECT name FROM pg_ls_tmpdir()")
        drafts = Path(self.shop.settings.store_uri).rglob(".*")
        return [row["relname"] for row in tables] + [row["name"] for row in files] + [str(path) for path in drafts]

    def require(self, counts: dict, **expected: int) -> None:
        """Raise RuntimeError when a batch did not write what it had to."""
        for name, value in expected.items():
            if counts[name] != value:
                raise RuntimeError(f"{counts[name]} rows {name}, {value} expected")


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--baseline", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    start = time.monotonic()
    try:
        company = company_of(arguments.size)
        with installed(company, pair_scope=SCOPE) as (dsn, connection, settings):
            bench = Bench(Shop(dsn, settings), connection)
            dataset, version = bench.prepare()
            bench.scoring(dataset, version)
            if arguments.size in PUBLISHED:
                bench.drift(bench.publishing(version, bench.another(dataset)))
            left = bench.left()
    except NoInputError as error:
        print(f"Skipped: {error}", file=sys.stderr)
        return 0
    print(f"{time.monotonic() - start:.0f} s in all on {os.cpu_count()} cores; left behind: {', '.join(left) or 'nothing'}")
    if arguments.json:
        facts = {"size": arguments.size, "cores": os.cpu_count(), "table": [as_json(row) for row in bench.table]}
        arguments.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    if arguments.baseline and arguments.baseline.exists():
        for told in compared(bench.table, arguments.baseline):
            print(f"worse than the baseline: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
