"""A whole installation that serves: `python -m runtime.run` until its first chain has ended, stopped at the end."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from future_skills.config import SQL_FOLDER
from support.mailbox import free_port

ROOT = SQL_FOLDER.parents[1]
SERVING = "Ctrl-C stops everything."
START_SECONDS, STOP_SECONDS = 1_500, 120


@dataclass(frozen=True)
class Running:
    """Its address, its state folder and the passwords of its demo users."""

    url: str
    state: Path
    passwords: dict[str, str]

    @property
    def dsn(self) -> str:
        """The HR database, as its owner."""
        return f"host={self.state / 'postgres'} user=postgres dbname=hr"


def _described(state: Path, port: int) -> Running:
    passwords = json.loads((state / "secrets.json").read_text(encoding="utf-8"))["passwords"]
    return Running(f"http://127.0.0.1:{port}", state, passwords)


@contextmanager
def running() -> Iterator[Running]:
    """A run of our own; or, while tests are written, the one that RUNNING_STATE (its folder) and RUNNING_PORT name."""
    if state := os.environ.get("RUNNING_STATE"):
        yield _described(Path(state), int(os.environ["RUNNING_PORT"]))
        return
    folder, port = Path(tempfile.mkdtemp(prefix="future-skills-browser-")), free_port()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "STATE_DIR": str(folder), "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime.run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if SERVING in line:
                break
        else:
            raise AssertionError(f"the run ended before it served:\n{''.join(printed[-40:])}")
        timer.cancel()
        assert not re.search(r"A run failed|did not end within", "".join(printed))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield _described(folder / "demo", port)
    finally:
        timer.cancel()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)
