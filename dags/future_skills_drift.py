"""Compares each published batch with the first batch its model scored: features, predictions, decisions.

**report** writes HTML and JSON to the artefact store and a row to the ledger, one counted report for each dataset. **decide**
then does nothing (the normal week), or **alert** mails the data scientists, or **request_retraining** starts the retraining in
refresh mode: when two of the last three datasets drift, the newest included, and not more than once a week.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from orchestration.assets import DRIFT_REPORT, PREDICTIONS, event_extras
from orchestration.connections import resources
from orchestration.defaults import dag_arguments


@dag(
    schedule=[PREDICTIONS],
    params={"batch_id": Param(None, type=["null", "string"], title="Prediction batch (default: the newest)")},
    **dag_arguments("future_skills_drift", __doc__, "drift"),
)
def future_skills_drift():
    @task(outlets=[DRIFT_REPORT])
    def report(*, params, outlet_events, triggering_asset_events=None) -> int:
        from future_skills.drift.report import report_drift
        from future_skills.ledger.batches import newest_finished

        batches = [extra["batch_id"] for extra in event_extras(triggering_asset_events)]
        with resources() as work:
            newest = newest_finished(work.connection, work.settings.horizon_years)
            if params["batch_id"] or not batches:
                batches = [params["batch_id"] or (newest.batch_id if newest else None)]
            if batches == [None]:
                raise AirflowSkipException("No batch is finished yet: there is nothing to compare.")
            reports = [report_drift(work.connection, work.store, work.settings, batch_id) for batch_id in dict.fromkeys(batches)]
        last = reports[-1]
        names = ("report_id", "batch_id", "drifted", "unknown", "html_uri")
        outlet_events[DRIFT_REPORT].extra = {"chain_id": last.dataset_id, **{name: getattr(last, name) for name in names}}
        return last.report_id

    @task.branch
    def decide(report_id: int, *, ti) -> list[str]:
        from future_skills.drift.policy import request_retraining, reusable_dataset
        from future_skills.ledger.drift_reports import get_report

        with resources() as work:
            found = get_report(work.connection, report_id)
            requested = request_retraining(work.connection, work.settings, report_id)
            conf = {"report_id": report_id, "dataset_id": reusable_dataset(work.connection, report_id)}
        ti.xcom_push(key="conf", value=conf)
        chosen = ["alert"] if found.drifted or found.unknown else []
        return [*chosen, "request_retraining"] if requested else chosen

    @task
    def alert(*, ti) -> None:
        from future_skills.alerts.messages import data_alarm, drift_alert
        from future_skills.ledger.drift_reports import get_report
        from orchestration.mails import send

        with resources() as work:
            found = get_report(work.connection, ti.xcom_pull(task_ids="report"))
            send(work, drift_alert(work.settings, found) if found.drifted else [])
            send(work, data_alarm(work.settings, found) if found.unknown else [])

    request_retraining = TriggerDagRunOperator(
        task_id="request_retraining",
        trigger_dag_id="future_skills_retraining",
        trigger_run_id="drift__{{ ti.xcom_pull(task_ids='report') }}",
        skip_when_already_exists=True,
        conf="{{ ti.xcom_pull(task_ids='decide', key='conf') | tojson }}",
    )

    decide(report()) >> [alert(), request_retraining]


future_skills_drift()
