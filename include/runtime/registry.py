"""`make registry`, `make compare` and `make model-card`: the registry in the terminal, of a local state or of HR_DSN."""

import argparse
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.domain import FutureSkillsError
from future_skills.ledger.migrate import require_ledger
from future_skills.registry.card import render_card
from future_skills.registry.comparison import render_comparison
from future_skills.registry.page import render_registry
from future_skills.registry.pointer import POINTER, named_version
from future_skills.store.artifacts import Store
from runtime.options import OptionsError, RunOptions, ended_in_words
from runtime.postgres import reached_server

SEPARATOR = re.compile(r"(?<!\\)\|")
"""Between two cells; an escaped bar is text."""


class NoStateError(FutureSkillsError):
    """Nothing has run for this company yet."""


@contextmanager
def ledger(options: RunOptions, settings: Settings, *, readonly: bool = True) -> Iterator[Connection]:
    """A connection to HR_DSN or to the state's own server, which is started for it when it is not; by default it only reads.

    Raises NoStateError, StateBusyError when a run is just starting or stopping, LedgerMissingError, HRDatabaseDownError.
    """
    if settings.hr_dsn is not None:
        with _connected(settings.hr_dsn.get_secret_value(), readonly=readonly) as connection:
            yield connection
        return
    state = options.state(settings)
    if not (state.postgres / "PG_VERSION").exists():
        raise NoStateError(f"There is nothing at {state.root} yet: run `make run` first, with the same DATA.")
    with reached_server(state) as databases, _connected(databases["hr"], readonly=readonly) as connection:
        yield connection


@contextmanager
def _connected(dsn: str, *, readonly: bool) -> Iterator[Connection]:
    with closing(connect(dsn)) as connection:
        connection.set_session(readonly=readonly)
        require_ledger(connection)
        connection.rollback()
        yield connection


def aligned(markdown: str) -> str:
    """The same Markdown with the cells of each table padded to columns, for a terminal."""
    lines: list[str] = []
    for is_table, block in groupby(markdown.splitlines(), key=lambda line: line.startswith("|")):
        if not is_table:
            lines.extend(block)
            continue
        rows = [[cell.strip() for cell in SEPARATOR.split(line.rstrip())[1:-1]] for line in block]
        widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows)))]
        for row in rows:
            fill = "-" if set("".join(row)) == {"-"} else " "
            lines.append("| " + " | ".join(cell.ljust(width, fill) for cell, width in zip(row, widths, strict=False)) + " |")
    return "\n".join(lines)


def required(command: str, names: list[str]) -> list[str]:
    """The versions a command is about, none of them missing. Raises OptionsError."""
    variables = {"compare": ("A", "B"), "card": ("VERSION",)}.get(command, ())
    for name, variable in zip(names, variables, strict=True):
        if not name.strip():
            raise OptionsError(f"{variable} is missing: name a version, as in {variable}=v1.")
    if command == "compare" and names[0].strip() == names[1].strip():
        raise OptionsError(f"A and B are both {names[0].strip()}: name two versions.")
    return [name.strip() for name in names]


def render(connection: Connection, command: str, names: list[str], pointer: str | None = None) -> str:
    """What a command prints; `pointer` is the version that the HR application's pointer names. Raises UnknownVersionError."""
    if command == "compare":
        return render_comparison(connection, *names)
    if command == "card":
        return render_card(connection, *names)
    return render_registry(connection, pointer)


def main() -> int:
    """Run one of the commands; an error is one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("page").set_defaults(names=[])
    commands.add_parser("compare").add_argument("names", nargs=2, metavar="VERSION")
    commands.add_parser("card").add_argument("names", nargs=1, metavar="VERSION")
    arguments = parser.parse_args()
    return ended_in_words(lambda: run(arguments.command, arguments.names))


def run(command: str, names: list[str]) -> int:
    """Print one page. Raises what `required` and `ledger` raise."""
    chosen = required(command, names)
    options, settings = RunOptions(), Settings()
    with ledger(options, settings) as connection:
        pointer = _named_by_pointer(options, settings) if command == "page" else None
        print(aligned(render(connection, command, chosen, pointer)))
    return 0


def _named_by_pointer(options: RunOptions, settings: Settings) -> str | None:
    """The version that the HR application's pointer names; None where there is none.

    A store that cannot be read is said, and hides nothing of the page, which is the ledger's.
    """
    refusals: tuple[type[Exception], ...] = (FutureSkillsError,)
    try:
        store = Store.for_reading(options.store_uri(settings))
        refusals += store.refusals
        return named_version(store)
    except refusals as error:
        print(f"Whether the store holds {POINTER} cannot be seen: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    sys.exit(main())
