"""What an HR manager reads before approving, as Markdown: what would change first, the exact artefact last."""

import re

from psycopg2.extensions import connection as Connection

from future_skills.domain import LEVELS
from future_skills.ledger.versions import get_evaluation, get_version
from future_skills.registry.approvals import ApprovalRequest
from future_skills.registry.card import render_card
from future_skills.registry.changes import Changes
from future_skills.registry.markdown import markdown_environment
from future_skills.store.artifacts import Store

DEPARTMENTS_COUNTED = 20
DEPARTMENTS_LISTED = 5
"""Departments, those with the most level changes first, with a row of their own, and with their movers."""
HEADING = re.compile(r"^(?=#+ )", re.MULTILINE)


def render_request(
    connection: Connection, request: ApprovalRequest, changes: Changes | None = None, *, whole: str | None = None
) -> str:
    """The request as Markdown, from the ledger and what would change (None: not computed, as nobody is asked).

    Short enough to read in Airflow when the URI of the `whole` page is given; with every department when it is not.
    """
    with connection:
        evaluation, version = get_evaluation(connection, request.evaluation_id), get_version(connection, request.version)
        card = render_card(connection, request.version)
    departments = changes.departments if changes else []
    counted, listed = (DEPARTMENTS_COUNTED, DEPARTMENTS_LISTED) if whole else (len(departments), len(departments))
    return (
        markdown_environment()
        .get_template("approval_request.md.j2")
        .render(
            request=request,
            evaluation=evaluation,
            metrics=evaluation.metrics,
            version=version,
            card=HEADING.sub("#", card),
            changes=changes,
            counted=departments[:counted],
            uncounted=departments[counted:],
            listed=[one for one in departments[:listed] if one.movers],
            whole=whole,
            levels=LEVELS,
        )
    )


def keep_request(connection: Connection, store: Store, request: ApprovalRequest, changes: Changes, dag_run_id: str) -> str:
    """Keep the whole page, with every department, in the store, and return the one to show, which names it."""
    name = f"approvals/{request.request_id}/{re.sub(r'[^A-Za-z0-9_.-]+', '-', dag_run_id).strip('.')}.md"
    uri = store.replace(name, render_request(connection, request, changes).encode())
    return render_request(connection, request, changes, whole=uri)
