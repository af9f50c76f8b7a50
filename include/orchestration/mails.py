"""Mails from tasks: into the outbox, then out at once; a mail server that is down is the watch DAG's to try again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as HRConnection

from future_skills.config import Settings
from orchestration.connections import Resources

if TYPE_CHECKING:
    from future_skills.alerts.outbox import SendSummary

logger = logging.getLogger(__name__)

ROLES_MAILED = ("data_scientists", "drh_managers", "devops")


def send(work: Resources, mails: list[Any]) -> None:
    """Put mails into the outbox, commit, and send what waits there. Never fails for the mail server's sake."""
    from future_skills.alerts.outbox import enqueue

    with work.connection:
        enqueue(work.connection, mails)
    send_waiting(work.connection, work.settings)


@contextmanager
def refusal_mailed(work: Resources) -> Iterator[None]:
    """Mail what a refused dataset or a batch that is held back means, beside the failure that the error makes of the task."""
    from future_skills.alerts.data_refusals import audit_alarm, dataset_refused
    from future_skills.dataset.validation import DatasetRejectedError
    from future_skills.prediction.audit import AuditFailedError

    try:
        yield
    except DatasetRejectedError as refusal:
        send(work, dataset_refused(work.settings, refusal))
        raise
    except AuditFailedError as failure:
        send(work, audit_alarm(work.settings, failure))
        raise


def send_waiting(connection: HRConnection, settings: Settings) -> "SendSummary":
    """Send what waits in the outbox; whatever is given up is logged, and DevOps is told. Never fails for the server's sake."""
    from future_skills.alerts.messages import undelivered
    from future_skills.alerts.outbox import enqueue, send_outbox

    summary = send_outbox(connection, settings.mail)
    if notices := undelivered(settings, summary.given_up):
        with connection:
            enqueue(connection, notices)
        summary = summary.joined(send_outbox(connection, settings.mail))
    if summary.failed:
        logger.warning("%s mails wait for the mail server: future_skills_watch sends them.", summary.failed)
    for lost in summary.given_up:
        logger.error("Given up: mail %r to %s (%s, %s): %s", lost.subject, lost.recipient, lost.cause, lost.period, lost.reason)
    return summary


def warn_of_missing_addresses(settings: Settings) -> None:
    """Log which role gets no mails because nobody set its addresses."""
    for role in ROLES_MAILED:
        if not getattr(settings.mail, role):
            logger.warning("MAIL__%s names no address: nobody of that role gets mails.", role.upper())
