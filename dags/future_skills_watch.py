"""Every half hour: sends mails that wait, notices a chain that is late, expires requests, sweeps what nobody needs.

**send_outbox** tries again what a mail server did not take, with growing pauses, and tells DevOps what it never will.
**check_lateness** mails DevOps when no dataset was accepted for more than a week, or when its predictions or their drift report
are missing after a day. **check_reports** mails about drift reports that a run of the drift DAG left unmailed.
**expire_requests** settles approvals that nobody answered, two days after their time. **check_pointer** lets the HR application's
pointer, where it is followed, name the model that is deployed, when a crash or an edit left another, and warns DevOps once of one
that nobody asked for, or that is left behind. **sweep** drops staging tables and files that a crash left behind, mails and
changes of predictions older than 400 days, and old logs of our tasks (`RETENTION__TASK_LOGS`). Of what the ledger names it
removes only files that nothing needs any more, and those only with `RETENTION__FILES`.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag, task

from orchestration.connections import resources
from orchestration.defaults import dag_arguments
from orchestration.measures import tell
from orchestration.task_logs import task_log_folder


@dag(
    schedule=CronTriggerTimetable("*/30 * * * *", timezone="UTC"),
    params={"keep_hours": Param(24, type="integer", minimum=1, title="Hours that unfinished work is kept")},
    **dag_arguments("future_skills_watch", __doc__, "operations", run_hours=1),
)
def future_skills_watch():
    @task
    def send_outbox() -> dict:
        from orchestration.mails import send_waiting, warn_of_missing_addresses

        with resources() as work:
            warn_of_missing_addresses(work.settings)
            summary = send_waiting(work.connection, work.settings)
        return {"sent": summary.sent, "failed": summary.failed, "given_up": [vars(lost) for lost in summary.given_up]}

    @task
    def check_lateness() -> str | None:
        from future_skills.alerts.lateness import find_late
        from future_skills.alerts.messages import late_chain
        from future_skills.ledger.batches import newest_published
        from orchestration.mails import send

        with resources() as work:
            now = datetime.now(UTC)
            late = find_late(work.connection, work.settings, now)
            with work.connection:
                shown = newest_published(work.connection, work.settings.horizon_years)
            if shown and shown.published_at:
                tell("watch", {"batch": shown.batch_id}, {"age_hours": round((now - shown.published_at) / timedelta(hours=1), 1)})
            if late:
                send(work, late_chain(work.settings, late))
        return f"no {late.stage} since {late.since.isoformat()}" if late else None

    @task
    def check_reports() -> list[int]:
        from future_skills.alerts.drift_mails import drift_mails, unmailed_reports
        from orchestration.mails import send

        with resources() as work:
            reports = unmailed_reports(work.connection, work.settings.horizon_years)
            for report in reports:
                send(work, drift_mails(work.connection, work.store, work.settings, report))
        return [report.report_id for report in reports]

    @task
    def expire_requests() -> int:
        from future_skills.registry.approvals import expire_requests
        from future_skills.registry.page import write_registry

        with resources() as work:
            if settled := expire_requests(work.connection):
                write_registry(work.connection, work.store)
            return settled

    @task
    def check_pointer() -> str | None:
        from future_skills.alerts.messages import pointer_warning
        from future_skills.registry.pointer import named_version, pointer_use
        from future_skills.registry.reconciliation import set_pointer_right
        from orchestration.mails import send

        with resources() as work:
            done = set_pointer_right(work.connection, work.store, work.keys, work.settings)
            send(work, pointer_warning(work.settings, pointer_use(work.store, work.settings), named_version(work.store)))
        return done

    @task
    def sweep(*, params) -> dict:
        from future_skills.alerts.needless_files import remove_needless_files
        from future_skills.alerts.retention import sweep
        from future_skills.alerts.task_logs import sweep_task_logs
        from future_skills.prediction.staging import sweep_stages

        kept, now = timedelta(hours=params["keep_hours"]), datetime.now(UTC)
        with resources() as work:
            stages = sweep_stages(work.connection, params["keep_hours"])
            swept = sweep(work.connection, work.store, now, kept)
            retention = work.settings.retention
            needless = remove_needless_files(work.connection, work.store, now - retention.files) if retention.files else {}
            logs = sweep_task_logs(task_log_folder(), now - retention.task_logs)
        return {"stages": len(stages), "task_logs": logs, **swept, "needless": needless}

    [send_outbox(), check_lateness(), check_reports(), expire_requests(), check_pointer(), sweep()]


future_skills_watch()
