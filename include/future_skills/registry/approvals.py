"""What an HR manager was asked, and answered: an append-only record that names the exact artefact."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from psycopg2.extensions import connection as Connection

from future_skills.config import read_sql
from future_skills.database import execute, fetch_row, fetch_rows, fetch_value
from future_skills.domain import FutureSkillsError
from future_skills.ledger.versions import get_version

LONGEST_REASON = 2_000
RECORDED_LATE = timedelta(days=2)
"""An answer that was given in time may be recorded this much later, when the ledger was down: until then nothing expires.
It is longer than the promotion tries to record it."""
AUTOMATIC = "APPROVAL=auto"
"""Who approves where nobody is asked."""
ENDED_UNANSWERED = (
    "the question ended without an answer: its task failed, or was given a state by hand, which is no approval. "
    "Airflow's audit log of this run says by whom"
)
Decision = Literal["approved", "rejected"]
Event = Literal["requested", "approved", "rejected", "expired", "superseded", "refused"]
State = Literal["requested", "approved", "rejected", "expired", "superseded"]


class UnknownRequestError(FutureSkillsError):
    """No approval was ever asked for under that id."""


@dataclass(frozen=True)
class ApprovalRequest:
    """A request with its state: what was asked (`requested`), or how it was settled, by whom and in which run.

    An approval may be deployed until `valid_until`: for as long after the answer as there was time to answer.
    """

    request_id: str
    version: str
    digest: str
    evaluation_id: int
    champion_version: str | None
    requested_by: str | None
    expires_at: datetime
    state: State
    metrics: dict[str, Any]
    asked_at: datetime | None = None
    settled_by: str | None = None
    settled_in: str | None = None
    valid_until: datetime | None = None


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


def current_request(connection: Connection, named: Collection[str] = ()) -> ApprovalRequest | None:
    """The newest request that may still be answered, of those `named`, or of all when none is named."""
    with connection:
        waiting = [request for request in open_requests(connection) if request.expires_at > datetime.now(UTC)]
    found = [request for request in waiting if not named or request.request_id in named]
    return found[-1] if found else None


def request_of_version(connection: Connection, version: str) -> ApprovalRequest | None:
    """The newest request for a version, or None."""
    query = read_sql("approval_requests") + " WHERE asked.version = %s ORDER BY asked.event_id DESC LIMIT 1"
    row = fetch_row(connection, query, (version,))
    return ApprovalRequest(**row) if row else None


def refused_answers(connection: Connection, request_id: str) -> int:
    """How many answers to a request did not count."""
    query = "SELECT count(*) FROM future_skills_ops.approval WHERE request_id = %s AND event = 'refused'"
    return int(fetch_value(connection, query, (request_id,)))


def outcome_of(connection: Connection, request_id: str, dag_run_id: str) -> dict[str, Any] | None:
    """What became of the answer that a run brought: {event, counts, reason}, or None when nothing is recorded."""
    row = fetch_row(
        connection,
        "SELECT event, event IN ('approved', 'rejected') AS counts, reason FROM future_skills_ops.approval"
        " WHERE (request_id, dag_run_id) = (%s, %s) AND event NOT IN ('requested', 'superseded') ORDER BY event_id DESC LIMIT 1",
        (request_id, dag_run_id),
    )
    return dict(row) if row else None


def undeployed_version(connection: Connection) -> str | None:
    """The version approved last, while that approval was not deployed and the deployed model is the one it was against."""
    return cast("str | None", fetch_value(connection, read_sql("undeployed_version")))


def append_event(
    connection: Connection,
    request: ApprovalRequest,
    event: Event,
    *,
    actor: str | None,
    reason: str | None,
    dag_run_id: str | None,
    at: datetime | None = None,
) -> int:
    """Append an event of now, or of `at`, to a request, in the caller's transaction; returns its number."""
    until = request.expires_at
    if event == "approved" and request.asked_at is not None:
        until = (at or datetime.now(UTC)) + (request.expires_at - request.asked_at)
    row = fetch_row(
        connection,
        "INSERT INTO future_skills_ops.approval (request_id, event, version, digest, evaluation_id, champion_version,"
        " requested_by, actor, reason, metrics, dag_run_id, expires_at, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, now())) RETURNING event_id",
        (
            request.request_id,
            event,
            request.version,
            request.digest,
            request.evaluation_id,
            request.champion_version,
            request.requested_by,
            actor,
            reason[:LONGEST_REASON].replace("\0", " ") if reason else None,
            json.dumps(request.metrics),
            dag_run_id,
            until,
            at,
        ),
    )
    return int(row["event_id"]) if row else 0


