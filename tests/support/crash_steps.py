"""What each task of the DAGs does, as one function each, to be run in a process of its own and killed at a point.

Every step finds what it works on in the ledger or the store, as a retried task does by its ids.
"""

from collections.abc import Callable
from dataclasses import replace

from future_skills.alerts.data_refusals import gate_rejection
from future_skills.alerts.drift_mails import drift_mails
from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import approval_request, deployment_notice, deployment_wanted, weekly_digest
from future_skills.alerts.outbox import enqueue, send_outbox
from future_skills.database import fetch_value
from future_skills.dataset.export import export_dataset
from future_skills.dataset.validation import validate_dataset
from future_skills.drift.application_report import report_application_log
from future_skills.drift.decisions import realise_decisions
from future_skills.drift.policy import request_retraining
from future_skills.drift.report import report_drift
from future_skills.hr.demo import generate_company
from future_skills.hr.loader import load_company
from future_skills.ledger.batches import BatchRow, get_batch
from future_skills.ledger.datasets import newest_dataset
from future_skills.ledger.drift_reports import DriftReportRow, newest_reports
from future_skills.ledger.migrate import migrate_ledger
from future_skills.ledger.versions import EvaluationRow, newest_evaluation
from future_skills.model.evaluation import evaluate_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.prediction.shard import score_shard
from future_skills.prediction.staging import sweep_stages
from future_skills.prediction.what_would_change import what_would_change
from future_skills.registry.approvals import ApprovalRequest, expire_requests, record_answer, request_of_version
from future_skills.registry.candidates import gate_evaluation, register_candidate
from future_skills.registry.deployment import DeploymentOrder, promote
from future_skills.registry.experiments import ExperimentOrder, run_experiment
from future_skills.registry.page import write_registry
from future_skills.registry.pointer import named_version
from future_skills.registry.request_page import keep_request
from support.pipeline import Workbench
from support.prepared import SIZES
from support.snapshots import MONDAY


def _dataset_id(bench: Workbench) -> str:
    with bench.connection:
        dataset = newest_dataset(bench.connection, 5)
    assert dataset is not None
    return dataset.dataset_id


def _version(bench: Workbench) -> str:
    with bench.connection:
        return str(
            fetch_value(bench.connection, "SELECT version FROM future_skills_ops.model_version ORDER BY number DESC LIMIT 1")
        )


def _evaluation(bench: Workbench) -> EvaluationRow:
    version = _version(bench)
    with bench.connection:
        evaluation = newest_evaluation(bench.connection, version)
    assert evaluation is not None
    return evaluation


def _batch(bench: Workbench) -> BatchRow:
    with bench.connection:
        newest = "SELECT batch_id FROM future_skills_ops.prediction_batch ORDER BY planned_at DESC LIMIT 1"
        return get_batch(bench.connection, fetch_value(bench.connection, newest))


def load(bench: Workbench) -> None:
    load_company(bench.connection, generate_company(**SIZES))


def export(bench: Workbench) -> None:
    export_dataset(bench.connection, bench.store, bench.settings, MONDAY)


def validate(bench: Workbench) -> None:
    exported = sorted(path.parent.name for path in bench.store.path("datasets").glob("*/manifest.json"))
    validate_dataset(bench.connection, bench.store, bench.settings, exported[-1], origin="schedule", dag_run_id="run")


def train(bench: Workbench) -> None:
    with bench.connection:
        dataset = newest_dataset(bench.connection, 5)
    bench.train(dataset, request_key="run/train")


def evaluate(bench: Workbench) -> None:
    evaluate_version(
        *(bench.connection, bench.store, bench.keys, bench.settings, _version(bench)), request_key="run/evaluate", mode="normal"
    )


def gate(bench: Workbench) -> None:
    gate_evaluation(bench.connection, bench.settings, _evaluation(bench).evaluation_id)
    write_registry(bench.connection, bench.store)


def investigate(bench: Workbench) -> None:
    """As if the gate had rejected the version."""
    _send(bench, gate_rejection(bench.settings, _evaluation(bench), None))


def _send(bench: Workbench, mails: list[Mail]) -> None:
    """As every task that mails does."""
    with bench.connection:
        enqueue(bench.connection, mails)
    send_outbox(bench.connection, bench.settings.mail)


