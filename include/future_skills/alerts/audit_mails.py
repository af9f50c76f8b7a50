"""The mail about predictions that moved so far that they are not published: the data scientists look before HR does."""

from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import dashboard_link
from future_skills.alerts.rendering import render_mails
from future_skills.config import Settings
from future_skills.prediction.audit import AuditFailedError, Deletions, LevelShift


def audit_alarm(settings: Settings, failure: AuditFailedError) -> list[Mail]:
    """Tell the data scientists, once per batch, which level shares moved and what would be deleted.

    None where the data is not what failed: a run that lost its rows is DevOps', who are mailed about the failed task.
    """
    if failure.batch is None or not failure.unusual:
        return []
    shifts = [one for one in failure.unusual if isinstance(one, LevelShift)]
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "audit_failed",
        "audit_failed",
        failure.batch.batch_id,
        batch=failure.batch,
        shifts=sorted(shifts, key=lambda shift: -abs(shift.now - shift.before)),
        deletions=next((one for one in failure.unusual if isinstance(one, Deletions)), None),
        allowed=settings.prediction,
        link=dashboard_link(settings),
    )
