"""What a person sees when something is wrong: what it is and what to do, never a stack trace."""

import logging
import uuid
from dataclasses import dataclass
from typing import Final

import psycopg2
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg2 import errors as postgres
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.predictions import UnknownSubjectError
from dashboard.rendering import page
from future_skills.database import HRDatabaseDownError
from future_skills.domain import FutureSkillsError
from future_skills.ledger.drift_reports import UnknownReportError
from future_skills.ledger.versions import UnknownVersionError
from future_skills.store.artifacts import ArtifactMissingError

logger = logging.getLogger(__name__)

TITLES: Final = {
    400: "That cannot be read",
    401: "Please sign in",
    403: "Not for your role",
    404: "There is no such page",
    405: "Pages are only read here",
    422: "That cannot be read",
    503: "The dashboard cannot read its database",
}
NOT_FOUND = (UnknownVersionError, UnknownReportError, UnknownSubjectError, ArtifactMissingError)


@dataclass(frozen=True)
class Problem:
    """A status, and a sentence for people."""

    status: int
    sentence: str


def explained(error: Exception) -> Problem:
    """An error in words; of one nobody foresaw only a number under which the API server's log has it."""
    if isinstance(error, HTTPException):
        sentence = "Sign in to Airflow, then open this page again." if error.status_code == 401 else str(error.detail)  # noqa: PLR2004
        return Problem(error.status_code, sentence)
    if isinstance(error, RequestValidationError):
        wrong = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors()}))
        return Problem(422, f"The address has a value that cannot be read: {wrong}.")
    if isinstance(error, NOT_FOUND):
        return Problem(404, str(error))
    if isinstance(error, FutureSkillsError | psycopg2.Error):
        return Problem(503, _of_the_database(error))
    reference = uuid.uuid4().hex[:8]
    logger.error("dashboard error %s", reference, exc_info=error)
    return Problem(500, f"This page could not be made. The log of Airflow's API server says why, under {reference}.")


def _of_the_database(error: Exception) -> str:
    if isinstance(error, FutureSkillsError):
        if isinstance(error, HRDatabaseDownError):
            logger.warning("the dashboard cannot reach the HR database: %s", error)
            return "The HR database cannot be reached: is it running, and is the connection hr_database_dashboard right?"
        return str(error)
    logger.warning("the dashboard cannot read the HR database: %s", " ".join(str(error).split()))
    if isinstance(error, postgres.InsufficientPrivilege):
        return "The role future_skills_dashboard may not read what this page shows: let the DBA run what `make hr-grants` prints."
    if isinstance(error, postgres.QueryCanceled):
        return "The HR database took too long to answer: try again in a moment."
    if isinstance(error, postgres.UndefinedTable | postgres.UndefinedColumn | postgres.InvalidSchemaName):
        return "The HR database lacks tables of this release: run `make migrate`."
    return "The HR database broke off: try again in a moment; if it stays so, look at the database and at the API server's log."


async def show(request: Request, error: Exception) -> Response:
    """The page of an error."""
    problem = explained(error)
    title = TITLES.get(problem.status, "Something went wrong")
    return page(request, "error", "", status=problem.status, title=title, sentence=problem.sentence)


def add_error_pages(app: FastAPI) -> None:
    """Let every error of the application become a page."""
    for kind in (HTTPException, RequestValidationError, FutureSkillsError, psycopg2.Error):
        app.add_exception_handler(kind, show)


class LastResort:
    """Turns an error that nothing else caught into a page, unless the answer has begun already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        begun = False

        async def send_noting(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            answer = await show(Request(scope), error)
            await answer(scope, receive, send)
