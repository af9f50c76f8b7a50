"""What happens when a task or a run fails: a mail to the people who can mend it."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from future_skills.alerts.mail import Mail
    from future_skills.config import Settings

logger = logging.getLogger(__name__)


EVERY_HALF_HOUR = "future_skills_watch"


def report_failure(context: dict[str, Any]) -> None:
    """Mail the failure of a task, or of a whole run; one mail for each run and recipient, however many tasks fail.

    What fails every half hour is mailed once a day. Goes through the outbox; when the HR database itself is down, straight
    to the mail server, once a day for all DAGs: none of them can do anything then.
    """
    import psycopg2

    from future_skills.alerts.direct import send_once_directly
    from future_skills.alerts.outbox import enqueue
    from future_skills.config import Settings
    from future_skills.domain import FutureSkillsError
    from orchestration.connections import hr_connection
    from orchestration.mails import send_waiting

    settings = Settings()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    period = f"{EVERY_HALF_HOUR}/{today}" if context["dag_run"].dag_id == EVERY_HALF_HOUR else None
    try:
        with hr_connection() as connection:
            with connection:
                enqueue(connection, _mails(context, settings, period))
            send_waiting(connection, settings)
    except (FutureSkillsError, psycopg2.Error) as error:
        logger.warning("The failure is mailed without the outbox: %s", error)
        send_once_directly(settings, _mails(context, settings, f"without the HR database/{today}"))


def _mails(context: dict[str, Any], settings: "Settings", period: str | None) -> "list[Mail]":
    from future_skills.alerts.messages import task_failure

    instance = context.get("task_instance") or context.get("ti")
    run = context["dag_run"]
    return task_failure(
        settings,
        dag_id=run.dag_id,
        task_id=instance.task_id if instance else "",
        run_id=run.run_id,
        error=str(context.get("exception") or context.get("reason") or "no reason given"),
        link=getattr(instance, "log_url", None) or f"{settings.base_url}/dags/{run.dag_id}/runs/{run.run_id}",
        period=period,
    )
