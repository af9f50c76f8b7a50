"""A mail: what it says, its pictures, and the message a mail server is given."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

SENDER_NAME = "Future Skills"
POLICY = SMTP.clone(cte_type="7bit")
"""CRLF, folded headers, and nothing that an old relay would have to recode."""


@dataclass(frozen=True)
class Mail:
    """One mail to one person. There is never a second one with the same cause, period and recipient.

    `pictures` are PNG files by content id, to which the HTML refers as `cid:<content id>`.
    """

    cause: str
    period: str
    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    pictures: dict[str, bytes] = field(default_factory=dict)


def message_id_of(cause: str, period: str, recipient: str, sender: str) -> str:
    """The Message-ID of a mail: always the same, so that a mail program shows a mail sent twice after a crash once."""
    digest = hashlib.sha256(json.dumps([cause, period, recipient]).encode()).hexdigest()
    return f"<{digest[:32]}@{_domain(sender)}>"


def message_of(mail: Mail, sender: str, written_at: datetime) -> EmailMessage:
    """The MIME message: text, and HTML with its pictures. The same mail is the same bytes on every try.

    Raises ValueError for what no header can hold.
    """
    message = EmailMessage(policy=POLICY)
    message["From"] = Address(SENDER_NAME, addr_spec=sender)
    message["To"] = mail.recipient
    message["Subject"] = " ".join(mail.subject.split())
    message["Date"] = format_datetime(written_at.astimezone(UTC))
    message["Message-ID"] = mail.message_id
    message["List-Id"] = f"Future Skills {mail.cause} <{mail.cause.replace('_', '-')}.future-skills.{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"  # Exchange's way: no out-of-office reply comes back
    message.set_content(mail.text, cte="quoted-printable")
    html: Any = MIMEPart(policy=POLICY)  # as a whole message it would repeat MIME-Version
    html.set_content(mail.html, subtype="html", cte="quoted-printable")
    for content_id, content in mail.pictures.items():
        html.add_related(content, "image", "png", cid=f"<{content_id}>", disposition="inline", filename=f"{content_id}.png")
    message.make_alternative()
    message.attach(html)
    mark = mail.message_id.strip("<>").split("@")[0]
    message.set_boundary(f"{mark}-parts")
    if mail.pictures:
        html.set_boundary(f"{mark}-pictures")
    return message


def _domain(sender: str) -> str:
    return sender.rsplit("@", 1)[-1]
