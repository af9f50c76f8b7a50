"""The mails about what is refused: a dataset with too few decisions, a version that fails the gate, a batch that moved too far.

The data scientists look first. Where HR's decisions are fewer than before, HR and DevOps read it too: the cause is mostly in
the HR application, and only they can stop it.
"""

from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import dag_link, dashboard_link
from future_skills.alerts.rendering import render_mails
from future_skills.config import Settings
from future_skills.dataset.lost_decisions import LostDecisions
from future_skills.dataset.validation import DatasetRejectedError
from future_skills.ledger.versions import EvaluationRow
from future_skills.prediction.audit import AuditFailedError, Deletions, LevelShift


def dataset_refused(settings: Settings, refusal: DatasetRejectedError) -> list[Mail]:
    """Tell data scientists, HR managers and DevOps, once per dataset, that decisions are fewer and what became of them.

    None where decisions are not fewer: DevOps is mailed about the failed task, which says what is wrong.
    """
    if refusal.lost is None:
        return []
    return render_mails(
        settings,
        _everybody(settings),
        "dataset_refused",
        "dataset_refused",
        refusal.dataset_id,
        dataset_id=refusal.dataset_id,
        problems=refusal.problems,
        lost=refusal.lost,
        shown=refusal.shown,
        link=dashboard_link(settings),
    )


def gate_rejection(settings: Settings, evaluation: EvaluationRow, lost: LostDecisions | None) -> list[Mail]:
    """Tell the data scientists that the gate rejected a version, with every check that failed.

    Where decisions are fewer than when the champion was trained (`lost`), HR managers and DevOps as well.
    """
    return render_mails(
        settings,
        _everybody(settings) if lost else settings.mail.data_scientists,
        "gate_rejection",
        "gate_rejection",
        str(evaluation.evaluation_id),
        evaluation=evaluation,
        failed=[check for check in evaluation.checks or [] if check["verdict"] == "fail"],
        accuracy_known=evaluation.metrics.get("accuracy_known", True),
        lost=lost,
        link=dag_link(settings, "future_skills_retraining"),
    )


def audit_alarm(settings: Settings, failure: AuditFailedError) -> list[Mail]:
    """Tell the data scientists, once per batch, which level shares moved and what would be deleted.

    Where decisions are fewer than before, HR managers and DevOps as well. None where the data is not what failed: a run that
    lost its rows is DevOps', who are mailed about the failed task.
    """
    if failure.batch is None or not failure.unusual:
        return []
    shifts = [one for one in failure.unusual if isinstance(one, LevelShift)]
    return render_mails(
        settings,
        _everybody(settings) if failure.lost else settings.mail.data_scientists,
        "audit_failed",
        "audit_failed",
        failure.batch.batch_id,
        batch=failure.batch,
        shifts=sorted(shifts, key=lambda shift: -abs(shift.now - shift.before)),
        deletions=next((one for one in failure.unusual if isinstance(one, Deletions)), None),
        lost=failure.lost,
        shown=failure.shown,
        allowed=settings.prediction,
        link=dashboard_link(settings),
    )


def _everybody(settings: Settings) -> list[str]:
    return [*settings.mail.data_scientists, *settings.mail.drh_managers, *settings.mail.devops]
