"""Compare estimators on one dataset, and, if you like, choose the default of the next trainings.

1. **compare** fits every chosen estimator with every chosen preprocessing to the same folds of job roles (the held-out fifth is
   never read), and puts AP(HIGH), F1, calibration, stability, training time and speed beside the baselines. It writes
   `MODEL_COMPARISON.md` and an HTML page with plots to the artefact store; its log ends with the recommendation. An estimator
   that cannot be fitted is a row with its reason.
2. **set_default** makes the recommended one, or the one you name, the default of the next trainings, or forgets the choice made
   before. Otherwise it changes nothing. No model is trained or deployed here: the gate and an HR manager still decide.
"""

from datetime import timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowSkipException

from orchestration.connections import resources
from orchestration.defaults import dag_arguments
from orchestration.forms import EXPERIMENT_FORM
from orchestration.orders import experiment_order


@dag(schedule=None, params=EXPERIMENT_FORM, **dag_arguments("future_skills_experiment", __doc__, "training", run_hours=12))
def future_skills_experiment():
    @task(execution_timeout=timedelta(hours=10))
    def compare(*, params, dag_run) -> int:
        from future_skills.registry.experiments import run_experiment

        order = experiment_order(dag_run, params)
        if order.forget:
            raise AirflowSkipException("Nothing is compared: the chosen default is forgotten.")
        with resources() as work:
            return run_experiment(work.connection, work.store, work.settings, order).experiment_id

    @task(trigger_rule="none_failed")
    def set_default(*, params, dag_run, ti) -> str:
        from future_skills.registry.experiments import apply_choice
        from future_skills.registry.page import write_registry

        with resources() as work:
            experiment_id = ti.xcom_pull(task_ids="compare")
            words = apply_choice(work.connection, work.store, experiment_order(dag_run, params), experiment_id)
            write_registry(work.connection, work.store)
        return words

    compare() >> set_default()


future_skills_experiment()
