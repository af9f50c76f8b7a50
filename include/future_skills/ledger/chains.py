"""The chain: one dataset and everything that followed from it, as one line."""

import json
from collections.abc import Iterable
from typing import Any, Literal

from psycopg2.extensions import connection as Connection

from future_skills.database import execute, fetch_row

Origin = Literal["schedule", "manual", "drift"]


def start_chain(connection: Connection, chain_id: str, origin: Origin, requested_by: str | None, dag_run_id: str | None) -> None:
    """Open a chain, in the caller's transaction; a chain that exists stays as it is."""
    execute(
        connection,
        "INSERT INTO future_skills_ops.chain (chain_id, origin, requested_by, dag_run_id) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (chain_id, origin, requested_by, dag_run_id),
    )


def record_stage(connection: Connection, chain_id: str, stage: str, state: str, **facts: Any) -> None:
    """Note that `stage` (dataset, train, gate, deployment, prediction, drift) reached `state`, in the caller's transaction."""
    entry = json.dumps({stage: {"state": state, **facts}})
    execute(
        connection,
        "UPDATE future_skills_ops.chain"
        " SET stages = stages || jsonb_set(%s::jsonb, ARRAY[%s, 'at'], to_jsonb(clock_timestamp())) WHERE chain_id = %s",
        (entry, stage, chain_id),
    )


def forget_stage(connection: Connection, chain_id: str, stage: str) -> None:
    """Take back that `stage` reached a state, in the caller's transaction."""
    execute(connection, "UPDATE future_skills_ops.chain SET stages = stages - %s WHERE chain_id = %s", (stage, chain_id))


def record_superseded(connection: Connection, chain_ids: Iterable[str], stage: str, *, by: str) -> None:
    """Note on chains other than `by` that `stage` went on with a newer one, where nothing is noted yet; commits."""
    with connection:
        for chain_id in set(chain_ids) - {by}:
            chain = find_chain(connection, chain_id)
            if chain is not None and stage not in chain["stages"]:
                record_stage(connection, chain_id, stage, "superseded", by=by)


def chain_of_run(connection: Connection, dag_run_id: str) -> dict[str, Any] | None:
    """The newest chain that a run of the retraining opened, or None."""
    return fetch_row(
        connection,
        "SELECT * FROM future_skills_ops.chain WHERE dag_run_id = %s ORDER BY started_at DESC LIMIT 1",
        (dag_run_id,),
    )


def find_chain(connection: Connection, chain_id: str) -> dict[str, Any] | None:
    """The chain's row: chain_id, origin, requested_by, dag_run_id, started_at, stages."""
    return fetch_row(connection, "SELECT * FROM future_skills_ops.chain WHERE chain_id = %s", (chain_id,))
