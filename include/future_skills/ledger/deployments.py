"""Deployments in the ledger: append-only, the newest one names the champion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from psycopg2.extensions import connection as Connection

from future_skills.database import fetch_row, fetch_value
from future_skills.ledger.versions import VersionRow

Kind = Literal["deploy", "rollback"]


@dataclass(frozen=True)
class DeploymentRow:
    """A row of `deployment`; `request_id` is the approval it acted on, None for a rollback."""

    deployment_id: int
    version: str
    previous_version: str | None
    kind: Kind
    digest: str
    request_id: str | None
    request_key: str
    actor: str | None
    reason: str | None
    at: datetime


def find_deployment(connection: Connection, request_key: str) -> DeploymentRow | None:
    """What the order of that key has deployed, or None when it has not yet."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.deployment WHERE request_key = %s", (request_key,))
    return DeploymentRow(**row) if row else None


def newest_deployment(connection: Connection) -> DeploymentRow | None:
    """The deployment that made the champion, or None before the first."""
    row = fetch_row(connection, "SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT 1")
    return DeploymentRow(**row) if row else None


def newest_loadable(connection: Connection) -> str | None:
    """The version deployed last of those that the HR application can load: the one its pointer names. None before the first."""
    query = (
        "SELECT version FROM future_skills_ops.deployment JOIN future_skills_ops.model_version USING (version)"
        " WHERE loadable_by_hr ORDER BY deployment_id DESC LIMIT 1"
    )
    return cast("str | None", fetch_value(connection, query))


def is_newest(connection: Connection, deployment: DeploymentRow) -> bool:
    """Is its version the champion by this very deployment?"""
    newest = newest_deployment(connection)
    return newest is not None and newest.deployment_id == deployment.deployment_id


def deployed_before(connection: Connection, version: VersionRow) -> bool:
    """Is or was this very artefact the champion?"""
    query = "SELECT 1 FROM future_skills_ops.deployment WHERE (version, digest) = (%s, %s) LIMIT 1"
    return fetch_value(connection, query, (version.version, version.digest)) is not None
