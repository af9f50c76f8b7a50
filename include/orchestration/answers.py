"""What a person answered in Airflow, in the product's words."""

from datetime import UTC, datetime
from typing import Any

from future_skills.registry.approvals import AUTOMATIC


def given_answer(response: dict[str, Any] | None, *, asked: bool) -> dict[str, Any] | None:
    """The answer as {decision, actor, reason, answered_at}, or None when there is none.

    `response` is what the HITL operator left in XCom: absent when a state was set by hand, without a user when the time was
    over. Only where nobody was `asked` does APPROVAL=auto answer: changing the setting later answers nothing.
    """
    if not asked:
        return {"decision": "approved", "actor": AUTOMATIC, "reason": "nobody is asked in this installation"}
    if not response or not response.get("responded_at"):
        return None
    user = response.get("responded_by_user") or {}
    decision = "approved" if response.get("chosen_options") == ["Approve"] else "rejected"
    reason = (response.get("params_input") or {}).get("reason")
    return {
        "decision": decision,
        "actor": user.get("name"),
        "reason": str(reason) if reason else None,
        "answered_at": _moment(response["responded_at"]),
    }


def _moment(value: datetime | str) -> datetime:
    """When a person answered, as Airflow's XCom holds it; without a zone it is UTC."""
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
