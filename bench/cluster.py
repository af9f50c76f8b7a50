"""The product on one machine as it runs on several: Airflow's processes, a Redis broker, Celery workers with a core each."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psutil
import yaml

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.hr.schema import create_hr_tables
from future_skills.ledger.migrate import migrate_ledger
from runtime.airflow_api import AirflowApi
from runtime.environment import LOOPBACK, airflow_environment, product_environment, sqlalchemy_url
from runtime.mail_sink import mail_sink
from runtime.options import ROOT
from runtime.postgres import embedded_server
from runtime.processes import airflow_processes, run_module
from runtime.state import State

REDIS = shutil.which("redis-server")
START_SECONDS = 240
STOP_SECONDS = 30


class NotStartedError(Exception):
    """Something of the cluster does not start."""


@dataclass(frozen=True)
class Site:
    """An installation on this machine that is prepared and not running: its folder, its databases by name, its environment."""

    state: State
    databases: dict[str, str]
    environment: dict[str, str]
    port: int


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@contextmanager
def site(**chosen: str) -> Iterator[Site]:
    """A server with empty HR tables and a ledger, Airflow's own tables and roles; removed at the end.

    The settings of the product are in this process's environment meanwhile, with those `chosen`.
    """
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="future-skills-cluster-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        state, port = State(home), free_port()
        state.create()
        databases = stack.enter_context(embedded_server(state.postgres))
        stack.enter_context(patch.dict(os.environ, chosen))
        mail_port = stack.enter_context(mail_sink(state.mail))
        os.environ.update(product_environment(state, state.secrets(), Settings(), port=port, mail_port=mail_port))
        with closing(connect(databases["hr"])) as connection:
            create_hr_tables(connection)
            migrate_ledger(connection, create_schema=True)
        environment = airflow_environment(
            state, state.secrets(), airflow_dsn=databases["airflow"], hr_dsn=databases["hr"], dashboard_dsn=None, port=port
        )
        run_module("orchestration.seeding", environment, state.logs / "seeding.log")
        yield Site(state, databases, environment, port)


@contextmanager
def airflow(on: Site, changed: Mapping[str, str]) -> Iterator[AirflowApi]:
    """Airflow's four processes, healthy, with these changes of their environment; the value is a client signed in as admin."""
    password = on.state.secrets().passwords["admin"]
    with (
        airflow_processes(on.state, {**on.environment, **changed}) as processes,
        closing(AirflowApi(f"http://{LOOPBACK}:{on.port}", "admin", password)) as api,
    ):
        api.wait_until_ready(START_SECONDS, processes.require_alive)
        yield api


def celery_settings(on: Site, broker: str) -> dict[str, str]:
    """What makes every process of a site one of a cluster; of workers, queues and lost tasks what docker-compose.yaml says."""
    installation = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))["x-environment"]
    tuned = {
        name: value
        for name, value in installation.items()
        if name.startswith(("AIRFLOW__CELERY", "AIRFLOW__SCHEDULER__", "AIRFLOW__WORKERS__"))
        and not name.endswith("_CMD")
        and "$" not in value
    }
    return {
        **tuned,
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__PARALLELISM": "32",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{sqlalchemy_url(on.databases['airflow'])}",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
    }


@contextmanager
def redis_broker(folder: Path) -> Iterator[str]:
    """A Redis server on loopback that keeps nothing; the value is its URL. Raises NotStartedError."""
    if REDIS is None:
        raise NotStartedError("redis-server is not installed (Debian: apt-get install redis-server)")
    port = free_port()
    with (folder / "redis.log").open("wb") as log:
        command = [REDIS, "--port", str(port), "--bind", LOOPBACK, "--save", "", "--appendonly", "no", "--dir", str(folder)]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until(lambda: _answers(port), server, folder / "redis.log")
        yield f"redis://{LOOPBACK}:{port}/0"
    finally:
        server.terminate()
        server.wait(STOP_SECONDS)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _wait_until(condition, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStartedError(f"{process.args} does not start: see {log}\n{log.read_text(encoding='utf-8')[-2_000:]}")
        time.sleep(0.5)


class Workers:
    """Celery workers of a site by name, each a process group of its own with one task at a time."""

    def __init__(self, on: Site, environment: Mapping[str, str]) -> None:
        """Workers with this environment, which `celery_settings` is a part of; none is started."""
        self._site, self._environment = on, {**on.environment, **environment}
        self._running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, **changed: str) -> None:
        """Start a worker, with these changes of its environment, and wait until it takes tasks. Raises NotStartedError."""
        path = os.pathsep.join([self._environment["PYTHONPATH"], str(ROOT)])
        own = {"PYTHONPATH": path, "WORKER_NAME": name, "AIRFLOW__CORE__HOSTNAME_CALLABLE": "bench.worker_name.worker_name"}
        log = self._site.state.logs / f"{name}.log"
        with log.open("wb") as output:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", "celery", "worker", "--celery-hostname", name, "--skip-serve-logs"],
                env={**os.environ, **self._environment, **own, **changed},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait_until(lambda: self._takes_tasks(name), self._running[name], log)

    def _takes_tasks(self, name: str) -> bool:
        from celery import Celery  # noqa: PLC0415 - only where there are workers

        with Celery(broker=self._environment["AIRFLOW__CELERY__BROKER_URL"]) as application:
            answers = application.control.ping(timeout=1)
        return any(f"celery@{name}" in answer for answer in answers)

    def kill(self, name: str) -> int:
        """Take a worker away with all it runs, as when its machine dies: SIGKILL for its process group and those of its tasks.

        Returns how many processes that were.
        """
        worker = self._running.pop(name)
        tasks = psutil.Process(worker.pid).children(recursive=True)
        groups = {os.getpgid(one.pid) for one in [worker, *tasks]}
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        worker.wait()
        _, alive = psutil.wait_procs(tasks, timeout=STOP_SECONDS)
        if alive:
            raise NotStartedError(f"{alive} outlived SIGKILL")
        return 1 + len(tasks)

    def stop(self) -> None:
        """Ask all to end, and kill those that do not."""
        for worker in self._running.values():
            worker.terminate()
        for name, worker in list(self._running.items()):
            try:
                worker.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill(name)
        self._running.clear()


@contextmanager
def celery_workers(on: Site) -> Iterator[tuple[Workers, dict[str, str]]]:
    """A broker, workers to be started, and the environment in which Airflow hands them its tasks; all stopped at the end."""
    with redis_broker(on.state.logs) as broker:
        settings = celery_settings(on, broker)
        workers = Workers(on, settings)
        try:
            yield workers, settings
        finally:
            workers.stop()
