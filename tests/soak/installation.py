"""The real product as `make run` has it: embedded PostgreSQL, Airflow's processes, a mail server; and its supervisor."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import psutil
from psycopg2.extensions import make_dsn, parse_dsn

from future_skills.config import Settings
from future_skills.database import connect, execute
from future_skills.hr.rights import DASHBOARD_ROLE, dashboard_grants_sql
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from future_skills.store.artifacts import Store
from runtime.airflow_api import CONSUMERS_FIRST, AirflowApi
from runtime.environment import LOOPBACK, airflow_environment, product_environment
from runtime.mail_sink import mail_sink
from runtime.postgres import embedded_server
from runtime.postgres_server import start_server
from runtime.processes import Processes, airflow_processes, run_module
from runtime.state import State

READY_SECONDS = 300
MOST_RESTARTS = 100
"""A component that has to be started so often never stays up."""
SETTINGS = {
    "APPROVAL": "required",
    "DEPLOY": "auto",
    "TRAINING__ESTIMATOR": "logistic_regression",
    "TRAINING__FOLDS": "2",
    "GATE__RESAMPLES": "200",
    "PREDICTION__SHARDS": "2",
    "PREDICTION__SMALLEST_SHARD": "1",
    "MAIL__TIMEOUT": "2",
    "THREADS": "1",
    "WEEKLY_SCHEDULE": "0 0 29 2 *",  # no week begins by itself
}
HURRIED = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
}
"""Airflow notices a death within a minute, not within its usual five or ten."""


@dataclass
class Installation:
    """A running product, and what keeps it running: whatever ends is started again, as a container's restart policy does."""

    state: State
    dsns: dict[str, str]
    environment: dict[str, str]
    processes: Processes
    admin: AirflowApi
    manager: AirflowApi
    store: Store
    restarts: Counter = field(default_factory=Counter)

    def supervise(self) -> None:
        """Start again what has ended."""
        for name in self.processes.ended():
            self.restarts[name] += 1
            assert self.restarts[name] < MOST_RESTARTS, f"{name} does not stay up: see {self.state.logs}"
            self.processes.start_one(name, self.environment)

    def kill_component(self, name: str) -> None:
        """End a component as the end of its container does: the process and whatever it started."""
        for pid in [pid for pid in psutil.pids() if self.started(name, pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def started(self, name: str, pid: int) -> bool:
        """Is this process a component, or something that it started?"""
        try:
            return os.getsid(pid) == self.processes.pid(name)
        except ProcessLookupError:
            return False

    def kill_postgres(self) -> None:
        """Kill the server's first process; the others notice and end, and it is started again."""
        pid = int((self.state.postgres / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        processes = [psutil.Process(pid), *psutil.Process(pid).children()]
        os.kill(pid, signal.SIGKILL)
        _, busy = psutil.wait_procs(processes, timeout=10)
        for process in busy:
            process.kill()
        psutil.wait_procs(busy, timeout=10)
        start_server(self.state.postgres)
        self.restarts["postgres"] += 1

    def ready(self) -> None:
        """Wait until everything answers; whatever ends meanwhile is started again."""
        self.admin.wait_until_ready(READY_SECONDS, self.supervise)


def of_state(state: State) -> list[str]:
    """The processes of a state that run, beside the one that asks: some have written over their environment, not their output."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            words = [*process.cmdline(), *process.environ().values(), str(Path(f"/proc/{process.pid}/fd/1").readlink())]
            if process.pid != os.getpid() and any(str(state.root) in word for word in words):
                found.append(f"{process.pid}: {' '.join(process.cmdline())}")
    return found


@contextmanager
def installed(state: State, port: int) -> Iterator[Installation]:
    """An installation in an empty folder, with its DAGs running and no company yet; stopped at the end."""
    with patch.dict(os.environ, SETTINGS), _started(state, port) as installation:
        yield installation


@contextmanager
def _started(state: State, port: int) -> Iterator[Installation]:
    with ExitStack() as stack:
        stack.enter_context(state.locked())
        dsns = stack.enter_context(embedded_server(state.postgres))
        mail_port = stack.enter_context(mail_sink(state.mail))
        secrets = state.secrets()
        stack.enter_context(patch.dict(os.environ))
        os.environ.update(product_environment(state, secrets, Settings(), port=port, mail_port=mail_port))
        _prepare(dsns["hr"])
        environment = HURRIED | airflow_environment(
            *(state, secrets),
            airflow_dsn=dsns["airflow"],
            hr_dsn=dsns["hr"],
            dashboard_dsn=str(make_dsn(**{**parse_dsn(dsns["hr"]), "user": DASHBOARD_ROLE})),
            port=port,
        )
        run_module("orchestration.seeding", environment, state.logs / "seeding.log")
        processes = stack.enter_context(airflow_processes(state, environment))
        admin, manager = (
            stack.enter_context(closing(AirflowApi(f"http://{LOOPBACK}:{port}", user, secrets.passwords[user])))
            for user in ("admin", "drh.one")
        )
        store = Store.open(Settings().store_uri)
        installation = Installation(state, dsns, environment, processes, admin, manager, store)
        installation.ready()
        for dag_id in CONSUMERS_FIRST:
            admin.unpause(dag_id)
        yield installation


def _prepare(hr_dsn: str) -> None:
    with closing(connect(hr_dsn)) as connection:
        create_hr_tables(connection)
        migrate_ledger(connection, create_schema=True)
        with connection:
            execute(connection, dashboard_grants_sql(parse_dsn(hr_dsn)["user"]))
