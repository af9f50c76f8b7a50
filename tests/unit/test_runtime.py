"""The local run's parts: what a newcomer meets when something is not as it should be."""

import json
import os
import smtplib
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest
from pydantic import ValidationError

from future_skills.config import SQL_FOLDER, Settings
from future_skills.dsn import DsnError
from future_skills.hr.company import InterchangeError
from orchestration.hr_connections import SeveralServersError, hr_connection_json
from runtime.airflow_api import AirflowApi
from runtime.environment import product_environment, sqlalchemy_url
from runtime.failures import reason_in
from runtime.mail_sink import mail_sink
from runtime.options import OptionsError, RunOptions, in_words
from runtime.processes import PortTakenError, require_free_port, stop_left_over
from runtime.state import State, StateBusyError, StateUnwritableError
from support.web_server import web_server

INCLUDE = SQL_FOLDER.parent


@pytest.fixture
def state(tmp_path):
    state = State(tmp_path / "demo")
    state.create()
    return state


def test_the_company_is_named_after_the_data(tmp_path):
    folder = tmp_path / "acme" / "2026-11"
    folder.mkdir(parents=True)
    assert RunOptions().company_name(Settings()) == "demo"
    assert RunOptions(data=str(folder)).company_name(Settings()) == "acme"
    existing = Settings(hr_dsn="postgresql://user:secret@db.example.com/hr_prod")
    assert RunOptions().company_name(existing) == "existing-hr_prod"


def test_options_that_contradict_are_refused(tmp_path):
    existing = Settings(hr_dsn="postgresql://user:secret@db.example.com/hr_prod")
    with pytest.raises(OptionsError, match="leave out DATA, or leave out HR_DSN"):
        RunOptions(data="demo").company_name(existing)
    with pytest.raises(InterchangeError, match="is no folder"):
        RunOptions(data=str(tmp_path / "absent")).company_name(Settings())
    with pytest.raises(DsnError) as refused:
        RunOptions().company_name(Settings(hr_dsn="nonsense secret"))
    assert "secret" not in str(refused.value)


def test_a_folder_whose_parent_names_no_company_is_refused(tmp_path):
    """`make reset` removes the folder of that name: it must never be everybody's."""
    (tmp_path / "demo" / "r1").mkdir(parents=True)
    for data in ("/usr", str(tmp_path / "demo" / "r1")):
        with pytest.raises(InterchangeError, match="the parent folder names the company"):
            RunOptions(data=data).company_name(Settings())


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("HR_DSN", "")
    monkeypatch.setenv("DATA", "")
    assert Settings().embedded
    assert RunOptions().company_name(Settings()) == "demo"


def test_a_wrong_setting_is_told_by_name_without_its_value(monkeypatch):
    monkeypatch.setenv("APPROVAL", "s3cr3t")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert in_words(refused.value).startswith("APPROVAL: ")
    assert "s3cr3t" not in in_words(refused.value)


def test_secrets_are_made_once_and_for_this_user_alone(state):
    first = state.secrets()
    assert state.secrets() == first
    assert (state.root / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(set(first.passwords.values())) == 6
    assert min(len(first.api_secret_key), len(first.jwt_secret), len(first.signing_key)) >= 64


def test_one_run_at_a_time(state):
    code = (
        "import sys; from pathlib import Path; from runtime.state import State\n"
        "with State(Path(sys.argv[1])).locked(): print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(state.root)]
    environment = {**os.environ, "PYTHONPATH": str(INCLUDE)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateBusyError, match=f"process {holder.pid}"), state.locked():
            pass
        holder.communicate("\n")
    with state.locked():
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StateUnwritableError, match="give this user the right"):
        State(tmp_path / "demo").create()


def test_a_state_below_a_file_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnwritableError, match="cannot be written"):
        State(tmp_path / "file" / "demo").create()


def test_a_taken_port_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"Port {port} is taken"):
            require_free_port(port)
    require_free_port(port)


@contextmanager
def slow_airflow(slow_answers):
    """A server whose first answers come too late; counts what it was asked."""
    asked = []

    def answer(request):
        asked.append((request.path, request.headers["Authorization"]))
        if len(asked) <= slow_answers:
            time.sleep(0.5)
        return b'{"dag_runs": []}'

    with web_server(answer) as address:
        yield address, asked


def test_a_question_is_asked_again_when_a_busy_airflow_answers_late(monkeypatch):
    with slow_airflow(2) as (address, asked), closing(AirflowApi(address, "ada", "secret", timeout=0.2)) as api:
        assert api.runs() == []
        assert len(asked) == 3
    given = "of the sign-on"
    with slow_airflow(0) as (address, asked), closing(AirflowApi(address, "", "", token=given)) as api:
        assert api.runs() == []
        assert [authorization for _, authorization in asked] == [f"Bearer {given}"]
    with slow_airflow(99) as (address, asked), closing(AirflowApi(address, "ada", "secret", timeout=0.1)) as api:
        with pytest.raises(httpx.TimeoutException):
            api.runs()
        with pytest.raises(httpx.TimeoutException):
            api.trigger("dag", {})
        deadline = time.monotonic() + 10
        while not (starts := [path for path, _ in asked if path.startswith("/api/v2/dags/dag/")]) and time.monotonic() < deadline:
            time.sleep(0.05)  # on a busy machine the server reads it after the client has given up
        assert len(starts) == 1  # a start is never sent twice


