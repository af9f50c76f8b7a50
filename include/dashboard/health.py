"""Is the pipeline healthy? What stands in the way, worst first, each with where to look; a pure function of what was read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from dashboard.airflow_runs import DagState
from future_skills.alerts.decay import METRIC_NAMES
from future_skills.alerts.lateness import Late, Stage
from future_skills.ledger.batches import BatchRow
from future_skills.ledger.drift_reports import DriftReportRow
from future_skills.registry.approvals import ApprovalRequest
from future_skills.registry.story import VersionStory

State = Literal["ok", "attention", "problem"]
ORDER: tuple[State, ...] = ("problem", "attention", "ok")
WORDS: dict[State, str] = {"ok": "healthy", "attention": "needs attention", "problem": "something is wrong"}

LATE: dict[Stage, str] = {
    "dataset": "No data was read for {since}: the weekly chain is late",
    "predictions": "The newest data has waited {since} for its predictions",
    "drift_report": "The newest predictions have waited {since} for their drift report",
}


@dataclass(frozen=True)
class Finding:
    """One thing somebody should know; `path` is a page of Airflow when it begins with `airflow:`, else of the dashboard."""

    state: State
    text: str
    path: str = ""


@dataclass(frozen=True)
class Reading:
    """What the judgement rests on; None where there is none yet."""

    now: datetime
    newest_chain: datetime | None
    story: VersionStory | None
    batch: BatchRow | None
    drift: DriftReportRow | None
    requests: list[ApprovalRequest]
    undeployed: str | None
    unsent_mails: int
    dags: list[DagState]
    late: Late | None
    held_back: list[str]
    decay: dict[str, Any] | None


def findings(reading: Reading) -> list[Finding]:
    """What is not as it should be, worst first; empty when all is well."""
    found = [
        *_of_the_runs(reading),
        *_of_the_week(reading),
        *_of_the_model(reading),
        *_of_decay(reading.decay),
        *_of_drift(reading.drift),
        *_of_mails(reading.unsent_mails),
    ]
    return sorted(found, key=lambda one: ORDER.index(one.state))


def overall(found: list[Finding]) -> State:
    """The worst of them."""
    return found[0].state if found else "ok"


def _of_the_runs(reading: Reading) -> list[Finding]:
    failed = [dag.newest for dag in reading.dags if dag.newest and dag.newest.state == "failed"]
    found = [Finding("problem", f"The last run of {run.name} failed", f"airflow:{run.path}") for run in failed]
    if paused := ", ".join(dag.name for dag in reading.dags if dag.paused):
        found.append(Finding("attention", f"Paused, so not started by themselves: {paused}", "runs"))
    return found


def _of_the_week(reading: Reading) -> list[Finding]:
    found = [Finding("problem", f"The newest predictions are held back: {one}", "runs") for one in reading.held_back]
    if reading.late:
        days = (reading.now - reading.late.since).days
        since = f"{days} days" if days > 1 else "more than a day"
        found.append(Finding("problem", LATE[reading.late.stage].format(since=since), f"airflow:/dags/{reading.late.dag_id}"))
    elif reading.newest_chain is None:
        text = "Nothing has run yet: start future_skills_retraining, or wait for its weekly time"
        found.append(Finding("attention", text, "airflow:/dags/future_skills_retraining"))
    return found


def _of_decay(decay: dict[str, Any] | None) -> list[Finding]:
    if decay is None:
        return []
    metric = METRIC_NAMES.get(decay["metric"], decay["metric"])
    figures = f"{metric} {decay['value']:.3f} on {decay['n']} new decisions of HR, at least {decay['threshold']:.3f} was promised"
    return [Finding("problem", f"{decay['version']} decays: {figures}", "model")]


def _of_the_model(reading: Reading) -> list[Finding]:
    found = [
        Finding("attention", f"{request.version} waits for the approval of an HR manager", "airflow:/required_actions")
        for request in reading.requests
    ]
    if reading.undeployed:
        text = f"{reading.undeployed} is approved and waits for DevOps to deploy it"
        found.append(Finding("attention", text, "airflow:/dags/future_skills_deployment"))
    if reading.story is None and reading.newest_chain is not None and not found:
        found.append(Finding("attention", "No model is deployed, so nothing is predicted: the registry says why", "registry"))
    if reading.story is not None and not reading.story.accuracy_known:
        text = "The deployed model repeats the rules, accuracy unknown: HR has decided too few pairs to learn from"
        found.append(Finding("attention", text, "model"))
    if reading.story is not None and reading.batch is None and reading.newest_chain is not None:
        found.append(Finding("attention", "No predictions are published yet", "runs"))
    return found


def _of_drift(report: DriftReportRow | None) -> list[Finding]:
    if report is None:
        return []
    found = []
    if report.unknown:
        names = ", ".join(report.unknown_columns)
        found.append(Finding("attention", f"Could not be compared in the newest data: {names}", "drift"))
    if report.drifted:
        found.append(Finding("attention", f"The newest data drifts in {', '.join(report.drifted_columns)}", "drift"))
    return found


def _of_mails(unsent: int) -> list[Finding]:
    if not unsent:
        return []
    mails = "1 mail waits" if unsent == 1 else f"{unsent} mails wait"
    return [Finding("attention", f"{mails} for the mail server", "runs")]
