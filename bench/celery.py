"""The prediction DAG and its scoring stage on LocalExecutor, on one Celery worker and on two: the same dataset, the same model.

`make bench-celery SIZE=small|medium` starts the real Airflow, Redis and the workers on this machine. A worker takes one task at a
time, and a shard is scored by one thread, so a worker is one core. Between two runs the predictions are taken away, so that each
scores, explains and writes all of them.
"""

import argparse
import os
import sys
from contextlib import closing
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from bench.cluster import REDIS, airflow, celery_workers, site
from bench.predicting import PREDICTION, Predicted, begin, ended, published
from bench.sizes import FOR_WORKERS, SCOPE, NoInputError, company_of
from bench.stages import Shop, deploy_first
from future_skills.config import Settings
from future_skills.database import connect
from future_skills.hr.loader import load_company
from runtime.airflow_api import AirflowApi

WORKERS = ("worker-1", "worker-2")
QUICK_TRAINING = {"TRAINING__FOLDS": "2", "GATE__RESAMPLES": "200"}
"""Of the model only its scoring is measured."""


@dataclass(frozen=True)
class Row:
    """One measured run: where, what it took, and what is published after it."""

    where: str
    predicted: Predicted
    published: tuple[int, str]


def say(line: str) -> None:
    """Tell a line at once."""
    print(line, flush=True)


class Bench:
    """Runs of one installation."""

    def __init__(self, connection: Connection) -> None:
        """Over the HR database of this connection."""
        self.connection, self.table = connection, []

    def measure(self, api: AirflowApi, where: str) -> None:
        """Publish everything again, and keep what it took."""
        run = begin(api, self.connection)
        row = Row(where, ended(api, run), published(self.connection))
        if row.predicted.state != "success":
            raise RuntimeError(f"the prediction on {where} is {row.predicted.state}")
        self.table.append(row)
        say(line(row))

    def best(self, where: str) -> Predicted:
        """The run with the shortest scoring stage."""
        return min((row.predicted for row in self.table if row.where == where), key=lambda one: one.scoring_seconds)


def line(row: Row) -> str:
    """A row as text."""
    predicted, (rows, checksum) = row.predicted, row.published
    shards = ", ".join(f"{worker} {count}" for worker, count in predicted.shards.items())
    return (
        f"{row.where:<14} scoring {predicted.scoring_seconds:>7.1f} s on {predicted.busy_cores:.1f} cores   "
        f"run {predicted.run_seconds:>7.1f} s   {rows:,} rows, checksum {checksum}   shards: {shards}"
    )


def main() -> int:
    """Measure and print; 1 when two runs published different rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=FOR_WORKERS, default="medium")
    parser.add_argument("--estimator", default="random_forest")
    parser.add_argument("--repeats", type=int, default=2, help="runs on each number of workers; the best counts")
    arguments = parser.parse_args()
    if REDIS is None:
        print("Skipped: redis-server is not installed (Debian: apt-get install redis-server).", file=sys.stderr)
        return 0
    try:
        company = company_of(arguments.size)
    except NoInputError as error:
        print(f"Skipped: {error}", file=sys.stderr)
        return 0
    chosen = {**QUICK_TRAINING, "TRAINING__ESTIMATOR": arguments.estimator}
    with site(PAIR_SCOPE=SCOPE, **chosen) as installation, closing(connect(installation.databases["hr"])) as connection:
        load_company(connection, company)
        deploy_first(Shop(installation.databases["hr"], Settings()))
        bench = Bench(connection)
        with airflow(installation, {}) as api:
            api.unpause(PREDICTION)  # alone: what a publication starts would cost the next measurement
            for _ in range(arguments.repeats):
                bench.measure(api, "LocalExecutor")
        with celery_workers(installation) as (workers, settings), airflow(installation, settings) as api:
            for number, name in enumerate(WORKERS, 1):
                workers.start(name)
                for _ in range(arguments.repeats):
                    bench.measure(api, f"{number} worker{'s' * (number > 1)}")
    one, two = bench.best("1 worker"), bench.best("2 workers")
    say(f"two workers on {os.cpu_count()} cores: scoring {one.scoring_seconds / two.scoring_seconds:.2f} times as fast as one")
    say(f"  the whole run {one.run_seconds / two.run_seconds:.2f} times as fast; spread over {len(two.shards)} workers")
    equal = len({row.published for row in bench.table}) == 1
    say("published rows are equal in all runs" if equal else "PUBLISHED ROWS DIFFER")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
