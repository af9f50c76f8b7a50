"""Who may see what: Airflow's login, and a permission of its auth manager for each part of the dashboard."""

from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import HTTPException, Request
from starlette.status import HTTP_403_FORBIDDEN

from orchestration.roles import DASHBOARD, DASHBOARD_DOWNLOAD, DASHBOARD_DRIFT


@dataclass(frozen=True)
class Visitor:
    """Who is looking, and which parts beyond the common ones they may open."""

    name: str
    may_see_drift: bool
    may_download: bool


class Forbidden(HTTPException):
    """A signed-in user lacks a permission."""

    def __init__(self, resource: str) -> None:
        super().__init__(
            HTTP_403_FORBIDDEN, f"Your role lacks the permission to read {resource}: ask an administrator of Airflow."
        )


def may_read(user: Any, resource: str) -> bool:
    """Does the auth manager let this user read a part of the dashboard?"""
    return bool(get_auth_manager().is_authorized_custom_view(method="GET", resource_name=resource, user=user))


def require_reader(request: Request, user: GetUserDep) -> None:
    """Let in who may read the dashboard at all; the application asks this before every route."""
    if not may_read(user, DASHBOARD):
        raise Forbidden(DASHBOARD)
    request.state.visitor = Visitor(
        name=str(user.get_name()),
        may_see_drift=may_read(user, DASHBOARD_DRIFT),
        may_download=may_read(user, DASHBOARD_DOWNLOAD),
    )


def require_drift(user: GetUserDep) -> None:
    """Let in who may read the drift details."""
    if not may_read(user, DASHBOARD_DRIFT):
        raise Forbidden(DASHBOARD_DRIFT)


def require_download(user: GetUserDep) -> None:
    """Let in who may take predictions away."""
    if not may_read(user, DASHBOARD_DOWNLOAD):
        raise Forbidden(DASHBOARD_DOWNLOAD)
