"""`make hr-grants`, `make check-hr` and `make migrate`: an existing HR database gets ready, step by step."""

import argparse
import sys
from contextlib import closing

from future_skills.config import Settings
from future_skills.database import connect
from future_skills.dsn import read_dsn
from future_skills.hr.rights import check_database, grants_sql
from future_skills.ledger.migrate import migrate_ledger
from runtime.options import OptionsError, ended_in_words

DEFAULT_ROLE = "future_skills"


def _dsn(settings: Settings) -> str:
    if settings.hr_dsn is None:
        raise OptionsError("HR_DSN is not set: name the database, as in HR_DSN=postgresql://user:password@host:5432/database.")
    return settings.hr_dsn.get_secret_value()


def print_grants(settings: Settings) -> int:
    """Print the script for the role of HR_DSN (default: future_skills)."""
    role = read_dsn(settings.hr_dsn.get_secret_value()).get("user") if settings.hr_dsn else None
    print(grants_sql(role or DEFAULT_ROLE))
    return 0


def check(settings: Settings) -> int:
    """Print what is there, what is missing, and what is more than needed; returns 1 when something is missing."""
    with closing(connect(_dsn(settings))) as connection:
        findings = check_database(connection)
    for finding in findings:
        word = "ok" if finding.passed else "BEWARE" if finding.advisory else "MISSING"
        print(f"{word:<8} {finding.subject}" + ("" if finding.passed else f": {finding.advice}"))
    return 0 if all(finding.passed or finding.advisory for finding in findings) else 1


def migrate(settings: Settings) -> int:
    """Bring the ledger to the schema of this release."""
    with closing(connect(_dsn(settings))) as connection:
        print(f"The ledger is at revision {migrate_ledger(connection)}.")
    return 0


COMMANDS = {"grants": print_grants, "check": check, "migrate": migrate}


def main() -> int:
    """Run one of the commands; an error is one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = COMMANDS[parser.parse_args().command]
    return ended_in_words(lambda: command(Settings()))


if __name__ == "__main__":
    sys.exit(main())
