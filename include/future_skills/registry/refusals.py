"""What somebody tried and was not let do: who, when, what and why not, in a table that can only be added to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from psycopg2.extensions import connection as Connection

from future_skills.database import HRDatabaseDownError, execute, fetch_value
from future_skills.dataset.reading import DatasetChangedError
from future_skills.domain import FutureSkillsError
from future_skills.store.artifacts import ArtifactMissingError, ForeignArtifactError, StoreUnwritableError
from future_skills.store.signing import UntrustedArtifactError

Action = Literal["ask", "deploy", "rollback", "predict", "drift", "edit"]
LONGEST_SUBJECT = 200
NOBODY_REFUSED = (HRDatabaseDownError, StoreUnwritableError)
"""Errors of the machinery, which another try may mend."""
NOT_REGISTERED = (UntrustedArtifactError, ForeignArtifactError, ArtifactMissingError, DatasetChangedError)
"""Files that were changed, moved or removed behind the pipeline's back."""


@dataclass(frozen=True)
class Attempt:
    """What is tried: `subject` names a version, a request or a file, `actor` is None where Airflow does not say who."""

    action: Action
    subject: str
    actor: str | None
    dag_run_id: str | None


def record_refusal(connection: Connection, attempt: Attempt, reason: str) -> None:
    """Append a refusal, in the caller's transaction."""
    execute(
        connection,
        "INSERT INTO future_skills_ops.refusal (action, subject, actor, reason, dag_run_id) VALUES (%s, %s, %s, %s, %s)",
        (attempt.action, attempt.subject[:LONGEST_SUBJECT], attempt.actor, reason, attempt.dag_run_id),
    )


@contextmanager
def changed_files_recorded(connection: Connection, attempt: Attempt) -> Iterator[None]:
    """Record that the block came upon a file that is not the registered one, once for a run, and commit; the error goes on."""
    try:
        yield
    except NOT_REGISTERED as error:
        connection.rollback()
        with connection:
            if not _known(connection, attempt, str(error)):
                record_refusal(connection, attempt, str(error))
        raise


def _known(connection: Connection, attempt: Attempt, reason: str) -> bool:
    """Has another task of the run recorded the same? Tasks that run beside each other come upon the same file."""
    execute(connection, "SELECT pg_advisory_xact_lock(hashtext('future_skills_refusal'))")
    query = "SELECT 1 FROM future_skills_ops.refusal WHERE (action, subject, reason, dag_run_id) = (%s, %s, %s, %s) LIMIT 1"
    found = (attempt.action, attempt.subject[:LONGEST_SUBJECT], reason, attempt.dag_run_id)
    return fetch_value(connection, query, found) is not None


@contextmanager
def refusals_recorded(connection: Connection, attempt: Attempt) -> Iterator[None]:
    """Record what the block refuses, and commit; the error goes on to whoever tried."""
    try:
        yield
    except NOBODY_REFUSED:
        raise
    except FutureSkillsError as error:
        connection.rollback()
        with connection:
            record_refusal(connection, attempt, str(error))
        raise
