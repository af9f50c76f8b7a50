"""The five assets that connect the DAGs, and how a consumer reads their events."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset

GROUP = "future_skills"


def _asset(name: str) -> Asset:
    return Asset(name=f"future_skills/{name}", uri=f"x-future-skills://{name}", group=GROUP)


DATASET = _asset("dataset")
CANDIDATE = _asset("candidate")
CHAMPION = _asset("champion")
PREDICTIONS = _asset("predictions")
DRIFT_REPORT = _asset("drift_report")


def event_extras(triggering_asset_events: Mapping[Any, list[Any]] | None) -> list[dict[str, Any]]:
    """The extras of the events that started a run, oldest first; empty for a run that a person started."""
    events = [event for found in (triggering_asset_events or {}).values() for event in found]
    return [dict(event.extra or {}) for event in sorted(events, key=lambda event: event.timestamp)]


def text_values(extras: list[dict[str, Any]], key: str) -> list[str]:
    """What the events say under `key`, oldest first, where it is text."""
    return [value for extra in extras if isinstance(value := extra.get(key), str)]
