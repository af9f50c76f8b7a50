"""The outbox: mails are rows first, written with what they tell about, and sent afterwards, each once."""

import contextlib
import hashlib
import json
import smtplib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, localtime

from psycopg2.extensions import connection as Connection

from future_skills.config import MailSettings
from future_skills.database import execute, fetch_row, fetch_rows

LONGEST_ERROR = 500
ABOUT_ONE_MAIL = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
    ValueError,
)
"""What a server, or the mail format, has against a single mail; any other trouble is the server's own."""


@dataclass(frozen=True)
class Mail:
    """One mail to one person. There is never a second one with the same cause, period and recipient."""

    cause: str
    period: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str


@dataclass(frozen=True)
class SendSummary:
    """Mails sent, and mails tried in vain, which wait for the next try."""

    sent: int
    failed: int


def message_id_of(cause: str, period: str, recipient: str, sender: str) -> str:
    """The Message-ID of a mail: always the same, so that a mail program shows a mail sent twice after a crash once."""
    digest = hashlib.sha256(json.dumps([cause, period, recipient]).encode()).hexdigest()
    return f"<{digest[:32]}@{sender.rsplit('@', 1)[-1]}>"


def enqueue(connection: Connection, mails: Iterable[Mail]) -> int:
    """Put mails into the outbox, in the caller's transaction; returns how many were new."""
    return sum(
        execute(
            connection,
            "INSERT INTO future_skills_ops.outbox (cause, period, recipient, subject, text_part, html_part, message_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (mail.cause, mail.period, mail.recipient, mail.subject, mail.text, mail.html, mail.message_id),
        )
        for mail in mails
    )


def send_outbox(connection: Connection, mail_settings: MailSettings, limit: int = 100) -> SendSummary:
    """Send mails that wait, at most `limit`, those tried least first, over one connection to the mail server.

    Each row is locked while it is sent and committed on its own, so that several senders share the work and each mail goes
    out once. A mail that cannot be sent keeps its reason and waits. Never raises for the mail server's sake.
    """
    with connection:
        rows = fetch_rows(
            connection,
            "SELECT id FROM future_skills_ops.outbox WHERE sent_at IS NULL ORDER BY attempts, id LIMIT %s",
            (limit,),
        )
    waiting = [row["id"] for row in rows]
    if not waiting:
        return SendSummary(0, 0)
    try:
        server = _connect(mail_settings)
    except OSError as error:  # smtplib.SMTPException is one
        return SendSummary(0, sum([_postpone(connection, mail_settings, row_id, error) for row_id in waiting]))
    sent = failed = 0
    try:
        for row_id in waiting:
            outcome = _send_row(connection, server, mail_settings, row_id)
            sent, failed = sent + (outcome is True), failed + (outcome is False)
    except OSError as error:  # the line broke: the rest was not tried, and this one comes last the next time
        failed += _postpone(connection, mail_settings, row_id, error)
    finally:
        _hang_up(server)
    return SendSummary(sent, failed)


def send_directly(mail_settings: MailSettings, mails: Iterable[Mail]) -> int:
    """Send mails past the outbox, for when the HR database itself is down. Raises nothing; returns how many were sent."""
    waiting = list(mails)
    sent = 0
    with contextlib.suppress(OSError):
        server = _connect(mail_settings) if waiting else None
        try:
            for mail in waiting:
                sent += server is not None and _deliver(server, mail_settings, mail) is None
        finally:
            _hang_up(server)
    return sent


def _connect(settings: MailSettings) -> smtplib.SMTP:
    """An open, greeted and, where wanted, encrypted and logged in connection. Raises OSError."""
    server = smtplib.SMTP(settings.host, settings.port, local_hostname=socket.gethostname(), timeout=settings.timeout)
    try:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if settings.user:
            server.login(settings.user, settings.password.get_secret_value() if settings.password else "")
    except BaseException:
        server.close()
        raise
    return server


def _hang_up(server: smtplib.SMTP | None) -> None:
    if server is not None:
        with contextlib.suppress(OSError):
            server.quit()
        server.close()


def _send_row(connection: Connection, server: smtplib.SMTP, settings: MailSettings, row_id: int) -> bool | None:
    """Send one row; None when another sender has it. Raises OSError when the server itself is in trouble."""
    with connection:
        row = fetch_row(
            connection,
            "SELECT cause, period, recipient, subject, text_part AS text, html_part AS html, message_id"
            " FROM future_skills_ops.outbox WHERE id = %s AND sent_at IS NULL FOR UPDATE SKIP LOCKED",
            (row_id,),
        )
        if row is None:
            return None
        refusal = _deliver(server, settings, Mail(**row))
        if refusal is not None:
            _keep_error(connection, settings, row_id, refusal)
            return False
        execute(
            connection,
            "UPDATE future_skills_ops.outbox SET sent_at = clock_timestamp(), attempts = attempts + 1, last_error = NULL"
            " WHERE id = %s",
            (row_id,),
        )
        return True


def _deliver(server: smtplib.SMTP, settings: MailSettings, mail: Mail) -> Exception | None:
    """Hand a mail to the server; returns what is wrong with this very mail, raises OSError when the server fails."""
    try:
        server.send_message(_message(settings, mail), from_addr=settings.sender, to_addrs=[mail.recipient])
    except ABOUT_ONE_MAIL as error:
        return error
    return None


def _message(settings: MailSettings, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = mail.recipient
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def _postpone(connection: Connection, settings: MailSettings, row_id: int, error: Exception) -> bool:
    """Note a failed try, unless another sender has the row meanwhile."""
    with connection:
        row = fetch_row(
            connection,
            "SELECT id FROM future_skills_ops.outbox WHERE id = %s AND sent_at IS NULL FOR UPDATE SKIP LOCKED",
            (row_id,),
        )
        if row is not None:
            _keep_error(connection, settings, row_id, error)
        return row is not None


def _keep_error(connection: Connection, settings: MailSettings, row_id: int, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}".replace("\0", "")
    if settings.password:
        text = text.replace(settings.password.get_secret_value(), "***")
    execute(
        connection,
        "UPDATE future_skills_ops.outbox SET attempts = attempts + 1, last_error = %s WHERE id = %s",
        (text[:LONGEST_ERROR], row_id),
    )
