"""From an evaluation to a candidate: the gate's verdict is recorded, and what it lets through is put to an HR manager."""

import json
from datetime import UTC, datetime
from typing import Literal

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_value
from future_skills.domain import FutureSkillsError
from future_skills.ledger.chains import record_stage
from future_skills.ledger.datasets import DatasetRow
from future_skills.ledger.versions import EvaluationRow, VersionRow, champion, get_evaluation, get_version
from future_skills.model.gate import allowed_loss, judge
from future_skills.model.libraries import changed_library
from future_skills.registry.approvals import ApprovalRequest, append_event, find_request, get_request, supersede_requests

PROMOTING = frozenset({"promote", "bootstrap"})
JUDGE_AGAIN = "evaluate it again (future_skills_retraining with version and only_evaluate), which asks an HR manager again"


class NotACandidateError(FutureSkillsError):
    """The gate has not let this evaluation through."""


def refresh_mode(
    connection: Connection,
    settings: Settings,
    reigning: VersionRow | None,
    dataset: DatasetRow,
    libraries: dict[str, str],
    *,
    asked: bool,
) -> Literal["normal", "refresh"]:
    """Refresh when drift asked for it, or the champion is old, or was made for other labels, horizon or libraries."""
    if reigning is None:
        return "normal"
    deployed = fetch_value(connection, "SELECT max(at) FROM future_skills_ops.deployment WHERE version = %s", (reigning.version,))
    old = datetime.now(UTC) - (deployed or reigning.created_at) > settings.gate.refresh_after
    changed = (
        reigning.label_source != dataset.label_source
        or reigning.horizon_years != dataset.horizon_years
        or changed_library(reigning.estimator, reigning.libraries, libraries) is not None
    )
    return "refresh" if asked or old or changed else "normal"


def gate_evaluation(connection: Connection, settings: Settings, evaluation_id: int) -> EvaluationRow:
    """Judge an evaluation once and record checks and verdict; judged before, it is returned as it is."""
    with connection:
        evaluation = get_evaluation(connection, evaluation_id)
        if evaluation.verdict is not None:
            return evaluation
        version = get_version(connection, evaluation.version)
        rival = get_version(connection, evaluation.champion_version) if evaluation.champion_version else None
        judgement = judge(
            evaluation.metrics,
            settings.gate,
            mode="refresh" if evaluation.mode == "refresh" else "normal",
            has_champion=rival is not None or _is_champion(connection, version),
            label_source=version.label_source,
            champion_label_source=rival.label_source if rival else None,
        )
        checks = json.dumps([check.to_dict() for check in judgement.checks], allow_nan=False)
        execute(
            connection,
            "UPDATE future_skills_ops.evaluation SET checks = %s, verdict = %s, gate_mode = %s, judged_at = now()"
            " WHERE evaluation_id = %s",
            (checks, judgement.verdict, settings.gate.mode, evaluation_id),
        )
        facts = {"version": version.version, "summary": judgement.summary, "mode": settings.gate.mode}
        record_stage(connection, evaluation.dataset_id, "gate", judgement.verdict, **facts)
        return get_evaluation(connection, evaluation_id)


def next_step(evaluation: EvaluationRow) -> Literal["register_candidate", "keep", "investigate"]:
    """What follows a verdict; in dry run nothing does."""
    if evaluation.gate_mode != "enforce":
        return "keep"
    if evaluation.verdict in PROMOTING:
        return "register_candidate"
    return "keep" if evaluation.verdict == "keep" else "investigate"


def explain_verdict(connection: Connection, evaluation_id: int) -> str:
    """The verdict and the checks that did not pass, as lines for a log."""
    with connection:
        evaluation = get_evaluation(connection, evaluation_id)
    lines = [f"{evaluation.version}: {evaluation.verdict} ({evaluation.gate_mode})"]
    lines += [
        f"{check['name']}, {check['slice']}, n={check['n']}: {check['value']} against {check['threshold']} ({check['verdict']})"
        for check in evaluation.checks or []
        if check["verdict"] in {"fail", "insufficient"}
    ]
    return "\n".join(lines)


def _is_champion(connection: Connection, version: VersionRow) -> bool:
    reigning = champion(connection)
    return reigning is not None and reigning.version == version.version


def compared_with_another(evaluation: EvaluationRow, reigning: VersionRow | None) -> str | None:
    """Why an evaluation says nothing of a deployment now: it compared the version with another model than the deployed one.

    None when it may be relied on, also where nothing is deployed, or the version itself is.
    """
    if reigning is None or reigning.version in {evaluation.champion_version, evaluation.version}:
        return None
    compared = evaluation.champion_version or "no model"
    return f"{evaluation.version} was compared with {compared}, but {reigning.version} is deployed now: {JUDGE_AGAIN}."


def register_candidate(
    connection: Connection, settings: Settings, evaluation_id: int, *, requested_by: str | None, dag_run_id: str | None
) -> ApprovalRequest:
    """Put a version that passed to an HR manager; older open requests are superseded. A repeat returns the same request.

    Raises NotACandidateError when the gate did not let it through, or only tried (dry run), or when another model than it was
    compared with is deployed now.
    """
    request_id = f"request-{evaluation_id}"
    with connection:
        if made := find_request(connection, request_id):
            return made
        evaluation = get_evaluation(connection, evaluation_id)
        if evaluation.verdict not in PROMOTING or evaluation.gate_mode != "enforce":
            raise NotACandidateError(
                f"{evaluation.version} is no candidate: the gate's verdict is {evaluation.verdict} ({evaluation.gate_mode})."
            )
        version, reigning = get_version(connection, evaluation.version), champion(connection)
        if outdated := compared_with_another(evaluation, reigning):
            raise NotACandidateError(outdated)
        supersede_requests(connection, f"by {version.version}", dag_run_id)
        request = ApprovalRequest(
            request_id=request_id,
            version=version.version,
            digest=version.digest,
            evaluation_id=evaluation_id,
            champion_version=reigning.version if reigning else None,
            requested_by=requested_by,
            expires_at=datetime.now(UTC) + settings.approval_expiry,
            state="requested",
            metrics={
                "allowed_loss": allowed_loss(evaluation.checks or []),
                **{name: evaluation.metrics[name] for name in ("overall", "baselines", "comparison", "accuracy_known")},
            },
        )
        append_event(connection, request, "requested", actor=requested_by, reason=None, dag_run_id=dag_run_id)
        record_stage(connection, evaluation.dataset_id, "candidate", "requested", version=version.version, request_id=request_id)
        return get_request(connection, request_id)
