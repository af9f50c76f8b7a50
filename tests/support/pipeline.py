"""The whole chain through plain functions, as the DAGs run it, and its parts."""

import io
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

import joblib
from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.drift.report import report_drift
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import EvaluationRow, VersionRow, champion
from future_skills.model.evaluation import Mode, evaluate_version
from future_skills.model.training import TrainingRequest, train_version
from future_skills.prediction.audit import audit_batch
from future_skills.prediction.plan import plan_batch
from future_skills.prediction.publish import publish_batch
from future_skills.prediction.shard import score_shard, shard_numbers
from future_skills.registry.approvals import ApprovalRequest, record_answer
from future_skills.registry.candidates import PROMOTING, gate_evaluation, register_candidate
from future_skills.registry.deployment import DeploymentOrder, promote
from future_skills.registry.deployment_checks import smoke_test, verify_deployment
from future_skills.registry.page import write_registry
from future_skills.store.artifacts import Store
from future_skills.store.models import Packed
from future_skills.store.signing import SigningKeys
from support.snapshots import MONDAY, exported

_keys = count(1)


@dataclass(frozen=True)
class Chain:
    """What one chain left behind.

    `request` and `deployment_id` are None when the gate let nothing through, `batch` and `report` without any champion.
    """

    dataset: DatasetRow
    version: VersionRow
    evaluation: EvaluationRow
    request: ApprovalRequest | None
    deployment_id: int | None
    batch: BatchRow | None
    report: DriftReportRow | None


@dataclass(frozen=True)
class Workbench:
    """Everything the stages need: connection, store, signing keys, settings."""

    connection: Connection
    store: Store
    keys: SigningKeys
    settings: Settings

    def export(self, as_of: date = MONDAY) -> DatasetRow:
        """Export and accept a dataset."""
        return exported(self.connection, self.store, self.settings, as_of)

    def train(self, dataset: DatasetRow, **fields: Any) -> VersionRow:
        """Train a version on it; `fields` are those of TrainingRequest, the settings' by default."""
        defaults = self.settings.training
        known = {
            "request_key": f"training-{next(_keys)}",
            "estimator": defaults.estimator,
            "preprocessing": defaults.preprocessing,
            "parameters": defaults.parameters,
            "feature_set": defaults.feature_set,
            "requested_by": None,
        }
        request = TrainingRequest(dataset_id=dataset.dataset_id, **{**known, **fields})
        return train_version(self.connection, self.store, self.keys, self.settings, request)

    def evaluate(self, version: VersionRow, mode: Mode = "normal") -> EvaluationRow:
        """Evaluate a version and let the gate judge it."""
        evaluation = evaluate_version(
            *(self.connection, self.store, self.keys, self.settings, version.version),
            request_key=f"evaluation-{next(_keys)}",
            mode=mode,
        )
        return gate_evaluation(self.connection, self.settings, evaluation.evaluation_id)

    def ask(self, evaluation: EvaluationRow, requested_by: str | None = None) -> ApprovalRequest:
        """Put an evaluated version to the HR manager."""
        return register_candidate(
            self.connection, self.settings, evaluation.evaluation_id, requested_by=requested_by, dag_run_id="run"
        )

    def approve(self, request: ApprovalRequest, actor: str = "drh") -> ApprovalRequest:
        """Say yes."""
        return record_answer(
            self.connection, request.request_id, "approved", actor=actor, reason="good", dag_run_id=f"answer-{next(_keys)}"
        )

    def deploy(self, version: str, **fields: Any) -> int:
        """Verify, smoke-test and promote a version; `fields` are those of DeploymentOrder."""
        order = DeploymentOrder(
            **{
                "version": version,
                "kind": "deploy",
                "actor": "devops",
                "reason": None,
                "request_key": f"deployment-{next(_keys)}",
                **fields,
            }
        )
        verify_deployment(self.connection, self.store, self.keys, self.settings, version, kind=order.kind)
        smoke_test(self.connection, self.store, self.keys, version)
        return promote(self.connection, self.store, self.keys, self.settings, order)

    def score(self, batch: BatchRow) -> None:
        """Score every shard of a batch."""
        for number in shard_numbers(self.connection, batch.batch_id):
            score_shard(self.connection, self.store, self.keys, self.settings, batch.batch_id, number)

    def audited(self, **plan: Any) -> BatchRow:
        """Plan a batch, score it and audit it; `plan` are the arguments of plan_batch."""
        batch = plan_batch(self.connection, self.store, self.settings, **plan)
        assert batch is not None
        self.score(batch)
        return audit_batch(self.connection, self.store, self.settings, batch.batch_id)

    def predict(self, **plan: Any) -> BatchRow:
        """Plan, score, audit and publish a batch; `plan` are the arguments of plan_batch."""
        return publish_batch(self.connection, self.settings, self.audited(**plan).batch_id)


def unpacked(packed: Packed) -> Any:
    """The model in a packed one, made here and now."""
    return joblib.load(io.BytesIO(packed.content))


def run_chain(connection: Connection, store: Store, keys: SigningKeys, settings: Settings, **overrides: Any) -> Chain:
    """Export, train, judge, have it approved and deployed if the gate lets it through, predict, publish, look for drift.

    `overrides`: `as_of`, `mode`, and fields of TrainingRequest.
    """
    bench = Workbench(connection, store, keys, settings)
    as_of, mode = overrides.pop("as_of", MONDAY), overrides.pop("mode", "normal")
    dataset = bench.export(as_of)
    version = bench.train(dataset, **overrides)
    evaluation = bench.evaluate(version, mode)
    request = deployment_id = batch = report = None
    if evaluation.verdict in PROMOTING:
        request = bench.approve(bench.ask(evaluation))
        deployment_id = bench.deploy(version.version)
    if champion(connection) is not None:
        batch = bench.predict()
        report = report_drift(connection, store, settings, batch.batch_id)
    write_registry(connection, store)
    return Chain(dataset, version, evaluation, request, deployment_id, batch, report)
