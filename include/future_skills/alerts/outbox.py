"""The outbox: mails are rows first, written with what they tell about, and sent afterwards, each once."""

import base64
import contextlib
import json
import smtplib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.alerts.mail import Mail, message_of
from future_skills.alerts.mail_server import PATIENCE, Refusal, deliver, mail_server
from future_skills.config import MailSettings, read_sql
from future_skills.database import execute, fetch_row, fetch_rows, fetch_value

LONGEST_ERROR = 500
FIRST_PAUSE = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(hours=4)
OLDEST = timedelta(days=14)
"""A mail that nobody took for so long is given up."""
LONGEST_ROUND = timedelta(minutes=5)
"""After so long the rest is left to the next round: a task waits no longer for its mails."""
DUE = (
    "SELECT EXISTS (SELECT FROM future_skills_ops.outbox"
    " WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp())"
)


@dataclass(frozen=True)
class GivenUp:
    """A mail that will not be tried again, and why."""

    cause: str
    period: str
    recipient: str
    subject: str
    reason: str


@dataclass(frozen=True)
class SendSummary:
    """Mails sent, mails tried in vain that wait for the next try, and mails given up."""

    sent: int = 0
    failed: int = 0
    given_up: tuple[GivenUp, ...] = ()

    def joined(self, other: "SendSummary") -> "SendSummary":
        """What became of both rounds."""
        return SendSummary(self.sent + other.sent, self.failed + other.failed, (*self.given_up, *other.given_up))


def enqueue(connection: Connection, mails: Iterable[Mail]) -> int:
    """Put mails into the outbox, in the caller's transaction; returns how many were new."""
    return sum(execute(connection, read_sql("alerts/enqueue_mail"), _row(mail)) for mail in mails)


def _row(mail: Mail) -> dict[str, Any]:
    pictures = {content_id: base64.b64encode(content).decode() for content_id, content in mail.pictures.items()}
    return {**vars(mail), "pictures": json.dumps(pictures)}


def send_outbox(connection: Connection, mail_settings: MailSettings, limit: int = 100) -> SendSummary:
    """Send mails that are due, at most `limit`, those tried least first, over one connection to the mail server.

    A row is claimed before and settled after its mail is sent, each in a transaction of its own: several senders share the
    work, and no transaction waits for a mail server. A mail that cannot be sent keeps the reason; it waits, longer each
    time, or is given up when the server says that it never will be taken. Never raises for the mail server's sake.
    """
    with connection:
        if not fetch_value(connection, DUE):
            return SendSummary()
    outcomes: list[SendSummary] = []
    try:
        with mail_server(mail_settings) as server:
            _send_round(connection, server, mail_settings, limit, outcomes)
    except OSError as error:  # smtplib.SMTPException is one
        if not outcomes:
            outcomes.append(_postpone_due(connection, mail_settings, error))
    return reduce(SendSummary.joined, outcomes, SendSummary())


def _send_round(
    connection: Connection, server: smtplib.SMTP, settings: MailSettings, limit: int, outcomes: list[SendSummary]
) -> None:
    """Send one mail after the other until none is due, the server breaks down, or time is up."""
    end = time.monotonic() + LONGEST_ROUND.total_seconds()
    while len(outcomes) < limit and time.monotonic() < end:
        row = _claim(connection, settings)
        if row is None:
            return
        try:
            refusal = _deliver(server, settings, row)
        except OSError as error:  # the rest was not tried, and this one comes last the next time
            outcomes.append(_postpone(connection, settings, [row["id"]], Refusal(_described(error), permanent=False)))
            return
        outcomes.append(_postpone(connection, settings, [row["id"]], refusal) if refusal else _settle(connection, row["id"]))


def lease(settings: MailSettings) -> float:
    """Seconds for which a mail belongs to the sender that claimed it."""
    return 2 * PATIENCE * settings.timeout + 60


def _claim(connection: Connection, settings: MailSettings) -> dict[str, Any] | None:
    with connection:
        return fetch_row(connection, read_sql("alerts/claim_mail"), {"lease": lease(settings)})


def _deliver(server: smtplib.SMTP, settings: MailSettings, row: dict[str, Any]) -> Refusal | None:
    names = ("cause", "period", "recipient", "subject", "text", "html", "message_id")
    pictures = {content_id: base64.b64decode(content) for content_id, content in row["pictures"].items()}
    return _hand_over(server, settings, Mail(**{name: row[name] for name in names}, pictures=pictures), row["created_at"])


def _hand_over(server: smtplib.SMTP, settings: MailSettings, mail: Mail, written_at: datetime) -> Refusal | None:
    try:
        message = message_of(mail, settings.sender, written_at)
    except ValueError as error:
        return Refusal(_described(error), permanent=True)
    return deliver(server, settings, message, mail.recipient)


def _settle(connection: Connection, row_id: int) -> SendSummary:
    with connection:
        execute(
            connection,
            "UPDATE future_skills_ops.outbox SET sent_at = clock_timestamp(), last_error = NULL WHERE id = %s",
            (row_id,),
        )
    return SendSummary(sent=1)


def _postpone_due(connection: Connection, settings: MailSettings, error: Exception) -> SendSummary:
    with connection:
        tried = [row["id"] for row in fetch_rows(connection, read_sql("alerts/claim_due"))]
        return _keep_error(connection, settings, tried, Refusal(_described(error), permanent=False))


def _postpone(connection: Connection, settings: MailSettings, row_ids: list[int], refusal: Refusal) -> SendSummary:
    with connection:
        return _keep_error(connection, settings, row_ids, refusal)


def _keep_error(connection: Connection, settings: MailSettings, row_ids: list[int], refusal: Refusal) -> SendSummary:
    parameters = {
        "ids": row_ids,
        "error": _without_password(refusal.reason, settings)[:LONGEST_ERROR],
        "permanent": refusal.permanent,
        "first_pause": FIRST_PAUSE.total_seconds(),
        "longest_pause": LONGEST_PAUSE.total_seconds(),
        "oldest": OLDEST.total_seconds(),
    }
    rows = fetch_rows(connection, read_sql("alerts/postpone_mail"), parameters)
    given_up = tuple(
        GivenUp(row["cause"], row["period"], row["recipient"], row["subject"], row["last_error"])
        for row in rows
        if row["given_up_at"]
    )
    return SendSummary(failed=len(rows) - len(given_up), given_up=given_up)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _without_password(text: str, settings: MailSettings) -> str:
    readable = text.replace("\0", "")
    return readable.replace(settings.password.get_secret_value(), "***") if settings.password else readable


def send_directly(mail_settings: MailSettings, mails: Iterable[Mail]) -> list[Mail]:
    """Send mails past the outbox, for when the HR database itself is down. Raises nothing; returns those that were sent."""
    waiting = list(mails)
    sent: list[Mail] = []
    if not waiting:
        return sent
    with contextlib.suppress(OSError), mail_server(mail_settings) as server:
        sent.extend(mail for mail in waiting if _hand_over(server, mail_settings, mail, datetime.now(UTC)) is None)
    return sent
