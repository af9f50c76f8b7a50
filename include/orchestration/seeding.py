"""Brings Airflow's database to this release and its roles to the matrix; running it again repairs what drifted.

Runs before the dag-processor starts: a DAG whose access_control names a role that does not exist is an import error.
"""

import json
import os
from typing import Any

from orchestration.roles import ROLES, Role, permissions

DEMO_USERS = "FUTURE_SKILLS_DEMO_USERS"
"""Environment variable with [{"name", "role", "password"}] as JSON; for the local run alone."""
OWNED_BY_DAGS = ("DAG:", "DAG Run:")


def migrate_airflow() -> None:
    """Create or upgrade Airflow's own tables, those of the auth manager included."""
    from airflow.utils.db import upgradedb

    upgradedb()


def seed_role(security: Any, role: Role) -> None:
    """Give a role exactly its permissions; those per DAG belong to the DAGs' access_control and stay."""
    found = security.find_role(role) or security.add_role(role)
    wanted = permissions(role)
    for permission in list(found.permissions):
        held = (permission.action.name, permission.resource.name)
        if held not in wanted and not held[1].startswith(OWNED_BY_DAGS):
            security.remove_permission_from_role(found, permission)
    for action, resource in sorted(wanted):
        security.add_permission_to_role(found, security.create_permission(action, resource))


def seed_user(security: Any, name: str, role: str, password: str) -> None:
    """Create a user, or give an existing one its role and password again."""
    user = security.find_user(username=name)
    if user is None:
        security.add_user(name, name, "(demo)", f"{name}@example.com", security.find_role(role), password)
    else:
        user.roles = [security.find_role(role)]
        security.update_user(user)
        security.reset_password(user.id, password)


def main() -> None:
    """Migrate, then seed roles, and users where the environment names them."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    migrate_airflow()
    with get_application_builder() as builder:
        security = builder.sm
        security.sync_roles()
        for role in ROLES:
            seed_role(security, role)
        for user in json.loads(os.environ.get(DEMO_USERS, "[]")):
            seed_user(security, user["name"], user["role"], user["password"])


if __name__ == "__main__":
    main()
