"""`make mails`: what waits for the mail server and what was given up; with RETRY=yes all of it is due now."""

import sys
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from future_skills.alerts.outbox import OLDEST
from future_skills.alerts.unsent import in_lines, try_again, unsent_mails
from future_skills.config import Settings
from runtime.options import RunOptions, ended_in_words, show
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
    return ended_in_words(lambda: show(run(RunOptions(), Settings(), retry=MailsOptions().retry == "yes")))


if __name__ == "__main__":
    sys.exit(main())
