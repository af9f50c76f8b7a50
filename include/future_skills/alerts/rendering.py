"""From a template to mails: one set of words makes the text and the HTML part, and values stay inert in both."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from future_skills.alerts.outbox import Mail, message_id_of
from future_skills.alerts.words import WORDS
from future_skills.config import TEMPLATE_FOLDER, Settings
from future_skills.domain import Language

LONGEST_SUBJECT = 150
PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]+(?=@)|(password=)\S+", re.IGNORECASE)


@cache
def _environment(*, autoescape: bool, language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER / "mail"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=autoescape,  # noqa: S701 - off for plain text only; the HTML frame escapes every word it is given
    )
    words = WORDS[language]
    environment.globals["words"] = words
    for name in ("number", "interval", "count", "level", "moment"):
        environment.filters[name] = getattr(words, name)
    return environment


def render_mails(
    settings: Settings, recipients: Iterable[str], template: str, cause: str, period: str, **values: Any
) -> list[Mail]:
    """One mail for each recipient, none for none. `values` are what the template speaks of, `link` among them.

    The template `mail/<language>/<template>.j2` sets subject, happened, meaning, action and, optionally, tables (each title,
    headings, rows) and detail (text kept as it is). Blank lines divide paragraphs.
    """
    addresses = list(dict.fromkeys(recipients))
    if not addresses:
        return []
    language = settings.future_skills_language
    plain = _environment(autoescape=False, language=language)
    spoken = plain.get_template(f"{language}/{template}.j2").make_module(values)
    said = {name: _inert(getattr(spoken, name)) for name in ("subject", "happened", "meaning", "action")}
    subject = _one_line(said["subject"])[:LONGEST_SUBJECT]
    frame = {
        "subject": subject,
        **{name: _paragraphs(said[name]) for name in ("happened", "meaning", "action")},
        "tables": [_cells(table) for table in getattr(spoken, "tables", [])],
        "detail": _inert(str(values.get("detail", ""))),
        "link": _inert(str(values["link"])),
    }
    text = plain.get_template("base.txt.j2").render(frame)
    html = _environment(autoescape=True, language=language).get_template("base.html.j2").render(frame)
    sender = settings.mail.sender
    return [
        Mail(cause, period, address, subject, text, html, message_id_of(cause, period, address, sender)) for address in addresses
    ]


def _inert(text: str) -> str:
    """Without what PostgreSQL or a mail cannot hold, and without passwords that an error may quote."""
    encodable = text.replace("\0", "").encode("utf-8", "replace").decode()
    return PASSWORD.sub(lambda match: f"{match[1] or match[2]}***", encodable)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> list[str]:
    return [_one_line(part) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _cells(table: dict[str, Any]) -> dict[str, Any]:
    rows = [[_inert(_one_line(str(cell))) for cell in row] for row in table["rows"]]
    return {"title": table["title"], "headings": table["headings"], "rows": rows}
