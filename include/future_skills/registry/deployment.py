"""Deployment: the row that makes a version the champion, the pointer that follows it, and what is told of it, once."""

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute, fetch_row
from future_skills.ledger.chains import record_stage
from future_skills.ledger.deployments import DeploymentRow, Kind, find_deployment, is_newest
from future_skills.ledger.settings import read_setting, write_setting
from future_skills.ledger.versions import champion, get_version
from future_skills.registry.approvals import supersede_requests
from future_skills.registry.deployment_checks import require_right, smoke_test, verify_deployment
from future_skills.registry.page import write_registry
from future_skills.registry.pointer import is_followed, point, pointer_use, put_back_on_failure, run_hook
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

CHAMPION_LOCK = "SELECT pg_advisory_xact_lock(hashtext('future_skills_champion'))"
HOOK_RAN_FOR = "deploy_hook_ran_for"
"""The setting that holds the last deployment whose DEPLOY_HOOK has run, or HOOK_IS_DUE."""
HOOK_IS_DUE = 0
"""The pointer was set right, and the HR application may not know yet."""


@dataclass(frozen=True)
class DeploymentOrder:
    """What to deploy, and who wants it why; `request_key` makes a repeated order find its deployment."""

    version: str
    kind: Kind
    actor: str | None
    reason: str | None
    request_key: str


def promote(connection: Connection, store: Store, keys: SigningKeys, settings: Settings, order: DeploymentOrder) -> int:
    """Make the ordered version the champion and, where it is followed, the pointer's too; returns the deployment's id.

    Makes every check itself, whatever ran before. Row and pointer change together, or neither; then DEPLOY_HOOK runs. Open
    requests to replace another model than this are superseded.
    The same request key again means what it deployed then, whatever version it names now: nothing new is deployed, the pointer
    is repaired, and the hook runs only if it did not then, and only while that deployment is the newest. Raises what
    `verify_deployment` and `smoke_test` raise, StoreUnwritableError, or, when all is done, DeployHookError.
    """
    with connection:
        made = find_deployment(connection, order.request_key)
    if made is None:
        verify_deployment(connection, store, keys, settings, order.version, kind=order.kind)
        smoke_test(connection, store, keys, order.version)
    with connection:
        execute(connection, CHAMPION_LOCK)
        made = find_deployment(connection, order.request_key) or _insert(connection, settings, order)
        with put_back_on_failure(store):
            reigning = champion(connection)
            if reigning and is_followed(pointer_use(store, settings)):
                point(store, keys, reigning)
            connection.commit()
    with connection:
        execute(connection, CHAMPION_LOCK)
        write_registry(connection, store)
    _run_hook_once(connection, settings, made)
    return made.deployment_id


def _run_hook_once(connection: Connection, settings: Settings, made: DeploymentRow) -> None:
    with connection:
        loadable = get_version(connection, made.version).loadable_by_hr
        due = is_newest(connection, made) and read_setting(connection, HOOK_RAN_FOR) != made.deployment_id
    if settings.deploy_hook and loadable and due:
        run_hook(settings.deploy_hook, made.version)
        with connection:
            write_setting(connection, HOOK_RAN_FOR, made.deployment_id)


def _insert(connection: Connection, settings: Settings, order: DeploymentOrder) -> DeploymentRow:
    version, reigning = get_version(connection, order.version), champion(connection)
    request = require_right(connection, settings, version, order.kind)
    row = fetch_row(
        connection,
        "INSERT INTO future_skills_ops.deployment (version, previous_version, kind, digest, request_id, request_key, actor,"
        " reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING *",
        (
            version.version,
            reigning.version if reigning else None,
            order.kind,
            version.digest,
            request.request_id if request else None,
            order.request_key,
            order.actor,
            order.reason,
        ),
    )
    supersede_requests(connection, f"by the deployment of {version.version}", None, deployed=version.version)
    record_stage(connection, version.dataset_id, "deployment", order.kind, version=order.version, actor=order.actor)
    return DeploymentRow(**(row or {}))
