"""Airflow's four processes: started in sessions of their own, remembered on disk, stopped whatever happens."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from future_skills.domain import FutureSkillsError
from runtime.environment import LOOPBACK
from runtime.state import State

COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
"""Command lines after `airflow`; task logs are read from the folder, so that no log server listens."""
STOP_SECONDS = 20


class PortTakenError(FutureSkillsError):
    """Another program listens on the port."""


class ProcessDiedError(FutureSkillsError):
    """A process of Airflow ended by itself."""


def require_free_port(port: int) -> None:
    """Raise PortTakenError when something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise PortTakenError(f"Port {port} is taken by another program: stop it, or use another with PORT=...") from None


def run_module(module: str, environment: dict[str, str], log: Path) -> None:
    """Run a Python module to its end, its output in `log`. Raises ProcessDiedError, naming the log, when it fails."""
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", module],
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise ProcessDiedError(f"{module} failed: see {log}")


class Processes:
    """The running processes of one state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, environment: dict[str, str]) -> None:
        """Start all four; each logs to its own file."""
        for name, arguments in COMPONENTS.items():
            with (self._state.logs / f"{name}.log").open("wb") as output:
                self._running[name] = subprocess.Popen(
                    [sys.executable, "-m", "airflow", *arguments],
                    env={**os.environ, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._remember()

    def require_alive(self) -> None:
        """Raise ProcessDiedError, naming process and log, when one has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ProcessDiedError(f"airflow {name} ended with {process.returncode}: see {self._state.logs / name}.log")

    def stop(self) -> None:
        """Ask all to end, wait, and kill what is left of their sessions."""
        trees = {name: _tree(process.pid) for name, process in self._running.items()}
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for tree in trees.values():
            _kill(tree)
        self._running.clear()
        self._state.processes.unlink(missing_ok=True)

    def _remember(self) -> None:
        entries = [
            {"pid": process.pid, "created": psutil.Process(process.pid).create_time()} for process in self._running.values()
        ]
        self._state.processes.write_text(json.dumps(entries), encoding="utf-8")


def stop_left_over(state: State) -> int:
    """End processes that an earlier run of this state left when it was killed; returns how many there were."""
    if not state.processes.exists():
        return 0
    trees = []
    for entry in json.loads(state.processes.read_text(encoding="utf-8")):
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(entry["pid"]).create_time() == entry["created"]:
                trees.append(_tree(entry["pid"]))
    for tree in trees:
        for process in tree[:1]:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(tree[:1], timeout=STOP_SECONDS)
        _kill(tree)
    state.processes.unlink()
    return len(trees)


def _tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


@contextmanager
def airflow_processes(state: State, environment: dict[str, str]) -> Iterator[Processes]:
    """The four processes, stopped at the end."""
    processes = Processes(state)
    try:
        processes.start(environment)
        yield processes
    finally:
        processes.stop()
