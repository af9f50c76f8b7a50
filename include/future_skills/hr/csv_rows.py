"""Parses one CSV file of the interchange strictly, and knows on which line each row stands."""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pandas as pd

from future_skills.hr.company import InterchangeError

LARGEST_FILE = 1024**3
LONGEST_LINE = 1024**2
MOST_ROWS = 10_000_000
"""Bytes of a file and of one of its lines, unpacked, and its rows: a decompression bomb ends here, before memory does."""


@dataclass(frozen=True)
class CsvFile:
    """A parsed file: `frame` in the file's order, `lines[i]` the line on which row i begins."""

    path: Path
    frame: pd.DataFrame
    lines: list[int]


def read_rows(
    folder: Path, name: str, required: dict[str, Callable[[str], Any]], optional: dict[str, Callable[[str], Any]]
) -> CsvFile:
    """Parse `<folder>/<name>.csv` or `.csv.gz`; columns beyond `required` and `optional` are ignored.

    Raises InterchangeError for a missing file or column, a row of another width, a value its parser refuses.
    """
    path = _find(folder, name)
    try:
        with _open(path) as file:
            return _parse(path, file, required, optional)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InterchangeError(f"{path} cannot be read as an archive: {error}.") from None
    except OSError as error:
        raise InterchangeError(f"{path} cannot be read: {error.strerror or error}.") from None


def _find(folder: Path, name: str) -> Path:
    found = [path for suffix in (".csv", ".csv.gz") if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) != 1:
        problem = "is missing" if not found else "is there twice, as .csv and as .csv.gz"
        raise InterchangeError(f"{folder / name}.csv (or .csv.gz) {problem}: see docs/data-format.md for the six files.")
    return found[0]


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines of a file as text. Raises InterchangeError for one that is no UTF-8, or when there is too much of it."""
    number = read = 0
    while line := file.readline(LONGEST_LINE + 1):
        number, read = number + 1, read + len(line)
        if len(line) > LONGEST_LINE:
            raise InterchangeError(f"{path}, line {number}: is longer than {LONGEST_LINE >> 20} MiB: is it a CSV file?")
        if read > LARGEST_FILE:
            raise InterchangeError(f"{path} unpacks to more than {LARGEST_FILE >> 30} GiB: split the company, or check the file.")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InterchangeError(f"{path}, line {number}: is not UTF-8 text ({error.reason}): save it as UTF-8.") from None


def _rows(path: Path, file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line on which it begins; the header first."""
    reader = csv.reader(_lines(path, file), strict=True)
    begin = 1
    try:
        for row in reader:
            if row:
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise InterchangeError(f"{path}, line {begin}: cannot be read as CSV: {error}.") from None


def _parse(
    path: Path, file: BinaryIO, required: dict[str, Callable[[str], Any]], optional: dict[str, Callable[[str], Any]]
) -> CsvFile:
    rows = _rows(path, file)
    _, header = next(rows, (1, []))
    for column in required:
        if column not in header:
            raise InterchangeError(
                f"{path}, line 1: column {column!r} is missing from the header: {shortened(', '.join(header))}."
            )
    if len(set(header)) < len(header):
        raise InterchangeError(f"{path}, line 1: a column stands twice in the header {shortened(', '.join(header))}.")
    parsers = {name: (header.index(name), parse) for name, parse in {**required, **optional}.items() if name in header}
    columns: dict[str, list[Any]] = {name: [] for name in parsers}
    lines: list[int] = []
    for begin, row in rows:
        if len(row) != len(header):
            raise InterchangeError(f"{path}, line {begin}: {len(row)} values, but the header has {len(header)} columns.")
        if len(lines) == MOST_ROWS:
            raise InterchangeError(f"{path}, line {begin}: more than {MOST_ROWS:,} rows: split the company, or check the file.")
        for name, (position, parse) in parsers.items():
            try:
                columns[name].append(parse(row[position]))
            except ValueError as error:
                raise InterchangeError(f"{path}, line {begin}, column {name}: {error}.") from None
        lines.append(begin)
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    for name in optional.keys() - parsers.keys():
        frame[name] = None
    return CsvFile(path, frame, lines)


def shortened(value: str, longest: int = 200) -> str:
    """A value as a message shows it: printable, and not the whole of a long one."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in value[:longest])
    return shown + ("..." if len(value) > longest else "")
