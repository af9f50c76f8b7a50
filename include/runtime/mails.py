"""`make mails`: what waits for the mail server and what was given up; with RETRY=yes all of it is due now."""

import sys
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from future_skills.alerts.outbox import OLDEST
from future_skills.alerts.unsent import in_lines, try_again, unsent_mails
from future_skills.config import Settings
from future_skills.domain import FutureSkillsError
from runtime.options import SETTINGS_ERRORS, RunOptions, in_words
from runtime.registry import ledger


class MailsOptions(BaseSettings):
    """The command's own variable."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    retry: Literal["yes", "no"] = Field("no", description="yes: what waits and what was given up is due now.")


def run(options: RunOptions, settings: Settings, *, retry: bool) -> list[str]:
    """Look, or make everything due; returns what to print. Raises what `ledger` raises."""
    with ledger(options, settings, readonly=not retry) as connection:
        due = try_again(connection, settings.mail) if retry else 0
        unsent = unsent_mails(connection)
    if not unsent:
        return [f"No mail waits, and none of the last {OLDEST.days} days was given up."]
    lost = sum(mail.given_up_at is not None for mail in unsent)
    told = [*map(in_lines, unsent), f"{len(unsent) - lost} wait, {lost} of the last {OLDEST.days} days were given up."]
    if retry:
        told.append(
            f"{due} of them were made due: future_skills_watch sends them within half an hour, or when it is started by hand."
        )
    elif lost:
        told.append("When the server, the address or the rule is mended: make mails RETRY=yes.")
    return told


def main() -> int:
    """Run the command; an error is one sentence."""
    try:
        for line in run(RunOptions(), Settings(), retry=MailsOptions().retry == "yes"):
            print(line)
    except (FutureSkillsError, *SETTINGS_ERRORS) as error:
        print(f"Error: {in_words(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
