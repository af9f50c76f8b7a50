"""The mails: what happened, what it means, what to do, and where to look. Each goes to one role's addresses."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from psycopg2.extensions import connection as Connection

from future_skills.alerts.digest import read_digest
from future_skills.alerts.outbox import Mail
from future_skills.alerts.rendering import render_mails
from future_skills.config import Settings
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.versions import EvaluationRow
from future_skills.registry.approvals import ApprovalRequest
from future_skills.registry.deployment import Kind

LONGEST_ERROR = 4_000


def _dag_link(settings: Settings, dag_id: str) -> str:
    return f"{settings.base_url.rstrip('/')}/dags/{quote(dag_id, safe='')}"


def drift_alert(settings: Settings, report: DriftReportRow) -> list[Mail]:
    """Tell the data scientists that a report drifts; none for one that does not."""
    if not report.drifted:
        return []
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "drift_alert",
        "drift",
        report.dataset_id,
        report=report,
        drifted={name: report.columns[name] for name in report.drifted_columns},
        thresholds=settings.drift,
        link=_dag_link(settings, "future_skills_drift"),
    )


def data_alarm(settings: Settings, report: DriftReportRow) -> list[Mail]:
    """Tell the data scientists that columns could not be compared; none when all could."""
    if not report.unknown:
        return []
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "data_alarm",
        "data_alarm",
        report.dataset_id,
        report=report,
        unknown={name: report.columns[name] for name in report.unknown_columns},
        link=_dag_link(settings, "future_skills_drift"),
    )


def gate_rejection(settings: Settings, evaluation: EvaluationRow) -> list[Mail]:
    """Tell the data scientists that the gate rejected a version, with every check that failed."""
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "gate_rejection",
        "gate_rejection",
        str(evaluation.evaluation_id),
        evaluation=evaluation,
        failed=[check for check in evaluation.checks or [] if check["verdict"] == "fail"],
        accuracy_known=evaluation.metrics.get("accuracy_known", True),
        link=_dag_link(settings, "future_skills_retraining"),
    )


def approval_request(settings: Settings, request: ApprovalRequest, link: str) -> list[Mail]:
    """Ask the HR managers for their answer at `link`, with the candidate's figures beside the baselines."""
    return render_mails(
        settings,
        settings.mail.drh_managers,
        "approval_request",
        "approval_request",
        request.request_id,
        request=request,
        figures=_figures(request.metrics),
        accuracy_known=request.metrics.get("accuracy_known", True),
        link=link,
    )


def _figures(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Headline metrics, each beside what the baselines reach; what was not measured is None."""
    baselines = metrics.get("baselines") or {}
    others = ("majority", "rules", "skill_share", "champion")
    return [
        {
            "label": label,
            "metric": metrics["overall"].get(name, {}),
            "baselines": [(baselines.get(other) or {}).get(name) for other in others],
        }
        for name, label in (("ap_high", "AP(HIGH)"), ("macro_f1", "macro-F1"), ("weighted_f1", "weighted F1"))
    ]


def deployment_wanted(settings: Settings, request: ApprovalRequest) -> list[Mail]:
    """Tell DevOps that an approved version waits for its deployment by hand."""
    return render_mails(
        settings,
        settings.mail.devops,
        "deployment_wanted",
        "deployment_wanted",
        request.request_id,
        request=request,
        link=_dag_link(settings, "future_skills_deployment"),
    )


def deployment_notice(
    settings: Settings, version: str, kind: Kind, actor: str | None, deployment_id: int | None = None
) -> list[Mail]:
    """Tell DevOps that a version predicts from now on. Without `deployment_id`, each version and kind is mailed only once."""
    period = f"{version}/{kind}" if deployment_id is None else str(deployment_id)
    return render_mails(
        settings,
        settings.mail.devops,
        "deployment_notice",
        "deployment",
        period,
        version=version,
        kind=kind,
        actor=actor,
        link=_dag_link(settings, "future_skills_deployment"),
    )


def task_failure(settings: Settings, *, dag_id: str, task_id: str, run_id: str, error: str, link: str) -> list[Mail]:
    """Tell DevOps that a run failed, once however many of its tasks do. An empty `task_id` means the run itself."""
    return render_mails(
        settings,
        settings.mail.devops,
        "task_failure",
        "failure",
        f"{dag_id}/{run_id}",
        dag_id=dag_id,
        task_id=task_id,
        run_id=run_id,
        detail=error[:LONGEST_ERROR],
        link=link,
    )


def late_chain(settings: Settings, last_accepted_at: datetime) -> list[Mail]:
    """Tell DevOps that no dataset was accepted since; one mail for each gap, however long it lasts."""
    return render_mails(
        settings,
        settings.mail.devops,
        "late_chain",
        "late_chain",
        last_accepted_at.isoformat(),
        last_accepted_at=last_accepted_at,
        schedule=settings.weekly_schedule,
        link=_dag_link(settings, "future_skills_retraining"),
    )


def weekly_digest(settings: Settings, connection: Connection, batch: BatchRow) -> list[Mail]:
    """Tell the HR managers what a published batch says and what it changed; none for a batch that was not published."""
    if batch.state != "published" or not settings.mail.drh_managers:
        return []
    return render_mails(
        settings,
        settings.mail.drh_managers,
        "weekly_digest",
        "digest",
        batch.batch_id,
        batch=batch,
        digest=read_digest(connection, batch),
        link=_dag_link(settings, "future_skills_prediction"),
    )
