"""`make promote`: an HR manager reads what is asked, and answers it, from the terminal."""

from typing import Any

from runtime.airflow_api import AirflowApi
from runtime.command_options import CommandOptions
from runtime.following import CommandError
from runtime.options import OptionsError

PROMOTION = "future_skills_promotion"
OPTIONS = {"approve": "Approve", "reject": "Reject"}


def answer_approval(api: AirflowApi, options: CommandOptions) -> str | None:
    """Answer the open request, the newest unless a version is named; returns the id of its run.

    Without an answer it is only printed, and None returned. Raises CommandError, OptionsError.
    """
    question = _chosen(api, options.version)
    run_id = str(question["task_instance"]["dag_run_id"])
    if options.answer is None:
        print(f"{question['subject']}\n\n{question['body']}\n")
        print('To answer: make promote ANSWER=approve REASON="..." (or ANSWER=reject).')
        return None
    if not (options.reason or "").strip():
        raise OptionsError('REASON is missing: say why, as in REASON="better on every department". It is kept in the record.')
    if not api.answer(question, OPTIONS[options.answer], {"reason": options.reason}):
        raise CommandError("Somebody else has just answered it: see `make registry`.")
    return run_id


def _chosen(api: AirflowApi, version: str | None) -> dict[str, Any]:
    """The newest open question, or the one about a version."""
    questions = api.open_questions(PROMOTION)
    if not questions:
        raise CommandError("No approval is open: nobody is asked anything now. `make registry` says how the last request ended.")
    asked = [(api.xcom(question["task_instance"], "open_request", "version"), question) for question in questions]
    about = [question for name, question in asked if version in {None, name}]
    if not about:
        raise CommandError(f"No approval of {version} is open; open are: {', '.join(str(name) for name, _ in asked)}.")
    return about[-1]
