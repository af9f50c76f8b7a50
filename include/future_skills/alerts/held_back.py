"""The mail about a retraining that drift asks for and only a person may start."""

from future_skills.alerts.mail import Mail
from future_skills.alerts.messages import dag_link
from future_skills.alerts.rendering import render_mails
from future_skills.config import Settings
from future_skills.drift.policy import Decision
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.ledger.retraining_requests import RetrainingRequest


def retraining_held_back(
    settings: Settings, report: DriftReportRow, decision: Decision, requests: list[RetrainingRequest]
) -> list[Mail]:
    """Ask the data scientists to decide, with what became of the last `requests`; none unless the budget holds it back.

    Once per version and month.
    """
    if decision.held_back != "budget":
        return []
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "retraining_held_back",
        "retraining_held_back",
        f"{report.version}/{report.created_at:%Y-%m}",
        report=report,
        reason=decision.reason,
        requests=requests,
        budget=settings.drift.retrain_budget,
        link=dag_link(settings, "future_skills_retraining"),
    )
