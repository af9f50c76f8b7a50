"""What an operator relies on in docker-compose.yaml, the Dockerfile and the scripts beside them."""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from future_skills.config import SQL_FOLDER, Settings
from runtime.env_example import CONTAINER_DEFAULTS, render

ROOT = SQL_FOLDER.parents[1]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
FILE = yaml.safe_load(TEXT)
SERVICES = FILE["services"]
ONE_SHOT = {"init", "hr-data"}
OTHER = 65534
"""A user who is neither root nor the one who runs the tests."""
LASTING = sorted(set(SERVICES) - ONE_SHOT)
PINNED = re.search(r"^apache-airflow==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)[1]


@pytest.fixture
def checkout(tmp_path):
    """The files an operator works with, in a folder of their own."""
    for name in ("docker-compose.yaml", ".env.example", "docker"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    return tmp_path


def call(folder, *command, user=None, **variables):
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return subprocess.run(
        command, cwd=folder, env={**environment, **variables}, user=user, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("settings_file", [".env.example", "docker/demo.env"])
@pytest.mark.parametrize("command", [("docker-compose",), ("docker", "compose")], ids=" ".join)
def test_compose_takes_the_file(checkout, command, settings_file):
    if shutil.which(command[0]) is None or call(checkout, *command, "version").returncode:
        pytest.skip(f"{' '.join(command)} is not installed")
    shutil.copy(checkout / settings_file, checkout / ".env")
    done = call(checkout, *command, "config", "--quiet")
    assert done.returncode == 0, done.stderr


def test_compose_takes_the_example_of_an_override_beside_it(checkout):
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    shutil.copy(checkout / ".env.example", checkout / ".env")
    shutil.copy(ROOT / "docs" / "examples" / "docker-compose.override.yaml", checkout)
    done = call(checkout, "docker-compose", "config")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert {name for name, service in services.items() if "/srv/future-skills" in json.dumps(service["volumes"])} == {
        "init", "api-server", "dag-processor", "worker",
    }  # fmt: skip
    assert all("state:/opt/future-skills/state" in json.dumps(services[name]["volumes"]) for name in ("init", "worker"))
    assert set(services["scheduler"]["networks"]) == {"control", "company"}


def test_only_the_user_interface_is_published_and_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api-server": ["${BIND_ADDRESS:-127.0.0.1}:${PORT:-8080}:8080"]}
    assert not any("network_mode" in service or service.get("privileged") for service in SERVICES.values())


def test_database_and_broker_are_on_a_network_without_a_way_out():
    assert FILE["networks"]["control"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if service["networks"] == ["control"]} == {
        "postgres", "redis", "scheduler", "triggerer",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_is_root_or_unlimited(name):
    service = SERVICES[name]
    assert service["user"] == "${AIRFLOW_UID:-50000}:0"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


@pytest.mark.parametrize("name", LASTING)
def test_every_lasting_service_restarts_and_tells_its_health(name):
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(SERVICES[name]["healthcheck"])


def test_nothing_of_airflow_starts_before_tables_and_roles_are_there():
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_no_service_depends_on_one_of_a_profile():
    ordinary = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert all(set(SERVICES[name].get("depends_on", ())) <= ordinary for name in ordinary)


def test_no_password_is_in_the_file_and_every_secret_is_a_file():
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|KEY|DSN|CONN_|BROKER_URL|RESULT_BACKEND|USERS", name):
                assert name.endswith(("_FILE", "_CMD")), name
                assert "/run/secrets/" in value
    assert all(set(secret) == {"file"} for secret in FILE["secrets"].values())
    assert {name for service in SERVICES.values() for name in service.get("secrets", ())} == set(FILE["secrets"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_given_exactly_the_secrets_it_names(name):
    service = SERVICES[name]
    named = re.findall(r"/run/secrets/(\w+)", json.dumps([service.get(key) for key in ("command", "healthcheck", "environment")]))
    assert set(named) == set(service.get("secrets", ()))


def test_beside_airflows_own_each_has_only_the_secrets_it_uses():
    airflow = {"metadata_password", "broker_password", "fernet_key", "api_secret_key", "jwt_secret"}
    given = {name: set(service.get("secrets", ())) for name, service in SERVICES.items()}
    assert {name: secrets - airflow for name, secrets in given.items() if secrets & airflow} == {
        "postgres": set(),
        "redis": set(),
        "init": {"accounts", "hr_dsn", "hr_dashboard_dsn", "signing_keys"},
        "api-server": {"hr_dsn", "hr_dashboard_dsn"},
        "scheduler": set(),
        "triggerer": set(),
        "dag-processor": {"hr_dsn", "mail_password"},
        "worker": {"hr_dsn", "signing_keys", "mail_password"},
    }  # fmt: skip


def test_every_variable_is_explained_and_has_the_default_of_its_setting():
    explained = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", render(), re.MULTILINE))
    used = dict(re.findall(r"(?<!\$)\$\{([A-Z_]+)(?::-([^}]*))?\}", TEXT))
    assert set(used) <= set(explained)
    assert {name: default for name, default in used.items() if default != explained[name]} == CONTAINER_DEFAULTS


def test_each_secret_setting_is_explained_as_the_file_it_is():
    given = {}
    for service in SERVICES.values():
        given |= service.get("environment", {})
    files = dict(re.findall(r"secrets/(\w+)\.\n# ([A-Z0-9_]+)=$", render(), re.MULTILINE))
    assert files == {"hr_dsn": "HR_DSN", "signing_keys": "SIGNING_KEYS", "mail_password": "MAIL__PASSWORD"}
    assert all(given[f"{variable}_FILE"] == f"/run/secrets/{secret}" for secret, variable in files.items())


def test_the_image_is_built_on_the_pinned_airflow():
    base = re.search(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert base == f"apache/airflow:slim-{PINNED}-python3.11"
    assert base in TEXT


def test_the_builder_without_extensions_can_build_the_image():
    for path in (ROOT / "Dockerfile", ROOT / "tests" / "compose" / "Dockerfile"):
        assert not re.search(r"--mount|<<|^# syntax|--link|--chmod", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_what_the_image_copies_is_let_into_its_context():
    copied = re.findall(r"^COPY (?:--chown=\S+ )?(.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    let_in = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert {source for line in copied for source in line.split()} == set(let_in)


def test_a_trial_gets_all_its_secrets_for_their_owner_alone(checkout):
    shutil.copy(checkout / "docker" / "demo.env", checkout / ".env")
    owner = {"AIRFLOW_UID": str(os.getuid())}
    assert call(checkout, "docker/secrets", "check", **owner).returncode == 1
    done = call(checkout, "docker/secrets", **owner)
    assert done.returncode == 0, done.stderr
    files = {path.name: path for path in (checkout / "secrets").iterdir()}
    assert set(files) == set(FILE["secrets"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    before = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    assert call(checkout, "docker/secrets", **owner).stdout == ""
    assert before == {name: path.read_text(encoding="utf-8") for name, path in files.items()}


def test_secrets_are_what_their_readers_take(checkout, monkeypatch):
    from cryptography.fernet import Fernet

    from future_skills.store.signing import SigningKeys
    from orchestration.accounts import USERS, accounts

    call(checkout, "docker/secrets", AIRFLOW_UID=str(os.getuid()), COMPOSE_PROFILES="demo")
    for variable, name in {"SIGNING_KEYS": "signing_keys", "HR_DSN": "hr_dsn", USERS: "accounts"}.items():
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv(f"{variable}_FILE", str(checkout / "secrets" / name))
    monkeypatch.delenv("SIGNING_KEY_ID", raising=False)
    assert SigningKeys.of(Settings()).active == "k1"
    assert {account.role for account in accounts(USERS)} == {"Admin", "DataScientist", "DRHManager", "DevOps", "Developer"}
    Fernet((checkout / "secrets" / "fernet_key").read_text(encoding="utf-8").strip())


def test_what_only_the_company_knows_is_named(checkout):
    shutil.copy(checkout / ".env.example", checkout / ".env")
    done = call(checkout, "docker/secrets", AIRFLOW_UID=str(os.getuid()))
    assert done.returncode == 1
    assert re.findall(r"Missing: \./secrets/(\w+):", done.stderr) == ["hr_dsn", "hr_dashboard_dsn"]


def test_the_secrets_of_a_trial_are_not_taken_for_an_installation(checkout):
    owner = {"AIRFLOW_UID": str(os.getuid())}
    call(checkout, "docker/secrets", COMPOSE_PROFILES="demo", **owner)
    shutil.copy(checkout / ".env.example", checkout / ".env")
    for command in (("docker/secrets",), ("docker/secrets", "check")):
        done = call(checkout, *command, **owner)
        assert done.returncode == 1
        assert re.findall(r"Of a trial: \./secrets/(\w+) ", done.stderr) == ["hr_dsn", "hr_dashboard_dsn"]
        assert "down --volumes && rm -r ./secrets" in done.stderr


@pytest.fixture
def others(checkout):
    """The checkout where another administrator sees it: pytest's own folder is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="future-skills-others-"))
    folder.chmod(0o755)
    shutil.copytree(checkout, folder / "checkout")
    (folder / "checkout").chmod(0o755)
    yield folder / "checkout"
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=True)
    shutil.rmtree(folder)


def test_a_second_administrator_is_told_that_secrets_are_closed_not_that_they_are_missing(others):
    shutil.copy(others / "docker" / "demo.env", others / ".env")
    call(others, "docker/secrets", AIRFLOW_UID=str(os.getuid()))
    as_another = {"user": OTHER} if os.getuid() == 0 else {}
    (others / "secrets").chmod(0o700 if as_another else 0)
    checked = call(others, "docker/secrets", "check", **as_another)
    assert checked.returncode == 0, checked.stderr
    assert f"Unreadable: ./secrets belongs to user {os.getuid()} " in checked.stderr
    made = call(others, "docker/secrets", **as_another)
    assert made.returncode == 1
    assert "Missing" not in checked.stderr + made.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files to somebody else")
@pytest.mark.parametrize("caller", [0, OTHER])
@pytest.mark.parametrize(
    "owner, variables, expected",
    [(1234, {}, "1234"), (1234, {"AIRFLOW_UID": "77"}, "77"), (None, {}, None), (0, {}, None)],
    ids=["owner of the secrets", "as set", "no secrets yet", "secrets of root"],
)
def test_the_containers_run_as_the_owner_of_the_secrets_whoever_starts_them(others, caller, owner, variables, expected):
    (others / ".env").touch()
    if owner is not None:
        (others / "secrets").mkdir()
        os.chown(others / "secrets", owner, 0)
    (others / "compose").mkdir()
    (others / "compose" / "docker").write_text('#!/bin/sh\necho "$AIRFLOW_UID"\n', encoding="utf-8")
    (others / "compose" / "docker").chmod(0o755)
    path = f"{others / 'compose'}:{os.environ['PATH']}"
    done = call(others, "docker/compose", "up", PATH=path, user=caller, **variables)
    assert done.stdout.strip() == (expected or str(caller or 50_000)), done.stderr


def test_without_settings_nothing_starts_and_it_says_what_to_do(checkout):
    done = call(checkout, "docker/compose", "up")
    assert done.returncode == 1
    assert "cp docker/demo.env .env" in done.stderr


@pytest.mark.parametrize(
    "content, arguments, printed, complaint",
    [
        ("word\n", (), "word", ""),
        ("word\n", ("redis://:", "@redis"), "redis://:word@redis", ""),
        ("wo rd", (), "wo rd", ""),
        ("wo@rd", ("redis://:", "@redis"), "", "only letters"),
        ("", (), "", "is empty"),
        (None, (), "", "is missing"),
    ],
)
def test_a_secret_for_airflow_is_one_line_or_a_reason(tmp_path, content, arguments, printed, complaint):
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = call(tmp_path, str(ROOT / "docker" / "secret"), str(path), *arguments)
    assert (done.stdout, bool(done.returncode)) == (printed, bool(complaint))
    assert complaint in done.stderr
