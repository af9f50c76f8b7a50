"""What a run was asked for: its parameters, and who asked."""

from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from orchestration.connections import Resources

if TYPE_CHECKING:
    from future_skills.registry.experiments import ExperimentOrder
    from future_skills.registry.retraining import RetrainingOrder


def requested_by(dag_run: Any, params: Any = None) -> str | None:
    """Who asked for a run: the signed-in user; for a run another DAG triggered, whom that DAG names; None for the cron."""
    if dag_run.triggering_user_name:
        return str(dag_run.triggering_user_name)
    return (params or {}).get("requested_by") or None


def as_of(dag_run: Any, params: Any) -> date:
    """The date a dataset speaks of: the parameter, or the day the run began (UTC), however late it is for its schedule."""
    return date.fromisoformat(params["as_of"]) if params.get("as_of") else (dag_run.start_date or dag_run.run_after).date()


def done_by(work: Resources, dag_run: Any) -> str | None:
    """The version this very run has deployed already, when it is cleared; None when it has deployed nothing yet.

    Raises AirflowSkipException when something was deployed since: a run of the past does nothing about the champion of now.
    """
    from future_skills.ledger.deployments import find_deployment, newest_deployment

    with work.connection:
        made, newest = find_deployment(work.connection, dag_run.run_id), newest_deployment(work.connection)
    if made is None or newest is None:
        return None
    if newest.deployment_id != made.deployment_id:
        raise AirflowSkipException(
            f"This run deployed {made.version} at {made.at:%Y-%m-%d %H:%M} UTC; {newest.version} was deployed since. Nothing is "
            "done again: start a run of its own."
        )
    return made.version


def retraining_order(dag_run: Any, params: Any) -> "RetrainingOrder":
    """The order behind a run of the retraining DAG."""
    from future_skills.registry.retraining import RetrainingOrder

    drift = bool(params["report_id"])
    return RetrainingOrder(
        origin="drift" if drift else "schedule" if dag_run.run_type == "scheduled" else "manual",
        run_id=dag_run.run_id,
        requested_by=requested_by(dag_run),
        estimator=params["estimator"],
        preprocessing=params["preprocessing"],
        feature_set=params["feature_set"],
        parameters=params["parameters"] or {},
        dataset_id=params["dataset_id"],
        version=params["version"],
        only_evaluate=params["only_evaluate"],
        refresh=drift or params["refresh"],
    )


def experiment_order(dag_run: Any, params: Any) -> "ExperimentOrder":
    """The order behind a run of the experiment DAG."""
    from future_skills.registry.experiments import ExperimentOrder

    return ExperimentOrder(
        run_id=dag_run.run_id,
        estimators=tuple(params["estimators"]),
        preprocessings=tuple(params["preprocessings"]),
        feature_sets=tuple(params["feature_sets"]),
        parameters=params["parameters"] or {},
        dataset_id=params["dataset_id"],
        requested_by=requested_by(dag_run),
        recommended=params["use_recommended"],
        default=params["use"],
        forget=params["forget_default"],
    )
