"""What whoever writes a mail relies on: it arrives once, or there is a reason to be read."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import support.airflow_home  # noqa: F401 - before Airflow is imported
from future_skills.alerts.direct import send_once_directly
from future_skills.alerts.outbox import GivenUp, SendSummary, send_directly, send_outbox
from future_skills.config import MailSettings
from future_skills.database import connect, execute, fetch_value
from support.mailbox import LOOPBACK, Answering, HangingUpOn, serving
from support.outbox import aged, later, mail, queued, rows


def settings_of(handler, **fields) -> MailSettings:
    return MailSettings(host=LOOPBACK, port=handler.port, timeout=5, **fields)


def test_a_mail_is_queued_and_sent_once(hr, inbox, server):
    assert queued(hr, mail(1), mail(2), mail(1)) == 2
    assert queued(hr, mail(1, subject="Another subject")) == 0
    assert send_outbox(hr, server) == SendSummary(2, 0)
    assert send_outbox(hr, server) == SendSummary(0, 0)
    assert queued(hr, mail(1)) == 0
    assert inbox.connections == 1
    recipients, received = inbox.mails[0]
    assert recipients == [received["To"]] == ["person1@example.com"]
    assert received["Message-ID"] == mail(1).message_id
    assert received["Message-ID"].endswith("@company.example>")


def test_a_mail_belongs_to_the_transaction_of_its_cause(hr, inbox, server):
    from future_skills.alerts.outbox import enqueue

    enqueue(hr, [mail()])
    hr.rollback()
    assert send_outbox(hr, server) == SendSummary(0, 0)


def test_no_transaction_is_open_while_a_mail_is_sent(hr, hr_dsn):
    seen = []

    class Looking(Answering):
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
            other = connect(hr_dsn)
            seen.append(fetch_value(other, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"))
            other.close()
            return await super().handle_DATA(server, session, envelope)

    queued(hr, mail())
    with serving(Looking("")) as handler:
        assert send_outbox(hr, settings_of(handler)).sent == 1
    assert seen == [0]


def test_pauses_grow_from_ten_minutes_to_four_hours(hr, down):
    queued(hr, mail())
    pauses = []
    for _ in range(8):
        assert send_outbox(hr, down).failed == 1
        assert send_outbox(hr, down) == SendSummary(0, 0), "it waits"
        with hr:
            pause = fetch_value(hr, "SELECT next_attempt_at - clock_timestamp() FROM future_skills_ops.outbox")
        pauses.append(round(pause / timedelta(minutes=1)))
        later(hr, 4)
    assert pauses == [10, 20, 40, 80, 160, 240, 240, 240]
    assert rows(hr)[0]["attempts"] == 8


def test_a_mail_server_that_is_down_costs_nothing_but_time(hr, server, down):
    queued(hr, mail(1), mail(2))
    assert send_outbox(hr, down) == SendSummary(0, 2)
    assert [(row["attempts"], row["sent_at"]) for row in rows(hr)] == [(1, None)] * 2
    assert "refused" in rows(hr)[0]["last_error"]
    later(hr)
    assert send_outbox(hr, server) == SendSummary(2, 0)
    assert [row["last_error"] for row in rows(hr)] == [None, None]
    assert all(row["sent_at"] for row in rows(hr))


def test_a_refused_recipient_is_given_up_with_the_reason_and_does_not_hold_up_the_others(hr, inbox, server):
    queued(hr, mail(1, recipient="nobody@example.com"), mail(2), mail(3))
    refused = GivenUp("drift", "dataset 1", "nobody@example.com", "Subject 1", "550 no such person")
    assert send_outbox(hr, server) == SendSummary(2, 0, (refused,))
    later(hr, 1_000)
    assert send_outbox(hr, server) == SendSummary()
    kept = rows(hr)[0]
    assert (kept["sent_at"], kept["last_error"]) == (None, "550 no such person")
    assert kept["given_up_at"] is not None
    assert inbox.connections == 1


def test_a_recipient_refused_for_now_gets_the_mail_later(hr):
    queued(hr, mail())
    with serving(Answering("RCPT", "451 greylisted", "452 mailbox full")) as handler:
        for reason in ("451 greylisted", "452 mailbox full"):
            assert send_outbox(hr, settings_of(handler)) == SendSummary(0, 1)
            assert rows(hr)[0]["last_error"] == reason
            later(hr)
        assert send_outbox(hr, settings_of(handler)) == SendSummary(1, 0)
    assert rows(hr)[0]["attempts"] == 3


def test_a_message_refused_for_good_is_given_up(hr):
    queued(hr, mail(1), mail(2))
    with serving(Answering("DATA", "554 we take no mails about drift")) as handler:
        summary = send_outbox(hr, settings_of(handler))
    assert (summary.sent, summary.failed) == (1, 0)
    assert summary.given_up[0].reason == "554 we take no mails about drift"


def test_a_server_that_closes_its_doors_is_asked_again_for_all(hr):
    queued(hr, mail(1), mail(2), mail(3))
    with serving(Answering("RCPT", "421 shutting down")) as handler:
        assert send_outbox(hr, settings_of(handler)) == SendSummary(0, 1)
        later(hr)
        assert send_outbox(hr, settings_of(handler)) == SendSummary(3, 0)


def test_a_mail_nobody_took_for_two_weeks_is_given_up(hr, down):
    queued(hr, mail())
    aged(hr, 24 * 14 - 1)
    assert send_outbox(hr, down).failed == 1
    aged(hr, 2)
    (given_up,) = send_outbox(hr, down).given_up
    assert "refused" in given_up.reason


def test_a_mail_that_breaks_the_line_comes_last_the_next_time(hr):
    queued(hr, mail(1, text="hang up"), mail(2))
    with serving(HangingUpOn(b"hang up")) as handler:
        assert send_outbox(hr, settings_of(handler)) == SendSummary(0, 1)
        later(hr)
        assert send_outbox(hr, settings_of(handler)) == SendSummary(1, 1)
    assert [row["recipient"] for row in rows(hr) if row["sent_at"]] == ["person2@example.com"]


def test_those_tried_least_come_first(hr, inbox, server, down):
    queued(hr, mail(1))
    send_outbox(hr, down)
    later(hr)
    queued(hr, mail(2))
    assert send_outbox(hr, server, limit=1) == SendSummary(1, 0)
    assert inbox.mails[0][0] == ["person2@example.com"]


def test_a_sender_that_dies_leaves_its_mail_to_the_next(hr, inbox, server):
    from future_skills.alerts.outbox import _claim

    queued(hr, mail())
    _claim(hr, server)
    assert send_outbox(hr, server) == SendSummary(), "it may still be at work"
    later(hr, 1)
    assert send_outbox(hr, server) == SendSummary(1, 0)


def test_two_senders_at_once_send_each_mail_once(hr, hr_dsn, inbox, server):
    queued(hr, *(mail(number) for number in range(40)))
    start = threading.Barrier(3)

    def send(_):
        connection = connect(hr_dsn)
        start.wait()
        summary = send_outbox(connection, server)
        connection.close()
        return summary

    with ThreadPoolExecutor(3) as senders:
        summaries = list(senders.map(send, range(3)))
    assert sum(summary.sent for summary in summaries) == 40
    assert sum(summary.failed for summary in summaries) == 0
    assert sorted(recipients[0] for recipients, _ in inbox.mails) == sorted(mail(number).recipient for number in range(40))


def test_an_address_the_server_cannot_spell_is_given_up(hr):
    queued(hr, mail(1, recipient="zoé@example.com"), mail(2))
    with serving(Answering(""), enable_SMTPUTF8=False) as handler:
        summary = send_outbox(hr, settings_of(handler))
    assert (summary.sent, summary.failed) == (1, 0)
    assert "SMTPUTF8" in summary.given_up[0].reason


def test_without_a_database_mails_go_straight_out(inbox, server, down):
    sent = send_directly(server, [mail(1), mail(2, recipient="nobody@example.com"), mail(3)])
    assert [one.recipient for one in sent] == ["person1@example.com", "person3@example.com"]
    assert send_directly(down, [mail(1)]) == []
    assert send_directly(down, []) == []


def test_a_store_that_keeps_no_mark_does_not_double_the_mail(settings, store, inbox, server):
    """A full disk takes an empty file and refuses the folder, or the other way round."""
    store.path("mails").write_bytes(b"in the way")
    told = settings.model_copy(update={"mail": server})
    assert [one.recipient for one in send_once_directly(told, [mail(1)])] == ["person1@example.com"]
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("uri", ["floppy://a/store", "s3://bucket/prefix"])
def test_a_store_that_cannot_be_opened_here_keeps_no_mail_back(settings, inbox, server, monkeypatch, uri):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    told = settings.model_copy(update={"mail": server, "store_uri": uri})
    assert [one.recipient for one in send_once_directly(told, [mail(1)])] == ["person1@example.com"]
    assert len(inbox.mails) == 1


def test_an_older_outbox_is_sent_after_the_migration(hr, inbox, server):
    """Rows from before the columns were there have their defaults."""
    execute(
        hr,
        "INSERT INTO future_skills_ops.outbox (cause, period, recipient, subject, text_part, html_part, message_id)"
        " VALUES ('drift', 'd', 'a@example.com', 'S', 'T', 'H', '<1@x>')",
    )
    hr.commit()
    assert send_outbox(hr, server) == SendSummary(1, 0)


def test_what_became_of_the_notice_about_lost_mails_is_told_too(hr, settings, inbox, server):
    from orchestration.mails import send_waiting

    queued(hr, mail(1, recipient="nobody@example.com"), mail(2))
    told = settings.model_copy(update={"mail": server.model_copy(update={"devops": ["ops@example.com"]})})
    summary = send_waiting(hr, told)
    assert (summary.sent, [lost.recipient for lost in summary.given_up]) == (2, ["nobody@example.com"])
    assert [recipients for recipients, _ in inbox.mails] == [["person2@example.com"], ["ops@example.com"]]

    queued(hr, mail(3, recipient="nobody@example.com"))
    lost_too = settings.model_copy(update={"mail": server.model_copy(update={"devops": ["nobody@ops.example"]})})
    assert [lost.recipient for lost in send_waiting(hr, lost_too).given_up] == ["nobody@example.com", "nobody@ops.example"]
