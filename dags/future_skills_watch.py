"""Every half hour: sends mails that wait, notices a week without a dataset, expires requests, sweeps what nobody needs.

**send_outbox** tries again what a mail server refused. **check_lateness** mails DevOps when no dataset was accepted for more
than a week. **expire_requests** settles approvals that nobody answered in time. **sweep** drops staging tables and files that
a crash left behind, and changes of predictions older than 400 days; nothing the ledger names is ever removed.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from orchestration.connections import resources
from orchestration.defaults import dag_arguments


@dag(
    schedule=CronTriggerTimetable("*/30 * * * *", timezone="UTC"),
    params={"keep_hours": Param(24, type="integer", minimum=1, title="Hours that unfinished work is kept")},
    **dag_arguments("future_skills_watch", __doc__, "operations", run_hours=1),
)
def future_skills_watch():
    @task
    def send_outbox() -> dict:
        from future_skills.alerts.outbox import send_outbox

        with resources() as work:
            summary = send_outbox(work.connection, work.settings.mail)
        return {"sent": summary.sent, "failed": summary.failed}

    @task
    def check_lateness() -> str | None:
        from future_skills.alerts.lateness import late_since
        from future_skills.alerts.messages import late_chain
        from orchestration.mails import send

        with resources() as work:
            late = late_since(work.connection, work.settings, datetime.now(UTC))
            if late:
                send(work, late_chain(work.settings, late))
        return late.isoformat() if late else None

    @task
    def expire_requests() -> int:
        from future_skills.registry.approvals import expire_requests

        with resources() as work:
            return expire_requests(work.connection)

    @task
    def sweep(*, params) -> dict:
        from future_skills.alerts.retention import sweep
        from future_skills.prediction.staging import sweep_stages

        kept = timedelta(hours=params["keep_hours"])
        with resources() as work:
            stages = sweep_stages(work.connection, params["keep_hours"])
            return {"stages": len(stages), **sweep(work.connection, work.store, datetime.now(UTC), kept)}

    [send_outbox(), check_lateness(), expire_requests(), sweep()]


future_skills_watch()
