"""One run of the prediction DAG through Airflow, and what came of it."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from psycopg2.extensions import connection as Connection

from future_skills.database import execute, fetch_row
from runtime.airflow_api import AirflowApi

PREDICTION = "future_skills_prediction"
RUN_SECONDS = 1_800
POLL_SECONDS = 0.5
PUBLISHED = (Path(__file__).parent / "published.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Predicted:
    """Seconds of the whole run and of its scoring stage, cores that were busy meanwhile, the shards that each worker scored."""

    run_seconds: float
    scoring_seconds: float
    busy_cores: float
    shards: dict[str, int]
    state: str
    tries: int


def begin(api: AirflowApi, connection: Connection) -> dict[str, Any]:
    """Empty the table and start a run that scores and publishes everything again; returns the run."""
    with connection:
        execute(connection, "TRUNCATE public.future_skills_futureskillprediction")
    run_id = api.trigger(PREDICTION, {"repeat": True})
    return api.run(PREDICTION, run_id)


def shards_of(api: AirflowApi, run: dict[str, Any]) -> list[dict[str, Any]]:
    """The mapped instances of the scoring stage."""
    return [one for one in api.task_instances(run) if one["task_id"] == "score" and one["map_index"] >= 0]


def ended(api: AirflowApi, run: dict[str, Any], seconds: float = RUN_SECONDS) -> Predicted:
    """Wait for the end of a run and describe it. Raises TimeoutError."""
    deadline, watched = time.monotonic() + seconds, [_watch()]
    while (now := api.run(run["dag_id"], run["dag_run_id"]))["state"] not in {"success", "failed"}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run['dag_run_id']} has not ended after {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
        watched.append(_watch())
    shards = shards_of(api, run)
    first, last = min(one["start_date"] for one in shards), max(one["end_date"] for one in shards)
    return Predicted(
        run_seconds=_seconds(now["start_date"], now["end_date"]),
        scoring_seconds=_seconds(first, last),
        busy_cores=_busy_cores(watched, datetime.fromisoformat(first), datetime.fromisoformat(last)),
        shards=dict(sorted(Counter(one["hostname"] for one in shards).items())),
        state=now["state"],
        tries=max(one["try_number"] for one in shards),
    )


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _watch() -> tuple[datetime, float]:
    """Now, and the CPU seconds that all processes of this machine have used."""
    times = psutil.cpu_times()
    return datetime.now(UTC), sum(times) - times.idle - times.iowait


def _busy_cores(watched: list[tuple[datetime, float]], first: datetime, last: datetime) -> float:
    inside = [one for one in watched if first <= one[0] <= last]
    (begin, before), (end, after) = inside[0], inside[-1]
    return (after - before) / (end - begin).total_seconds()


def published(connection: Connection) -> tuple[int, str]:
    """How many predictions there are, and a checksum of all that they say."""
    with connection:
        row = fetch_row(connection, PUBLISHED)
    assert row is not None
    return row["rows"], row["checksum"]
