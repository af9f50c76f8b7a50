"""How the registry's pages become Markdown: values made inert and short, the same words everywhere."""

import re
import unicodedata
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from future_skills.config import TEMPLATE_FOLDER
from future_skills.model.baselines import BASELINE_NAMES
from future_skills.model.gate import allowed_loss, refresh_rule

UNKNOWN_ACCURACY = "agreement with the rules, accuracy unknown"
"""Beside every figure that was measured against bootstrap labels."""

INVISIBLE = frozenset({"Cc", "Cf"})
"""Control characters, and those that turn the direction of what follows."""


MARKUP = re.compile(r"[\\|`\[*~]|(?<!\w)_|_(?!\w)")
ENTITY = re.compile(r"&(?=#?\w+;)")
ADDRESS = re.compile(r"(?<=http)s?(?=://)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)
"""Where the bare addresses that Markdown turns into links can be broken; escaping alone does not stop that."""
BREAK = "\u200b"
LONGEST_NAME = 80


def _cell(value: Any) -> str:
    """Text that stays inside its table cell, without markup or links of its own."""
    if value is None:
        return "–"
    visible = "".join(" " if unicodedata.category(character) in INVISIBLE else character for character in str(value))
    escaped = MARKUP.sub(r"\\\g<0>", ENTITY.sub("&amp;", visible)).replace("<", "&lt;")
    return " ".join(ADDRESS.sub(rf"\g<0>{BREAK}", escaped).split())


def _name(value: str) -> str:
    """A name as a cell, cut where it is too long to read."""
    return _cell(value if len(value) <= LONGEST_NAME else f"{value[: LONGEST_NAME - 1].rstrip()}…")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:z.3f}"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+z.3f}"


def _interval(metric: dict[str, Any]) -> str:
    ci = metric.get("ci")
    return _number(metric["value"]) + (f" [{ci[0]:.3f}, {ci[1]:.3f}]" if ci else "")


def markdown_environment() -> Environment:
    """Templates of Markdown pages; the filters cell, name, number, signed and interval make values inert and short."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown; the cell filter makes values inert
    )
    environment.filters.update(cell=_cell, name=_name, number=_number, signed=_signed, interval=_interval)
    environment.globals.update(unknown_accuracy=UNKNOWN_ACCURACY, baseline_names=BASELINE_NAMES)
    environment.globals.update(allowed_loss=allowed_loss, refresh_rule=refresh_rule)
    return environment
