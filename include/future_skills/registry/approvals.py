"""What an HR manager was asked, and answered: an append-only record that names the exact artefact."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import execute, fetch_row, fetch_rows
from future_skills.domain import FutureSkillsError

Event = Literal["requested", "approved", "rejected", "expired", "superseded", "refused"]
State = Literal["requested", "approved", "rejected", "expired", "superseded"]


class UnknownRequestError(FutureSkillsError):
    """No approval was ever asked for under that id."""


@dataclass(frozen=True)
class ApprovalRequest:
    """A request with its state: what was asked (`requested`), or how it was settled."""

    request_id: str
    version: str
    digest: str
    evaluation_id: int
    champion_version: str | None
    requested_by: str | None
    expires_at: datetime
    state: State
    metrics: dict[str, Any]


def find_request(connection: Connection, request_id: str) -> ApprovalRequest | None:
    """The request of that id, or None."""
    row = fetch_row(connection, read_sql("approval_requests") + " WHERE asked.request_id = %s", (request_id,))
    return ApprovalRequest(**row) if row else None


def get_request(connection: Connection, request_id: str) -> ApprovalRequest:
    """The request of that id. Raises UnknownRequestError."""
    request = find_request(connection, request_id)
    if request is None:
        raise UnknownRequestError(f"The ledger has no approval request {request_id!r}: see MODEL_REGISTRY.md.")
    return request


def open_requests(connection: Connection) -> list[ApprovalRequest]:
    """Requests nobody has settled yet, oldest first."""
    rows = fetch_rows(connection, read_sql("approval_requests") + " WHERE settled.event IS NULL ORDER BY asked.event_id")
    return [ApprovalRequest(**row) for row in rows]


def current_request(connection: Connection, request_id: str | None) -> ApprovalRequest | None:
    """The request of that id, or the newest, if it is still open."""
    with connection:
        waiting = [request for request in open_requests(connection) if request_id in {None, request.request_id}]
    return waiting[-1] if waiting else None


def request_of_version(connection: Connection, version: str) -> ApprovalRequest | None:
    """The newest request for a version, or None."""
    query = read_sql("approval_requests") + " WHERE asked.version = %s ORDER BY asked.event_id DESC LIMIT 1"
    row = fetch_row(connection, query, (version,))
    return ApprovalRequest(**row) if row else None


def append_event(
    connection: Connection,
    request: ApprovalRequest,
    event: Event,
    *,
    actor: str | None,
    reason: str | None,
    dag_run_id: str | None,
) -> None:
    """Append an event to a request, in the caller's transaction."""
    execute(
        connection,
        "INSERT INTO future_skills_ops.approval (request_id, event, version, digest, evaluation_id, champion_version,"
        " requested_by, actor, reason, metrics, dag_run_id, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            request.request_id,
            event,
            request.version,
            request.digest,
            request.evaluation_id,
            request.champion_version,
            request.requested_by,
            actor,
            reason,
            json.dumps(request.metrics),
            dag_run_id,
            request.expires_at,
        ),
    )


def lock_request(connection: Connection, request_id: str) -> None:
    """Let nobody else settle the request until the caller's transaction ends."""
    execute(connection, "SELECT pg_advisory_xact_lock(hashtext(%s))", (request_id,))


def record_answer(
    connection: Connection,
    request_id: str,
    decision: Literal["approved", "rejected"],
    *,
    actor: str | None,
    reason: str | None,
    dag_run_id: str | None,
) -> ApprovalRequest:
    """Record an answer and return the request in its new state.

    An answer after the expiry, or `actor` None (nobody answered), settles it as expired; an answer to a request that is
    already settled is recorded as refused and changes nothing. The same task recording its answer again changes nothing.
    """
    with connection:
        lock_request(connection, request_id)
        request = get_request(connection, request_id)
        if _recorded(connection, request_id, dag_run_id):
            return request
        event: Event = decision
        if request.state != "requested":
            event = "refused"
        elif actor is None or datetime.now(UTC) > request.expires_at:
            event = "expired"
        append_event(connection, request, event, actor=actor, reason=reason, dag_run_id=dag_run_id)
        return get_request(connection, request_id)


def _recorded(connection: Connection, request_id: str, dag_run_id: str | None) -> bool:
    query = (
        "SELECT 1 FROM future_skills_ops.approval WHERE request_id = %s AND dag_run_id = %s"
        " AND event NOT IN ('requested', 'superseded')"
    )
    return fetch_row(connection, query, (request_id, dag_run_id)) is not None


def expire_requests(connection: Connection) -> int:
    """Settle open requests whose time has passed; returns how many."""
    with connection:
        return sum(
            _settle(connection, request, "expired", reason="nobody answered in time", dag_run_id=None)
            for request in open_requests(connection)
            if datetime.now(UTC) > request.expires_at
        )


def supersede_requests(connection: Connection, reason: str, dag_run_id: str | None) -> None:
    """Settle every open request, in the caller's transaction, as a newer version takes its place."""
    for request in open_requests(connection):
        _settle(connection, request, "superseded", reason=reason, dag_run_id=dag_run_id)


def _settle(connection: Connection, request: ApprovalRequest, event: Event, *, reason: str, dag_run_id: str | None) -> bool:
    """Settle a request unless somebody just did."""
    lock_request(connection, request.request_id)
    if get_request(connection, request.request_id).state != "requested":
        return False
    append_event(connection, request, event, actor=None, reason=reason, dag_run_id=dag_run_id)
    return True
