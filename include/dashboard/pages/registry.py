"""The registry: every version, who let it in, and two of them side by side."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from dashboard.database import Ledger
from dashboard.pages.model import VERDICTS, version_names
from dashboard.paging import PageNumber, limits, sliced
from dashboard.rendering import page
from future_skills.config import read_sql
from future_skills.database import fetch_rows
from future_skills.ledger.training_default import chosen_default
from future_skills.ledger.versions import champion
from future_skills.model.gate import allowed_loss
from future_skills.model.libraries import deployable_here
from future_skills.registry.approvals import open_requests
from future_skills.registry.comparison import compare_versions

SIZE = 30
DEPLOYMENTS = 20
EVENTS = {"approved": "ok", "requested": "attention", "rejected": "problem", "expired": "", "superseded": ""}
"""An approval's state -> its status."""

VersionName = Annotated[str, Query(max_length=50)]

router = APIRouter()


@router.get("/registry")
def registry(request: Request, connection: Ledger, number: Annotated[PageNumber, Query(alias="page")] = 1) -> Response:
    """The page."""
    versions = fetch_rows(connection, read_sql("dashboard/versions"), limits(number, SIZE))
    deployments = fetch_rows(
        connection, "SELECT * FROM future_skills_ops.deployment ORDER BY deployment_id DESC LIMIT %s", (DEPLOYMENTS,)
    )
    reigning = champion(connection)
    return page(
        request,
        "registry",
        "registry",
        versions=sliced(versions, number, SIZE),
        names=version_names(connection),
        deployments=deployments,
        champion=reigning.version if reigning else None,
        requests=open_requests(connection),
        chosen=chosen_default(connection),
        verdicts=VERDICTS,
        events=EVENTS,
        allowed_loss=allowed_loss,
        deployable_here=deployable_here,
    )


@router.get("/registry/compare")
def compare(request: Request, connection: Ledger, one: VersionName, other: VersionName) -> Response:
    """Two versions side by side; differences only where both were measured on the same rows."""
    compared = compare_versions(connection, one, other)
    return page(request, "compare", "registry", names=version_names(connection), **vars(compared))
