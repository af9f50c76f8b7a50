"""What happens when a task or a run fails: a mail to the people who can mend it."""

import logging
from typing import Any

logger = logging.getLogger(__name__)


def report_failure(context: dict[str, Any]) -> None:
    """Mail the failure of a task, or of a whole run; one mail for each run and recipient, however many tasks fail.

    Goes through the outbox; when the HR database itself is down, straight to the mail server.
    """
    import psycopg2

    from future_skills.alerts.messages import task_failure
    from future_skills.alerts.outbox import enqueue, send_directly, send_outbox
    from future_skills.config import Settings
    from future_skills.domain import FutureSkillsError
    from orchestration.connections import hr_connection

    settings = Settings()
    instance = context.get("task_instance") or context.get("ti")
    run = context["dag_run"]
    mails = task_failure(
        settings,
        dag_id=run.dag_id,
        task_id=instance.task_id if instance else "",
        run_id=run.run_id,
        error=str(context.get("exception") or context.get("reason") or "no reason given"),
        link=getattr(instance, "log_url", None) or f"{settings.base_url}/dags/{run.dag_id}/runs/{run.run_id}",
    )
    try:
        with hr_connection() as connection:
            with connection:
                enqueue(connection, mails)
            send_outbox(connection, settings.mail)
    except (FutureSkillsError, psycopg2.Error) as error:
        logger.warning("The failure is mailed without the outbox: %s", error)
        send_directly(settings.mail, mails)
