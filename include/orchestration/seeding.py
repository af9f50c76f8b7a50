"""Brings Airflow's database to this release and its roles to the matrix; running it again repairs what drifted.

Runs before the dag-processor starts: a DAG whose access_control names a role that does not exist is an import error.
"""

import sys
from typing import Any

from future_skills.domain import FutureSkillsError
from orchestration.accounts import DEMO_USERS, USERS, Account, accounts
from orchestration.roles import ADMIN, ROLES, Role, of_another_dag, permissions


def migrate_airflow() -> None:
    """Create or upgrade Airflow's own tables, those of the auth manager included."""
    from airflow.utils.db import upgradedb

    upgradedb()


def seed_role(security: Any, role: Role) -> None:
    """Give a role exactly its permissions: what an older version or a person added goes, what is missing comes.

    Only rights over DAGs that are not the product's stay as they are.
    """
    found = security.find_role(role) or security.add_role(role)
    wanted = permissions(role)
    for permission in list(found.permissions):
        held = (permission.action.name, permission.resource.name)
        if held not in wanted and not of_another_dag(held[1]):
            security.remove_permission_from_role(found, permission)
    for action, resource in sorted(wanted):
        security.add_permission_to_role(found, security.create_permission(action, resource))


def seed_roles(security: Any) -> None:
    """Bring the product's roles to the matrix, and let Admin read the dashboard too; Airflow's other roles are left alone."""
    for role in ROLES:
        seed_role(security, role)
    for action, resource in sorted(ADMIN):
        security.add_permission_to_role(security.find_role("Admin"), security.create_permission(action, resource))


def seed_account(security: Any, account: Account, *, reset_password: bool) -> None:
    """Create an account with its first password, or give an existing one its role again (and its password, where asked)."""
    user, role = security.find_user(username=account.name), security.find_role(account.role)
    if user is None:
        security.add_user(account.name, account.name, "", account.address, role, account.first_password())
        return
    user.roles = [role]
    security.update_user(user)
    if reset_password:
        security.reset_password(user.id, account.first_password())


def main() -> int:
    """Migrate, then seed roles, and accounts where the environment names them."""
    try:
        named = [(account, variable == DEMO_USERS) for variable in (USERS, DEMO_USERS) for account in accounts(variable)]
    except FutureSkillsError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201 - a container's log is its interface
        return 1
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    migrate_airflow()
    with get_application_builder() as builder:
        builder.sm.sync_roles()
        seed_roles(builder.sm)
        for account, reset in named:
            seed_account(builder.sm, account, reset_password=reset)
    return 0


if __name__ == "__main__":
    sys.exit(main())
