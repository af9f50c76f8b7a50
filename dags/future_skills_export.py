"""A dataset to look at: export and validate, and start nothing.

Writes `datasets/<id>/` to the artefact store: dataset.csv (the training rows), snapshot/ (the HR data without names), and
manifest.json. The log of **validate** says where. Nothing is trained on it and nothing predicted from it, unless somebody
names it in `future_skills_retraining`.
"""

from airflow.sdk import Param, dag, task

from orchestration.connections import resources
from orchestration.defaults import dag_arguments
from orchestration.mails import refusal_mailed
from orchestration.orders import as_of, requested_by


@dag(
    schedule=None,
    params={"as_of": Param(None, type=["null", "string"], format="date", title="As of (default: the day of the run)")},
    **dag_arguments("future_skills_export", __doc__, "dataset"),
)
def future_skills_export():
    @task
    def export(*, params, dag_run) -> str:
        from future_skills.dataset.export import export_dataset

        with resources() as work:
            return export_dataset(work.connection, work.store, work.settings, as_of(dag_run, params)).dataset_id

    @task
    def validate(dataset_id: str, *, dag_run) -> dict:
        from future_skills.dataset.validation import validate_dataset

        facts = {"origin": "manual", "requested_by": requested_by(dag_run), "dag_run_id": dag_run.run_id, "to_look_at": True}
        with resources() as work, refusal_mailed(work):
            row = validate_dataset(work.connection, work.store, work.settings, dataset_id, **facts)
        return {
            "uri": row.uri,
            "decided_rows": row.decided_rows,
            "label_source": row.label_source,
            "quarantined": row.quarantined,
        }

    validate(export())


future_skills_export()
