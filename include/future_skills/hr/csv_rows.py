"""Parses one CSV file of the interchange strictly, and knows on which line each row stands."""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from future_skills.hr.company import InterchangeError

LARGEST_FILE = 2 * 1024**3
"""Characters read from one file, unpacked: a decompression bomb ends here."""


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
    except UnicodeDecodeError as error:
        raise InterchangeError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8.") from None
    except (csv.Error, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InterchangeError(f"{path} cannot be read as CSV: {error}.") from None


def _find(folder: Path, name: str) -> Path:
    found = [path for suffix in (".csv", ".csv.gz") if (path := folder / f"{name}{suffix}").is_file()]
    if len(found) != 1:
        problem = "is missing" if not found else "is there twice, as .csv and as .csv.gz"
        raise InterchangeError(f"{folder / name}.csv (or .csv.gz) {problem}: see docs/data-format.md for the six files.")
    return found[0]


def _open(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _bounded(path: Path, file: TextIO) -> Iterator[str]:
    read = 0
    for line in file:
        read += len(line)
        if read > LARGEST_FILE:
            raise InterchangeError(f"{path} unpacks to more than {LARGEST_FILE >> 30} GiB: split the company, or check the file.")
        yield line


def _parse(
    path: Path, file: TextIO, required: dict[str, Callable[[str], Any]], optional: dict[str, Callable[[str], Any]]
) -> CsvFile:
    reader = csv.reader(_bounded(path, file), strict=True)
    header = next(reader, [])
    for column in required:
        if column not in header:
            raise InterchangeError(f"{path}, line 1: column {column!r} is missing from the header: {', '.join(header)}.")
    if len(set(header)) < len(header):
        raise InterchangeError(f"{path}, line 1: a column stands twice in the header {', '.join(header)}.")
    parsers = {name: (header.index(name), parse) for name, parse in {**required, **optional}.items() if name in header}
    columns: dict[str, list[Any]] = {name: [] for name in parsers}
    lines: list[int] = []
    begin = reader.line_num + 1
    for row in reader:
        if row:
            if len(row) != len(header):
                raise InterchangeError(f"{path}, line {begin}: {len(row)} values, but the header has {len(header)} columns.")
            for name, (position, parse) in parsers.items():
                try:
                    columns[name].append(parse(row[position]))
                except ValueError as error:
                    raise InterchangeError(f"{path}, line {begin}, column {name}: {error}.") from None
            lines.append(begin)
        begin = reader.line_num + 1
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    for name in optional.keys() - parsers.keys():
        frame[name] = None
    return CsvFile(path, frame, lines)
