"""`make promote`: an HR manager reads what is asked, and answers it, from the terminal."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from future_skills.registry.approvals import LONGEST_REASON
from runtime.airflow_api import AirflowApi
from runtime.command_options import CommandOptions
from runtime.following import CommandError, require_unpaused
from runtime.options import OptionsError

PROMOTION = "future_skills_promotion"
OPTIONS = {"approve": "Approve", "reject": "Reject"}
SHORTEST_DIGEST = 12
ASKED_SECONDS = 15
"""How long a question has to be asked before it is answered from here. Airflow 3.3 notices some five seconds later that the
asking task's process has ended; an answer that comes meanwhile is forgotten, and the same is asked anew."""


@dataclass(frozen=True)
class Question:
    """What Airflow asks, and about which artefact."""

    version: str
    digest: str
    asked: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.version} (DIGEST={self.digest[:SHORTEST_DIGEST]})"


def answer_approval(api: AirflowApi, options: CommandOptions) -> str | None:
    """Answer the open request about the version or digest that is named; returns the id of its run.

    Without an answer it, or the newest, is only printed, and None returned. Raises CommandError, OptionsError.
    """
    question = choose([_question(api, asked) for asked in api.open_questions(PROMOTION)], options)
    if options.answer is None:
        print(f"{question.asked['subject']}\n\n{question.asked['body']}\n")
        print(f'To answer: make promote VERSION={question.version} ANSWER=approve REASON="..." (or ANSWER=reject).')
        return None
    reason = stated_reason(options)
    require_unpaused(api, PROMOTION)
    time.sleep(still_too_early(question.asked, datetime.now(UTC)))
    if not api.answer(question.asked, OPTIONS[options.answer], {"reason": reason}):
        raise CommandError("Somebody else has just answered it: see `make registry`.")
    return str(question.asked["task_instance"]["dag_run_id"])


def still_too_early(asked: dict[str, Any], now: datetime) -> float:
    """Seconds until a question may be answered, ASKED_SECONDS at most even where this machine's clock is late."""
    age = (now - datetime.fromisoformat(asked["created_at"])).total_seconds()
    return min(max(ASKED_SECONDS - age, 0), ASKED_SECONDS)


def _question(api: AirflowApi, asked: dict[str, Any]) -> Question:
    named = {name: str(api.xcom(asked["task_instance"], "open_request", name) or "") for name in ("version", "digest")}
    return Question(asked=asked, **named)


def stated_reason(options: CommandOptions) -> str:
    """Why the person answers so. Raises OptionsError when that is missing, or too long to be kept whole."""
    reason = (options.reason or "").strip()
    if not reason:
        raise OptionsError('REASON is missing: say why, as in REASON="better on every department". It is kept in the record.')
    if len(reason) > LONGEST_REASON:
        raise OptionsError(f"REASON has {len(reason):,} characters; {LONGEST_REASON:,} are kept: say it in fewer.")
    return reason


def choose(waiting: list[Question], options: CommandOptions) -> Question:
    """The newest question about the version and digest that are named; to read, the newest of all when none is.

    An answer has to name one of them: whoever answers must not meet a question that came after what they have read.
    """
    if not waiting:
        raise CommandError("No approval is open: nobody is asked anything now. `make registry` says how the last request ended.")
    is_open = f"open is {', '.join(map(str, waiting))}"
    if options.answer and not (options.version or options.digest):
        raise OptionsError(
            f"Say what you have read, by VERSION or DIGEST; {is_open}. Read it with: make promote VERSION={waiting[-1].version}"
        )
    digest = (options.digest or "").strip().lower()
    if digest and len(digest) < SHORTEST_DIGEST:
        raise OptionsError(f"DIGEST has {SHORTEST_DIGEST} characters or more: the SHA-256 at the end of what is asked.")
    about = [one for one in waiting if options.version in {None, one.version} and one.digest.startswith(digest)]
    if not about:
        named = " with ".join(filter(None, (options.version, digest and f"DIGEST={digest[:SHORTEST_DIGEST]}")))
        raise CommandError(f"No approval of {named} is open; {is_open}.")
    return about[-1]
