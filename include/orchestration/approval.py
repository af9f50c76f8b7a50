"""Putting a candidate to the HR managers, and what follows from what came back."""

import logging
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from future_skills.alerts.asked_again import approval_request_again
from future_skills.alerts.messages import approval_request, deployment_wanted, task_failure
from future_skills.prediction.what_would_change import what_would_change
from future_skills.registry.approvals import ApprovalRequest, record_answer, record_no_answer, refused_answers
from future_skills.registry.page import write_registry
from future_skills.registry.request_page import keep_request, render_request
from orchestration.answers import given_answer
from orchestration.connections import Resources
from orchestration.links import task_link
from orchestration.mails import send

logger = logging.getLogger(__name__)
ASKED_AGAIN = 20
"""Answers to one request that do not count, after which it is no longer put anew by itself."""
NOT_ASKED = "nobody was asked, as APPROVAL was auto when the request came; it is required now"


def _link(work: Resources, dag_run: Any, page: str = "") -> str:
    return task_link(work.settings.base_url, dag_run.dag_id, dag_run.run_id, "request_approval", page)


def ask(work: Resources, request: ApprovalRequest, dag_run: Any, *, again: bool) -> str:
    """Mail the HR managers, and return the page they read before they answer, which is kept in the store.

    With APPROVAL=auto nobody is mailed, and what would change is not computed.
    """
    if work.settings.approval != "required":
        return render_request(work.connection, request)
    changes = what_would_change(work.connection, work.store, work.keys, work.settings, request.version)
    page = keep_request(work.connection, work.store, request, changes, dag_run.run_id)
    link = _link(work, dag_run, "required_actions")
    if again:
        send(work, approval_request_again(work.settings, request, link, dag_run.run_id))
    else:
        send(work, approval_request(work.settings, request, link))
    return page


def record(work: Resources, request_id: str, response: dict[str, Any] | None, dag_run: Any, *, asked: bool) -> str | None:
    """Record what came back, and return the task that follows, if any.

    Only an approval given in this very run is deployed. An answer that did not count, while the request is still open, is
    followed by the question anew. `response` and `asked`: see `given_answer`.
    """
    answer = given_answer(response, asked=asked)
    if not asked and work.settings.approval == "required":
        request = record_no_answer(work.connection, request_id, dag_run_id=dag_run.run_id, why=NOT_ASKED)
    elif answer:
        request = record_answer(work.connection, request_id, **answer, dag_run_id=dag_run.run_id)
    else:
        request = record_no_answer(work.connection, request_id, dag_run_id=dag_run.run_id)
        _tell_of_no_answer(work, request, dag_run)
    write_registry(work.connection, work.store)
    if request.state == "requested":
        return _again(work, request)
    if request.state != "approved" or request.settled_in != dag_run.run_id:
        logger.warning("Nothing is deployed: the request for %s is %s.", request.version, request.state)
        return None
    if work.settings.deploy == "auto":
        return "request_deployment"
    send(work, deployment_wanted(work.settings, request))
    return None


def _tell_of_no_answer(work: Resources, request: ApprovalRequest, dag_run: Any) -> None:
    error = f"The question about {request.version} ended without an answer: a state set by hand is no approval. Recorded."
    logger.error(error)
    place = {"dag_id": dag_run.dag_id, "task_id": "request_approval", "run_id": dag_run.run_id}
    send(work, task_failure(work.settings, **place, error=error, link=_link(work, dag_run)))


def _again(work: Resources, request: ApprovalRequest) -> str:
    with work.connection:
        refused = refused_answers(work.connection, request.request_id)
    if refused >= ASKED_AGAIN:
        raise AirflowFailException(
            f"{refused} answers about {request.version} did not count: it is not put anew by itself. It is open until "
            f"{request.expires_at:%Y-%m-%d %H:%M} UTC: an Admin starts future_skills_promotion with {request.request_id}."
        )
    logger.warning("The answer did not count, see MODEL_REGISTRY.md and the model card: the question is put anew.")
    return "ask_again"
