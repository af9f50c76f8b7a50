"""The product as a newcomer starts it: `python -m runtime.run` in a state folder of its own, the real Airflow on a free port."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from future_skills.config import SQL_FOLDER
from future_skills.database import connect
from runtime.postgres import embedded_server
from runtime.state import State
from support.mailbox import free_port

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
        self.port = free_port()

    def _environment(self, environment) -> dict:
        own = {"PYTHONPATH": str(ROOT / "include"), "STATE_DIR": str(self.folder), "PORT": str(self.port)}
        return {**os.environ, **own, **environment}

    def command(self, name, **environment) -> Finished:
        """A whole `make <name>`, while a run serves."""
        done = subprocess.run(
            [sys.executable, "-m", "runtime.commands", name],
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

    @contextmanager
    def serving(self, **environment) -> Iterator[str]:
        """A run that has ended its chain and keeps serving; yields what it told, and stops it at the end."""
        process = self.start(**environment)
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl-C stops everything" in line:
                    break
            else:
                pytest.fail("Airflow does not serve:\n" + "".join(lines))
            yield "".join(lines)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)

    @property
    def address(self) -> str:
        """Where Airflow answers."""
        return f"http://127.0.0.1:{self.port}"

    def password(self, user: str, company="demo") -> str:
        """The generated password of a demo user."""
        return State(self.folder / company).secrets().passwords[user]

    def client(self, user: str | None) -> httpx.Client:
        """Airflow's REST API as a demo user, signed in by token; as nobody for None."""
        client = httpx.Client(base_url=self.address, timeout=60)
        if user:
            login = {"username": user, "password": self.password(user)}
            token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
        return client

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
