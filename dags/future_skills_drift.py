"""Compares each published batch with the first batch its model scored, and past predictions with what HR decided since.

**report** writes HTML and JSON to the artefact store and a row to the ledger, one counted report for each dataset. **decide**
then does nothing (the normal week), or **alert** mails the data scientists, or **request_retraining** starts the retraining in
refresh mode: when two of the last three datasets drift, the newest included, not more than once a week, with growing pauses when
retraining changes nothing, and twice in 30 days at most: then a person is asked. A broken export raises a data alarm instead.

**realise** measures the model on the decisions HR made since the dataset before, and mails when it decays. **application_log**
looks at the HR application's own predictions, where `DRIFT__APPLICATION_LOG` or the form names its log; it asks for nothing.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from orchestration.assets import DRIFT_REPORT, PREDICTIONS, text_values
from orchestration.connections import resources
from orchestration.defaults import dag_arguments
from orchestration.measures import tell
from orchestration.refusals import trusted_extras


@dag(
    schedule=[PREDICTIONS],
    params={
        "batch_id": Param(None, type=["null", "string"], title="Prediction batch (default: the newest)"),
        "application_log": Param(None, type=["null", "string"], title="The HR application's log (default: the setting)"),
        "days": Param(None, type=["null", "integer"], minimum=1, title="Days of it (default: the setting)"),
    },
    **dag_arguments("future_skills_drift", __doc__, "drift"),
)
def future_skills_drift():
    @task(outlets=[DRIFT_REPORT])
    def report(*, params, dag_run, outlet_events, triggering_asset_events=None) -> int:
        from future_skills.drift.report import batches_to_report, report_drift

        with resources() as work:
            told = text_values(trusted_extras(work.connection, "drift", dag_run, triggering_asset_events), "batch_id")
            if triggering_asset_events and not told:
                raise AirflowSkipException("Only events made by hand started this run: nothing is compared.")
            batches = batches_to_report(work.connection, work.settings.horizon_years, params["batch_id"], told)
            if not batches:
                raise AirflowSkipException("No batch is finished yet: there is nothing to compare.")
            reports = [report_drift(work.connection, work.store, work.settings, batch_id) for batch_id in batches]
        last = reports[-1]
        names = ("report_id", "batch_id", "drifted", "unknown", "html_uri")
        outlet_events[DRIFT_REPORT].extra = {"chain_id": last.dataset_id, **{name: getattr(last, name) for name in names}}
        measures = {"drifted": int(last.drifted), "unknown": int(last.unknown), "columns": len(last.drifted_columns)}
        tell("drift", {"chain": last.dataset_id, "version": last.version}, measures)
        return last.report_id

    @task.branch
    def decide(report_id: int, *, ti) -> list[str]:
        from dataclasses import asdict

        from future_skills.drift.policy import next_tasks, request_retraining, reusable_dataset
        from future_skills.ledger.drift_reports import get_report
        from future_skills.ledger.retraining_requests import run_id_of

        with resources() as work:
            decision = request_retraining(work.connection, work.settings, report_id)
            conf = {"report_id": report_id, "dataset_id": reusable_dataset(work.connection, report_id)}
            ti.xcom_push(key="decision", value=asdict(decision))
            ti.xcom_push(key="conf", value=conf)
            ti.xcom_push(key="run_id", value=run_id_of(report_id))
            return next_tasks(get_report(work.connection, report_id), decision)

    @task
    def alert(report_id: int, *, ti) -> None:
        from future_skills.alerts.drift_mails import drift_mails
        from future_skills.alerts.held_back import retraining_held_back
        from future_skills.drift.policy import Decision
        from future_skills.ledger.drift_reports import get_report
        from future_skills.ledger.retraining_requests import list_requests
        from orchestration.mails import send

        with resources() as work:
            found = get_report(work.connection, report_id)
            decision = Decision(**ti.xcom_pull(task_ids="decide", key="decision"))
            requests = list_requests(work.connection, found.horizon_years)
            send(work, drift_mails(work.connection, work.store, work.settings, found))
            send(work, retraining_held_back(work.settings, found, decision, requests))

    request_retraining = TriggerDagRunOperator(
        task_id="request_retraining",
        trigger_dag_id="future_skills_retraining",
        trigger_run_id="{{ ti.xcom_pull(task_ids='decide', key='run_id') }}",
        skip_when_already_exists=True,
        conf="{{ ti.xcom_pull(task_ids='decide', key='conf') | tojson }}",
    )

    @task
    def realise(report_id: int) -> list[dict]:
        from future_skills.alerts.decay import decay_alert
        from future_skills.drift.decisions import realise_decisions
        from future_skills.drift.realised import watch_decay
        from future_skills.ledger.drift_reports import get_report
        from orchestration.mails import send

        with resources() as work:
            dataset_id = get_report(work.connection, report_id).dataset_id
            measured = realise_decisions(work.connection, work.store, work.keys, work.settings, dataset_id)
            found = watch_decay(work.connection, work.settings, dataset_id)
            send(work, decay_alert(work.settings, found) if found else [])
        return measured

    @task
    def application_log(report_id: int, *, params) -> dict:
        from future_skills.drift.application_report import report_application_log

        with resources() as work:
            path = params["application_log"] or work.settings.drift.application_log
            if not path:
                raise AirflowSkipException("No log of the HR application is named.")
            days = params["days"] or work.settings.drift.application_log_days
            return report_application_log(work.connection, work.store, work.settings, report_id, path, days)

    reported = report()
    decide(reported) >> [alert(reported), request_retraining]
    realise(reported)
    application_log(reported)


future_skills_drift()
