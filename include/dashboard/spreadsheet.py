"""CSV that a spreadsheet program opens as text: no cell becomes a formula, however a role or a skill is called."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

MARK: Final = "\ufeff"
"""Tells spreadsheet programs that UTF-8 follows."""
PIECE: Final = 100_000
"""Characters sent at once."""
STARTS_A_FORMULA: Final = frozenset("=+-@|%＝＋－＠")
UNSEEN: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
"""Control and format characters, and spaces: a formula may hide behind them."""


def inert(value: Any) -> Any:
    """A value as a cell; text that would be read as a formula begins with an apostrophe. Numbers stay numbers."""
    if not isinstance(value, str):
        return value
    visible = next((character for character in value if unicodedata.category(character) not in UNSEEN), "")
    hidden = bool(value) and unicodedata.category(value[0]) in {"Cc", "Cf"}
    return f"'{value}" if visible in STARTS_A_FORMULA or hidden else value


def csv_pieces(columns: dict[str, str], rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """A file in pieces of some rows each: the headings of `columns` (heading -> key of a row), then the rows."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC)

    buffer.write(MARK)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([inert(row[key]) for key in columns.values()])
        if buffer.tell() >= PIECE:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()
