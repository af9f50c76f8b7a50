"""What Airflow itself knows of the product's DAGs: their runs, and which of them belong to a chain."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol
from urllib.parse import quote

from fastapi import Depends

from orchestration.assets import GROUP
from orchestration.roles import TRIGGERS

DAG_IDS = tuple(TRIGGERS)
NEWEST = 5_000
"""Asset events looked at, at most; a chain has about five."""


@dataclass(frozen=True)
class Run:
    """A DAG run; `path` is its page, below Airflow's address."""

    dag_id: str
    run_id: str
    state: str
    at: datetime

    @property
    def path(self) -> str:
        """Where Airflow shows it."""
        return f"/dags/{self.dag_id}/runs/{quote(self.run_id, safe='')}"

    @property
    def name(self) -> str:
        """The DAG without the words all of them share."""
        return self.dag_id.removeprefix(f"{GROUP}_")


@dataclass(frozen=True)
class DagState:
    """A DAG, whether it is paused, and its newest run (None: it never ran)."""

    dag_id: str
    paused: bool
    newest: Run | None

    @property
    def name(self) -> str:
        """The DAG without the words all of them share."""
        return self.dag_id.removeprefix(f"{GROUP}_")


class Runs(Protocol):
    """What the pages ask of Airflow."""

    def of_chains(self, chain_ids: Iterable[str], since: datetime) -> dict[str, list[Run]]:
        """The runs behind each chain, oldest first: those that told of it and those that this started."""

    def dags(self) -> list[DagState]:
        """The product's DAGs as they are now."""


class AirflowRuns:
    """Reads Airflow's own database, as the API server does."""

    def of_chains(self, chain_ids: Iterable[str], since: datetime) -> dict[str, list[Run]]:
        """The runs behind each chain, oldest first: those that told of it and those that this started."""
        from airflow.models.asset import AssetEvent  # noqa: PLC0415 - Airflow's database is asked here only
        from airflow.models.dagrun import DagRun  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415
        from sqlalchemy import select, tuple_  # noqa: PLC0415
        from sqlalchemy.orm import selectinload  # noqa: PLC0415

        wanted = set(chain_ids)
        found: dict[str, dict[tuple[str, str], Run]] = defaultdict(dict)
        with create_session() as session:
            events = session.scalars(
                select(AssetEvent)
                .where(AssetEvent.source_dag_id.in_(DAG_IDS), AssetEvent.timestamp >= since)
                .options(selectinload(AssetEvent.created_dagruns))
                .order_by(AssetEvent.timestamp.desc())
                .limit(NEWEST)
            ).all()
            told = [(str(event.extra["chain_id"]), event) for event in events if (event.extra or {}).get("chain_id") in wanted]
            keys = {(event.source_dag_id, event.source_run_id) for _, event in told}
            sources = {
                (run.dag_id, run.run_id): run
                for run in session.scalars(select(DagRun).where(tuple_(DagRun.dag_id, DagRun.run_id).in_(keys)))
            }
            for chain_id, event in told:
                source = sources.get((event.source_dag_id, event.source_run_id))
                for run in [*([source] if source else []), *event.created_dagruns]:
                    if run.dag_id in DAG_IDS:
                        found[chain_id][run.dag_id, run.run_id] = _run(run)
        return {chain_id: sorted(runs.values(), key=lambda run: run.at) for chain_id, runs in found.items()}

    def dags(self) -> list[DagState]:
        """The product's DAGs as they are now."""
        from airflow.models.dag import DagModel  # noqa: PLC0415
        from airflow.models.dagrun import DagRun  # noqa: PLC0415
        from airflow.utils.session import create_session  # noqa: PLC0415
        from sqlalchemy import func, select  # noqa: PLC0415

        with create_session() as session:
            paused = dict(session.execute(select(DagModel.dag_id, DagModel.is_paused).where(DagModel.dag_id.in_(DAG_IDS))).all())
            newest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(DAG_IDS)).group_by(DagRun.dag_id)
            runs = {run.dag_id: _run(run) for run in session.scalars(select(DagRun).where(DagRun.id.in_(newest)))}
        return [DagState(dag_id, paused[dag_id], runs.get(dag_id)) for dag_id in DAG_IDS if dag_id in paused]


def _run(row: object) -> Run:
    at = row.start_date or row.queued_at or row.run_after  # type: ignore[attr-defined]
    return Run(row.dag_id, row.run_id, str(row.state), at)  # type: ignore[attr-defined]


def airflow_runs() -> Runs:
    """The runs of the Airflow this process belongs to."""
    return AirflowRuns()


AirflowState = Annotated[Runs, Depends(airflow_runs)]
