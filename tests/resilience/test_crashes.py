"""Every task killed before and after each thing that outlasts it, and run again: the end is that of an undisturbed run.

docs/crashes.md lists the points; these tests find them anew, and fail when the list is not what they found.
"""

import hashlib
import json
import re
import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from future_skills.alerts.retention import sweep
from future_skills.config import SQL_FOLDER
from future_skills.database import connect, execute, fetch_rows, fetch_value
from future_skills.prediction.staging import sweep_stages
from future_skills.store.artifacts import Store
from support.crash_steps import STEPS
from support.crashing import Job, effects, run
from support.mailbox import Inbox, serving

LIST = SQL_FOLDER.parents[1] / "docs" / "crashes.md"
QUICK = ("publish",)
RESULTS = ("futureskillprediction", "predictionrun", "trainingrun")
HR = ("jobrole", "skill", "markettrend", "economicreport", "employee", "employee_skills", "hrinvestmentrecommendation")
NUMBERED = {"id", "number", "evaluation_id", "event_id", "deployment_id", "report_id", "prediction_run_id", "experiment_id"}
GIVEN = {"job_role_id", "skill_id", "employee_id"}
"""Numbers of a sequence, which a transaction that is taken back uses up; GIVEN are those that only `load` gives."""
LEFT_OUT = {"attempts", "message_id", "text_part", "html_part", "pictures", "metrics", "training_duration_seconds"}
"""Columns that count the tries, carry times in words, or were measured with a clock."""
TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d(:?\d\d)?|Z)?")


