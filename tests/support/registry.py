"""Requests, answers and deployments on a prepared company, in a line each."""

from datetime import timedelta

from future_skills.database import execute, fetch_rows
from future_skills.ledger.versions import champion
from future_skills.registry.approvals import ApprovalRequest, record_answer
from future_skills.registry.candidates import register_candidate
from future_skills.registry.deployment import DeploymentOrder, promote
from support.pipeline import Workbench


def judged_now(bench: Workbench, number: int) -> None:
    """Let evaluation <number> be one against the model deployed now: as if v<number> had been trained this week."""
    reigning = champion(bench.connection)
    execute(
        bench.connection,
        "UPDATE future_skills_ops.evaluation SET champion_version = nullif(%s, version) WHERE evaluation_id = %s",
        (reigning.version if reigning else None, number),
    )
    bench.connection.commit()


def candidate(bench: Workbench, number: int, requested_by: str | None = None) -> ApprovalRequest:
    """Put version v<number>, whose evaluation has the same number and was made now, to the HR manager."""
    judged_now(bench, number)
    return register_candidate(bench.connection, bench.settings, number, requested_by=requested_by, dag_run_id="run")


def answer(bench: Workbench, number: int, decision: str, **fields) -> ApprovalRequest:
    """Answer the request about v<number>; `fields` are those of record_answer."""
    known = {"actor": "drh", "reason": "as the figures say", "dag_run_id": f"answer-{number}", **fields}
    return record_answer(bench.connection, f"request-{number}", decision, **known)


def approved(bench: Workbench, number: int) -> ApprovalRequest:
    """Ask for v<number>, and say yes."""
    candidate(bench, number)
    return answer(bench, number, "approved")


def deployed(bench: Workbench, *numbers: int) -> None:
    """Have versions approved and deployed, one after another."""
    for number in numbers:
        approved(bench, number)
        bench.deploy(f"v{number}")


def promote_unverified(bench: Workbench, **fields) -> int:
    """The last step of a deployment alone; `fields` are those of DeploymentOrder, v1 by default."""
    order = {"version": "v1", "kind": "deploy", "actor": "devops", "reason": None, "request_key": "key", **fields}
    return promote(bench.connection, bench.store, bench.keys, bench.settings, DeploymentOrder(**order))


def events(bench: Workbench) -> list[tuple[str, str]]:
    """Version and event of every row of `approval`, oldest first."""
    rows = fetch_rows(bench.connection, "SELECT version, event FROM future_skills_ops.approval ORDER BY event_id")
    bench.connection.commit()
    return [(row["version"], row["event"]) for row in rows]


def refusals(bench: Workbench) -> list[dict]:
    """The rows of `refusal`, oldest first, those about files that the copy moved left out."""
    rows = fetch_rows(bench.connection, "SELECT * FROM future_skills_ops.refusal WHERE action <> 'edit' ORDER BY refusal_id")
    bench.connection.commit()
    return rows


def under(bench: Workbench, **settings) -> Workbench:
    """The same company with other settings."""
    return Workbench(bench.connection, bench.store, bench.keys, bench.settings.model_copy(update=settings))


def late(bench: Workbench) -> Workbench:
    """The same, where a request expires at once."""
    return under(bench, approval_expiry=timedelta(seconds=-1))


def long_ago(bench: Workbench) -> Workbench:
    """The same, where a request expired so long ago that no answer can be on its way any more."""
    return under(bench, approval_expiry=-timedelta(days=3))


def with_gate(bench: Workbench, **thresholds) -> Workbench:
    """The same, with other thresholds of the gate."""
    return under(bench, gate=bench.settings.gate.model_copy(update=thresholds))
