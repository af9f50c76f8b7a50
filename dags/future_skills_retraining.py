"""Weekly: export a dataset, train and evaluate a model, let the gate decide.

1. **export** reads the HR database in one snapshot; **validate** checks the contract and registers the dataset. From here on
   `future_skills_prediction` scores it with the deployed model, whatever becomes of the new one.
2. **train** fits a version; **evaluate** measures it on job roles it has not seen, beside baselines and the deployed model.
3. **gate** decides: `register_candidate` (an HR manager is asked next), `keep` (the normal week) or `investigate` (rejected,
   or too little evidence: the log and the mail say what failed and what to look at).

Running it again with the same dataset is safe: every export is a dataset of its own, every run makes at most one version.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from orchestration.assets import CANDIDATE, DATASET
from orchestration.connections import resources
from orchestration.defaults import dag_arguments, settings
from orchestration.forms import RETRAINING_FORM
from orchestration.mails import refusal_mailed
from orchestration.measures import tell
from orchestration.orders import as_of, requested_by, retraining_order


@dag(
    schedule=CronTriggerTimetable(settings().weekly_schedule, timezone="UTC"),
    params=RETRAINING_FORM,
    **dag_arguments("future_skills_retraining", __doc__, "training"),
)
def future_skills_retraining():
    @task(execution_timeout=timedelta(hours=1))
    def export(*, params, dag_run) -> str:
        from future_skills.dataset.export import export_dataset
        from future_skills.registry.retraining import existing_dataset

        with resources() as work:
            existing = existing_dataset(work.connection, retraining_order(dag_run, params))
            if existing:
                return existing
            return export_dataset(work.connection, work.store, work.settings, as_of(dag_run, params)).dataset_id

    @task(outlets=[DATASET])
    def validate(dataset_id: str, *, params, dag_run, outlet_events) -> str:
        from future_skills.dataset.validation import validate_dataset

        order = retraining_order(dag_run, params)
        facts = {"origin": order.origin, "requested_by": order.requested_by, "dag_run_id": dag_run.run_id}
        with resources() as work, refusal_mailed(work):
            row = validate_dataset(work.connection, work.store, work.settings, dataset_id, **facts)
        rows = {"decided": row.decided_rows, "implicit": row.implicit_rows, "quarantined": row.quarantined}
        tell("dataset", {"chain": row.dataset_id}, rows)
        outlet_events[DATASET].extra = {"chain_id": row.dataset_id, "requested_by": order.requested_by, "digest": row.digest}
        return row.dataset_id

    @task(execution_timeout=timedelta(hours=4))
    def train(dataset_id: str, *, params, dag_run) -> str:
        from future_skills.registry.retraining import version_for

        with resources() as work:
            order = retraining_order(dag_run, params)
            version = version_for(work.connection, work.store, work.keys, work.settings, order, dataset_id)
        if version is None:
            raise AirflowSkipException(f"No training is due: TRAINING_CADENCE is {work.settings.training_cadence}.")
        return version.version

    @task(execution_timeout=timedelta(hours=4))
    def evaluate(version: str, *, params, dag_run) -> int:
        from future_skills.registry.retraining import evaluate_order

        with resources() as work:
            order = retraining_order(dag_run, params)
            return evaluate_order(work.connection, work.store, work.keys, work.settings, order, version).evaluation_id

    @task.branch
    def gate(evaluation_id: int) -> str:
        from future_skills.registry.candidates import gate_evaluation, next_step
        from future_skills.registry.page import write_registry

        with resources() as work:
            evaluation = gate_evaluation(work.connection, work.settings, evaluation_id)
            write_registry(work.connection, work.store)
        return next_step(evaluation)

    @task(outlets=[CANDIDATE])
    def register_candidate(*, ti, dag_run, outlet_events) -> str:
        from future_skills.ledger.versions import get_evaluation
        from future_skills.registry.candidates import register_candidate
        from future_skills.registry.page import write_registry
        from future_skills.registry.refusals import Attempt, refusals_recorded

        evaluation_id = ti.xcom_pull(task_ids="evaluate")
        facts = {"requested_by": requested_by(dag_run), "dag_run_id": dag_run.run_id}
        attempt = Attempt("ask", f"evaluation {evaluation_id}", facts["requested_by"], dag_run.run_id)
        with resources() as work:
            with refusals_recorded(work.connection, attempt):
                request = register_candidate(work.connection, work.settings, evaluation_id, **facts)
            write_registry(work.connection, work.store)
            chain_id = get_evaluation(work.connection, evaluation_id).dataset_id
        names = ("request_id", "version", "digest", "requested_by")
        outlet_events[CANDIDATE].extra = {"chain_id": chain_id, **{name: getattr(request, name) for name in names}}
        return request.request_id

    @task
    def keep(*, ti) -> str:
        from future_skills.registry.candidates import explain_verdict

        with resources() as work:
            return explain_verdict(work.connection, ti.xcom_pull(task_ids="evaluate"))

    @task
    def investigate(*, ti) -> str:
        from future_skills.alerts.data_refusals import gate_rejection
        from future_skills.dataset.lost_decisions import lost_since_training
        from future_skills.ledger.versions import get_evaluation
        from future_skills.registry.candidates import explain_verdict
        from orchestration.mails import send

        with resources() as work:
            evaluation = get_evaluation(work.connection, ti.xcom_pull(task_ids="evaluate"))
            if evaluation.verdict == "reject":
                lost = lost_since_training(work.connection, work.store, evaluation)
                send(work, gate_rejection(work.settings, evaluation, lost))
            return explain_verdict(work.connection, evaluation.evaluation_id)

    gate(evaluate(train(validate(export())))) >> [register_candidate(), keep(), investigate()]


future_skills_retraining()
