"""One whole chain through plain functions: what the DAGs do, without Airflow."""

from dataclasses import dataclass
from datetime import date

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.dataset.export import export_dataset
from future_skills.dataset.validation import validate_dataset
from future_skills.drift.report import report_drift
from future_skills.ledger.batches import BatchRow, get_batch
from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import EvaluationRow, champion
from future_skills.model.evaluation import evaluate_version
from future_skills.model.training import TrainingRequest, train_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.prediction.shard import score_shard, shard_numbers
from future_skills.registry.approvals import record_answer
from future_skills.registry.candidates import gate_evaluation, refresh_mode, register_candidate
from future_skills.registry.deployment import promote, smoke_test, verify_deployment
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

MONDAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Installation:
    """What every stage needs."""

    connection: Connection
    store: Store
    keys: SigningKeys
    settings: Settings


@dataclass(frozen=True)
class Chain:
    """What a chain left behind; `batch` is None before the first champion."""

    dataset: DatasetRow
    evaluation: EvaluationRow
    batch: BatchRow | None
    report: DriftReportRow | None


def export(at: Installation, as_of: date = MONDAY) -> DatasetRow:
    exported = export_dataset(at.connection, at.store, at.settings, as_of)
    return validate_dataset(at.connection, at.store, at.settings, exported.dataset_id, origin="manual")


def train(at: Installation, dataset: DatasetRow) -> EvaluationRow:
    defaults = at.settings.training
    request = TrainingRequest(
        dataset_id=dataset.dataset_id,
        request_key=f"test:{dataset.dataset_id}",
        estimator=defaults.estimator,
        preprocessing=defaults.preprocessing,
        parameters=defaults.parameters,
        feature_set=defaults.feature_set,
        requested_by=None,
    )
    version = train_version(at.connection, at.store, at.keys, at.settings, request)
    mode = refresh_mode(at.connection, at.settings, champion(at.connection), dataset, version.libraries, asked=False)
    evaluation = evaluate_version(
        at.connection, at.store, at.keys, at.settings, version.version, request_key=request.request_key, mode=mode
    )
    return gate_evaluation(at.connection, at.settings, evaluation.evaluation_id)


def deploy(at: Installation, evaluation: EvaluationRow) -> None:
    request = register_candidate(at.connection, at.settings, evaluation.evaluation_id, requested_by=None, dag_run_id=None)
    record_answer(at.connection, request.request_id, "approved", actor="drh", reason="looks right", dag_run_id=None)
    verify_deployment(at.connection, at.store, at.keys, evaluation.version)
    smoke_test(at.connection, at.store, at.keys, evaluation.version)
    promote(
        at.connection,
        at.store,
        at.settings,
        evaluation.version,
        kind="deploy",
        actor="devops",
        reason=None,
        request_key=f"test:{request.request_id}",
    )


def predict(at: Installation) -> BatchRow | None:
    batch = plan_batch(at.connection, at.store, at.settings)
    if batch is None or batch.state == "published":
        return batch
    for number in shard_numbers(at.connection, batch.batch_id):
        score_shard(at.connection, at.store, at.keys, at.settings, batch.batch_id, number)
    audit_batch(at.connection, at.settings, batch.batch_id)
    publish_batch(at.connection, at.settings, batch.batch_id)
    return get_batch(at.connection, batch.batch_id)


def run_chain(at: Installation, as_of: date = MONDAY) -> Chain:
    """Export, train, judge, deploy what the gate lets through, predict, report drift."""
    dataset = export(at, as_of)
    evaluation = train(at, dataset)
    if evaluation.verdict in {"promote", "bootstrap"}:
        deploy(at, evaluation)
    batch = predict(at)
    report = report_drift(at.connection, at.store, at.settings, batch.batch_id) if batch else None
    return Chain(dataset, evaluation, batch, report)
