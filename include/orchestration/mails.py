"""Mails from tasks: into the outbox, then out at once; a mail server that is down is the watch DAG's to try again."""

import logging
from typing import Any

from orchestration.connections import Resources

logger = logging.getLogger(__name__)


def send(work: Resources, mails: list[Any]) -> None:
    """Put mails into the outbox, commit, and send what waits there. Never fails for the mail server's sake."""
    from future_skills.alerts.outbox import enqueue, send_outbox

    with work.connection:
        enqueue(work.connection, mails)
    summary = send_outbox(work.connection, work.settings.mail)
    if summary.failed:
        logger.warning("%s mails wait for the mail server: future_skills_watch sends them.", summary.failed)
