"""What every DAG of the product promises to whoever looks at it in Airflow."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from future_skills.domain import ESTIMATOR_NAMES
from future_skills.model.estimators import ESTIMATORS
from orchestration.roles import ROLES, TRIGGERS, access_control, permissions

GRAPHS = Path(__file__).with_name("graphs.txt")
DAG_IDS = sorted(TRIGGERS)


def started_by(dag) -> str:
    condition = getattr(dag.timetable, "asset_condition", None)
    if condition is not None:
        return " or ".join(sorted(asset.name for asset in condition.objects))
    return getattr(dag.timetable, "expression", None) or "by hand"


def graph(dag) -> str:
    """The DAG as lines `task -> its successors`, in the order they run."""
    lines = [f"{dag.dag_id}: {started_by(dag)}"]
    for task in dag.topological_sort():
        after = ", ".join(sorted(task.downstream_task_ids))
        emits = "".join(f" ({outlet.name})" for outlet in task.outlets)
        rule = "" if task.trigger_rule == "all_success" else f" [{task.trigger_rule.value}]"
        lines.append(f"  {task.task_id}{rule}{emits} -> {after}" if after else f"  {task.task_id}{rule}{emits}")
    return "\n".join(lines)


def test_every_file_loads_and_is_named_after_its_dag(dagbag):
    assert not dagbag.import_errors
    assert sorted(dagbag.dags) == DAG_IDS
    assert all(Path(dag.fileloc).stem == dag_id for dag_id, dag in dagbag.dags.items())


def test_in_containers_whoever_waits_and_whoever_runs_outlasts_the_longest_task(dagbag):
    given = yaml.safe_load((GRAPHS.parents[2] / "docker-compose.yaml").read_text(encoding="utf-8"))["x-environment"]
    limits = [task.execution_timeout for dag in dagbag.dags.values() for task in dag.tasks]
    longest = max(limit.total_seconds() for limit in limits if limit is not None)
    times = int(given["AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES"])
    assert int(given["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT"]) * times > longest
    assert int(given["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]) > longest


def test_the_graphs_are_those_of_the_design(dagbag):
    drawn = "\n\n".join(graph(dagbag.dags[dag_id]) for dag_id in DAG_IDS) + "\n"
    assert drawn == GRAPHS.read_text(encoding="utf-8")


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_is_documented_owned_limited_and_guarded(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    assert len(dag.doc_md.splitlines()) > 3
    assert dag.description.endswith((".", "?"))
    assert "future-skills" in dag.tags
    assert len(dag.tags) > 1
    assert dag.max_active_runs == (16 if dag_id == "future_skills_promotion" else 1)
    assert dag.dagrun_timeout > timedelta(0)
    assert not dag.catchup
    assert dag.has_on_failure_callback
    assert {str(run_type) for run_type in dag.allowed_run_types}.isdisjoint({"backfill", "asset_materialization"})
    assert dag.access_control == {
        role: {resource: set(actions) for resource, actions in rights.items()} for role, rights in access_control(dag_id).items()
    }
    for task in dag.tasks:
        assert task.owner == "future-skills"
        assert task.retries == (60 if task.task_id in {"open_request", "record_decision"} else 2)  # each comes once
        assert task.has_on_failure_callback
        assert task.execution_timeout or task.task_id == "request_approval"


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_has_a_form_that_names_its_fields(dagbag, dag_id):
    params = dagbag.dags[dag_id].params
    assert len(params)
    for name in params:
        schema = params.get_param(name).schema
        assert schema["title"]
        params.get_param(name).resolve()
        if None in schema.get("enum", []):
            assert schema["values_display"]["null"], "Airflow's form shows an option without a label as null"


def test_a_promotion_lasts_longer_than_all_tries_to_ask_and_to_record(dagbag):
    dag = dagbag.dags["future_skills_promotion"]
    tries = sum((tried(dag.get_task(name)) for name in ("open_request", "record_decision")), timedelta(0))
    assert timedelta(days=2) < tries
    assert dag.dagrun_timeout > tries + dag.get_task("request_approval").response_timeout


def tried(task) -> timedelta:
    """How long the pauses between a task's tries last at most."""
    longest, pause = task.max_retry_delay.total_seconds(), task.retry_delay.total_seconds()
    return timedelta(seconds=sum(min(pause * task.retry_exponential_backoff**number, longest) for number in range(task.retries)))


def test_a_reason_may_have_any_length_as_a_refused_answer_would_be_lost(dagbag):
    reason = dagbag.dags["future_skills_promotion"].get_task("request_approval").params.get_param("reason")
    assert reason.resolve("long " * 1_000)


def test_the_form_offers_the_estimators_of_the_table():
    assert tuple(ESTIMATORS) == ESTIMATOR_NAMES


def test_nobody_has_a_right_over_dags_in_general():
    for role in ROLES:
        granted = permissions(role)
        assert not granted & {("can_edit", "DAGs"), ("can_delete", "DAGs"), ("can_create", "DAG Runs"), ("can_create", "Assets")}
    assert [role for role in ROLES if ("can_edit", "HITL Detail") in permissions(role)] == ["DRHManager"]


def test_devops_may_not_touch_the_promotion():
    assert access_control("future_skills_promotion")["DevOps"] == {"DAGs": {"can_read"}, "DAG Runs": {"can_read"}}
