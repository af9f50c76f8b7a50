"""Long lists, one page at a time, without counting them."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query

PageNumber = Annotated[int, Query(ge=1, le=100_000)]


@dataclass(frozen=True)
class Slice:
    """A part of a list: `rows`, and whether more follow. `number` counts from 1."""

    rows: list[dict[str, Any]]
    number: int
    size: int
    more: bool

    @property
    def first(self) -> int:
        """The place of its first row in the whole list, from 1."""
        return (self.number - 1) * self.size + 1


def limits(number: int, size: int) -> dict[str, int]:
    """LIMIT and OFFSET of a page; one row more than shown tells whether another page follows."""
    return {"limit": size + 1, "offset": (number - 1) * size}


def sliced(rows: list[dict[str, Any]], number: int, size: int) -> Slice:
    """The page out of what `limits` selected."""
    return Slice(rows[:size], number, size, len(rows) > size)
