"""What Airflow's API lets people try that our own tasks do not take: events made by hand, orders that are refused."""

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from psycopg2.extensions import connection as Connection

from orchestration.assets import event_extras
from orchestration.orders import requested_by

if TYPE_CHECKING:
    from future_skills.registry.refusals import Action, Attempt

logger = logging.getLogger(__name__)
MADE_BY_HAND = "from_rest_api"
"""What Airflow adds to the extra of an event that somebody made through its API."""


def deployment_attempt(dag_run: Any, params: Any) -> "Attempt":
    """What a run of the deployment DAG tries."""
    from future_skills.registry.refusals import Attempt

    version = params["version"] or "no version named"
    return Attempt(params["kind"], version, requested_by(dag_run, params), dag_run.run_id)


def trusted_extras(
    connection: Connection, action: "Action", dag_run: Any, triggering_asset_events: Mapping[Any, list[Any]] | None
) -> list[dict[str, Any]]:
    """The extras of the events that tasks emitted, oldest first; one made by hand is recorded as refused and left out."""
    from future_skills.registry.refusals import Attempt, record_refusal

    extras = event_extras(triggering_asset_events)
    forged = [extra for extra in extras if extra.get(MADE_BY_HAND)]
    with connection:
        for extra in forged:
            reason = "An asset event made through Airflow's API starts nothing here; its audit log says who made it."
            logger.warning("%s It said: %s", reason, extra)
            said = json.dumps({key: value for key, value in extra.items() if key != MADE_BY_HAND}, default=str)
            record_refusal(connection, Attempt(action, f"asset event {said}", None, dag_run.run_id), reason)
    return [extra for extra in extras if not extra.get(MADE_BY_HAND)]
