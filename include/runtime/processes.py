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
        self._begun: dict[str, dict[str, float]] = {}

    def start(self, environment: dict[str, str]) -> None:
        """Start all four; each logs to its own file, which begins anew."""
        for name in COMPONENTS:
            self._log(name).unlink(missing_ok=True)
            self.start_one(name, environment)

    def start_one(self, name: str, environment: dict[str, str]) -> None:
        """Start one of the COMPONENTS, whose earlier process, if any, has ended; what that one left running is killed."""
        if name in self._running:
            self._running[name].wait()
            _kill(_orphans(self._running[name].pid))
        with self._log(name).open("ab") as output:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *COMPONENTS[name]],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pid = self._running[name].pid
        self._begun[name] = {"pid": pid, "created": psutil.Process(pid).create_time()}
        self._state.processes.write_text(json.dumps(list(self._begun.values())), encoding="utf-8")

    def _log(self, name: str) -> Path:
        return self._state.logs / f"{name}.log"

    def pid(self, name: str) -> int:
        """The process, and session, of a component that was started."""
        return self._running[name].pid

    def ended(self) -> dict[str, int]:
        """The exit codes of components that have ended, by name."""
        codes = {name: process.poll() for name, process in self._running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def require_alive(self) -> None:
        """Raise ProcessDiedError, naming process and log, when one has ended."""
        for name, code in self.ended().items():
            raise ProcessDiedError(f"airflow {name} ended with {code}: see {self._log(name)}")

    def stop(self) -> None:
        """Ask all to end, wait, and kill what is left of their sessions, also of those that ended by themselves."""
        families = [
            _family(process.pid) if process.poll() is None else _orphans(process.pid) for process in self._running.values()
        ]
        for process in self._running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for family, process in zip(families, self._running.values(), strict=True):
            _kill([*family, *_session(process.pid)])
        self._running.clear()
        self._begun.clear()
        self._state.processes.unlink(missing_ok=True)


def stop_left_over(state: State) -> int:
    """End processes that an earlier run of this state left when it was killed; returns how many there were."""
    if not state.processes.exists():
        return 0
    entries = json.loads(state.processes.read_text(encoding="utf-8"))
    families = [family for family in (_left_over(entry["pid"], entry["created"]) for entry in entries) if family]
    for family in families:
        for process in family[:1]:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        psutil.wait_procs(family[:1], timeout=STOP_SECONDS)
        _kill(family)
    state.processes.unlink()
    return len(families)


def _left_over(pid: int, created: float) -> list[psutil.Process]:
    """What is left of a process that was started then: nothing when its number is a stranger's by now."""
    with suppress(psutil.NoSuchProcess):
        return _family(pid) if psutil.Process(pid).create_time() == created else []
    return _orphans(pid) if created > psutil.boot_time() else []


def _family(pid: int) -> list[psutil.Process]:
    """A process that runs, its descendants, and whoever else is in the session that it began."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        members = {one.pid: one for one in (parent, *parent.children(recursive=True), *_session(pid))}
        return list(members.values())
    return _orphans(pid)


def _orphans(leader: int) -> list[psutil.Process]:
    """What a session leader left running when it was killed. Its number is given to nobody else while they live."""
    return [] if psutil.pid_exists(leader) else _session(leader)


def _session(leader: int) -> list[psutil.Process]:
    """The processes in the session that `leader` began, itself dead or alive."""
    members = []
    for process in psutil.process_iter():
        with suppress(OSError):  # it has ended meanwhile
            if os.getsid(process.pid) == leader:
                members.append(process)
    return members


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
