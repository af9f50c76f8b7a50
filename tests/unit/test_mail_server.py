"""Mail servers that are slow, die, or want to be spoken to in secret: no task waits long, and every mail arrives."""

import socket
import time

import pytest
from pydantic import SecretStr

from future_skills.alerts.outbox import SendSummary, send_outbox
from future_skills.config import MailSettings
from support.mailbox import (
    LOOPBACK,
    DyingAfterData,
    Inbox,
    OnlyThisLogin,
    Slow,
    certificate,
    dripping,
    free_port,
    serving,
)
from support.outbox import later, mail, queued, rows


def rounds(connection, settings, *, most: int = 10) -> list[SendSummary]:
    """Send once a day until nothing waits, as the watch does."""
    made = []
    for _ in range(most):
        made.append(send_outbox(connection, settings))
        if all(row["sent_at"] for row in rows(connection)):
            return made
        later(connection)
    raise AssertionError(f"mails wait after {most} rounds: {made}")


def test_refused_first_every_mail_arrives_later(hr):
    port = free_port()
    settings = MailSettings(host=LOOPBACK, port=port, timeout=2)
    queued(hr, *(mail(number) for number in range(3)))
    assert send_outbox(hr, settings) == SendSummary(0, 3)
    later(hr)
    handler = Inbox()
    with serving(handler) as handler:
        assert send_outbox(hr, settings.model_copy(update={"port": handler.port})) == SendSummary(3, 0)
    assert sorted(received["Message-ID"] for _, received in handler.mails) == sorted(mail(n).message_id for n in range(3))


def test_a_server_that_dies_before_it_answers_gets_the_same_message_again(hr):
    queued(hr, *(mail(number) for number in range(4)))
    with serving(DyingAfterData(times=2)) as handler:
        made = rounds(hr, MailSettings(host=LOOPBACK, port=handler.port, timeout=5))
    assert sum(summary.sent for summary in made) == 4
    assert sum(summary.failed for summary in made) == 2
    by_person = {}
    for content in handler.contents:
        recipient = next(line for line in content.splitlines() if line.startswith(b"To:"))
        by_person.setdefault(recipient, []).append(content)
    assert sorted(len(contents) for contents in by_person.values()) == [1, 1, 2, 2]
    assert len(set(handler.contents)) == 4, "a repeated message is the first one, byte for byte"
    assert {received["Message-ID"] for _, received in handler.mails} == {mail(number).message_id for number in range(4)}


def test_a_slow_server_is_left_and_asked_again(hr):
    queued(hr, mail(1), mail(2))
    with serving(Slow(seconds=3, times=1)) as handler:
        settings = MailSettings(host=LOOPBACK, port=handler.port, timeout=0.4)
        begun = time.monotonic()
        assert send_outbox(hr, settings) == SendSummary(0, 1)
        assert time.monotonic() - begun < 2.5
        assert "timed out" in next(row["last_error"] for row in rows(hr) if row["last_error"])
        made = rounds(hr, settings)
    assert sum(summary.sent for summary in made) == 2


def test_a_server_that_drips_is_left_in_time(hr):
    queued(hr, mail())
    with dripping() as port:
        settings = MailSettings(host=LOOPBACK, port=port, timeout=0.3)
        begun = time.monotonic()
        assert send_outbox(hr, settings) == SendSummary(0, 1)
        assert time.monotonic() - begun < 3
    assert rows(hr)[0]["last_error"] == "TimeoutError: The mail server was not done after 0.9 seconds."


def test_a_black_hole_is_left_after_its_timeout_and_no_password_is_kept(hr):
    with socket.create_server((LOOPBACK, 0)) as listener:
        hole = MailSettings(host=LOOPBACK, port=listener.getsockname()[1], timeout=0.3, user="u", password=SecretStr("timed out"))
        queued(hr, *(mail(number) for number in range(5)))
        assert send_outbox(hr, hole) == SendSummary(0, 5)
    assert rows(hr)[0]["last_error"] == "SMTPServerDisconnected: Connection unexpectedly closed: ***"


