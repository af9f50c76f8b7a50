"""Mails to try the outbox with, and its clock moved on."""

from future_skills.alerts.mail import Mail, message_id_of
from future_skills.alerts.outbox import enqueue
from future_skills.database import execute, fetch_rows


def mail(number: int = 1, **fields) -> Mail:
    """A mail to person<number>@example.com."""
    cause, period, recipient = "drift", f"dataset {number}", f"person{number}@example.com"
    known = {
        "cause": cause,
        "period": period,
        "recipient": recipient,
        "subject": f"Subject {number}",
        "text": "Text, déjà vu.",
        "html": "<p>HTML</p>",
        "message_id": message_id_of(cause, period, recipient, "from@company.example"),
    }
    return Mail(**{**known, **fields})


def queued(connection, *mails) -> int:
    """Put mails into the outbox and commit."""
    with connection:
        return enqueue(connection, mails)


def rows(connection):
    """Every row of the outbox, by id; commits."""
    with connection:
        return fetch_rows(connection, "SELECT * FROM future_skills_ops.outbox ORDER BY id")


def later(connection, hours: float = 24) -> None:
    """Let the pauses of so many hours pass."""
    with connection:
        execute(
            connection,
            "UPDATE future_skills_ops.outbox SET next_attempt_at = next_attempt_at - make_interval(hours => %s)",
            (hours,),
        )


def aged(connection, hours: float) -> None:
    """Let everything in the outbox be older by so many hours, and due."""
    with connection:
        execute(
            connection,
            "UPDATE future_skills_ops.outbox SET created_at = created_at - make_interval(hours => %s), next_attempt_at = now()",
            (hours,),
        )
