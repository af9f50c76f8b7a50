"""Mails that have not gone out: those that wait, those that were given up, and how both are tried again."""

from dataclasses import dataclass
from datetime import datetime

from psycopg2.extensions import connection as Connection

from future_skills.alerts.outbox import OLDEST, lease
from future_skills.config import MailSettings, read_sql
from future_skills.database import execute, fetch_rows


@dataclass(frozen=True)
class UnsentMail:
    """A mail that nobody has taken yet; `given_up_at` is None while it waits for its next try."""

    recipient: str
    subject: str
    created_at: datetime
    attempts: int
    next_attempt_at: datetime
    given_up_at: datetime | None
    last_error: str | None


def unsent_mails(connection: Connection) -> list[UnsentMail]:
    """Every mail that waits, and those given up that are young enough to be tried again, the oldest first. Commits."""
    with connection:
        rows = fetch_rows(connection, read_sql("alerts/unsent_mails"), {"oldest": OLDEST.total_seconds()})
    return [UnsentMail(**row) for row in rows]


def try_again(connection: Connection, settings: MailSettings) -> int:
    """Make every unsent mail due now, as if it had never been tried; returns how many. Commits.

    One that a sender may have in its hands stays as it is: it would go out twice. One that was given up more than OLDEST
    after it was written stays so: what it says is no longer true.
    """
    limits = {"oldest": OLDEST.total_seconds(), "lease": lease(settings)}
    with connection:
        return execute(connection, read_sql("alerts/retry_mails"), limits)


def in_lines(mail: UnsentMail) -> str:
    """A mail as three lines for a terminal: what becomes of it, its subject, and what the server said."""
    times = f"{mail.attempts} {'try' if mail.attempts == 1 else 'tries'}"
    fate = f"given up {_moment(mail.given_up_at)}" if mail.given_up_at else f"waits until {_moment(mail.next_attempt_at)}"
    return "\n".join(
        (
            f"{_moment(mail.created_at)}  to {_visible(mail.recipient)}: {fate}, after {times}",
            f"    {_visible(mail.subject)}",
            f"    {_visible(mail.last_error or 'not tried yet')}",
        )
    )


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC"


def _visible(text: str) -> str:
    """Text without what would move a terminal's cursor or turn its writing direction."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
