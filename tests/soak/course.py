"""Ten weeks on one installation: each week's data, its chain, the answer it asks for, and whoever is killed meanwhile."""

import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg2
from psycopg2.extensions import connection as Connection

from future_skills.database import HRDatabaseDownError, connect, execute, fetch_rows, fetch_value
from future_skills.hr.loader import load_company
from runtime.answering import ASKED_SECONDS
from runtime.chain import RETRAINING
from soak.installation import Installation
from soak.killing import Kill, strike
from soak.weeks import as_of, company_of
from support.ends import HR

PROMOTION, WATCH = "future_skills_promotion", "future_skills_watch"
POLL_SECONDS, QUIET_SECONDS, WEEK_SECONDS = 0.2, 5.0, 1_200
INSTANCES = (
    "SELECT dag_id, task_id, run_id, map_index, try_number, pid, state FROM task_instance"
    " WHERE state IN ('running', 'awaiting_input')"
)
UNDONE = (
    "SELECT (SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running'))"
    " + (SELECT count(*) FROM asset_dag_run_queue) AS undone"
)


@dataclass
class Course:
    """What happened in the weeks of one installation."""

    installation: Installation
    weeks: int
    asked: dict[str, float] = field(default_factory=dict)
    airflow: Connection | None = None

    def run(self, kills: list[list[Kill]]) -> None:
        """Run every week with the kills of that week; then let the watch send what waits."""
        for week in range(1, self.weeks + 1):
            begin = time.monotonic()
            with closing(connect(self.installation.dsns["hr"])) as connection:
                close_gaps(connection)
                load_company(connection, company_of(week, self.weeks))
            self.installation.ready()
            self.installation.admin.trigger(RETRAINING, {"as_of": as_of(week, self.weeks).isoformat()})
            self._until_quiet(kills[week - 1])
            print(f"  week {week}: {time.monotonic() - begin:.0f} s", flush=True)
        self._send_mails()
        self.airflow.close()

    def _until_quiet(self, kills: list[Kill]) -> None:
        """Look on until nothing is undone: supervise, answer, kill."""
        end, quiet_since = time.monotonic() + WEEK_SECONDS, None
        while time.monotonic() < end:
            self.installation.supervise()
            time.sleep(POLL_SECONDS)
            try:
                instances, undone = self._look()
                strike(kills, running_tries(instances), self.installation)
            except (psycopg2.Error, HRDatabaseDownError):  # the server was killed, and recovers
                continue
            self._answer(instances)
            quiet_since = None if undone else quiet_since or time.monotonic()
            if quiet_since and time.monotonic() - quiet_since > QUIET_SECONDS:
                return
        raise TimeoutError(f"the week did not end within {WEEK_SECONDS} s")

    def _look(self) -> tuple[list[dict[str, Any]], int]:
        """What runs or waits for an answer, and how much is undone."""
        if self.airflow is None or self.airflow.closed:
            self.airflow = psycopg2.connect(self.installation.dsns["airflow"])
            self.airflow.autocommit = True
        return fetch_rows(self.airflow, INSTANCES), fetch_rows(self.airflow, UNDONE)[0]["undone"]

    def _answer(self, instances: list[dict[str, Any]]) -> None:
        """Approve what has been asked for a while; when Airflow does not answer, a person tries again."""
        waiting = [instance["run_id"] for instance in instances if instance["state"] == "awaiting_input"]
        for run_id in waiting:
            self.asked.setdefault(run_id, time.monotonic())
        if not any(time.monotonic() - self.asked[run_id] > ASKED_SECONDS for run_id in waiting):
            return
        with suppress(httpx.HTTPError):
            for question in self.installation.manager.open_questions(PROMOTION):
                if time.monotonic() - self.asked.get(question["task_instance"]["dag_run_id"], time.monotonic()) > 1:
                    self.installation.manager.answer(question, "Approve", {"reason": "The soak approves."})

    def _send_mails(self) -> None:
        """What a killed sender claimed waits for some minutes: let them pass, and the watch send it."""
        with closing(connect(self.installation.dsns["hr"])) as connection:
            execute(connection, "UPDATE future_skills_ops.outbox SET next_attempt_at = now() WHERE sent_at IS NULL")
            connection.commit()
        self.installation.ready()
        self.installation.admin.trigger(WATCH, {})
        self._until_quiet([])

    def tries(self) -> Counter:
        """How many tasks took how many tries, and how runs ended."""
        with closing(psycopg2.connect(self.installation.dsns["airflow"])) as airflow:
            tries = fetch_rows(airflow, "SELECT try_number, count(*) AS tasks FROM task_instance GROUP BY 1")
            runs = fetch_rows(airflow, "SELECT dag_id, state, count(*) AS runs FROM dag_run GROUP BY 1, 2")
        found = Counter({f"try {row['try_number']}": row["tasks"] for row in tries if row["try_number"] > 1})
        found.update({f"{row['dag_id']} {row['state']}": row["runs"] for row in runs if row["state"] != "success"})
        return found


def close_gaps(connection: Connection) -> None:
    """Let the numbers of HR's rows go on from the last: a server that crashed leaves out up to 32, and datasets name them."""
    for table in HR:
        name = f"future_skills_{table}"
        if sequence := fetch_value(connection, "SELECT pg_get_serial_sequence(%s, 'id')", (name,)):
            execute(connection, f"SELECT setval(%s, max(id)) FROM {name} HAVING max(id) IS NOT NULL", (sequence,))
    connection.commit()


def running_tries(instances: list[dict[str, Any]]) -> dict[tuple[Any, ...], int | None]:
    """The process of each running try of a task: by DAG, task, run, map index and try."""
    names = ("dag_id", "task_id", "run_id", "map_index", "try_number")
    return {tuple(one[name] for name in names): one["pid"] for one in instances if one["state"] == "running"}
