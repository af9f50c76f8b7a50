"""A candidate is put to an HR manager, who approves or rejects the exact artefact.

Starts by itself when the gate lets a version through. **request_approval** shows what would change and waits for an answer
(Browse > Required Actions); no answer in time counts as a rejection. **record_decision** always runs and writes who decided
what, why, when, for which digest; while the ledger is down both are tried for more than a day. Approved, with `DEPLOY=auto`,
**request_deployment** starts `future_skills_deployment`; with `DEPLOY=manual` DevOps is mailed. An answer that does not count
(by whoever asked for the training; a state set by hand) is recorded as refused, and **ask_again** puts the question anew. With
`APPROVAL=auto` (the local run) nobody is asked.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, TriggerRule, dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from orchestration.assets import CANDIDATE, text_values
from orchestration.callbacks import report_failure
from orchestration.connections import resources
from orchestration.defaults import dag_arguments, settings
from orchestration.orders import requested_by
from orchestration.refusals import trusted_extras

WAITS = settings().approval_expiry
RUN_HOURS = 2 * 30 + int(WAITS / timedelta(hours=1))
"""Opening a request and recording its answer may each take more than a day, see UNTIL_RECORDED; answering, as long as it may."""
OPEN_AT_ONCE = 16  # a question nobody has answered yet must not keep the next one from being asked
UNTIL_RECORDED = {
    "retries": 60,
    "retry_exponential_backoff": 2,
    "max_retry_delay": timedelta(minutes=30),
    "on_retry_callback": report_failure,
}
"""A candidate comes once, and so does an answer: while the ledger is down, both are tried for over a day, and DevOps is told."""
FROM_OPENED = "{{ ti.xcom_pull(task_ids='open_request', key='%s') }}"


@dag(
    schedule=[CANDIDATE],
    params={"request_id": Param(None, type=["null", "string"], title="Ask again for this open request (default: the newest)")},
    **dag_arguments("future_skills_promotion", __doc__, "approval", run_hours=RUN_HOURS, active_runs=OPEN_AT_ONCE),
)
def future_skills_promotion():
    @task.branch(**UNTIL_RECORDED)
    def open_request(*, params, dag_run, ti, triggering_asset_events=None) -> str:
        from future_skills.registry.approvals import current_request
        from future_skills.registry.refusals import NOT_REGISTERED, Attempt, changed_files_recorded
        from orchestration.approval import ask

        with resources() as work:
            told = text_values(trusted_extras(work.connection, "ask", dag_run, triggering_asset_events), "request_id")
            named = [params["request_id"]] if params["request_id"] else told
            request = None if triggering_asset_events and not told else current_request(work.connection, named)
            if request is None:
                ti.xcom_push(key="request_id", value="")
                raise AirflowSkipException("No request is open: there is nothing to approve.")
            attempt = Attempt("ask", request.request_id, requested_by(dag_run), dag_run.run_id)
            try:
                with changed_files_recorded(work.connection, attempt):
                    ti.xcom_push(key="body", value=ask(work, request, dag_run, again=bool(params["request_id"])))
            except NOT_REGISTERED as error:  # another try mends no file
                raise AirflowFailException(str(error)) from error
            asked = work.settings.approval == "required"
        named = {"version": request.version, "digest": request.digest, "asked": asked, "request_id": request.request_id}
        for key, value in named.items():
            ti.xcom_push(key=key, value=value)
        return "request_approval" if asked else "auto"

    @task
    def auto() -> None:
        """Nobody is asked: APPROVAL=auto."""

    # The reason has no longest length here: Airflow would take the answer, and lose it when the task refuses it.
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

    @task.branch(trigger_rule=TriggerRule.ALL_DONE, **UNTIL_RECORDED)
    def record_decision(*, ti, dag_run) -> str | None:
        from future_skills.registry.approvals import outcome_of, refused_answers
        from orchestration.approval import record

        request_id = ti.xcom_pull(task_ids="open_request", key="request_id")
        if request_id is None:
            raise AirflowFailException("open_request failed: nobody was asked, and nothing is recorded.")
        if not request_id:
            raise AirflowSkipException("No request was opened: there is no decision to record.")
        with resources() as work:
            asked = ti.xcom_pull(task_ids="open_request", key="asked")
            following = record(work, request_id, ti.xcom_pull(task_ids="request_approval"), dag_run, asked=asked)
            ti.xcom_push(key="refused", value=refused_answers(work.connection, request_id))
            ti.xcom_push(key="outcome", value=outcome_of(work.connection, request_id, dag_run.run_id))
        return following

    request_deployment = TriggerDagRunOperator(
        task_id="request_deployment",
        trigger_dag_id="future_skills_deployment",
        trigger_run_id="deploy__" + FROM_OPENED % "request_id",
        skip_when_already_exists=True,
        conf={"version": FROM_OPENED % "version", "requested_by": "DEPLOY=auto", "reason": FROM_OPENED % "request_id"},
    )

    ask_again = TriggerDagRunOperator(
        task_id="ask_again",
        trigger_dag_id="future_skills_promotion",
        trigger_run_id="ask__" + FROM_OPENED % "request_id" + "__{{ ti.xcom_pull(task_ids='record_decision', key='refused') }}",
        skip_when_already_exists=True,
        conf={"request_id": FROM_OPENED % "request_id"},
    )

    opened, decided = open_request(), record_decision()
    opened >> [auto(), request_approval] >> decided >> [request_deployment, ask_again]


future_skills_promotion()
