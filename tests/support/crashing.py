"""Runs a step in a process of its own, which kills itself (SIGKILL) before or after the n-th thing that outlasts it.

What outlasts a process: a commit that wrote something, a file that got its final name or was removed, a mail that was handed
over. The hooks are put into the child alone; the product knows nothing of them.
"""

import multiprocessing
import os
import re
import signal
import smtplib
import sys
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from unittest.mock import patch

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_INTRANS
from psycopg2.extensions import connection as Connection

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["support.crash_steps"])  # imported once, in a process that has never computed anything
SECONDS = 120


@dataclass(frozen=True)
class Job:
    """A step on a company, and where to die: at the `at`-th effect (None: nowhere), before or after it.

    With `server` it is not the process that dies but the PostgreSQL server.
    """

    step: str
    dsn: str
    store: str
    mail_port: int
    log: Path
    at: int | None = None
    before: bool = True
    server: bool = False


def run(job: Job) -> int:
    """Run the job to its end; returns the exit code, -9 for one that was killed."""
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)):  # what it imports from
        forkserver.ensure_running()
    process = CONTEXT.Process(target=_work, args=(job,))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        raise TimeoutError(f"{job.step} did not end in {SECONDS} seconds")
    return process.exitcode


def effects(job: Job) -> list[str]:
    """The names of the effects that the job had, in their order."""
    return job.log.read_text(encoding="utf-8").splitlines() if job.log.exists() else []


def _work(job: Job) -> None:
    from future_skills.config import Settings
    from future_skills.database import connect
    from future_skills.store.artifacts import Store
    from future_skills.store.signing import SigningKeys
    from support.crash_steps import STEPS
    from support.pipeline import Workbench
    from support.prepared import QUICK

    mail = {
        "port": job.mail_port,
        "timeout": 5,
        "drh_managers": ["drh@example.com", "drh2@example.com"],
        "data_scientists": ["scientist@example.com"],
        "devops": ["devops@example.com"],
    }
    settings = Settings(store_uri=job.store, mail=mail, **{**QUICK, "prediction": {"shards": 2, "smallest_shard": 1}})
    store = Store.open(settings.store_uri)
    job.log.unlink(missing_ok=True)
    _install(job)
    with closing(connect(job.dsn)) as connection:
        STEPS[job.step](Workbench(connection, store, SigningKeys.of(settings), settings))


def _install(job: Job) -> None:
    """Watch everything that outlasts this process."""
    count, connections = 0, []

    def strike():
        victim = connections[-1].info.backend_pid if job.server else os.getpid()  # without one of its own the server begins anew
        os.kill(victim, signal.SIGKILL)

    def watched(name, act, *arguments, **named):
        nonlocal count
        count += 1
        with job.log.open("a", encoding="utf-8") as log:
            log.write(f"{name}\n")
        if count == job.at and job.before:
            strike()
        result = act(*arguments, **named)
        if count == job.at and not job.before:
            strike()
        return result

    class WatchedConnection(Connection):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            connections.append(self)

        def commit(self):
            if self.info.transaction_status == TRANSACTION_STATUS_INTRANS:
                with self.cursor() as cursor:
                    cursor.execute("SELECT pg_current_xact_id_if_assigned()")
                    if cursor.fetchone()[0] is not None:
                        return watched("commit", super().commit)
            return super().commit()

    connect, rename, unlink, sendmail = psycopg2.connect, os.rename, os.unlink, smtplib.SMTP.sendmail
    psycopg2.connect = lambda *arguments, **named: connect(*arguments, connection_factory=WatchedConnection, **named)
    os.rename = lambda source, target, **named: watched(f"file {_kind(target)}", rename, source, target, **named)
    os.unlink = lambda path, **named: (
        unlink(path, **named) if ".probe-" in str(path) or ".draft" in str(path) else watched("removal", unlink, path, **named)
    )
    smtplib.SMTP.sendmail = lambda *arguments, **named: watched("mail", sendmail, *arguments, **named)


def _kind(path) -> str:
    """The name of a file without what differs from run to run."""
    return re.sub(r"(?<=_v)\d+", "N", re.sub(r"(?<=fold-)\d+|(?<=sample-)\d+|(?<=evaluation-)\d+", "N", Path(path).name))
