"""What a chain did, from the ledger, in a few lines; and the outcome."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import fetch_rows, fetch_value
from future_skills.ledger.chains import chain_of_run
from future_skills.ledger.datasets import get_dataset
from future_skills.ledger.versions import EvaluationRow, champion, get_evaluation
from future_skills.registry.approvals import open_requests, undeployed_version
from future_skills.store.artifacts import Store


class Outcome(IntEnum):
    """How a chain ended: the exit code of the local run."""

    PREDICTED = 0
    FAILED = 1
    NONE_PASSED = 2
    WAITING = 3
    TIMED_OUT = 4


RIVALS = ("majority", "rules", "skill_share", "champion")
"""What a metric stands beside, in the order of difficulty."""


@dataclass(frozen=True)
class Summary:
    """The outcome and the lines to print before it."""

    outcome: Outcome
    lines: list[str]


def summarise(connection: Connection, store: Store, run_id: str) -> Summary:
    """Describe the chain that the run began: dataset, metrics beside baselines, verdict, rows, reports."""
    with connection:
        chain = chain_of_run(connection, run_id)
        if chain is None:
            return Summary(Outcome.FAILED, [f"No dataset was accepted in {run_id}: see its log."])
        stages = chain["stages"]
        lines = [f"chain {chain['chain_id']}", *_dataset_lines(connection, chain["chain_id"])]
        evaluation_id = stages.get("evaluation", {}).get("evaluation_id")
        if evaluation_id:
            lines += _evaluation_lines(get_evaluation(connection, evaluation_id), stages)
        reigning = champion(connection)
        lines.append(
            f"champion: {reigning.version} ({reigning.estimator}, {reigning.label_source})" if reigning else "champion: none yet"
        )
        if reigning and reigning.label_source == "bootstrap":
            lines.append("  trained on bootstrap labels: agreement with the rules, accuracy unknown")
        lines += _batch_lines(connection, chain["chain_id"])
        reports = fetch_rows(
            connection,
            "SELECT * FROM future_skills_ops.drift_report WHERE dataset_id = %s ORDER BY report_id",
            (chain["chain_id"],),
        )
        lines += [_report_line(report) for report in reports]
        lines.append(f"registry: {store.root / 'MODEL_REGISTRY.md'}")
        predicted = fetch_value(
            connection,
            "SELECT count(*) FROM future_skills_ops.prediction_batch"
            " WHERE dataset_id = %s AND state IN ('published', 'withheld')",
            (chain["chain_id"],),
        )
        return Summary(_outcome(reigning is not None, stages, bool(predicted and reports)), lines)


def _outcome(has_champion: bool, stages: dict[str, Any], predicted: bool) -> Outcome:
    if predicted:
        return Outcome.PREDICTED
    if has_champion:
        return Outcome.FAILED  # a champion, and yet no predictions: something did not do its work
    return Outcome.WAITING if "candidate" in stages else Outcome.NONE_PASSED


def _dataset_lines(connection: Connection, chain_id: str) -> list[str]:
    row = get_dataset(connection, chain_id)
    counts = row.manifest["counts"]
    return [
        f"dataset: {row.decided_rows:,} decided and {row.implicit_rows:,} implicit rows ({row.label_source}), "
        f"{counts['roles']:,} roles, {counts['skills']:,} skills, {counts['employees']:,} employees; "
        f"{row.quarantined} rows in quarantine; {row.uri}"
    ]


def _evaluation_lines(evaluation: EvaluationRow, stages: dict[str, Any]) -> list[str]:
    metrics = evaluation.metrics
    note = "" if metrics["accuracy_known"] else " (agreement with the rules, accuracy unknown)"
    lines = [
        f"model {evaluation.version}, on {metrics['roles']} unseen job roles, {metrics['rows']:,} decisions "
        f"({metrics['population']}){note}:"
    ]
    for name, label in (("ap_high", "AP(HIGH)"), ("macro_f1", "macro-F1"), ("weighted_f1", "weighted F1")):
        value = metrics["overall"][name]
        interval = f" [{value['ci'][0]:.3f}, {value['ci'][1]:.3f}]" if value.get("ci") else ""
        known = metrics["baselines"]
        beside = ", ".join(f"{other.replace('_', ' ')} {_number(known[other].get(name))}" for other in RIVALS if other in known)
        lines.append(f"  {label:<12} {_number(value['value'])}{interval}   {beside}")
    lines.append(f"gate: {evaluation.verdict}. {stages.get('gate', {}).get('summary', '')}")
    return lines


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _batch_lines(connection: Connection, chain_id: str) -> list[str]:
    batches = fetch_rows(
        connection, "SELECT * FROM future_skills_ops.prediction_batch WHERE dataset_id = %s ORDER BY planned_at", (chain_id,)
    )
    lines = []
    for batch in batches:
        counts = batch["counts"]
        done = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("inserted", "updated", "deleted", "unchanged"))
        lines.append(f"predictions by {batch['version']}: {batch['pairs']:,} pairs, {done} ({batch['state']})")
    return lines or ["predictions: none"]


def _report_line(report: dict[str, Any]) -> str:
    drifted = [name for name, column in report["columns"].items() if column["drift"]]
    found = "drift in " + ", ".join(drifted) if drifted else "no drift"
    verdict = "drifted" if report["drifted"] else "unknown columns" if report["unknown"] else "normal"
    return f"drift report: {verdict}, {found}; {report['html_uri']}"


def open_approvals(connection: Connection, settings: Settings) -> list[str]:
    """Lines about approvals that wait for a person, with their links."""
    with connection:
        requests = open_requests(connection)
    link = f"{settings.base_url}/required_actions"
    return [
        f"approval of {request.version} waits for an HR manager until {request.expires_at:%Y-%m-%d %H:%M} UTC: {link}"
        for request in requests
    ]


def waiting_deployment(connection: Connection, settings: Settings) -> list[str]:
    """A line about an approved version that nobody has deployed yet."""
    with connection:
        version = undeployed_version(connection)
    link = f"{settings.base_url}/dags/future_skills_deployment"
    return [f"{version} is approved and waits for DevOps to deploy it: {link}"] if version else []
