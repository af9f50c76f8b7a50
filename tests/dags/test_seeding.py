"""Roles in Airflow's own tables: seeding brings them to the matrix from wherever they are, and leaves the rest alone."""

import json
import runpy

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from future_skills.config import SQL_FOLDER
from orchestration.accounts import USERS, AccountError, accounts
from orchestration.roles import ADMIN, DASHBOARD_DOWNLOAD, ROLES, TRIGGERS, permissions
from orchestration.seeding import seed_account, seed_roles

EXAMPLES = SQL_FOLDER.parents[1] / "docs" / "examples"
SIGN_ON = {
    **dict.fromkeys(("CLIENT_ID", "CLIENT_SECRET", "LDAP_BIND_USER", "LDAP_BIND_PASSWORD"), "secret"),
    "METADATA_URL": "https://sign-on.example.com/.well-known/openid-configuration",
    "LDAP_SERVER": "ldaps://directory.example.com",
    "LDAP_SEARCH": "ou=people,dc=example,dc=com",
    "LDAP_GROUPS": "ou=groups,dc=example,dc=com",
}


@pytest.fixture
def security():
    """The auth manager's security manager on tables of its own, with Airflow's stock roles."""
    from airflow.providers.fab.auth_manager.models import Model
    from airflow.providers.fab.www.security_appless import ApplessAirflowSecurityManager
    from flask import Flask

    engine = create_engine("sqlite://")
    Model.metadata.create_all(engine)
    with Flask("auth").app_context(), Session(engine) as session:
        manager = ApplessAirflowSecurityManager(session=session)
        manager.bulk_sync_roles(manager.ROLE_CONFIGS)
        manager.add_role("Admin")
        yield manager


def held(security, role):
    found = security.find_role(role)
    return {(permission.action.name, permission.resource.name) for permission in found.permissions}


def everything(security):
    return {role.name: held(security, role.name) for role in security.get_all_roles()}


def grant(security, role, action, resource):
    security.add_permission_to_role(security.find_role(role), security.create_permission(action, resource))


def test_seeding_gives_each_role_its_matrix_and_keeps_the_stock_roles(security):
    stock = everything(security)
    assert {"Viewer", "User", "Op"} <= set(stock)
    seed_roles(security)
    seeded = everything(security)
    assert {role: seeded[role] for role in ROLES} == {role: set(permissions(role)) for role in ROLES}
    assert {role: seeded[role] for role in stock if role != "Admin"} == {role: stock[role] for role in stock if role != "Admin"}
    assert seeded["Admin"] - stock["Admin"] == ADMIN


def test_seeding_again_changes_nothing(security):
    seed_roles(security)
    before = everything(security)
    seed_roles(security)
    assert everything(security) == before


def test_seeding_takes_back_what_was_added_and_gives_back_what_was_removed(security):
    seed_roles(security)
    before = everything(security)
    for action, resource in [
        ("can_create", "DAG Runs"),
        ("can_edit", "DAGs"),
        ("can_edit", "DAG:future_skills_deployment"),
        ("can_create", "DAG Run:future_skills_deployment"),
        ("can_edit", "DAG:future_skills_of_an_older_version"),
        ("can_create", "Assets"),
    ]:
        grant(security, "DataScientist", action, resource)
    manager = security.find_role("DRHManager")
    for permission in [*manager.permissions]:
        security.remove_permission_from_role(manager, permission)
    seed_roles(security)
    assert everything(security) == before
    assert ("can_create", "DAG Run:future_skills_export") in held(security, "DRHManager")
    assert ("can_read", DASHBOARD_DOWNLOAD) in held(security, "DRHManager")


def test_rights_over_the_companys_other_dags_stay(security):
    seed_roles(security)
    theirs = {("can_edit", "DAG:payroll"), ("can_create", "DAG Run:payroll")}
    for action, resource in theirs:
        grant(security, "DevOps", action, resource)
    seed_roles(security)
    assert held(security, "DevOps") == permissions("DevOps") | theirs


