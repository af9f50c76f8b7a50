"""Who is killed, and when: drawn from a seed, so that the same seed kills the same things at the same tasks."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psutil

from future_skills.database import connect, fetch_value
from runtime.processes import COMPONENTS
from soak.installation import Installation

PER_WEEK = 3
"""With two retries, a task whose every try was hit would fail its run; three kills at different tasks do not do that."""
DECK = {"task": 14, "worker": 2, "scheduler": 4, "api-server": 3, "dag-processor": 2, "triggerer": 2, "backend": 2, "postgres": 1}
"""Of thirty kills, how many of each: a task's own process, the worker that watches over it, a part of Airflow with whatever it
started, a server process of PostgreSQL that works for a task, and the whole server."""
LONGEST_DELAY = 1.5
"""Seconds after the start of the task at which it happens; a quick task takes about two."""
WEEKLY = (
    *("retraining.export", "retraining.validate", "retraining.train", "retraining.evaluate", "retraining.gate"),
    *("prediction.plan", "prediction.score", "prediction.audit", "prediction.publish", "prediction.digest"),
    *("drift.report", "drift.decide", "drift.realise"),
)
PROMOTING = (
    *("retraining.register_candidate", "promotion.open_request", "promotion.record_decision", "deployment.verify"),
    *("deployment.smoke_test", "deployment.promote"),
)
"""Tasks of a week in which a model is promoted; the first one is."""
BACKEND = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'future_skills'"
    " AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY backend_start DESC LIMIT 1"
)


@dataclass
class Kill:
    """One kill: of whom, at which task, and how many seconds after its start; afterwards, what became of it."""

    victim: str
    at: str
    delay: float
    outcome: str = ""
    begun: dict[Any, float] = field(default_factory=dict)


def draw(seed: int, weeks: int) -> list[list[Kill]]:
    """The kills of each week."""
    random = Random(seed)
    deck: list[str] = []
    while len(deck) < weeks * PER_WEEK:
        cards = [victim for victim, count in DECK.items() for _ in range(count)]
        random.shuffle(cards)
        deck += cards
    drawn = []
    for week in range(weeks):
        tasks = random.sample((*WEEKLY, *PROMOTING) if week == 0 else WEEKLY, PER_WEEK)
        victims = deck[week * PER_WEEK : (week + 1) * PER_WEEK]
        drawn.append([Kill(victim, at, random.uniform(0, LONGEST_DELAY)) for victim, at in zip(victims, tasks, strict=True)])
    return drawn


def strike(kills: list[Kill], running: dict[tuple[Any, ...], int | None], installation: Installation) -> None:
    """Carry out the kills that are due. `running` has the process of each running try of a task, by its place."""
    now = time.monotonic()
    for kill in kills:
        if kill.outcome:
            continue
        for place, pid in running.items():
            if ".".join(place[:2]) == f"future_skills_{kill.at}" and pid is not None:
                begun = kill.begun.setdefault(place, now)
                if now - begun >= kill.delay and ACTS[kill.victim](installation, pid):
                    kill.outcome = f"{now - begun:.1f} s after {kill.at} began (try {place[-1]})"
                    print(f"    killed: {kill.victim}, {kill.outcome}", flush=True)
                    return  # what runs now has to be looked at anew


def _task(installation: Installation, pid: int) -> bool:
    return _kill_of_scheduler(installation, pid)


def _worker(installation: Installation, pid: int) -> bool:
    try:
        parent = psutil.Process(pid).ppid()
    except psutil.NoSuchProcess:
        return False
    return parent != installation.processes.pid("scheduler") and _kill_of_scheduler(installation, parent)


def _kill_of_scheduler(installation: Installation, pid: int) -> bool:
    """Kill a process that the scheduler started; False when it has ended, whoever has its number now."""
    if not installation.started("scheduler", pid):
        return False
    os.kill(pid, signal.SIGKILL)
    return True


def _backend(installation: Installation, _pid: int) -> bool:
    with closing(connect(installation.dsns["hr"])) as connection:
        backend = fetch_value(connection, BACKEND)
    if backend is not None:
        os.kill(backend, signal.SIGKILL)
    return backend is not None


def _postgres(installation: Installation, _pid: int) -> bool:
    installation.kill_postgres()
    return True


def _component(name: str) -> Callable[[Installation, int], bool]:
    def act(installation: Installation, _pid: int) -> bool:
        installation.kill_component(name)
        return True

    return act


ACTS: dict[str, Callable[[Installation, int], bool]] = {
    "task": _task,
    "worker": _worker,
    "backend": _backend,
    "postgres": _postgres,
    **{name: _component(name) for name in COMPONENTS},
}
