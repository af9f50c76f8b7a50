"""A candidate is put to an HR manager, who approves or rejects the exact artefact.

Starts by itself when the gate lets a version through. **request_approval** waits for an answer (Browse > Required Actions);
no answer in time counts as a rejection. **record_decision** always runs and writes who decided what, why, for which digest.
Approved, with `DEPLOY=auto`, **request_deployment** starts `future_skills_deployment`; with `DEPLOY=manual` DevOps is mailed.
With `APPROVAL=auto` (the local run) nobody is asked, and the record says so.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.assets import CANDIDATE, event_extras, newest_value
from orchestration.connections import resources
from orchestration.defaults import dag_arguments, settings

WAITS = settings().approval_expiry
OPEN_AT_ONCE = 16  # a question nobody has answered yet must not keep the next one from being asked
FROM_OPENED = "{{ ti.xcom_pull(task_ids='open_request', key='%s') }}"


@dag(
    schedule=[CANDIDATE],
    params={"request_id": Param(None, type=["null", "string"], title="Ask again for this open request (default: the newest)")},
    **dag_arguments(
        "future_skills_promotion", __doc__, "approval", run_hours=24 + int(WAITS / timedelta(hours=1)), active_runs=OPEN_AT_ONCE
    ),
)
def future_skills_promotion():
    @task.branch
    def open_request(*, params, dag_run, ti, triggering_asset_events=None) -> str:
        from future_skills.alerts.messages import approval_request
        from future_skills.registry.approvals import current_request
        from future_skills.registry.request_page import render_request
        from orchestration.links import task_link
        from orchestration.mails import send

        wanted = params["request_id"] or newest_value(event_extras(triggering_asset_events), "request_id")
        with resources() as work:
            request = current_request(work.connection, wanted)
            if request is None:
                ti.xcom_push(key="request_id", value="")
                raise AirflowSkipException("No request is open: there is nothing to approve.")
            ti.xcom_push(key="version", value=request.version)
            ti.xcom_push(key="body", value=render_request(work.connection, request))
            if work.settings.approval == "required":
                link = task_link(work.settings.base_url, dag_run.dag_id, dag_run.run_id, "request_approval", "required_actions")
                send(work, approval_request(work.settings, request, link))
        asked = work.settings.approval == "required"
        ti.xcom_push(key="asked", value=asked)
        ti.xcom_push(key="request_id", value=request.request_id)
        return "request_approval" if asked else "auto"

    @task
    def auto() -> None:
        """Nobody is asked: APPROVAL=auto."""

    request_approval = HITLOperator(
        task_id="request_approval",
        subject="Shall model " + FROM_OPENED % "version" + " predict from now on?",
        body=FROM_OPENED % "body",
        options=["Approve", "Reject"],
        defaults=["Reject"],
        response_timeout=WAITS,
        execution_timeout=None,
        params={"reason": Param("", type="string", title="Reason (kept in the record)")},
    )

    @task.branch(trigger_rule=TriggerRule.ALL_DONE)
    def record_decision(*, ti, dag_run) -> str | None:
        from future_skills.alerts.messages import deployment_wanted
        from future_skills.registry.approvals import record_answer
        from future_skills.registry.page import write_registry
        from orchestration.answers import given_answer
        from orchestration.mails import send

        request_id = ti.xcom_pull(task_ids="open_request", key="request_id")
        if request_id is None:
            raise AirflowFailException("open_request failed: nobody was asked, and nothing is recorded.")
        if not request_id:
            raise AirflowSkipException("No request was opened: there is no decision to record.")
        with resources() as work:
            answer = given_answer(
                ti.xcom_pull(task_ids="request_approval"), asked=ti.xcom_pull(task_ids="open_request", key="asked")
            )
            if answer is None:
                raise AirflowFailException("request_approval has no answer: a state set by hand is no approval.")
            request = record_answer(work.connection, request_id, **answer, dag_run_id=dag_run.run_id)
            write_registry(work.connection, work.store)
            if request.state != "approved":
                return None
            if work.settings.deploy == "auto":
                return "request_deployment"
            send(work, deployment_wanted(work.settings, request))
        return None

    request_deployment = TriggerDagRunOperator(
        task_id="request_deployment",
        trigger_dag_id="future_skills_deployment",
        trigger_run_id="deploy__" + FROM_OPENED % "request_id",
        skip_when_already_exists=True,
        conf={"version": FROM_OPENED % "version", "requested_by": "DEPLOY=auto", "reason": FROM_OPENED % "request_id"},
    )

    opened, decided = open_request(), record_decision()
    opened >> [auto(), request_approval] >> decided >> request_deployment


future_skills_promotion()