def lock_request(connection: Connection, request_id: str) -> None:
    """Let nobody else settle the request until the caller's transaction ends."""
    execute(connection, "SELECT pg_advisory_xact_lock(hashtext(%s))", (request_id,))


def record_answer(
    connection: Connection,
    request_id: str,
    decision: Decision,
    *,
    actor: str | None,
    reason: str | None,
    dag_run_id: str | None,
    answered_at: datetime | None = None,
) -> ApprovalRequest:
    """Record an answer and return the request in its new state.

    It counts, and is recorded, as given at `answered_at`, however late that is done. An answer after the expiry, or `actor` None
    (nobody answered), settles it as expired. Recorded as refused, and changing nothing: an answer to a request that is already
    settled, and an approval by whoever asked for the version, after which the request is as open as before. The same task
    recording its answer again changes nothing.
    """
    with connection:
        lock_request(connection, request_id)
        request = get_request(connection, request_id)
        if _recorded(connection, request_id, actor, dag_run_id):
            return request
        now = datetime.now(UTC)
        at = min(answered_at, now) if answered_at else None
        event, why = _weigh(connection, request, decision, actor, at or now)
        if why and actor is not None:
            why += f"; the answer was {decision}" + (f": {reason}" if reason else "")
        append_event(connection, request, event, actor=actor, reason=why or reason, dag_run_id=dag_run_id, at=at)
        return get_request(connection, request_id)


def record_no_answer(
    connection: Connection, request_id: str, *, dag_run_id: str | None, why: str = ENDED_UNANSWERED
) -> ApprovalRequest:
    """Record as refused that a run brought no answer, and why, and return the request, which stays as it is."""
    with connection:
        lock_request(connection, request_id)
        request = get_request(connection, request_id)
        if not _recorded(connection, request_id, None, dag_run_id):
            append_event(connection, request, "refused", actor=None, reason=why, dag_run_id=dag_run_id)
        return request


def _weigh(
    connection: Connection, request: ApprovalRequest, decision: Decision, actor: str | None, at: datetime
) -> tuple[Event, str | None]:
    """What an answer amounts to, and why when that is not what was answered."""
    if request.state != "requested":
        by = f" by {request.settled_by}" if request.settled_by else ""
        return "refused", f"the request was {request.state} already{by}"
    if actor is None:
        return "expired", "nobody answered in time, which counts as rejected"
    if at > request.expires_at:
        return "expired", f"answered after {request.expires_at:%Y-%m-%d %H:%M} UTC, when the time was over"
    if decision == "approved" and actor.casefold() in _requesters(connection, request):
        return "refused", f"{actor} asked for {request.version}: somebody else has to approve it"
    return decision, None


def _requesters(connection: Connection, request: ApprovalRequest) -> set[str]:
    """Who asked for the version: for its training, or for the evaluation that made it a candidate; without regard to case."""
    names = (request.requested_by, get_version(connection, request.version).requested_by)
    return {name.casefold() for name in names if name}


def _recorded(connection: Connection, request_id: str, actor: str | None, dag_run_id: str | None) -> bool:
    query = (
        "SELECT 1 FROM future_skills_ops.approval WHERE request_id = %s AND dag_run_id = %s"
        " AND actor IS NOT DISTINCT FROM %s AND event NOT IN ('requested', 'superseded')"
    )
    return fetch_row(connection, query, (request_id, dag_run_id, actor)) is not None


def expire_requests(connection: Connection) -> int:
    """Settle open requests whose time passed so long ago that no answer is on its way; returns how many."""
    with connection:
        return sum(
            _settle(connection, request, "expired", reason="nobody answered in time, which counts as rejected", dag_run_id=None)
            for request in open_requests(connection)
            if datetime.now(UTC) > request.expires_at + RECORDED_LATE
        )


def supersede_requests(connection: Connection, reason: str, dag_run_id: str | None, *, deployed: str | None = None) -> None:
    """Settle every open request, in the caller's transaction, as a newer version takes its place.

    `deployed`: that version was deployed instead; requests for it, or to replace it, stay open.
    """
    for request in open_requests(connection):
        if deployed is None or deployed not in {request.version, request.champion_version}:
            _settle(connection, request, "superseded", reason=reason, dag_run_id=dag_run_id)


def _settle(connection: Connection, request: ApprovalRequest, event: Event, *, reason: str, dag_run_id: str | None) -> bool:
    """Settle a request unless somebody just did."""
    lock_request(connection, request.request_id)
    if get_request(connection, request.request_id).state != "requested":
        return False
    append_event(connection, request, event, actor=None, reason=reason, dag_run_id=dag_run_id)
    return True
