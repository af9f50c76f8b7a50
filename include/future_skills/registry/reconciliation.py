"""The pointer follows the ledger: what a process that was killed in the middle of a deployment left is set right."""

import logging

from psycopg2.extensions import connection as Connection

from future_skills.config import Settings
from future_skills.database import execute
from future_skills.ledger.deployments import newest_deployment, newest_loadable
from future_skills.ledger.settings import read_setting, write_setting
from future_skills.ledger.versions import VersionRow, get_version
from future_skills.registry.deployment import CHAMPION_LOCK, HOOK_IS_DUE, HOOK_RAN_FOR
from future_skills.registry.pointer import POINTER, is_followed, point, point_at_nothing, pointer_use, points_at, run_hook
from future_skills.registry.refusals import Attempt, record_refusal
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

logger = logging.getLogger(__name__)


def set_pointer_right(connection: Connection, store: Store, keys: SigningKeys, settings: Settings) -> str | None:
    """Make the pointer, where it is followed, name the model the ledger says is deployed; returns what was done, if anything.

    It is recorded, and DEPLOY_HOOK runs, as the application may have loaded the other model; one that failed, or was killed,
    runs again with the next call. Waits for a deployment that is being made. Raises UntrustedArtifactError,
    StoreUnwritableError, or, when all is done, DeployHookError.
    """
    with connection:
        execute(connection, CHAMPION_LOCK)
        name, newest = newest_loadable(connection), newest_deployment(connection)
        wanted = get_version(connection, name) if name else None
        right = not is_followed(pointer_use(store, settings)) or points_at(store, wanted)
        done = None if right else _point(connection, store, keys, wanted)
        due = read_setting(connection, HOOK_RAN_FOR) == HOOK_IS_DUE
    if settings.deploy_hook and wanted and newest and due:
        run_hook(settings.deploy_hook, wanted.version)
        with connection:
            write_setting(connection, HOOK_RAN_FOR, newest.deployment_id)
    return done


def _point(connection: Connection, store: Store, keys: SigningKeys, wanted: VersionRow | None) -> str:
    """Set the pointer right, and record it, in the caller's transaction; returns what was done."""
    if wanted:
        point(store, keys, wanted)
    else:
        point_at_nothing(store)
    done = (
        f"{POINTER} or the copy beside it was not of {wanted.version if wanted else 'no version'}, which the ledger says is "
        "deployed: a deployment broke off, they were edited, or HR_POINTER was set to on since. Set right."
    )
    logger.warning(done)
    record_refusal(connection, Attempt("edit", POINTER, None, None), done)
    write_setting(connection, HOOK_RAN_FOR, HOOK_IS_DUE)
    return done
