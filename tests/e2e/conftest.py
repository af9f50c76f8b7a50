"""The product as a newcomer starts it: `python -m runtime.run` in a state folder of its own, the real Airflow on a free port."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from future_skills.config import SQL_FOLDER
from future_skills.database import connect
from runtime.postgres import embedded_server

ROOT = SQL_FOLDER.parents[1]
RUN_SECONDS = 900


@dataclass(frozen=True)
class Finished:
    """A run's exit code and everything it printed."""

    code: int
    text: str

    @property
    def outcome(self) -> int:
        """The number on the last line."""
        return int(re.fullmatch(r"outcome: (\d)", self.text.strip().splitlines()[-1])[1])


class Installation:
    """One state folder and one port, over several runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def _environment(self, environment) -> dict:
        own = {"PYTHONPATH": str(ROOT / "include"), "STATE_DIR": str(self.folder), "PORT": str(self.port)}
        return {**os.environ, **own, **environment}

    def experiment(self, **environment) -> Finished:
        """A whole `make experiment`, while a run serves."""
        done = subprocess.run(
            [sys.executable, "-m", "runtime.experiment"],
            cwd=ROOT,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=RUN_SECONDS,
        )
        return Finished(done.returncode, done.stdout)

    def start(self, *arguments, **environment) -> subprocess.Popen:
        """Begin a run."""
        return subprocess.Popen(
            [sys.executable, "-m", "runtime.run", *arguments],
            cwd=ROOT,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run_once(self, **environment) -> Finished:
        """A whole `make run-once`."""
        process = self.start("--once", **environment)
        try:
            text, _ = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            text, _ = process.communicate(timeout=120)
        sys.stdout.write(text)
        return Finished(process.returncode, text)

    @contextmanager
    def database(self, company="demo"):
        """A connection to the embedded HR database, while no run works with it."""
        with embedded_server(self.folder / company / "postgres") as databases, closing(connect(databases["hr"])) as connection:
            yield connection


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """An empty state folder, not below pytest's own: the embedded server runs as another user when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="future-skills-e2e-"))
    yield Installation(folder)
    shutil.rmtree(folder, ignore_errors=True)