@pytest.fixture(params=["starttls", "tls"])
def secret_server(request, tmp_path):
    """A server that takes nothing before encryption, in either way, and a login; and the settings that lead to it."""
    context, ca_file = certificate(tmp_path)
    handler = Inbox()
    arguments = {
        "starttls": {"tls_context": context, "require_starttls": True},
        "tls": {"ssl_context": context, "auth_require_tls": False},  # aiosmtpd takes STARTTLS alone for TLS
    }[request.param]
    login = OnlyThisLogin(handler, "pipeline", "s3cret-of-mails")
    with serving(handler, **arguments, auth_required=True, auth_exclude_mechanism=["LOGIN"], authenticator=login):
        handler.settings = MailSettings(
            host=LOOPBACK,
            port=handler.port,
            timeout=5,
            security=request.param,
            ca_file=ca_file,
            user="pipeline",
            password=SecretStr("s3cret-of-mails"),
        )
        yield handler


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_login_over_tls(hr, secret_server):
    queued(hr, mail(1), mail(2))
    assert send_outbox(hr, secret_server.settings) == SendSummary(2, 0)
    assert [(encrypted, passed) for _, encrypted, passed in secret_server.logins] == [(True, True)]
    assert len(secret_server.mails) == 2


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(
    "wrong, reason",
    [
        ({"password": SecretStr("s3cret-guessed")}, "SMTPAuthenticationError: (535"),
        ({"password": SecretStr("pässword")}, "MAIL__PASSWORD cannot be used"),
        ({"ca_file": None}, "certificate verify failed"),
        ({"host": "localhost"}, "certificate is not valid for 'localhost'"),
        ({"security": "none", "timeout": 1}, "SMTP"),
        ({"ca_file": "/nowhere/ca.pem"}, "FileNotFoundError"),
    ],
)
def test_what_is_wrong_with_the_way_to_the_server_is_kept_and_the_mail_goes_out_once_mended(hr, secret_server, wrong, reason):
    queued(hr, mail())
    settings = secret_server.settings.model_copy(update=wrong)
    assert send_outbox(hr, settings) == SendSummary(0, 1)
    assert reason in rows(hr)[0]["last_error"]
    assert "s3cret" not in rows(hr)[0]["last_error"]
    assert secret_server.mails == []
    later(hr)
    assert send_outbox(hr, secret_server.settings) == SendSummary(1, 0)


@pytest.mark.parametrize("security, reason", [("starttls", "STARTTLS"), ("tls", "SSLError")])
def test_no_mail_leaves_in_the_open_when_encryption_is_wanted(hr, inbox, server, security, reason):
    queued(hr, mail())
    settings = server.model_copy(update={"security": security})
    assert send_outbox(hr, settings) == SendSummary(0, 1)
    assert reason in rows(hr)[0]["last_error"]
    assert inbox.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(
    "secret_server, wrong, reason",
    [("tls", "starttls", "timed out"), ("starttls", "tls", "SSLError")],
    indirect=["secret_server"],
)
def test_the_other_way_to_encrypt_ends_in_a_reason(hr, secret_server, wrong, reason):
    queued(hr, mail())
    settings = secret_server.settings.model_copy(update={"security": wrong, "timeout": 0.5})
    assert send_outbox(hr, settings) == SendSummary(0, 1)
    assert reason in rows(hr)[0]["last_error"]
    assert secret_server.mails == []


def test_a_black_hole_is_left_before_anything_is_encrypted(hr):
    queued(hr, mail())
    with socket.create_server((LOOPBACK, 0)) as listener:
        hole = MailSettings(host=LOOPBACK, port=listener.getsockname()[1], timeout=0.3, security="tls")
        begun = time.monotonic()
        assert send_outbox(hr, hole) == SendSummary(0, 1)
        assert time.monotonic() - begun < 3
    assert "timed out" in rows(hr)[0]["last_error"]
