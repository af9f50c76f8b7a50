"""Every task killed before and after each thing that outlasts it, and run again: the end is that of an undisturbed run.

docs/crashes.md lists the points; these tests find them anew, and fail when the list is not what they found.
"""

import re
from contextlib import closing
from dataclasses import replace

import pytest

from future_skills.config import SQL_FOLDER
from future_skills.database import connect
from support.crash_course import Course
from support.crash_steps import STEPS
from support.crashing import run
from support.ends import End
from support.mailbox import Inbox, serving
from support.outbox import later

LIST = SQL_FOLDER.parents[1] / "docs" / "crashes.md"
QUICK = ("publish",)


@pytest.fixture(scope="module")
def course(hr_template, tmp_path_factory):
    with serving(Inbox()) as box:
        yield Course(hr_template, "hr_template", tmp_path_factory.mktemp("crashes"), box)


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


def contents(end: End) -> dict[str, set[str]]:
    """What the files hold, by name: before any dataset is registered, the folder of a killed export is no orphan yet."""
    return {name: set(digests) for name, digests in end.files.items()}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("step", [step if step in QUICK else pytest.param(step, marks=pytest.mark.slow) for step in STEPS])
def test_a_task_killed_at_any_point_ends_as_if_it_had_not_been(course, step):
    found, undisturbed = course.undisturbed(step)
    assert in_words(found) == listed(step), f"docs/crashes.md: | {step} | {', '.join(in_words(found))} |"
    for at, name in enumerate(found, 1):
        for before in (True, False):
            where = f"{step}, {'before' if before else 'after'} {name} ({at} of {len(found)})"
            database = course.before(step)
            job = course.job(step, database)
            course.box.mails.clear()
            assert run(replace(job, at=at, before=before)) == -9, where
            if "mail" in found:  # whoever claimed a mail and died keeps it for a while: the watch comes later
                with closing(connect(job.dsn)) as connection:
                    later(connection)
            assert run(job) == 0, where
            end = course.left_by(database, step)
            for table in undisturbed.rows:
                assert end.rows[table] == undisturbed.rows[table], (where, table)
            assert contents(end) == contents(undisturbed), where
            assert end.rows.keys() == undisturbed.rows.keys(), where
            assert len({str(message["Message-ID"]) for _, message in course.box.mails}) == found.count("mail"), where
            course.drop(database)
