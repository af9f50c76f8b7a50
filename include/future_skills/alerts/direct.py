"""Mails past the outbox, for when the HR database itself is down; the artefact store remembers which were sent."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from future_skills.alerts.mail import Mail
from future_skills.alerts.outbox import send_directly
from future_skills.config import Settings
from future_skills.domain import MissingExtraError
from future_skills.store.artifacts import Store, StoreUnwritableError, UnknownStoreError

SENT_FOLDER = "mails"


def send_once_directly(settings: Settings, mails: Sequence[Mail]) -> list[Mail]:
    """Send those of the mails that were not sent so before; returns them. Raises nothing for the server's or the store's sake.

    A store that is down, full or wrongly named too is no reason to keep quiet: then a mail may come again with the next failure.
    """
    try:
        store = Store.open(settings.store_uri)
    except (StoreUnwritableError, UnknownStoreError, MissingExtraError):
        return send_directly(settings.mail, mails)
    sent = send_directly(settings.mail, [mail for mail in mails if not store.path(_mark(mail)).exists()])
    with suppress(StoreUnwritableError):
        for mail in sent:
            store.write(_mark(mail), b"")
    return sent


def _mark(mail: Mail) -> str:
    return f"{SENT_FOLDER}/{hashlib.sha256(mail.message_id.encode()).hexdigest()[:32]}"
