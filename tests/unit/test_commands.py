"""The commands beside `make run`: what each asks of which DAG, and how a person learns what is wrong."""

import os
import re
import subprocess
import sys
from datetime import date

import httpx
import pytest
from pydantic import SecretStr

from future_skills.config import SQL_FOLDER
from orchestration.forms import EXPERIMENT_FORM, RETRAINING_FORM
from orchestration.roles import ANSWERS, TRIGGERS
from runtime.caller import Caller, Login, RefusedError
from runtime.command_options import CommandOptions
from runtime.commands import COMMANDS
from runtime.failures import reason_of
from runtime.options import OptionsError, RunOptions
from runtime.results import RESULTS
from runtime.state import USERS, State
from support.mailbox import free_port

ROOT = SQL_FOLDER.parents[1]


def conf(name, **given):
    return COMMANDS[name].conf(CommandOptions(**given))


def test_what_each_command_asks_of_its_dag():
    assert conf("retrain-future-skills") == {}
    assert conf("retrain-future-skills", model_version="v3", version="v9") == {"version": "v3"}
    assert conf("train-model", estimator="ridge", parameters={"alpha": 2}, dataset="d1", as_of=date(2026, 11, 2)) == {
        "estimator": "ridge", "parameters": {"alpha": 2}, "dataset_id": "d1", "as_of": "2026-11-02",
    }  # fmt: skip
    assert conf("evaluate-model", version="v3") == {"only_evaluate": True, "version": "v3"}
    assert conf("experiment", estimators="ridge, lasso,ridge", feature_sets="core") == {
        "estimators": ["ridge", "lasso"], "feature_sets": ["core"],
    }  # fmt: skip
    assert conf("deploy", reason="checked") == {"kind": "deploy", "reason": "checked"}
    assert conf("rollback", version="v1") == {"kind": "rollback", "version": "v1"}
    assert conf("republish", batch="b1") == {"batch_id": "b1"}
    assert conf("drift") == {}


def test_a_command_is_offered_to_somebody_who_may():
    roles = dict(USERS)
    for command in COMMANDS.values():
        allowed = TRIGGERS[command.dag_id] | ANSWERS.get(command.dag_id, frozenset())
        assert roles[command.demo_user] in allowed
        assert command.dag_id in RESULTS


def test_every_command_is_a_make_target_that_is_listed():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    (shared,) = re.findall(r"^(.*):\n\t@exec \$\(BIN\)/python -m runtime.commands \$@$", makefile, re.MULTILINE)
    assert set(shared.split()) == set(COMMANDS) <= listed


def test_parameters_are_those_of_the_forms():
    retraining = {name for command in ("retrain-future-skills", "train-model", "evaluate-model") for name in names(command)}
    assert retraining <= set(RETRAINING_FORM)
    assert names("experiment") <= set(EXPERIMENT_FORM)


def names(command):
    return {*COMMANDS[command].options, *COMMANDS[command].fixed}


@pytest.mark.parametrize(
    "name, given, told",
    [
        ("experiment", {"estimators": "ridge, forest"}, "There is no estimator forest; there are random_forest"),
        ("experiment", {"feature_sets": "all"}, "There is no feature set all; there are core, extended."),
        ("train-model", {"preprocessing": "words"}, "There is no preprocessing words; there are target, onehot."),
        ("train-model", {"estimator": "ridge,lasso"}, "ESTIMATOR takes one name, not ridge,lasso."),
        ("republish", {}, "BATCH is missing"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_words(name, given, told):
    with pytest.raises(OptionsError) as refused:
        conf(name, **given)
    assert told in str(refused.value)


def run(name, tmp_path, **environment):
    """`make <name>` in an empty state folder."""
    command = [sys.executable, "-m", "runtime.commands", name]
    known = {**os.environ, "PYTHONPATH": str(ROOT / "include"), "STATE_DIR": str(tmp_path), **environment}
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


def test_a_command_without_a_running_airflow_says_what_to_start(tmp_path):
    code, told = run("experiment", tmp_path)
    assert (code, "start `make run` in another terminal first" in told) == (1, True)
    state = State(tmp_path / "demo")
    state.create()
    state.secrets()
    port = free_port()
    code, told = run("experiment", tmp_path, PORT=str(port))
    assert (code, f"No Airflow answers at http://127.0.0.1:{port}: start `make run`" in told) == (1, True)


def test_a_wrong_variable_is_told_by_name(tmp_path):
    code, told = run("promote", tmp_path, ANSWER="yes")
    assert code == 1
    assert told.startswith("Error: ANSWER: ")
    assert "Traceback" not in told


@pytest.fixture
def options(tmp_path):
    state = State(tmp_path / "demo")
    state.create()
    state.secrets()
    return RunOptions(state_dir=tmp_path)


def test_a_caller_is_a_demo_user_or_names_itself(options):
    known = State(options.state_dir / "demo").secrets().passwords
    assert Caller(Login(), options, "devops").user == "devops"
    assert known["devops"] == Caller(Login(), options, "devops")._password
    with pytest.raises(RefusedError, match="The password of ada is not known: give it as AIRFLOW_PASSWORD"):
        Caller(Login(user="ada"), options, "devops")
    with pytest.raises(RefusedError, match=r"Who are you at https://airflow\.example\.com\?"):
        Caller(Login(url="https://airflow.example.com/"), options, "devops")
    elsewhere = Login(url="https://airflow.example.com/", user="ada", password=SecretStr("s3cr3t"))
    assert Caller(elsewhere, options, "devops").address == "https://airflow.example.com"
    with_token = Caller(Login(url="https://airflow.example.com", token=SecretStr("t0ken")), options, "devops")
    with pytest.raises(RefusedError, match="Airflow does not accept the token"), with_token.signed_in("dag"):
        httpx.Response(401, request=httpx.Request("GET", "http://x")).raise_for_status()


@pytest.mark.parametrize(
    "status, path, told",
    [
        (403, "/dags/d/dagRuns", "devops may not start future_skills_promotion: nobody may."),
        (403, "/dags/d/hitlDetails", "devops may not answer what future_skills_promotion asks: DRHManager may."),
        (401, "/dags/d/dagRuns", "Airflow does not accept the password of devops."),
        (404, "/dags/d", "does not know /dags/d"),
        (400, "/dags/d/dagRuns", "Airflow refuses: 400 no such thing"),
    ],
)
def test_refusals_of_airflow_are_told_in_words(options, status, path, told):
    response = httpx.Response(status, json={"detail": "no such thing"}, request=httpx.Request("POST", f"http://x{path}"))
    with pytest.raises(RefusedError) as refused, Caller(Login(), options, "devops").signed_in("future_skills_promotion"):
        response.raise_for_status()
    assert told in str(refused.value)


def test_the_reason_is_the_last_exception_of_a_log():
    records = [
        {"event": "fine"},
        {"error_detail": [{"exc_type": "ValueError", "exc_value": "first try"}]},
        {"error_detail": [{"exc_type": "AirflowFailException", "exc_value": "mend this"}]},
    ]
    assert reason_of(records) == "AirflowFailException: mend this"
    assert reason_of([{"event": "fine"}]) is None