class Course:
    """A company before each step of its first week: a database to copy, and a store to put back."""

    def __init__(self, server: str, template: str, folder: Path, mail_port: int) -> None:
        self.server, self.folder, self.mail_port = server, folder, mail_port
        self.store, self._made = folder / "store", 0
        self._ready: dict[str, str] = {}
        self._on_server("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        self._database = self._copy(template)
        with closing(connect(self.dsn(self._database))) as connection:
            execute(connection, "DROP SCHEMA future_skills_ops CASCADE")
            connection.commit()
        self.store.mkdir()

    def _on_server(self, *statements: str) -> None:
        with closing(psycopg2.connect(self.server)) as connection:
            connection.autocommit = True
            for statement in statements:
                execute(connection, statement)

    def _copy(self, template: str) -> str:
        self._made += 1
        name = f"crash_{self._made}"
        self._on_server(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def dsn(self, database: str) -> str:
        return make_dsn(self.server, dbname=database)

    def before(self, step: str) -> str:
        """A fresh copy of the company as it is before a step; the store is put back with it. Returns the database's name."""
        for name in STEPS:
            if name not in self._ready:
                self._ready[name] = self._copy(self._database)
                shutil.copytree(self.store, self.folder / name, dirs_exist_ok=True)
            if name == step:
                break
            following = next(iter(list(STEPS)[list(STEPS).index(name) + 1 :]), None)
            if following not in self._ready:
                self._put_back(name)
                assert run(self.job(name, self._database)) == 0, name
        self._put_back(step)
        return self._copy(self._ready[step])

    def _put_back(self, step: str) -> None:
        shutil.rmtree(self.store)
        shutil.copytree(self.folder / step, self.store)

    def job(self, step: str, database: str) -> Job:
        return Job(step, self.dsn(database), str(self.store), self.mail_port, self.folder / "effects.txt")

    def drop(self, database: str) -> None:
        self._on_server(f"DROP DATABASE {database} WITH (FORCE)")


@dataclass(frozen=True)
class End:
    """What a step left: rows by table, files by name, without what tells one run from the next."""

    rows: dict[str, list[str]]
    files: dict[str, str]


@pytest.fixture(scope="module")
def course(hr_template):
    """Not below pytest's own folder: the embedded server runs as another user when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="future-skills-crashes-"))
    with serving(Inbox()) as box:
        made = Course(hr_template, "hr_template", folder, box.port)
        made.box = box
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def alike(text: str) -> str:
    """Text without the times, ids and counters that differ from run to run."""
    text = re.sub(r"\d{8}T\d{9}Z-[0-9a-f]{8}", "DATASET", text)
    return re.sub(
        r"(?<=evaluation-)\d+|(?<=request-)\d+|(?<=experiments/)\d+",
        "N",
        re.sub(r"\bv\d+|(?<=_v)\d+", "vN", TIMES.sub("TIME", text)),
    )


def row_alike(row: dict, left_out: set[str]) -> str:
    kept = {name: value for name, value in row.items() if name not in left_out and not isinstance(value, datetime)}
    text = alike(json.dumps(kept, default=str, sort_keys=True))
    text = re.sub(r'"hmac": "\w+"', '"hmac": ""', text)  # it binds the file's name, and that has the number
    return re.sub(r'"(\w*second\w*|report_id|evaluation_id)": [\d.e-]+', r'"\1": 0', text)


def end_of(course: Course, database: str, step: str) -> End:
    """Look at everything, after what the watch DAG sweeps a day later, and at nothing being left behind."""
    store = Store.open(str(course.store))
    with closing(connect(course.dsn(database))) as connection:
        deadline = time.monotonic() + 10
        others = (  # the server's own vacuum comes when it likes
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        while fetch_value(connection, others) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert fetch_value(connection, others) == 0, "a connection was left behind"
        connection.commit()
        tables = [f"public.future_skills_{name}" for name in (*HR, *RESULTS)]
        if fetch_value(connection, "SELECT to_regclass('future_skills_ops.outbox') IS NOT NULL"):
            sweep_stages(connection)
            sweep(connection, store, datetime.now(UTC) + timedelta(hours=25))
        listed = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('future_skills_ops') AND relkind = 'r'"
        tables += [f"future_skills_ops.{row['relname']}" for row in fetch_rows(connection, listed)]
        left_out = NUMBERED | LEFT_OUT | (GIVEN if step == "load" else set())
        rows = {
            name: sorted(row_alike(row, left_out) for row in fetch_rows(connection, f"SELECT * FROM {name}")) for name in tables
        }
    files = {}
    for path in sorted(path for path in course.store.rglob("*") if path.is_file()):
        assert ".draft" not in path.name
        content = path.read_bytes() if path.suffix in {".csv", ".pkl", ".env", ".jsonl"} else b""
        content = alike(content.decode()).encode() if path.suffix == ".env" else content
        files[alike(str(path.relative_to(course.store)))] = hashlib.sha256(content).hexdigest()
    return End(rows, files)


def listed(step: str) -> list[str]:
    """The effects of a step as docs/crashes.md has them."""
    found = re.search(rf"^\| {re.escape(step)} \| (.*?) \|", LIST.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].split(", ") if found and found[1] != "nothing" else []


def in_words(names: list[str]) -> list[str]:
    """Effects one after the other, equal neighbours counted."""
    words: list[str] = []
    for name in names:
        last, times = words[-1].rsplit(" x ", 1) if words and " x " in words[-1] else (words[-1] if words else None, "1")
        if last == name:
            words[-1] = f"{name} x {int(times) + 1}"
        else:
            words.append(name)
    return words


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("step", [step if step in QUICK else pytest.param(step, marks=pytest.mark.slow) for step in STEPS])
def test_a_task_killed_at_any_point_ends_as_if_it_had_not_been(course, step):
    database = course.before(step)
    job = course.job(step, database)
    assert run(job) == 0
    found = effects(job)
    undisturbed = end_of(course, database, step)
    course.drop(database)
    assert in_words(found) == listed(step), f"docs/crashes.md: | {step} | {', '.join(in_words(found))} |"
    for at, name in enumerate(found, 1):
        for before in (True, False):
            where = f"{step}, {'before' if before else 'after'} {name} ({at} of {len(found)})"
            database = course.before(step)
            job = course.job(step, database)
            course.box.mails.clear()
            assert run(replace(job, at=at, before=before)) == -9, where
            if step == "digest":  # whoever claimed a mail and died keeps it for a while: the watch comes later
                with closing(connect(job.dsn)) as connection:
                    execute(connection, "UPDATE future_skills_ops.outbox SET next_attempt_at = now() WHERE sent_at IS NULL")
                    connection.commit()
            assert run(job) == 0, where
            end = end_of(course, database, step)
            for table in undisturbed.rows:
                assert end.rows[table] == undisturbed.rows[table], (where, table)
            assert end.files == undisturbed.files, where
            assert end.rows.keys() == undisturbed.rows.keys(), where
            if step == "digest":
                assert len({str(message["Message-ID"]) for _, message in course.box.mails}) == 2, where
            course.drop(database)
