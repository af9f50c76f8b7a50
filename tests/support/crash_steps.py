"""What each task of the DAGs does, as one function each, to be run in a process of its own and killed at a point.

Every step finds what it works on in the ledger or the store, as a retried task does by its ids.
"""

from collections.abc import Callable

from future_skills.alerts.messages import weekly_digest
from future_skills.alerts.outbox import enqueue, send_outbox
from future_skills.database import fetch_value
from future_skills.dataset.export import export_dataset
from future_skills.dataset.validation import validate_dataset
from future_skills.drift.decisions import realise_decisions
from future_skills.drift.policy import request_retraining
from future_skills.drift.report import report_drift
from future_skills.hr.demo import generate_company
from future_skills.hr.loader import load_company
from future_skills.ledger.batches import BatchRow, get_batch
from future_skills.ledger.datasets import newest_dataset
from future_skills.ledger.drift_reports import newest_reports
from future_skills.ledger.migrate import migrate_ledger
from future_skills.ledger.versions import newest_evaluation
from future_skills.model.evaluation import evaluate_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.prediction.shard import score_shard
from future_skills.prediction.staging import sweep_stages
from future_skills.registry.approvals import expire_requests, record_answer, request_of_version
from future_skills.registry.candidates import gate_evaluation, register_candidate
from future_skills.registry.deployment import DeploymentOrder, promote
from future_skills.registry.experiments import ExperimentOrder, run_experiment
from future_skills.registry.page import write_registry
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


def _evaluation_id(bench: Workbench) -> int:
    version = _version(bench)
    with bench.connection:
        evaluation = newest_evaluation(bench.connection, version)
    assert evaluation is not None
    return evaluation.evaluation_id


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
    gate_evaluation(bench.connection, bench.settings, _evaluation_id(bench))
    write_registry(bench.connection, bench.store)


def register(bench: Workbench) -> None:
    register_candidate(bench.connection, bench.settings, _evaluation_id(bench), requested_by="ada", dag_run_id="run")


def record_decision(bench: Workbench) -> None:
    version = _version(bench)
    with bench.connection:
        request = request_of_version(bench.connection, version)
    record_answer(bench.connection, request.request_id, "approved", actor="drh", reason="good", dag_run_id="answer")
    write_registry(bench.connection, bench.store)


def promotion(bench: Workbench) -> None:
    order = DeploymentOrder(_version(bench), "deploy", "devops", None, request_key="deploy")
    promote(bench.connection, bench.store, bench.keys, bench.settings, order)


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
    mails = weekly_digest(bench.settings, bench.connection, _batch(bench))
    with bench.connection:
        enqueue(bench.connection, mails)
    send_outbox(bench.connection, bench.settings.mail)


def report(bench: Workbench) -> None:
    report_drift(bench.connection, bench.store, bench.settings, _batch(bench).batch_id)


def decide(bench: Workbench) -> None:
    with bench.connection:
        newest = newest_reports(bench.connection, 5, 1)[0]
    request_retraining(bench.connection, bench.settings, newest.report_id)


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
    "register_candidate": register,
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
    "realise": realise,
    "experiment": experiment,
    "watch": watch,
}
"""By the name of the task, in the order of a first week."""
