"""From a template to mails: one set of words makes the text and the HTML part, and values stay inert in both."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from future_skills.alerts.mail import Mail, message_id_of
from future_skills.alerts.words import FILTERS, WORDS, Tone
from future_skills.config import TEMPLATE_FOLDER, Settings
from future_skills.domain import Language

LONGEST_SUBJECT = 150
LONGEST_PREVIEW = 140
PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]+(?=@)|(password=)\S+", re.IGNORECASE)
SPACES = re.compile(r"[ \t\r\n\f\v\x1c-\x1f\x85\u2028\u2029]+")
"""White space that breaks lines; spaces that must not are kept."""
NO_PICTURES: Mapping[str, bytes] = MappingProxyType({})
COLOURS: dict[Tone, tuple[str, str]] = {
    "alarm": ("#a3231b", "#fdeceb"),
    "warning": ("#8a5200", "#fdf1dc"),
    "question": ("#1f4f94", "#e6eefa"),
    "good": ("#1c6b3f", "#e4f4ea"),
    "news": ("#2457a6", "#e6eefa"),
}
"""Of the label that says at a glance what kind of mail it is: its words, and what is behind them."""


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
    for name in FILTERS:
        environment.filters[name] = getattr(words, name)
    return environment


def render_mails(
    settings: Settings,
    recipients: Iterable[str],
    template: str,
    cause: str,
    period: str,
    *,
    pictures: Mapping[str, bytes] = NO_PICTURES,
    **values: Any,
) -> list[Mail]:
    """One mail for each recipient, none for none. `values` are what the template speaks of, `link` among them.

    The template `mail/<language>/<template>.j2` sets subject, happened, meaning, action and, optionally, tone, button and
    tables. A table has a title, headings and rows, whose cells are texts or lists of lines, the first of which counts most;
    the last `numeric` columns are numbers. It may have a `picture`, the name of one of `pictures` (PNG, twice as large as it
    is shown), with what it says in `alt`. `detail`, one of the values, is shown as it is. Blank lines divide paragraphs.
    """
    addresses = list(dict.fromkeys(recipients))
    if not addresses:
        return []
    language = settings.future_skills_language
    plain = _environment(autoescape=False, language=language)
    spoken = plain.get_template(f"{language}/{template}.j2").make_module(values)
    said = {name: _inert(getattr(spoken, name)) for name in ("subject", "happened", "meaning", "action")}
    tables = [_table(table, pictures) for table in getattr(spoken, "tables", [])]
    tone: Tone = getattr(spoken, "tone", "warning")
    subject = _one_line(said["subject"])[:LONGEST_SUBJECT]
    paragraphs = {name: _paragraphs(said[name]) for name in ("happened", "meaning", "action")}
    frame = {
        "subject": subject,
        **paragraphs,
        "preview": _preview(paragraphs["happened"]),
        "tables": [table for table in tables if table["rows"] or table["picture"]],
        "tone": WORDS[language].tones[tone],
        "colours": COLOURS[tone],
        "button": getattr(spoken, "button", WORDS[language].open_link),
        "detail": _inert(str(values.get("detail", ""))),
        "link": _inert(str(values["link"])),
    }
    text = plain.get_template("base.txt.j2").render(frame)
    html = _environment(autoescape=True, language=language).get_template("base.html.j2").render(frame)
    shown = {table["picture"]: pictures[table["picture"]] for table in tables if table["picture"]}
    sender = settings.mail.sender
    return [
        Mail(cause, period, address, subject, text, html, message_id_of(cause, period, address, sender), shown)
        for address in addresses
    ]


def _inert(text: str) -> str:
    """Without what PostgreSQL or a mail cannot hold, and without passwords that an error may quote."""
    encodable = text.replace("\0", "").encode("utf-8", "replace").decode()
    return PASSWORD.sub(lambda match: f"{match[1] or match[2]}***", encodable)


def _one_line(text: str) -> str:
    return SPACES.sub(" ", text).strip(" ")


def _paragraphs(text: str) -> list[str]:
    return [_one_line(part) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _preview(paragraphs: list[str]) -> str:
    """What a mail program shows of a mail that is not open yet."""
    text = paragraphs[0] if paragraphs else ""
    return text if len(text) <= LONGEST_PREVIEW else text[:LONGEST_PREVIEW].rsplit(" ", 1)[0] + " …"


def _table(table: dict[str, Any], pictures: Mapping[str, bytes]) -> dict[str, Any]:
    """A table with each cell as a list of lines, and its picture only when there is one."""
    rows = [[[_inert(_one_line(str(line))) for line in _lines(cell)] for cell in row] for row in table.get("rows", [])]
    picture = table.get("picture")
    return {
        "title": table["title"],
        "note": _inert(_one_line(table.get("note", ""))),
        "headings": table.get("headings", []),
        "rows": rows,
        "numbers_from": len(table.get("headings", [])) - table.get("numeric", 0),
        "picture": picture if picture in pictures else None,
        "alt": _inert(_one_line(table.get("alt", ""))),
    }


def _lines(cell: Any) -> list[Any]:
    return [line for line in cell if line] if isinstance(cell, list) else [cell]
