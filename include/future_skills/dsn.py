"""Where a database is, as a person writes it: read in one place, so that no error shows what only its owner may know.

libpq takes the first `@` of a URI for the end of the password. An `@` or `/` in a password that is not percent-encoded moves its
rest into the host or the database, which every error names. Such a DSN is refused, and shown to nobody.
"""

import re

import psycopg2
from psycopg2.extensions import parse_dsn

from future_skills.domain import FutureSkillsError

SHOWN = ("host", "hostaddr", "port", "dbname")
"""What an error may show of a DSN."""
URI = re.compile(r"postgres(?:ql)?://(?P<authority>[^/?]*)(?P<rest>.*)", re.DOTALL)
NAME_BYTES = 63
"""PostgreSQL cuts the name of a role after these, and tells what is left."""
QUOTED, KEYWORD = re.compile(r"'(?:\\.|[^'\\])*'", re.DOTALL), re.compile(r"(?:^|\s)(\w+)\s*=")
"""Of a keyword string: a value in quotes, and what stands before each value."""
PORTS = re.compile(r"\d*(,\d*)*", re.ASCII)


class DsnError(FutureSkillsError):
    """A DSN cannot be read, or can be read in two ways; nothing of it is shown."""

    def __init__(self, setting: str) -> None:
        super().__init__(
            f"{setting} cannot be read: it is like postgresql://user:password@host:5432/database. Write characters such as "
            "@ : / ? # % and spaces in the user and the password percent-encoded (@ is %40, / is %2F); in a keyword string, put "
            "the value in single quotes, with a backslash before a quote or a backslash. This command asks for "
            "a password and encodes it: python3 -c 'import getpass, urllib.parse; "
            'print(urllib.parse.quote(getpass.getpass(), safe=""))\''
        )


def read_dsn(dsn: str, setting: str = "HR_DSN") -> dict[str, str]:
    """The parts of a DSN, a libpq URI or a keyword string, by libpq's names; `setting` is the variable that holds it.

    Raises DsnError where libpq cannot read it, where what it reads may hold a piece of a password that is not percent-encoded,
    and where a port is no number.
    """
    try:
        parts: dict[str, str] = parse_dsn(dsn)
    except (psycopg2.Error, UnicodeError):
        raise DsnError(setting) from None
    if _is_ambiguous(dsn, parts) or not PORTS.fullmatch(parts.get("port", "")):
        raise DsnError(setting)
    return parts


def _is_ambiguous(dsn: str, parts: dict[str, str]) -> bool:
    """May a password that is not encoded reach into another part?

    In a URI where there is another `@` than the one behind the password, or one behind the first `/` or `?`; in a keyword
    string where a keyword stands twice, or the database's name is a URI.
    """
    uri = URI.match(dsn)
    if uri is not None:
        return uri["authority"].count("@") > 1 or "@" in uri["rest"]
    keywords = KEYWORD.findall(QUOTED.sub("''", dsn))
    return len(keywords) > len(set(keywords)) or "://" in parts.get("dbname", "")


def without_secrets(text: str, parts: dict[str, str]) -> str:
    """A text of libpq or of the server, its white space untouched, without any value of the DSN but host, port and database.

    A value that is part of a longer word, or of one of those three, stays: it tells nothing.
    """
    shown = {parts[name] for name in SHOWN if parts.get(name)}
    values = {value for name, value in parts.items() if name not in SHOWN and value}
    hidden = (values | {_cut(value) for value in values}) - shown
    if not hidden:
        return text
    alternatives = "|".join(re.escape(value) for value in sorted(shown | hidden, key=len, reverse=True))
    words = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
    return words.sub(lambda found: found[0] if found[0] in shown else "...", text)


def _cut(value: str) -> str:
    return value.encode()[:NAME_BYTES].decode(errors="ignore")
