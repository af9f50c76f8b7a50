"""The mails: what happened, what it means, what to do, and where to look. Each goes to one role's addresses."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from psycopg2.extensions import connection as Connection

from future_skills.alerts.digest import read_digest
from future_skills.alerts.digest_plots import digest_plots
from future_skills.alerts.lateness import Late
from future_skills.alerts.mail import Mail
from future_skills.alerts.outbox import GivenUp
from future_skills.alerts.rendering import NO_PICTURES, render_mails
from future_skills.alerts.words import WORDS
from future_skills.config import Settings
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.deployments import Kind
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.registry.approvals import ApprovalRequest
from future_skills.registry.pointer import PointerUse

LONGEST_ERROR = 4_000
UNDELIVERED = "undelivered"


DASHBOARD = "/plugin/future-skills"


def dag_link(settings: Settings, dag_id: str) -> str:
    """Airflow's page of a DAG."""
    return f"{settings.base_url.rstrip('/')}/dags/{quote(dag_id, safe='')}"


def dashboard_link(settings: Settings) -> str:
    """The dashboard's first page, inside Airflow."""
    return f"{settings.base_url.rstrip('/')}{DASHBOARD}"


def drift_alert(
    settings: Settings,
    report: DriftReportRow,
    *,
    since: Mapping[str, Any] | None = None,
    pictures: Mapping[str, bytes] = NO_PICTURES,
) -> list[Mail]:
    """Tell the data scientists that a report drifts; none for one that does not.

    `since` says for a column when it began ({at, reports}); the picture `worst` shows the column that moved most.
    """
    if not report.drifted:
        return []
    return render_mails(
        settings,
        settings.mail.data_scientists,
        "drift_alert",
        "drift",
        report.dataset_id,
        pictures=pictures,
        report=report,
        drifted={name: report.columns[name] for name in report.drifted_columns},
        worst=report.worst_column,
        since=since or {},
        thresholds=settings.drift,
        link=dashboard_link(settings),
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
        lost=report.lost_rows,
        link=dashboard_link(settings),
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
        allowed_loss=request.metrics.get("allowed_loss"),
        link=link,
    )


def _figures(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """The headline metrics of the new model, then of the deployed one and the baselines; what was not measured is None."""
    names = ("ap_high", "macro_f1", "weighted_f1")
    baselines = metrics.get("baselines") or {}
    new = {"name": "new", **{name: metrics["overall"].get(name, {}) for name in names}}
    others = ("champion", "skill_share", "rules", "majority")
    return [new, *({"name": other, **_points(baselines[other], names)} for other in others if other in baselines)]


def _points(measured: dict[str, Any] | None, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Metrics without intervals, in the shape of those that have one."""
    return {name: {"value": (measured or {}).get(name)} for name in names}


def deployment_wanted(settings: Settings, request: ApprovalRequest) -> list[Mail]:
    """Tell DevOps that an approved version waits for its deployment by hand."""
    return render_mails(
        settings,
        settings.mail.devops,
        "deployment_wanted",
        "deployment_wanted",
        request.request_id,
        request=request,
        link=dag_link(settings, "future_skills_deployment"),
    )


def deployment_notice(
    settings: Settings, version: str, kind: Kind, actor: str | None, deployment_id: int, *, pointer: str | None
) -> list[Mail]:
    """Tell DevOps that a version predicts from now on, once for each deployment.

    `pointer` is the version that the HR application's pointer names, where there is one.
    """
    return render_mails(
        settings,
        settings.mail.devops,
        "deployment_notice",
        "deployment",
        str(deployment_id),
        version=version,
        kind=kind,
        actor=actor,
        pointer=pointer,
        link=dag_link(settings, "future_skills_deployment"),
    )


def pointer_warning(settings: Settings, use: PointerUse, named: str | None) -> list[Mail]:
    """Tell DevOps, once, what a pointer risks that nobody has asked for (kept), or that is out of date (left behind)."""
    if use in {"none", "written"}:
        return []
    return render_mails(
        settings,
        settings.mail.devops,
        "pointer_warning",
        "hr_pointer",
        use,
        use=use,
        named=named,
        link=dag_link(settings, "future_skills_deployment"),
    )


def task_failure(
    settings: Settings, *, dag_id: str, task_id: str, run_id: str, error: str, link: str, period: str | None = None
) -> list[Mail]:
    """Tell DevOps that a run failed, once however many of its tasks do, or once in `period`.

    An empty `task_id` means the run itself.
    """
    return render_mails(
        settings,
        settings.mail.devops,
        "task_failure",
        "failure",
        period or f"{dag_id}/{run_id}",
        dag_id=dag_id,
        task_id=task_id,
        run_id=run_id,
        once_a_day=period is not None,
        detail=error[:LONGEST_ERROR],
        link=link,
    )


def late_chain(settings: Settings, late: Late) -> list[Mail]:
    """Tell DevOps what is late; one mail for each gap, however long it lasts."""
    return render_mails(
        settings,
        settings.mail.devops,
        "late_chain",
        "late_chain",
        f"{late.stage}/{late.dataset_id or late.since.isoformat()}",
        late=late,
        dag_id=late.dag_id,
        schedule=settings.weekly_schedule,
        link=dag_link(settings, late.dag_id),
    )


def undelivered(settings: Settings, given_up: Sequence[GivenUp]) -> list[Mail]:
    """Tell DevOps which mails were given up; none about a mail of this very kind, and none to an address that was refused."""
    lost = [one for one in given_up if one.cause != UNDELIVERED]
    if not lost:
        return []
    refused = {one.recipient for one in given_up}
    return render_mails(
        settings,
        [address for address in settings.mail.devops if address not in refused],
        UNDELIVERED,
        UNDELIVERED,
        f"{lost[0].cause}/{lost[0].period}/{lost[0].recipient}",
        given_up=lost,
        link=dag_link(settings, "future_skills_watch"),
    )


def weekly_digest(settings: Settings, connection: Connection, batch: BatchRow) -> list[Mail]:
    """Tell the HR managers what a published batch says and what it changed; none for a batch that was not published.

    That nothing changed is news once a week.
    """
    if batch.state != "published" or not settings.mail.drh_managers:
        return []
    digest = read_digest(connection, batch)
    if digest.quiet and digest.mailed_lately:
        return []
    return render_mails(
        settings,
        settings.mail.drh_managers,
        "weekly_digest",
        "digest",
        batch.batch_id,
        pictures=digest_plots(digest, WORDS[settings.future_skills_language]),
        batch=batch,
        digest=digest,
        link=dashboard_link(settings),
    )