def test_what_a_killed_run_left_is_ended_but_never_a_stranger(state):
    family = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    with subprocess.Popen([sys.executable, "-c", family]) as ours, subprocess.Popen(["sleep", "60"]) as stranger:
        parent = psutil.Process(ours.pid)
        for _ in range(100):
            if parent.children():
                break
            time.sleep(0.05)
        (child,) = parent.children()
        entries = [
            {"pid": ours.pid, "created": parent.create_time()},
            {"pid": stranger.pid, "created": psutil.Process(stranger.pid).create_time() - 100},
        ]
        state.processes.write_text(json.dumps(entries))
        assert stop_left_over(state) == 1
        ours.wait(5)
        assert not child.is_running()
        assert stranger.poll() is None
        stranger.kill()
    assert stop_left_over(state) == 0


def test_what_outlives_a_killed_process_is_ended_with_what_it_left(state):
    """The workers of a scheduler that was killed wait for ever for its orders."""
    code = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True) as ours:
        worker = psutil.Process(int(ours.stdout.readline()))
        entry = {"pid": ours.pid, "created": psutil.Process(ours.pid).create_time()}
        ours.kill()
        ours.wait(5)
    assert worker.status() != psutil.STATUS_ZOMBIE
    state.processes.write_text(json.dumps([entry]))
    assert stop_left_over(state) == 1
    _, alive = psutil.wait_procs([worker], timeout=5)
    assert not alive
    assert stop_left_over(state) == 0


def test_mails_are_kept_as_files(tmp_path):
    with mail_sink(tmp_path) as port, smtplib.SMTP("127.0.0.1", port) as server:
        server.sendmail("a@example.com", ["b@example.com"], "Subject: hello\r\n\r\nbody\r\n")
    (mail,) = tmp_path.glob("*.eml")
    assert b"Subject: hello" in mail.read_bytes()


def test_the_environment_has_the_last_word(state, monkeypatch):
    secrets, settings = state.secrets(), Settings()
    chosen = product_environment(state, secrets, settings, port=8080, mail_port=2525)
    assert (chosen["APPROVAL"], chosen["DEPLOY"], chosen["MAIL__PORT"]) == ("auto", "auto", "2525")
    monkeypatch.setenv("APPROVAL", "required")
    assert "APPROVAL" not in product_environment(state, secrets, settings, port=8080, mail_port=None)


def test_an_existing_database_is_never_automatic(state):
    existing = Settings(hr_dsn="postgresql://user@db.example.com/hr")
    chosen = product_environment(state, state.secrets(), existing, port=8080, mail_port=None)
    assert not {"APPROVAL", "DEPLOY"} & set(chosen)


def test_dsns_reach_airflow_whole():
    connection = json.loads(hr_connection_json("postgresql://us%40er:p%2Fw@db.example.com:5433/hr?sslmode=require"))
    assert connection == {
        "conn_type": "postgres", "host": "db.example.com", "port": 5433, "schema": "hr", "login": "us@er", "password": "p/w",
        "extra": {"sslmode": "require"},
    }  # fmt: skip
    assert sqlalchemy_url("host=/a/b user=postgres dbname=airflow") == "postgresql+psycopg2://postgres:@/airflow?host=/a/b"


def test_several_servers_in_one_dsn_are_refused():
    with pytest.raises(SeveralServersError, match="name the primary alone"):
        hr_connection_json("postgresql://u:p@h1:5432,h2:5433/db")


def test_the_reason_of_a_failure_is_found_in_its_log(tmp_path):
    log = tmp_path / "attempt=1.log"
    lines = [
        '{"level": "info", "event": "fine"}',
        "not json",
        '{"level": "error", "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "mend this"}]}',
    ]
    log.write_text("\n".join(lines))
    assert reason_in(log) == "AirflowFailException: mend this"
    assert reason_in(None) is None


@pytest.mark.parametrize("dsn", [None, "postgresql://reader@db.example/people"])
def test_the_store_is_the_one_that_make_run_uses_with_an_existing_database_too(tmp_path, monkeypatch, dsn):
    monkeypatch.delenv("STORE_URI", raising=False)
    options, settings = RunOptions(state_dir=tmp_path), Settings(hr_dsn=dsn)
    assert options.store(settings).root.samefile(options.state(settings).store)
    monkeypatch.setenv("STORE_URI", str(tmp_path / "elsewhere"))
    assert options.store(settings).root.samefile(tmp_path / "elsewhere")
