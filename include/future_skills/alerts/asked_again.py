"""A request that is put to the HR managers another time: a mail of its own, as its link is another one."""

from dataclasses import replace

from future_skills.alerts.mail import Mail, message_id_of
from future_skills.alerts.messages import approval_request
from future_skills.config import Settings
from future_skills.registry.approvals import ApprovalRequest


def approval_request_again(settings: Settings, request: ApprovalRequest, link: str, dag_run_id: str) -> list[Mail]:
    """The mails of `approval_request`, once more for each run that asks."""
    period = f"{request.request_id}/{dag_run_id}"
    return [
        replace(mail, period=period, message_id=message_id_of(mail.cause, period, mail.recipient, settings.mail.sender))
        for mail in approval_request(settings, request, link)
    ]
