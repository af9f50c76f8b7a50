"""The HR application's pointer follows the ledger, also when a process is killed in the middle of a deployment."""

import json
import os
import signal
import subprocess
import sys

import pytest

from future_skills.config import SQL_FOLDER
from future_skills.database import execute, fetch_rows
from future_skills.ledger.versions import champion, get_version
from future_skills.registry.pointer import DeployHookError
from future_skills.registry.reconciliation import set_pointer_right
from support.pipeline import Workbench
from support.registry import approved, deployed, under

POINTER, COPY = "future_skills_model.env", "future_skills_model.pkl"
KILLED = """
import os, signal, sys
from future_skills.config import Settings
from future_skills.database import connect
from future_skills.registry import deployment
from future_skills.store.artifacts import Store
from future_skills.store.signing import SigningKeys

def swap_and_die(*arguments):
    swap(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)

swap, deployment.point = deployment.point, swap_and_die
settings = Settings()
order = deployment.DeploymentOrder(sys.argv[2], "deploy", "devops", None, "killed")
deployment.promote(connect(sys.argv[1]), Store.open(settings.store_uri), SigningKeys.of(settings), settings, order)
"""


def killed_while_deploying(bench: Workbench, version: str) -> None:
    """A process that dies between the swap of the pointer and the commit of the row."""
    keys = json.dumps({name: key.get_secret_value() for name, key in bench.settings.signing_keys.items()})
    environment = {**os.environ, "PYTHONPATH": str(SQL_FOLDER.parent), "STORE_URI": str(bench.store.root), "SIGNING_KEYS": keys}
    environment["HR_POINTER"] = "on"
    command = [sys.executable, "-c", KILLED, bench.connection.dsn, version]
    done = subprocess.run(command, env=environment, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert f"_VERSION={version}\n".encode() in bench.store.path(POINTER).read_bytes()


def set_right(bench: Workbench) -> str | None:
    return set_pointer_right(bench.connection, bench.store, bench.keys, bench.settings)


def test_a_deployment_that_was_killed_leaves_the_deployed_model_to_the_hr_application(bench, tmp_path):
    deployed(bench, 1)
    approved(bench, 2)
    killed_while_deploying(bench, "v2")
    assert champion(bench.connection).version == "v1"
    hooked = under(bench, deploy_hook=f"sh -c 'echo $FUTURE_SKILLS_MODEL_VERSION >> {tmp_path}/told'")
    assert "was not of v1, which the ledger says is deployed" in set_right(hooked)
    assert b"_VERSION=v1\n" in bench.store.path(POINTER).read_bytes()
    assert bench.store.path(COPY).read_bytes() == bench.store.read(get_version(bench.connection, "v1").artifacts["served"].uri)
    assert set_right(hooked) is None
    assert (tmp_path / "told").read_text() == "v1\n"
    [row] = fetch_rows(bench.connection, "SELECT * FROM future_skills_ops.refusal WHERE subject = %s", (POINTER,))
    assert row["action"] == "edit"
    bench.deploy("v2")
    assert set_right(bench) is None


def test_a_hook_that_failed_after_the_pointer_was_set_right_runs_again(bench, tmp_path):
    deployed(bench, 1)
    bench.store.path(COPY).write_bytes(b"another model")
    with pytest.raises(DeployHookError):
        set_right(under(bench, deploy_hook="false"))
    hooked = under(bench, deploy_hook=f"sh -c 'echo $FUTURE_SKILLS_MODEL_VERSION >> {tmp_path}/told'")
    for _ in range(2):
        assert set_right(hooked) is None
    assert (tmp_path / "told").read_text() == "v1\n"


def test_a_first_deployment_that_was_killed_leaves_nothing(bench):
    approved(bench, 1)
    killed_while_deploying(bench, "v1")
    assert "was not of no version" in set_right(bench)
    assert not bench.store.path(POINTER).exists()
    assert not bench.store.path(COPY).exists()
    assert set_right(bench) is None


def test_a_pointer_that_is_right_stays_as_it_is(bench):
    assert set_right(bench) is None
    deployed(bench, 1)
    assert set_right(bench) is None
    execute(bench.connection, "UPDATE future_skills_ops.model_version SET loadable_by_hr = false WHERE version = 'v2'")
    bench.connection.commit()
    deployed(bench, 2)
    assert set_right(bench) is None
    assert b"_VERSION=v1\n" in bench.store.path(POINTER).read_bytes()
    bench.store.path(COPY).write_bytes(b"half a model")
    assert "was not of v1" in set_right(bench)
