"""Runs and alerts: each week's chain as one line, what Airflow does now, what waits for a person, and the mails."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from dashboard.airflow_runs import AirflowState, Run
from dashboard.database import Ledger
from dashboard.health import State
from dashboard.paging import PageNumber, limits, sliced
from dashboard.rendering import page
from future_skills.database import fetch_rows
from future_skills.registry.approvals import open_requests

SIZE = 20
MAILS = 30
STAGES = (
    "dataset",
    "export",
    "training",
    "evaluation",
    "gate",
    "candidate",
    "deployment",
    "prediction",
    "drift",
    "realised",
    "decay",
)
"""In the order of the week."""
STATES: dict[str, State] = {
    "accepted": "ok",
    "trained": "ok",
    "measured": "ok",
    "promote": "ok",
    "keep": "ok",
    "deploy": "ok",
    "published": "ok",
    "rollback": "attention",
    "bootstrap": "attention",
    "insufficient": "attention",
    "reject": "problem",
    "audit failed": "problem",
    "decays": "problem",
}
"""A stage's state -> its status; those that are neither good nor bad have none."""
WORDS = {"deploy": "deployed", "rollback": "rolled back"}
"""Where the ledger's word names an order, the word for what became of it."""
RUN_STATES: dict[str, State] = {"success": "ok", "failed": "problem"}

router = APIRouter()


@dataclass(frozen=True)
class Stage:
    """A step of a chain: its name, the status and the word it is shown with, and what was found wrong."""

    name: str
    status: str
    word: str
    findings: list[str]


def stages_of(chain: dict[str, Any]) -> list[Stage]:
    """The stages a chain has reached, in the order of the week; those of a newer release come last."""
    reached = chain["stages"]
    names = [name for name in STAGES if name in reached] + sorted(set(reached) - set(STAGES))
    return [_stage(name, reached[name]) for name in names]


def _stage(name: str, facts: dict[str, Any]) -> Stage:
    if name == "drift" and facts["state"] == "reported":
        word = "drift" if facts.get("drifted") else "unknown" if facts.get("unknown") else "normal"
        return Stage(name, "ok" if word == "normal" else "attention", word, facts.get("alarms", []))
    word = WORDS.get(facts["state"], facts["state"])
    return Stage(name, STATES.get(facts["state"], ""), word, facts.get("findings", []))


def run_status(run: Run | None) -> str:
    """The status of a DAG run."""
    return RUN_STATES.get(run.state, "") if run else ""


@router.get("/runs")
def runs(
    request: Request, connection: Ledger, airflow: AirflowState, number: Annotated[PageNumber, Query(alias="page")] = 1
) -> Response:
    """The page."""
    chains = sliced(
        fetch_rows(
            connection,
            "SELECT * FROM future_skills_ops.chain ORDER BY started_at DESC LIMIT %(limit)s OFFSET %(offset)s",
            limits(number, SIZE),
        ),
        number,
        SIZE,
    )
    since = min((chain["started_at"] for chain in chains.rows), default=None)
    mails = fetch_rows(
        connection,
        "SELECT cause, recipient, subject, created_at, attempts, last_error, sent_at, given_up_at FROM future_skills_ops.outbox"
        " ORDER BY id DESC LIMIT %s",
        (MAILS,),
    )
    return page(
        request,
        "runs",
        "runs",
        chains=chains,
        stages_of=stages_of,
        runs=airflow.of_chains([chain["chain_id"] for chain in chains.rows], since) if since else {},
        dags=airflow.dags(),
        run_status=run_status,
        requests=open_requests(connection),
        mails=mails,
    )
