"""What DevOps relies on when a mail server was down: to see what waits and why, and to have it tried again."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from psycopg2.extensions import make_dsn

from future_skills.alerts.outbox import SendSummary, send_outbox
from future_skills.alerts.unsent import try_again, unsent_mails
from future_skills.config import SQL_FOLDER, MailSettings
from future_skills.database import connect, execute, fetch_rows, fetch_value
from support.mailbox import LOOPBACK, Answering, serving
from support.outbox import aged, mail, queued, rows

ROOT = SQL_FOLDER.parents[1]


def refused(connection, settings, *mails):
    """Mails that the server refused for good."""
    queued(connection, *mails)
    assert len(send_outbox(connection, settings).given_up) == len(mails)


def due(connection) -> set[str]:
    """The recipients of mails that the next round would send."""
    with connection:
        found = fetch_rows(
            connection,
            "SELECT recipient FROM future_skills_ops.outbox"
            " WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()",
        )
    return {row["recipient"] for row in found}


def test_what_was_given_up_goes_out_once_the_address_is_mended(hr, inbox, server):
    refused(hr, server, mail(1, recipient="nobody@example.com"))
    assert send_outbox(hr, server) == SendSummary()
    (lost,) = unsent_mails(hr)
    assert (lost.recipient, lost.attempts, lost.last_error) == ("nobody@example.com", 1, "550 no such person")
    assert lost.given_up_at
    execute(hr, "UPDATE future_skills_ops.outbox SET recipient = 'somebody@example.com'")
    try_again(hr, server)
    assert send_outbox(hr, server) == SendSummary(1, 0)
    assert [recipients for recipients, _ in inbox.mails] == [["somebody@example.com"]]
    assert unsent_mails(hr) == []


def test_a_long_pause_ends_at_once_and_the_next_one_is_short_again(hr, inbox, server, down):
    queued(hr, mail())
    for _ in range(6):
        aged(hr, 1)
        assert send_outbox(hr, down).failed == 1
    assert send_outbox(hr, server) == SendSummary()
    try_again(hr, server)
    assert send_outbox(hr, down).failed == 1
    with hr:
        pause = fetch_value(hr, "SELECT next_attempt_at - clock_timestamp() FROM future_skills_ops.outbox")
    assert timedelta(minutes=9) < pause <= timedelta(minutes=10)
    try_again(hr, server)
    assert send_outbox(hr, server) == SendSummary(1, 0)


def test_a_mail_in_a_senders_hands_is_left_to_it(hr, hr_dsn):
    states = []

    class Retrying(Answering):
        async def handle_DATA(self, session_server, session, envelope):  # noqa: N802 - aiosmtpd's name
            other = connect(hr_dsn)
            try_again(other, settings)
            states.append(due(other))
            other.close()
            return await super().handle_DATA(session_server, session, envelope)

    queued(hr, mail())
    with serving(Retrying("")) as handler:
        settings = MailSettings(host=LOOPBACK, port=handler.port, timeout=5)
        assert send_outbox(hr, settings) == SendSummary(1, 0)
    assert states == [set()]
    assert len(handler.mails) == 1


def test_what_is_no_longer_true_stays_given_up(hr, server):
    refused(hr, server, mail(1, recipient="nobody@example.com"))
    aged(hr, 14 * 24 + 1)
    assert unsent_mails(hr) == []
    try_again(hr, server)
    assert rows(hr)[0]["given_up_at"]


def test_sent_mails_stay_sent(hr, inbox, server):
    queued(hr, mail())
    send_outbox(hr, server)
    try_again(hr, server)
    assert send_outbox(hr, server) == SendSummary()
    assert len(inbox.mails) == 1


@pytest.fixture
def command(hr):
    """`make mails` on the test's database: its exit code, and what it prints."""

    def run(**environment):
        known = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "HR_DSN": make_dsn(hr.dsn), **environment}
        done = subprocess.run(
            [sys.executable, "-m", "runtime.mails"], env=known, capture_output=True, text=True, check=False, timeout=120
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_command_tells_what_waits_and_makes_it_due(hr, server, down, command):
    assert command() == (0, "No mail waits, and none of the last 14 days was given up.\n")
    refused(hr, server, mail(1, recipient="nobody@example.com", subject="Drift in \x1b[2J\u202ea role"))
    queued(hr, mail(2))
    assert send_outbox(hr, down).failed == 1
    code, told = command()
    assert code == 0
    assert "to nobody@example.com: given up " in told
    assert "    Drift in [2J a role\n    550 no such person\n" in told
    assert "to person2@example.com: waits until " in told
    assert ", after 1 try\n    Subject 2\n    ConnectionRefusedError: " in told
    assert "1 wait, 1 of the last 14 days were given up.\nWhen the server, the address or the rule is mended: make mails" in told
    assert due(hr) == set(), "looking changes nothing"
    code, told = command(RETRY="yes")
    assert (code, "were made due: future_skills_watch sends them" in told) == (0, True)
    assert due(hr) == {"nobody@example.com", "person2@example.com"}
    assert "hunter2" not in told


def test_the_command_refuses_another_word(command):
    code, told = command(RETRY="all")
    assert code == 1
    assert told.startswith("Error: RETRY: ")


def test_the_make_target_is_the_command():
    told = subprocess.run(["make", "-n", "-o", ".venv/.installed", "mails"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "runtime.mails" in told.stdout
