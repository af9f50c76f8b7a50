"""What a task did, in one line of its log and as gauges of Airflow's own metrics (StatsD or OpenTelemetry, where one is on)."""

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)
PREFIX = "future_skills"


def tell(stage: str, facts: Mapping[str, Any], measures: Mapping[str, float]) -> None:
    """Log `stage`, facts and measures as `name=value`, and set the gauge `future_skills.<stage>.<name>` of each measure.

    Facts (chain, version, shard) go to the log alone: as tags, each week would be a series of its own.
    """
    from airflow.sdk.observability.stats import gauge

    logger.info("%s %s", stage, " ".join(f"{name}={value}" for name, value in {**facts, **measures}.items()))
    for name, value in measures.items():
        gauge(f"{PREFIX}.{stage}.{name}", value)
