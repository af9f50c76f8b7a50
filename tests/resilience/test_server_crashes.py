"""The PostgreSQL server crashes in the middle of each task; once it is back, the task is run again and ends as it would have."""

from contextlib import closing
from dataclasses import replace

import pytest

from future_skills.database import connect
from support.crash_course import Course
from support.crash_steps import STEPS
from support.crashing import run
from support.mailbox import Inbox, serving
from support.outbox import later
from support.server import checkpointer, own_server, wait_until_recovered

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
STAGED = ("score, another shard", "audit", "publish")
"""What they need is staged in a table that no crash spares, in no copy of the company either: see test_faults.py."""
ALONE = [step for step in STEPS if step not in {"score", *STAGED}] + ["score"]
"""In an order in which no crash comes between the scoring and the publication that later steps are built on."""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    with own_server() as dsn, serving(Inbox()) as box:
        yield Course(dsn, "postgres", tmp_path_factory.mktemp("server"), box)


@pytest.mark.parametrize("step", ALONE)
def test_a_server_that_crashes_in_the_middle_of_a_task_costs_a_retry_and_nothing_else(course, step):
    found, undisturbed = course.undisturbed(step)
    commits = [at for at, name in enumerate(found, 1) if name == "commit"]
    for at in sorted({*commits[:1], *commits[-1:]}):
        where = f"{step}, before commit {at} of {len(found)}"
        database = course.before(step)
        job, before = course.job(step, database), checkpointer(course.server)
        course.box.mails.clear()
        assert run(replace(job, at=at, server=True)) == 1, where
        wait_until_recovered(course.server, before)
        if "mail" in found:
            with closing(connect(job.dsn)) as connection:
                later(connection)
        assert run(course.job(step, database)) == 0, where
        end = course.left_by(database, step)
        for table in undisturbed.rows:
            assert end.rows[table] == undisturbed.rows[table], (where, table)
        assert end.files == undisturbed.files, where
        assert end.rows.keys() == undisturbed.rows.keys(), where
        assert len({str(message["Message-ID"]) for _, message in course.box.mails}) == found.count("mail"), where
        course.drop(database)