def register(bench: Workbench) -> None:
    register_candidate(bench.connection, bench.settings, _evaluation(bench).evaluation_id, requested_by="ada", dag_run_id="run")


def _request(bench: Workbench) -> ApprovalRequest:
    version = _version(bench)
    with bench.connection:
        request = request_of_version(bench.connection, version)
    assert request is not None
    return request


def open_request(bench: Workbench) -> None:
    request = _request(bench)
    changes = what_would_change(bench.connection, bench.store, bench.keys, bench.settings, request.version)
    keep_request(bench.connection, bench.store, request, changes, "answer")
    _send(bench, approval_request(bench.settings, request, "http://airflow.example.com/question"))


def record_decision(bench: Workbench) -> None:
    request = record_answer(
        bench.connection, _request(bench).request_id, "approved", actor="drh", reason="good", dag_run_id="answer"
    )
    write_registry(bench.connection, bench.store)
    _send(bench, deployment_wanted(bench.settings, request))


def promotion(bench: Workbench) -> None:
    version = _version(bench)
    order = DeploymentOrder(version, "deploy", "devops", None, request_key="deploy")
    deployment_id = promote(bench.connection, bench.store, bench.keys, bench.settings, order)
    pointer = named_version(bench.store)
    _send(bench, deployment_notice(bench.settings, version, "deploy", "devops", deployment_id, pointer=pointer))


def plan(bench: Workbench) -> None:
    plan_batch(bench.connection, bench.store, bench.settings)


def score(bench: Workbench) -> None:
    score_shard(bench.connection, bench.store, bench.keys, bench.settings, _batch(bench).batch_id, 0)


def score_another(bench: Workbench) -> None:
    score_shard(bench.connection, bench.store, bench.keys, bench.settings, _batch(bench).batch_id, 1)


def audit(bench: Workbench) -> None:
    audit_batch(bench.connection, bench.store, bench.settings, _batch(bench).batch_id)


def publish(bench: Workbench) -> None:
    publish_batch(bench.connection, bench.settings, _batch(bench).batch_id)


def digest(bench: Workbench) -> None:
    _send(bench, weekly_digest(bench.settings, bench.connection, _batch(bench)))


def report(bench: Workbench) -> None:
    report_drift(bench.connection, bench.store, bench.settings, _batch(bench).batch_id)


def _report(bench: Workbench) -> DriftReportRow:
    with bench.connection:
        return newest_reports(bench.connection, 5, 1)[0]


def decide(bench: Workbench) -> None:
    request_retraining(bench.connection, bench.settings, _report(bench).report_id)


def alert(bench: Workbench) -> None:
    """As if the report drifted, which a company in its first week never does."""
    _send(bench, drift_mails(bench.connection, bench.store, bench.settings, replace(_report(bench), drifted=True)))


def application_log(bench: Workbench) -> None:
    """The pipeline's own monitoring has the lines that the HR application writes."""
    log = bench.store.path(f"batches/{_batch(bench).batch_id}/predictions_monitoring.jsonl")
    report_application_log(bench.connection, bench.store, bench.settings, _report(bench).report_id, str(log), 7)


def realise(bench: Workbench) -> None:
    realise_decisions(bench.connection, bench.store, bench.keys, bench.settings, _dataset_id(bench))


def experiment(bench: Workbench) -> None:
    order = ExperimentOrder("experiment", ("ridge",), ("target",), requested_by="ada")
    run_experiment(bench.connection, bench.store, bench.settings, order)


def watch(bench: Workbench) -> None:
    expire_requests(bench.connection)
    sweep_stages(bench.connection)


def migrate(bench: Workbench) -> None:
    migrate_ledger(bench.connection, create_schema=True)


STEPS: dict[str, Callable[[Workbench], None]] = {
    "migrate": migrate,
    "load": load,
    "export": export,
    "validate": validate,
    "train": train,
    "evaluate": evaluate,
    "gate": gate,
    "investigate": investigate,
    "register_candidate": register,
    "open_request": open_request,
    "record_decision": record_decision,
    "promote": promotion,
    "plan": plan,
    "score": score,
    "score, another shard": score_another,
    "audit": audit,
    "publish": publish,
    "digest": digest,
    "report": report,
    "decide": decide,
    "alert": alert,
    "realise": realise,
    "application_log": application_log,
    "experiment": experiment,
    "watch": watch,
}
"""By the name of the task, in the order of a first week."""
