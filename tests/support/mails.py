"""One of each mail, as the pipeline writes it."""

from dataclasses import replace
from datetime import timedelta

from future_skills.alerts import messages
from future_skills.alerts.data_refusals import audit_alarm, dataset_refused, gate_rejection
from future_skills.alerts.lateness import Late
from future_skills.alerts.mail import Mail
from future_skills.alerts.outbox import GivenUp
from future_skills.config import MailSettings
from future_skills.dataset.lost_decisions import LostDecisions, ShownPredictions
from future_skills.dataset.validation import DatasetRejectedError
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import EvaluationRow
from future_skills.prediction.audit import AuditFailedError, Deletions, LevelShift
from future_skills.registry.approvals import ApprovalRequest
from support.published import DATASET, NOW

ADDRESSES = MailSettings(
    data_scientists=["ds@example.com"],
    drh_managers=["drh@example.com", "drh2@example.com", "drh@example.com"],
    devops=["ops@example.com"],
)
GIVEN_UP = GivenUp("approval_request", "request-1", "gone@example.com", "Your approval is needed", "550 no such person")


def drift_report(**fields) -> DriftReportRow:
    trend = {"kind": "feature", "method": "wasserstein", "threshold": 0.1, "value": 0.4321, "drift": True}
    lost = {**trend, "value": None, "drift": None, "problem": "missing", "missing": {"reference": 0, "current": 1234}}
    columns = {"trend_score": trend, "hiring_difficulty": lost, "level": {**trend, "kind": "level", "drift": False}}
    row = DriftReportRow(7, DATASET, "batch-b", "batch-a", "v3", 5, columns, True, True, True, "/store/drift.html", "", NOW)
    return replace(row, **fields)


def request(*, accuracy_known=True, **fields) -> ApprovalRequest:
    metric = {"value": 0.6123, "ci": [0.55, 0.67]}
    metrics = {
        "overall": {"ap_high": metric, "macro_f1": metric, "weighted_f1": {"value": 0.8}},
        "baselines": {"majority": {"ap_high": 0.1, "macro_f1": 0.3}, "rules": {"ap_high": 0.2}, "skill_share": {"ap_high": 0.5}},
        "comparison": None,
        "accuracy_known": accuracy_known,
    }
    row = ApprovalRequest("request-1", "v3", "abcdef0123456789", 1, "v2", None, NOW, "requested", metrics)
    return replace(row, **fields)


def evaluation(*, accuracy_known=True) -> EvaluationRow:
    check = {
        "name": "AP(HIGH) floor",
        "slice": "all",
        "n": 6543,
        "value": 0.1,
        "threshold": 0.2,
        "baseline": "base rate",
        "ci": None,
    }
    checks = [{**check, "verdict": "fail"}, {**check, "name": "job roles", "verdict": "pass"}]
    metrics = {"accuracy_known": accuracy_known}
    return EvaluationRow(4, "v3", DATASET, "k", "v2", "holdout", "normal", metrics, checks, "reject", "enforce", NOW, NOW)


SHOWN = ShownPredictions(published=1_200, overwritten=600, others=0)
UNTOUCHED = ShownPredictions(published=1_800, overwritten=0, others=0)
LOST = LostDecisions("dataset-a", before=1_504, now=378, echoes=1_126)


def refused_dataset(lost=LOST, shown=SHOWN) -> DatasetRejectedError:
    return DatasetRejectedError(DATASET, ["decisions fell from 1504 to 378 since the last dataset"], lost, shown)


def failed_audit(*unusual, lost=None, shown=UNTOUCHED) -> AuditFailedError:
    names = (DATASET, "v3", "all", 5, "en", 0, "planned", 100, {}, {}, None, None, NOW, None)
    return AuditFailedError("not published", BatchRow("batch-b", *names), unusual, lost=lost, shown=shown)


SHIFT = LevelShift("undecided", "HIGH", 0.12, 0.395, "batch-a")
DELETIONS = Deletions(300, 1_800)


def all_mails(settings) -> dict[str, list[Mail]]:
    failure = {
        "dag_id": "future_skills_drift",
        "task_id": "report",
        "run_id": "run 1",
        "error": "Traceback\n  line",
        "link": "http://x/l",
    }
    return {
        "drift": messages.drift_alert(settings, drift_report()),
        "data_alarm": messages.data_alarm(settings, drift_report()),
        "audit_failed": audit_alarm(settings, failed_audit(SHIFT, DELETIONS)),
        "dataset_refused": dataset_refused(settings, refused_dataset()),
        "gate_rejection": gate_rejection(settings, evaluation(), None),
        "approval_request": messages.approval_request(settings, request(), "http://airflow/approve"),
        "deployment_wanted": messages.deployment_wanted(settings, request()),
        "deployment": messages.deployment_notice(settings, "v3", "rollback", "olga", 12, pointer=None),
        "hr_pointer": messages.pointer_warning(settings, "left behind", "v2"),
        "failure": messages.task_failure(settings, **failure),
        "late_chain": messages.late_chain(settings, Late("predictions", NOW - timedelta(days=2), DATASET)),
        "undelivered": messages.undelivered(settings, [GIVEN_UP]),
    }
