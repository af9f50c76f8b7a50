"""Reads a company from a folder of CSV files, refusing anything that is not exactly right.

The format is described in docs/data-format.md.
"""

import math
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from future_skills.hr.company import Company, InterchangeError, name_key
from future_skills.hr.csv_rows import CsvFile, read_rows, shortened

Parser = Callable[[str], Any]
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""No text has them: they end, hide or turn round what comes after."""
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
MAIL = re.compile(r"[^@\s]+@[^@\s]+")


def text(longest: int, *, optional: bool = False) -> Parser:
    """Text of at most `longest` characters without control characters; blank is None where `optional`."""

    def parse(value: str) -> str | None:
        value = value.strip()
        if not value:
            if optional:
                return None
            raise ValueError("is empty")
        if len(value) > longest:
            raise ValueError(f"has {len(value)} characters, the HR database takes {longest}")
        if CONTROL.search(value):
            raise ValueError("contains a control character")
        return value

    return parse


def integer(lowest: int, highest: int) -> Parser:
    """A whole number within a range, both ends included."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\s*\d{1,9}\s*", value, re.ASCII) or not lowest <= int(value) <= highest:
            raise ValueError(f"is {shortened(value)!r}, not a whole number from {lowest} to {highest}")
        return int(value)

    return parse


def number(lowest: float = -math.inf, highest: float = math.inf) -> Parser:
    """A finite number within a range, both ends included."""

    def parse(value: str) -> float:
        result = float(value) if NUMBER.fullmatch(value) else math.nan
        if not math.isfinite(result) or not lowest <= result <= highest:
            raise ValueError(f"is {shortened(value)!r}, not a finite number from {lowest:g} to {highest:g}")
        return result

    return parse


def level(value: str) -> str:
    """LOW, MEDIUM or HIGH."""
    if value not in {"LOW", "MEDIUM", "HIGH"}:
        raise ValueError(f"is {shortened(value)!r}, not LOW, MEDIUM or HIGH")
    return value


def iso_date(value: str) -> str:
    """A date as YYYY-MM-DD, kept as text."""
    try:
        return date.fromisoformat(value.strip()).isoformat()
    except ValueError:
        raise ValueError(f"is {shortened(value)!r}, not a date such as 2026-11-23") from None


def mail_address(value: str) -> str:
    """An address of at most 254 characters."""
    address: str = text(254)(value)
    if not MAIL.fullmatch(address):
        raise ValueError("is no e-mail address")  # whose it is belongs into no log
    return address


def skill_list(value: str) -> list[str]:
    """Skill names separated by |, each once, in their order."""
    return list(dict.fromkeys(name for part in value.split("|") if (name := part.strip())))


COLUMNS: dict[str, dict[str, Parser]] = {
    "job_roles": {"name": text(150), "department": text(150, optional=True)},
    "skills": {"name": text(150), "category": text(100, optional=True)},
    "market_trends": {
        "title": text(200),
        "source_name": text(200),
        "year": integer(1900, 2200),
        "sector": text(150),
        "trend_score": number(0, 1),
    },
    "economic_reports": {
        "title": text(200),
        "source_name": text(200),
        "year": integer(1900, 2200),
        "indicator": text(150),
        "value": number(),
        "sector": text(150, optional=True),
    },
    "employees": {"name": text(200), "email": mail_address, "job_role": text(150), "skills": skill_list},
    "investments": {
        "job_role": text(150),
        "skill": text(150),
        "horizon_years": integer(0, 50),
        "priority_level": level,
        "created_at": iso_date,
    },
}
OPTIONAL_COLUMNS: dict[str, dict[str, Parser]] = {
    "job_roles": {"description": text(10_000, optional=True)},
    "skills": {"description": text(10_000, optional=True)},
    "market_trends": {"description": text(10_000, optional=True)},
    "investments": {"recommended_action": text(200, optional=True), "rationale": text(10_000, optional=True)},
}
KEYS: dict[str, list[str]] = {
    "job_roles": ["name"],
    "skills": ["name"],
    "market_trends": ["title", "source_name", "year", "sector"],
    "economic_reports": ["title", "source_name", "year", "sector", "indicator"],
    "employees": ["email"],
    "investments": ["job_role", "skill", "horizon_years"],
}


def read_company(folder: Path) -> Company:
    """Read the six files of `folder`, each as .csv or .csv.gz.

    Returns a Company named after the parent folder. Raises InterchangeError naming file, line, column and reason.
    """
    if not folder.is_dir():
        raise InterchangeError(f"{folder} is no folder: DATA is `demo` or a folder in the format of docs/data-format.md.")
    files = {name: read_rows(folder, name, COLUMNS[name], OPTIONAL_COLUMNS.get(name, {})) for name in COLUMNS}
    for name, file in files.items():
        _refuse_duplicates(file, KEYS[name])
    _refuse_unknown(files["employees"], "job_role", files["job_roles"])
    _refuse_unknown(files["investments"], "job_role", files["job_roles"])
    _refuse_unknown(files["investments"], "skill", files["skills"])
    _refuse_unknown(files["employees"], "skills", files["skills"])
    return Company(folder.resolve().parent.name, **{name: file.frame for name, file in files.items()})


def _refuse_duplicates(file: CsvFile, key: list[str]) -> None:
    folded = file.frame[key].map(lambda value: name_key(value) if isinstance(value, str) else value)
    repeated = folded.duplicated(keep="first")
    if repeated.any():
        position = int(repeated.to_numpy().argmax())
        first = int((folded == folded.iloc[position]).all(axis=1).to_numpy().argmax())
        value = "the same" if key == ["email"] else file.frame[key].iloc[position].tolist()
        raise InterchangeError(
            f"{file.path}, line {file.lines[position]}, column {', '.join(key)}: {value} "
            f"stands on line {file.lines[first]} already (case, spaces and ways to encode a letter do not "
            "count). Remove one of the two."
        )


def _refuse_unknown(file: CsvFile, column: str, known: CsvFile) -> None:
    names = set(known.frame["name"])
    exploded = file.frame[column].explode().dropna()
    unknown = exploded[~exploded.isin(names)]
    if len(unknown):
        raise InterchangeError(
            f"{file.path}, line {file.lines[int(unknown.index[0])]}, column {column}: {shortened(unknown.iloc[0])!r} is not in "
            f"{known.path.name}. Add it there, or correct the name here."
        )
