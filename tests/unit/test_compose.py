"""What an operator relies on in docker-compose.yaml, the Dockerfile and the scripts beside them."""

import json
import os
import re
import shutil
import stat
import subprocess

import pytest
import yaml

from future_skills.config import SQL_FOLDER, Settings
from runtime.env_example import render

ROOT = SQL_FOLDER.parents[1]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
FILE = yaml.safe_load(TEXT)
SERVICES = FILE["services"]
ONE_SHOT = {"init", "hr-data"}
LASTING = sorted(set(SERVICES) - ONE_SHOT)
PINNED = re.search(r"^apache-airflow==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)[1]


@pytest.fixture
def checkout(tmp_path):
    """The files an operator works with, in a folder of their own."""
    for name in ("docker-compose.yaml", ".env.example", "docker"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    return tmp_path


def call(folder, *command, **variables):
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    return subprocess.run(command, cwd=folder, env={**environment, **variables}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("settings_file", [".env.example", "docker/demo.env"])
@pytest.mark.parametrize("command", [("docker-compose",), ("docker", "compose")], ids=" ".join)
def test_compose_takes_the_file(checkout, command, settings_file):
    if shutil.which(command[0]) is None or call(checkout, *command, "version").returncode:
        pytest.skip(f"{' '.join(command)} is not installed")
    shutil.copy(checkout / settings_file, checkout / ".env")
    done = call(checkout, *command, "config", "--quiet")
    assert done.returncode == 0, done.stderr


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


def test_every_secret_file_of_a_service_is_given_to_it():
    for name, service in SERVICES.items():
        named = set(re.findall(r"/run/secrets/(\w+)", json.dumps([service.get("command"), service.get("healthcheck")])))
        own = service.get("environment") if "env_file" not in service else {}
        named |= set(re.findall(r"/run/secrets/(\w+)", json.dumps(own)))
        assert named <= set(service.get("secrets", ())), name


def test_every_variable_is_explained_and_has_the_default_of_its_setting():
    explained = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", render(), re.MULTILINE))
    used = dict(re.findall(r"(?<!\$)\$\{([A-Z_]+)(?::-([^}]*))?\}", TEXT))
    assert set(used) <= set(explained)
    assert {name for name, default in used.items() if default != explained[name]} == {"STORE_URI"}  # inside its volume


def test_the_image_is_built_on_the_pinned_airflow():
    base = re.search(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert base == f"apache/airflow:slim-{PINNED}-python3.11"
    assert base in TEXT


def test_the_builder_without_extensions_can_build_the_image():
    for path in (ROOT / "Dockerfile", ROOT / "tests" / "compose" / "Dockerfile"):
        assert not re.search(r"--mount|<<|^# syntax|--link|--chmod", path.read_text(encoding="utf-8"), re.MULTILINE)


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
