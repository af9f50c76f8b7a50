"""The dashboard's application without Airflow around it: a user of a role, a database of the test's own, no runs.

Import it inside a fixture or a test, with `support.airflow_home` at the head of the module: Airflow reads its environment once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from airflow.api_fastapi.core_api.security import get_user
from fastapi.testclient import TestClient

from dashboard import access
from dashboard.airflow_runs import airflow_runs
from dashboard.app import create_app
from dashboard.database import dashboard_dsn, settings
from orchestration.roles import ADMIN, permissions

PREFIX = "/future-skills"


@dataclass(frozen=True)
class User:
    """A signed-in user of one role; the real ones sign in in tests/browser."""

    role: str

    def get_name(self) -> str:
        return self.role


class AuthManager:
    """Answers from the matrix of rights, as Airflow's does once that is seeded; a role outside of it has none."""

    def is_authorized_custom_view(self, *, method: str, resource_name: str, user: User) -> bool:
        held = {"Admin": ADMIN, "Viewer": frozenset()}.get(user.role)
        return ({"GET": "can_read"}[method], resource_name) in (permissions(user.role) if held is None else held)


@dataclass
class StillAirflow:
    """An Airflow in which nothing has run, or just what a test says."""

    chains: dict = field(default_factory=dict)
    states: list = field(default_factory=list)

    def of_chains(self, chain_ids, since):  # noqa: ARG002 - the signature of what it stands for
        return {chain_id: self.chains.get(chain_id, []) for chain_id in chain_ids}

    def dags(self):
        return self.states


def application(role, dsn, configured, runs=None):
    """The application as `role` sees it; None: nobody is signed in."""
    app = create_app()
    app.dependency_overrides[dashboard_dsn] = lambda: dsn
    app.dependency_overrides[settings] = lambda: configured
    app.dependency_overrides[airflow_runs] = lambda: runs or StillAirflow()
    if role:
        app.dependency_overrides[get_user] = lambda: User(role)
    return app


@contextmanager
def client(role, dsn, configured, runs=None) -> Iterator[TestClient]:
    """A browser without a screen."""
    with patch.object(access, "get_auth_manager", AuthManager):
        yield TestClient(application(role, dsn, configured, runs), root_path=PREFIX, raise_server_exceptions=False)