def signs_in(security, name, password):
    from werkzeug.security import check_password_hash

    return check_password_hash(security.find_user(username=name).password, password)


def test_accounts_keep_the_password_a_person_chose(security, tmp_path, monkeypatch):
    seed_roles(security)
    file = tmp_path / "password"
    file.write_text("first one\n")
    users = [{"name": "ada", "role": "DRHManager", "email": "ada@example.org", "password_file": str(file)}]
    monkeypatch.setenv(USERS, json.dumps(users))
    (account,) = accounts(USERS)
    seed_account(security, account, reset_password=False)
    assert signs_in(security, "ada", "first one")
    user = security.find_user(username="ada")
    assert user.email == "ada@example.org"
    user.roles = [security.find_role("DevOps")]
    security.update_user(user)
    file.write_text("another")
    seed_account(security, account, reset_password=False)
    assert signs_in(security, "ada", "first one")
    assert [role.name for role in security.find_user(username="ada").roles] == ["DRHManager"]
    seed_account(security, account, reset_password=True)
    assert signs_in(security, "ada", "another")


@pytest.mark.parametrize(
    "users, told",
    [
        ("[{", "Invalid JSON"),
        ('[{"name": "ada", "role": "Boss", "password": "s3cr3t"}]', "0.role"),
        ('[{"name": "ada", "role": "DevOps"}]', "give either password or password_file"),
        ('[{"name": "ada", "role": "DevOps", "password": "s3cr3t", "password_file": "/x"}]', "give either"),
        ('[{"name": "ada", "role": "DevOps", "passwort": "s3cr3t"}]', "0.passwort"),
    ],
)
def test_accounts_that_cannot_be_are_refused_without_their_values(monkeypatch, users, told):
    monkeypatch.setenv(USERS, users)
    with pytest.raises(AccountError) as refused:
        accounts(USERS)
    assert told in str(refused.value)
    assert USERS in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_a_password_file_that_is_not_there_or_empty_is_named(monkeypatch, tmp_path):
    file = tmp_path / "absent"
    monkeypatch.setenv(USERS, json.dumps([{"name": "ada", "role": "Admin", "password_file": str(file)}]))
    (account,) = accounts(USERS)
    with pytest.raises(AccountError, match=f"The password of ada cannot be read from {file}"):
        account.first_password()
    file.write_text("\n")
    with pytest.raises(AccountError, match="is empty"):
        account.first_password()
    assert "s3cr3t" not in str(account)


def test_every_dag_is_somebodys_and_none_everybodys():
    for dag_id in TRIGGERS:
        assert all(("can_read", f"DAG:{dag_id}") in permissions(role) for role in ROLES)
        assert ("can_edit", f"DAG:{dag_id}") not in permissions("Developer")


@pytest.mark.parametrize(
    "example, group",
    [
        ("webserver_config_oauth.py", "future-skills-hr-managers"),
        ("webserver_config_ldap.py", "cn=future-skills-hr-managers,ou=groups,dc=example,dc=com"),
    ],
)
def test_the_examples_of_a_sign_on_lead_to_roles_that_are_seeded(security, monkeypatch, example, group):
    from flask import current_app

    for name, value in SIGN_ON.items():
        monkeypatch.setenv(f"SIGN_ON_{name}", value)
    configured = runpy.run_path(str(EXAMPLES / example))
    seed_roles(security)
    current_app.config.update({name: value for name, value in configured.items() if name.isupper()})
    groups = configured["AUTH_ROLES_MAPPING"]
    assert {role.name for role in security.get_roles_from_keys(list(groups))} == {*ROLES, "Admin"}
    assert [role.name for role in security.get_roles_from_keys([group, "somebody-elses"])] == ["DRHManager"]
    assert security.get_roles_from_keys(["somebody-elses"]) == set()
    assert configured["AUTH_ROLES_SYNC_AT_LOGIN"]
    assert not security.find_role(configured["AUTH_USER_REGISTRATION_ROLE"]).permissions
