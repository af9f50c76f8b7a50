"""The dashboard's application without Airflow around it: a user of a role, a database of the test's own, no runs."""

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
    """Answers from the matrix of rights, as Airflow's does once that is seeded."""

    def is_authorized_custom_view(self, *, method: str, resource_name: str, user: User) -> bool:
        held = ADMIN if user.role == "Admin" else permissions(user.role) if user.role != "Nobody" else frozenset()
        return ({"GET": "can_read"}[method], resource_name) in held


@dataclass
class NoRuns:
    """An Airflow in which nothing has run, or just what a test says."""

    chains: dict = field(default_factory=dict)
    states: list = field(default_factory=list)

    def of_chains(self, chain_ids, since):  # noqa: ARG002 - the signature of what it stands for
        return {chain_id: self.chains.get(chain_id, []) for chain_id in chain_ids}

    def dags(self):
        return self.states


def application(role: str | None, dsn: str, configured, runs=None):
    """The application as `role` sees it; None: nobody is signed in."""
    app = create_app()
    app.dependency_overrides[dashboard_dsn] = lambda: dsn
    app.dependency_overrides[settings] = lambda: configured
    app.dependency_overrides[airflow_runs] = lambda: runs or NoRuns()
    if role:
        app.dependency_overrides[get_user] = lambda: User(role)
    return app


@contextmanager
def client(role: str | None, dsn: str, configured, runs=None) -> Iterator[TestClient]:
    """A browser without a screen."""
    with patch.object(access, "get_auth_manager", AuthManager):
        yield TestClient(application(role, dsn, configured, runs), root_path=PREFIX, raise_server_exceptions=False)
